// Any text as a configuration file: an error that names the file, or options that were all checked; never a crash or an
// exception.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "agent/config/flags.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  wirespan::config::Config config;
  const auto applied = wirespan::config::ApplyYaml(text, "fuzz.yaml", config);
  if (!applied.ok() && !applied.error().message().starts_with("fuzz.yaml")) std::abort();
  if (!applied.ok() && applied.error().message().find('\n') != std::string::npos) std::abort();
  const wirespan::config::Bounds& bounds = config.bounds;
  if (bounds.turn_budget_bytes < 64 || bounds.turn_budget_bytes > 65536) std::abort();
  if ((bounds.ring_bytes & (bounds.ring_bytes - 1)) != 0 || bounds.rings > 256 || bounds.batch_spans == 0) std::abort();
  if (bounds.hold_time.count() <= 0 || bounds.shutdown_time.count() <= 0) std::abort();
  return 0;
}
