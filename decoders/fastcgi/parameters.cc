#include "decoders/fastcgi/parameters.h"

#include <algorithm>
#include <array>

namespace wirespan::decoders::fastcgi {
namespace {

struct Names {
  std::string_view wire;
  std::string_view name;
};

// In the order of the enumeration.
constexpr std::array<Names, kParameterCount> kNames = {{
    {"CONTENT_LENGTH", "CONTENT_LENGTH"},
    {"DOCUMENT_URI", "DOCUMENT_URI"},
    {"HTTPS", "HTTPS"},
    {"PATH_INFO", "PATH_INFO"},
    {"QUERY_STRING", "QUERY_STRING"},
    {"REMOTE_ADDR", "REMOTE_ADDR"},
    {"REQUEST_METHOD", "REQUEST_METHOD"},
    {"REQUEST_SCHEME", "REQUEST_SCHEME"},
    {"REQUEST_URI", "REQUEST_URI"},
    {"SCRIPT_NAME", "SCRIPT_NAME"},
    {"SERVER_ADDR", "SERVER_ADDR"},
    {"SERVER_NAME", "SERVER_NAME"},
    {"SERVER_PORT", "SERVER_PORT"},
    {"HTTP_FORWARDED", "forwarded"},
    {"HTTP_HOST", "host"},
    {"HTTP_USER_AGENT", "user-agent"},
    {"HTTP_X_FORWARDED_FOR", "x-forwarded-for"},
    {"HTTP_X_FORWARDED_HOST", "x-forwarded-host"},
    {"HTTP_X_FORWARDED_PROTO", "x-forwarded-proto"},
    {"HTTP_B3", "b3"},
    {"HTTP_TRACEPARENT", "traceparent"},
    {"HTTP_TRACESTATE", "tracestate"},
    {"HTTP_UBER_TRACE_ID", "uber-trace-id"},
    {"HTTP_X_AMZN_TRACE_ID", "x-amzn-trace-id"},
    {"HTTP_X_B3_FLAGS", "x-b3-flags"},
    {"HTTP_X_B3_PARENTSPANID", "x-b3-parentspanid"},
    {"HTTP_X_B3_SAMPLED", "x-b3-sampled"},
    {"HTTP_X_B3_SPANID", "x-b3-spanid"},
    {"HTTP_X_B3_TRACEID", "x-b3-traceid"},
    {"HTTP_X_DATADOG_PARENT_ID", "x-datadog-parent-id"},
    {"HTTP_X_DATADOG_SAMPLING_PRIORITY", "x-datadog-sampling-priority"},
    {"HTTP_X_DATADOG_TAGS", "x-datadog-tags"},
    {"HTTP_X_DATADOG_TRACE_ID", "x-datadog-trace-id"},
}};
static_assert(std::all_of(kNames.begin(), kNames.end(),
                          [](const Names& names) { return !names.wire.empty() && names.wire.size() <= kMaxNameBytes; }));

// The parameters by the length of their names, and where each length begins among them: a request has some thirty parameters, and
// most are told from these by their length alone.
struct ByLength {
  std::array<uint8_t, kParameterCount> parameters{};
  std::array<uint8_t, kMaxNameBytes + 2> first{};
};
constexpr ByLength SortByLength() {
  ByLength sorted;
  uint8_t count = 0;
  for (size_t length = 0; length <= kMaxNameBytes; ++length) {
    sorted.first[length] = count;
    for (uint8_t i = 0; i < kParameterCount; ++i) {
      if (kNames[i].wire.size() == length) sorted.parameters[count++] = i;
    }
  }
  sorted.first[kMaxNameBytes + 1] = count;
  return sorted;
}
constexpr ByLength kByLength = SortByLength();

}  // namespace

std::string_view WireName(Parameter parameter) { return kNames[static_cast<size_t>(parameter)].wire; }

std::string_view Name(Parameter parameter) { return kNames[static_cast<size_t>(parameter)].name; }

std::optional<Parameter> ParameterOf(std::string_view wire_name) {
  if (wire_name.size() > kMaxNameBytes) return std::nullopt;
  for (size_t i = kByLength.first[wire_name.size()]; i < kByLength.first[wire_name.size() + 1]; ++i) {
    const uint8_t parameter = kByLength.parameters[i];
    if (kNames[parameter].wire == wire_name) return static_cast<Parameter>(parameter);
  }
  return std::nullopt;
}

}  // namespace wirespan::decoders::fastcgi
