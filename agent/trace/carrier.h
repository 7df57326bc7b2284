// Carrier: in which headers a trace context came. Plain values; any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace wirespan::trace {

// In the order of precedence: where a request has several that are valid, the first of this list counts.
enum class Carrier : uint8_t {
  kW3c,      // traceparent, tracestate (https://www.w3.org/TR/trace-context-2/)
  kB3,       // b3, else X-B3-* (https://github.com/openzipkin/b3-propagation)
  kDatadog,  // x-datadog-*
  kJaeger,   // uber-trace-id
  kXray,     // X-Amzn-Trace-Id
  kOtTrace,  // ot-tracer-*
};
inline constexpr size_t kCarrierCount = 6;

// As in `propagate --format` and in attributes.
constexpr std::string_view Name(Carrier carrier) {
  constexpr std::array<std::string_view, kCarrierCount> kNames = {"w3c", "b3", "datadog", "jaeger", "xray", "ottrace"};
  return kNames[static_cast<size_t>(carrier)];
}

// What the sender said of sampling, beside the flags.
enum class Sampling : uint8_t {
  kSaid,   // the flags say it
  kDefer,  // nothing: the receiver is to decide
  kDebug,  // sampled, whatever it costs
};

}  // namespace wirespan::trace
