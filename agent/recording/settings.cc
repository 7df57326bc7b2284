#include "agent/recording/settings.h"

#include <algorithm>
#include <array>

namespace wirespan::recording {
namespace {

struct Named {
  const char* name;
  uint64_t Settings::*value;
  uint64_t most;
};

constexpr std::array kNamed = {
    Named{"rings", &Settings::rings, 64},
    Named{"hold_ns", &Settings::hold_ns, 3'600'000'000'000},
    Named{"max_held_spans", &Settings::max_held_spans, 100'000'000},
    Named{"max_connections", &Settings::max_connections, 100'000'000},
    Named{"max_open_per_connection", &Settings::max_open_per_connection, 1'000'000},
    Named{"undecided_bytes", &Settings::undecided_bytes, 1U << 30U},
};

}  // namespace

CounterList ToCounters(const Settings& settings) {
  CounterList counters;
  for (const Named& named : kNamed) {
    if (settings.*named.value != 0) counters.emplace_back(named.name, settings.*named.value);
  }
  return counters;
}

Settings ToSettings(const CounterList& counters) {
  Settings settings;
  for (const auto& [name, value] : counters) {
    for (const Named& named : kNamed) {
      if (name == named.name) settings.*named.value = std::min(value, named.most);
    }
  }
  return settings;
}

}  // namespace wirespan::recording
