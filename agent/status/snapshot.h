// Snapshot: everything /metrics tells, as it was at one moment. Made by the thread that owns the agent, immutable afterwards,
// read by any.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/status/metric_names.h"
#include "exporters/metric.h"

namespace wirespan::status {

struct Sample {
  std::vector<std::pair<std::string, std::string>> labels;  // OpenTelemetry's keys
  double value = 0;
};

// One metric of the agent itself.
struct Family {
  std::string name;
  std::string unit;
  std::string help;
  MetricType type = MetricType::kCounter;
  std::vector<Sample> samples;
};

inline Family FamilyOf(const MetricName& name) {
  return {std::string(name.name), std::string(name.unit), std::string(name.help), name.type, {}};
}

struct Snapshot {
  std::string scope_name;  // the instrumentation scope of what was measured
  std::string scope_version;
  std::vector<Family> own;
  exporters::MetricBatch measured;  // of the traced services; cumulative
};

}  // namespace wirespan::status
