#include "agent/config/flags.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <cerrno>
#include <cstdlib>

#include "agent/base/unique_fd.h"
#include "agent/config/options.h"
#include "agent/config/values.h"

namespace wirespan::config {
namespace {

constexpr size_t kMaxFileBytes = size_t{1024} * 1024;

void AddFlags(CLI::App& app, FlagValues& values, bool selectors) {
  for (const Option& option : Options()) {
    if ((option.group == OptionGroup::kSelectors) != selectors) continue;
    CLI::Option* flag = app.add_option_function<std::vector<std::string>>(
        "--" + option.name,
        [&values, &option](const std::vector<std::string>& given) {
          for (const std::string& value : given) values.values.emplace_back(option.name, value);
        },
        option.help);
    flag->type_name(option.value_name);
    flag->group(std::string(Name(option.group)));
    flag->expected(1);
    flag->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  }
}

// A file of at most kMaxFileBytes; FIFOs and devices are refused, so that nothing waits.
Result<std::string> ReadConfigFile(const std::string& path) {
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd.ok()) return Error::FromErrno("read configuration " + path, errno);
  struct stat status {};
  if (fstat(fd.get(), &status) != 0) return Error::FromErrno("read configuration " + path, errno);
  if (!S_ISREG(status.st_mode)) return Error("read configuration " + path + ": not a regular file");
  std::string text;
  std::array<char, size_t{16} * 1024> block;
  while (text.size() <= kMaxFileBytes) {
    const ssize_t size = read(fd.get(), block.data(), block.size());
    if (size < 0) return Error::FromErrno("read configuration " + path, errno);
    if (size == 0) return text;
    text.append(block.data(), static_cast<size_t>(size));
  }
  return Error("read configuration " + path + ": longer than 1 MiB");
}

std::vector<std::string> ValuesOfVariable(const Option& option, const std::string& text) {
  return option.is_list ? SplitList(text) : std::vector<std::string>{text};
}

// OTEL_* variables: a value that makes no sense is ignored with a warning, as the specification asks of every implementation.
void ApplyOtelVariables(const Environment& environment, Config& config) {
  for (const Option& option : Options()) {
    if (option.otel_variable.empty()) continue;
    const std::optional<std::string> text = environment(option.otel_variable);
    if (!text || text->empty()) continue;
    const std::vector<std::string> values = ValuesOfVariable(option, *text);
    if (values.empty()) continue;
    if (const Result<void> applied = option.apply(config, values); !applied) {
      config.warnings.push_back(option.otel_variable + " is ignored: " + applied.error().message());
    }
  }
}

Result<void> ApplyOwnVariables(const Environment& environment, Config& config) {
  for (const Option& option : Options()) {
    const std::optional<std::string> text = environment(option.Variable());
    if (!text || text->empty()) continue;
    const std::vector<std::string> values = ValuesOfVariable(option, *text);
    if (values.empty()) return Error(option.Variable() + ": no value");
    if (const Result<void> applied = option.apply(config, values); !applied) {
      return Error(option.Variable() + ": " + applied.error().message());
    }
  }
  return {};
}

Result<void> ApplyFlags(const FlagValues& flags, Config& config) {
  for (const Option& option : Options()) {
    std::vector<std::string> values;
    for (const auto& [name, value] : flags.values) {
      if (name == option.name) values.push_back(value);
    }
    if (values.empty()) continue;
    if (!option.is_list && values.size() > 1)
      return Error("--" + option.name + ": given " + std::to_string(values.size()) + " times");
    if (const Result<void> applied = option.apply(config, values); !applied) {
      return Error("--" + option.name + ": " + applied.error().message());
    }
  }
  return {};
}

// What no option can see alone.
Result<void> CheckTogether(Config& config) {
  Bounds& bounds = config.bounds;
  if (bounds.batch_spans > bounds.queue_spans) {
    config.warnings.push_back("batch-spans " + std::to_string(bounds.batch_spans) + " is lowered to queue-spans " +
                              std::to_string(bounds.queue_spans));
    bounds.batch_spans = bounds.queue_spans;
  }
  if (bounds.stream_bytes > bounds.stream_bytes_total) {
    return Error("stream-bytes " + std::to_string(bounds.stream_bytes) + " is more than stream-bytes-total " +
                 std::to_string(bounds.stream_bytes_total));
  }
  if (!config.record.empty() && config.record == config.output)
    return Error("record and output are the same file " + config.record);
  return {};
}

}  // namespace

bool OtlpConfig::wanted() const {
  return all.endpoint || traces.endpoint || metrics.endpoint || traces_exporter == "otlp" || metrics_exporter == "otlp";
}

void AddCaptureFlags(CLI::App& app, FlagValues& values) {
  app.add_option("--config", values.config_file, "YAML file with the same keys as these options")->type_name("FILE");
  AddFlags(app, values, false);
}

void AddSelectorFlags(CLI::App& app, FlagValues& values) { AddFlags(app, values, true); }

Environment ProcessEnvironment() {
  return [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());  // NOLINT(concurrency-mt-unsafe): read at start, before other threads
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
  };
}

Result<Config> LoadConfig(const FlagValues& flags, const Environment& environment) {
  Config config;
  const std::string file = flags.config_file.empty() ? environment("WIRESPAN_CONFIG").value_or("") : flags.config_file;
  if (!file.empty()) {
    const Result<std::string> text = ReadConfigFile(file);
    if (!text) return text.error();
    if (const Result<void> applied = ApplyYaml(*text, file, config); !applied) return applied.error();
  }
  ApplyOtelVariables(environment, config);
  if (const Result<void> applied = ApplyOwnVariables(environment, config); !applied) return applied.error();
  if (const Result<void> applied = ApplyFlags(flags, config); !applied) return applied.error();
  if (const Result<void> checked = CheckTogether(config); !checked) return checked.error();
  return config;
}

}  // namespace wirespan::config
