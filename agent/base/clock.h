// Clock: the one place that reads time. Events carry CLOCK_BOOTTIME; spans carry Unix nanoseconds; the difference is taken
// once, at the start of a capture, and travels in recordings, so that a replay gives the same spans. Thread-safe.
#pragma once

#include <cstdint>
#include <ctime>

namespace wirespan {

class Clock {
 public:
  virtual ~Clock() = default;
  virtual uint64_t BootNs() const = 0;  // CLOCK_BOOTTIME, ns
  virtual uint64_t UnixNs() const = 0;  // CLOCK_REALTIME, ns
};

class SystemClock final : public Clock {
 public:
  uint64_t BootNs() const override { return Read(CLOCK_BOOTTIME); }
  uint64_t UnixNs() const override { return Read(CLOCK_REALTIME); }

 private:
  static uint64_t Read(clockid_t id) {
    timespec now{};
    clock_gettime(id, &now);
    return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000U + static_cast<uint64_t>(now.tv_nsec);
  }
};

// Unix time minus boot time, in ns, from paired readings (the pair with the shortest distance of several).
int64_t MeasureUnixMinusBootNs(const Clock& clock);

}  // namespace wirespan
