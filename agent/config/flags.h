// The command line's part of Config, shared by `run` and `attach`, and the loading of all its parts. One thread, at start.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/base/result.h"
#include "agent/config/config.h"

namespace CLI {
class App;
}

namespace wirespan::config {

// What the command line said, in its order, not yet checked. Outlives the parse of the CLI::App it was given to.
struct FlagValues {
  std::string config_file;                                       // --config; empty: WIRESPAN_CONFIG, else none
  std::vector<std::pair<std::string_view, std::string>> values;  // option name without "--", value as written
};

void AddCaptureFlags(CLI::App& app, FlagValues& values);   // every option but the selectors
void AddSelectorFlags(CLI::App& app, FlagValues& values);  // --pid --exe --port --cgroup --container, each repeatable

// Absent: not set. An empty value counts as not set.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;
Environment ProcessEnvironment();

// Error: one line naming the source ("--ring-bytes", "wirespan.yaml:7: ring-bytes", "WIRESPAN_RING_BYTES"), the value, and what
// is taken.
Result<Config> LoadConfig(const FlagValues& flags, const Environment& environment);
// One YAML text; `name` is used in messages. Strict: an unknown or repeated key, or a value of another type, is an error.
Result<void> ApplyYaml(std::string_view text, const std::string& name, Config& config);

}  // namespace wirespan::config
