// Settings: the numbers of a capture's configuration that decide what becomes of its records. They stand in a recording's header
// (format.h), so that a replay decides the same.
#pragma once

#include <cstdint>

#include "agent/recording/format.h"

namespace wirespan::recording {

// 0: not known, or not told.
struct Settings {
  uint64_t rings = 0;                    // of this capture; from 1 on the recording holds ticks
  uint64_t hold_ns = 0;                  // AssemblerConfig::hold_ns
  uint64_t max_held_spans = 0;           // AssemblerConfig::max_held_spans
  uint64_t max_connections = 0;          // ShardConfig::max_connections
  uint64_t max_open_per_connection = 0;  // ShardConfig::max_open_per_connection
  uint64_t undecided_bytes = 0;          // StreamLimits::undecided_bytes
};

CounterList ToCounters(const Settings& settings);
// Believes nothing: numbers beyond what a capture can have are cut to that; names it does not know are passed over.
Settings ToSettings(const CounterList& counters);

}  // namespace wirespan::recording
