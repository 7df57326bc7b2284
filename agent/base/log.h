// Logging: spdlog on standard error, text or one JSON object per line. Never called per event. Any thread.
#pragma once

#include <spdlog/spdlog.h>

#include <string_view>

#include "agent/base/result.h"

namespace wirespan {

// `level`: trace, debug, info, warn, error, off. `format`: text or json. Fails on any other word; changes nothing then.
Result<void> ConfigureLog(std::string_view level, std::string_view format);

}  // namespace wirespan
