#include "agent/live/outputs.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>

#include "agent/base/log.h"
#include "exporters/console/console_exporter.h"
#include "exporters/file/span_files.h"
#include "exporters/otlp/grpc_module.h"
#include "exporters/otlp/otlp_exporter.h"

namespace wirespan::live {
namespace {

constexpr std::chrono::milliseconds kConsoleDelay{200};  // somebody looks at it

using exporters::ValueOr;
namespace otlp = exporters::otlp;

ValueOr<std::string> ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (file) text << file.rdbuf();
  if (!file) return exporters::Failure{Error::FromErrno("read " + path, errno).message()};
  return std::move(text).str();
}

std::optional<std::string> Text(const std::optional<std::string>& value) { return value; }
std::optional<std::string> Text(const std::optional<std::chrono::milliseconds>& value) {
  return value ? std::optional(std::to_string(value->count())) : std::nullopt;
}
std::optional<std::string> Text(const std::optional<bool>& value) {
  return value ? std::optional<std::string>(*value ? "true" : "false") : std::nullopt;
}

// The variable's value as the configuration has it: OTEL_EXPORTER_OTLP_[TRACES_|METRICS_]NAME.
std::optional<std::string> Lookup(const config::OtlpConfig& otlp_config, std::string_view variable) {
  if (variable == "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE") return otlp_config.metrics_temporality;
  constexpr std::string_view kPrefix = "OTEL_EXPORTER_OTLP_";
  if (!variable.starts_with(kPrefix)) return std::nullopt;
  variable.remove_prefix(kPrefix.size());
  const config::OtlpSignal* signal = &otlp_config.all;
  for (const auto& [prefix, specific] : {std::pair<std::string_view, const config::OtlpSignal*>{"TRACES_", &otlp_config.traces},
                                         {"METRICS_", &otlp_config.metrics}}) {
    if (!variable.starts_with(prefix)) continue;
    variable.remove_prefix(prefix.size());
    signal = specific;
  }
  if (variable == "ENDPOINT") return Text(signal->endpoint);
  if (variable == "PROTOCOL") return Text(signal->protocol);
  if (variable == "HEADERS") return Text(signal->headers);
  if (variable == "COMPRESSION") return Text(signal->compression);
  if (variable == "CERTIFICATE") return Text(signal->certificate);
  if (variable == "CLIENT_KEY") return Text(signal->client_key);
  if (variable == "CLIENT_CERTIFICATE") return Text(signal->client_certificate);
  if (variable == "TIMEOUT") return Text(signal->timeout);
  if (variable == "INSECURE") return Text(signal->insecure);
  return std::nullopt;
}

// Beside the program, as in a build tree; or where it is installed.
std::vector<std::string> GrpcModulePaths() {
  std::error_code unreadable;
  const std::filesystem::path folder = std::filesystem::read_symlink("/proc/self/exe", unreadable).parent_path();
  return {folder / otlp::kGrpcModuleFile, folder.parent_path() / "lib" / "wirespan" / otlp::kGrpcModuleFile};
}

bool Exports(const config::Config& config, otlp::Signal signal) {
  if (config.sdk_disabled || !config.otlp.wanted()) return false;
  const auto& exporter = signal == otlp::Signal::kTraces ? config.otlp.traces_exporter : config.otlp.metrics_exporter;
  return !exporter || *exporter == "otlp";
}

ValueOr<otlp::OtlpOptions> OptionsOf(const config::Config& config, otlp::Signal signal, std::vector<std::string>& warnings) {
  otlp::OptionSource source;
  source.environment = [&](std::string_view name) { return Lookup(config.otlp, name); };
  source.read_file = ReadFile;
  ValueOr<otlp::OtlpOptions> options = otlp::OtlpOptionsFromEnvironment(signal, source, warnings);
  if (options) options->grpc_modules = GrpcModulePaths();
  return options;
}

}  // namespace

Result<void> Outputs::Check(const config::Config& config) {
  if (config.sdk_disabled || !config.otlp.wanted()) return {};
  std::vector<std::string> warnings;  // told when the outputs are opened
  for (const otlp::Signal signal : {otlp::Signal::kTraces, otlp::Signal::kMetrics}) {
    if (const ValueOr<otlp::OtlpOptions> options = OptionsOf(config, signal, warnings); !options.ok())
      return Error(options.error());
  }
  return {};
}

Result<void> Outputs::LoadModules(const config::Config& config) {
  std::vector<std::string> warnings;  // told when the outputs are opened
  for (const otlp::Signal signal : {otlp::Signal::kTraces, otlp::Signal::kMetrics}) {
    if (!Exports(config, signal)) continue;
    const ValueOr<otlp::OtlpOptions> options = OptionsOf(config, signal, warnings);
    if (!options) return Error(options.error());
    if (options->protocol != otlp::Protocol::kGrpc) continue;
    if (const auto module = otlp::LoadGrpcModule(options->grpc_modules); !module) return Error(module.error());
  }
  return {};
}

Result<std::unique_ptr<Outputs>> Outputs::Open(const config::Config& config, metrics::MetricTotals& totals, const Clock& clock) {
  std::unique_ptr<Outputs> outputs(new Outputs());
  if (Result<void> done = outputs->AddOtlp(config, totals, clock); !done.ok()) return done.error();
  if (Result<void> done = outputs->AddText(config); !done.ok()) return done.error();
  if (outputs->description_.empty()) outputs->description_ = "nothing";
  return outputs;
}

Result<void> Outputs::AddText(const config::Config& config) {
  if (config.format == config::OutputFormat::kNone) return {};
  exporters::OutputFile file = exporters::OutputFile::Borrow(STDOUT_FILENO, "standard output");
  if (!config.output.empty()) {
    ValueOr<exporters::OutputFile> created = exporters::OutputFile::Create(config.output);
    if (!created.ok()) return Error(created.error());
    file = *std::move(created);
  }
  const std::string where = config.output.empty() ? "standard output" : config.output;
  const bool as_tree = config.format == config::OutputFormat::kTree ||
                       (config.format == config::OutputFormat::kAuto && config.output.empty() && file.is_terminal());
  if (as_tree) {
    const exporters::ConsoleOptions options =
        exporters::ConsoleOptionsFor(file, [](const char* name) -> const char* { return std::getenv(name); });
    Add("console", config, exporters::NewConsoleExporter(std::move(file), options), kConsoleDelay);
    Describe("waterfalls to " + where);
  } else {
    Add("json", config, exporters::NewJsonLinesExporter(std::move(file)));
    Describe("JSON lines to " + where);
  }
  return {};
}

Result<void> Outputs::AddOtlp(const config::Config& config, metrics::MetricTotals& totals, const Clock& clock) {
  std::vector<std::string> warnings;
  if (Exports(config, otlp::Signal::kTraces)) {
    ValueOr<otlp::OtlpOptions> options = OptionsOf(config, otlp::Signal::kTraces, warnings);
    if (!options.ok()) return Error(options.error());
    options->scope.version = WIRESPAN_VERSION;
    options->on_retry = [](const std::string& why) { spdlog::warn("spans by OTLP: {}; trying again", why); };
    Describe("spans by OTLP " + std::string(otlp::Name(options->protocol)) + " to " + options->endpoint.target);
    ValueOr<std::unique_ptr<exporters::SpanExporter>> exporter = otlp::NewOtlpSpanExporter(*std::move(options));
    if (!exporter.ok()) return Error(exporter.error());
    Add("otlp", config, *std::move(exporter));
  }
  if (Exports(config, otlp::Signal::kMetrics)) {
    ValueOr<otlp::OtlpOptions> options = OptionsOf(config, otlp::Signal::kMetrics, warnings);
    if (!options.ok()) return Error(options.error());
    options->scope.version = WIRESPAN_VERSION;
    options->on_retry = [](const std::string& why) { spdlog::warn("metrics by OTLP: {}; trying again", why); };
    ValueOr<std::unique_ptr<exporters::MetricExporter>> exporter = otlp::NewOtlpMetricExporter(*std::move(options));
    if (!exporter.ok()) return Error(exporter.error());
    metrics_ = std::make_unique<exporting::MetricLoop>(config.bounds.metric_interval, totals, clock, *std::move(exporter));
  }
  for (const std::string& warning : warnings) spdlog::warn("{}", warning);
  return {};
}

void Outputs::Add(std::string name, const config::Config& config, std::unique_ptr<exporters::SpanExporter> exporter,
                  std::chrono::milliseconds longest_delay) {
  exporting::ExportLoopOptions options;
  options.name = std::move(name);
  options.schedule_delay = std::min(config.bounds.batch_delay, longest_delay);
  options.queue.max_spans = config.bounds.queue_spans;
  options.queue.batch_spans = config.bounds.batch_spans;
  loops_.push_back(std::make_unique<exporting::ExportLoop>(std::move(options), std::move(exporter)));
}

void Outputs::Put(exporters::SpanBatch& batch) {
  spans_put_ += batch.size;
  for (size_t i = 0; i + 1 < loops_.size(); ++i) loops_[i]->queue().PutCopy(batch);
  if (!loops_.empty()) loops_.back()->queue().Put(batch);
  batch.Clear();
}

void Outputs::Shutdown(std::chrono::steady_clock::time_point deadline) {
  // The text goes first: it needs milliseconds, and a dead collector may take the rest of the time.
  for (auto loop = loops_.rbegin(); loop != loops_.rend(); ++loop) (*loop)->Shutdown(deadline);
  if (metrics_) metrics_->Shutdown(deadline);
}

}  // namespace wirespan::live
