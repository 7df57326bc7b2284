// The doors `wirespan run` and `wirespan attach`: select, say `ready:`, wait for the end, say `summary:`. Main thread.
#pragma once

#include <string>
#include <vector>

#include "agent/config/config.h"

namespace wirespan::live {

// Traces `command` and its children; returns its exit code, 128 + N for signal N, 1 where tracing could not start.
int RunCommand(const config::Config& config, const std::vector<std::string>& command);
// Traces what config.targets name, until a signal, the duration, or the last target's end. 0, or 1 where it could not start.
int RunAttach(const config::Config& config);

}  // namespace wirespan::live
