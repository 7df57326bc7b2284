// Exposition: a Snapshot as Prometheus text 0.0.4 or OpenMetrics 1.0, names by OpenTelemetry's compatibility specification
// ("Prometheus and OpenMetrics Compatibility", strategy UnderscoreEscapingWithSuffixes). Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "agent/status/snapshot.h"

namespace wirespan::status {

enum class Format : uint8_t { kText, kOpenMetrics };
std::string_view ContentType(Format format);
// What an Accept header prefers. Total: any text; without a preference that is understood, kText.
Format Negotiate(std::string_view accept);

// "http.server.request.duration", "s" -> "http_server_request_duration_seconds", without the suffix of a type.
std::string MetricNameOf(std::string_view name, std::string_view unit);
// The unit's word in names: "s" -> "seconds", "By/s" -> "bytes_per_second", "{span}" and "1" -> "".
std::string UnitName(std::string_view unit);
// [a-zA-Z_][a-zA-Z0-9_]*
std::string LabelName(std::string_view key);
// With \, " and line ends escaped.
void AppendLabelValue(std::string_view value, std::string& out);

// Services are told apart by the labels `job` (service.namespace/service.name) and `instance` (service.instance.id); their other
// attributes stand in one target_info each. The agent's own metrics have neither: the scraper's labels name it.
std::string Expose(const Snapshot& snapshot, Format format);

}  // namespace wirespan::status
