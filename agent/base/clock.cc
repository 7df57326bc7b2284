#include "agent/base/clock.h"

#include <limits>

namespace wirespan {

int64_t MeasureUnixMinusBootNs(const Clock& clock) {
  constexpr int kReadings = 8;
  uint64_t shortest = std::numeric_limits<uint64_t>::max();
  int64_t offset = 0;
  for (int i = 0; i < kReadings; ++i) {
    const uint64_t before = clock.BootNs();
    const uint64_t unix_now = clock.UnixNs();
    const uint64_t after = clock.BootNs();
    if (after - before >= shortest) continue;
    shortest = after - before;
    offset = static_cast<int64_t>(unix_now) - static_cast<int64_t>(before + (after - before) / 2);
  }
  return offset;
}

}  // namespace wirespan
