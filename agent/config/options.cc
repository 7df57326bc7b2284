#include "agent/config/options.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "agent/config/values.h"

namespace wirespan::config {
namespace {

using std::chrono::milliseconds;
using Values = std::span<const std::string>;

// The options of the list are made by these: what they check is seen at a glance in the list itself.
using Apply = std::function<Result<void>(Config&, Values)>;

// Stores `parse(last value)` where `place(config)` is.
template <typename Place, typename Parse>
Apply Scalar(Place place, Parse parse) {
  return [place, parse](Config& config, Values values) -> Result<void> {
    auto parsed = parse(values.back());
    if (!parsed) return parsed.error();
    using Target = std::remove_reference_t<decltype(place(config))>;
    if constexpr (requires { static_cast<Target>(*parsed); }) {
      place(config) = static_cast<Target>(*parsed);
    } else {
      place(config) = *parsed;
    }
    return {};
  };
}

template <typename Place>
Apply Count(Place place, uint64_t least, uint64_t most) {
  return Scalar(place, [least, most](std::string_view text) { return ParseCount(text, least, most); });
}
template <typename Place>
Apply Bytes(Place place, uint64_t least, uint64_t most) {
  return Scalar(place, [least, most](std::string_view text) { return ParseBytes(text, least, most); });
}
template <typename Place>
Apply Duration(Place place, BareNumber bare = BareNumber::kIsAnError) {
  return Scalar(place, [bare](std::string_view text) { return ParseDuration(text, bare); });
}
template <typename Place>
Apply Text(Place place) {
  return Scalar(place, ParseText);
}
template <typename Place>
Apply Bool(Place place) {
  return Scalar(place, ParseBool);
}
template <typename Place>
Apply Word(Place place, std::initializer_list<std::string_view> words) {
  const std::vector<std::string_view> kept(words);
  return Scalar(place, [kept](std::string_view text) -> Result<std::string> {
    std::string list;
    for (const std::string_view word : kept) {
      if (Result<std::string> parsed = ParseWord(text, {word})) return parsed;
      list += (list.empty() ? "" : ", ") + std::string(word);
    }
    return Error("'" + OneLine(text.substr(0, 100)) + "' is not one of " + list);
  });
}

template <typename T, typename Place>
Apply Numbers(Place place, uint64_t most) {
  return [place, most](Config& config, Values values) -> Result<void> {
    std::vector<T> numbers;
    for (const std::string& value : values) {
      const Result<uint64_t> parsed = ParseCount(value, 1, most);
      if (!parsed) return parsed.error();
      numbers.push_back(static_cast<T>(*parsed));
    }
    place(config) = std::move(numbers);
    return {};
  };
}

template <typename Place>
Apply Texts(Place place) {
  return [place](Config& config, Values values) -> Result<void> {
    std::vector<std::string> texts;
    for (const std::string& value : values) {
      Result<std::string> parsed = ParseText(value);
      if (!parsed) return parsed.error();
      texts.push_back(*std::move(parsed));
    }
    place(config) = std::move(texts);
    return {};
  };
}

Result<OutputFormat> ParseFormat(std::string_view text) {
  const Result<std::string> word = ParseWord(text, {"auto", "tree", "json", "none"});
  if (!word) return word.error();
  return *word == "auto"   ? OutputFormat::kAuto
         : *word == "tree" ? OutputFormat::kTree
         : *word == "json" ? OutputFormat::kJson
                           : OutputFormat::kNone;
}

Result<CaptureSource> ParseSource(std::string_view text) {
  const Result<std::string> word = ParseWord(text, {"auto", "socket", "syscall"});
  if (!word) return word.error();
  return *word == "auto" ? CaptureSource::kAuto : *word == "socket" ? CaptureSource::kSocket : CaptureSource::kSyscall;
}

Result<ExistingConnections> ParseExisting(std::string_view text) {
  const Result<std::string> word = ParseWord(text, {"auto", "iterator", "proc"});
  if (!word) return word.error();
  return *word == "auto"       ? ExistingConnections::kAuto
         : *word == "iterator" ? ExistingConnections::kIterator
                               : ExistingConnections::kProc;
}

Result<uint64_t> ParseRingBytes(std::string_view text) {
  Result<uint64_t> bytes = ParseBytes(text, 4096, 1ULL << 30U);
  if (bytes && !std::has_single_bit(*bytes)) return Error("'" + std::string(text) + "' is not a power of two");
  return bytes;
}

// Applies to all signals: what an earlier source said of one signal is taken back.
template <typename Field, typename Make>
void AddOtlpOption(std::vector<Option>& options, const std::string& name, const std::string& value_name, const std::string& help,
                   Field field, Make make) {
  std::string variable = name;
  for (char& c : variable) c = c == '-' ? '_' : static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  const auto of = [field](OtlpSignal OtlpConfig::*signal) {
    return [ field, signal ](Config & config) -> auto& { return config.otlp.*signal.*field; };
  };
  const auto add = [&](const std::string& prefix, const std::string& otel_prefix, const std::string& which, Apply apply) {
    Option& option = options.emplace_back();
    option.name = prefix + name;
    option.value_name = value_name;
    option.help = help + which;
    option.group = OptionGroup::kOtlp;
    option.otel_variable = otel_prefix + variable;
    option.apply = std::move(apply);
  };
  add("otlp-", "OTEL_EXPORTER_OTLP_", "",
      [apply_all = make(of(&OtlpConfig::all)), field](Config& config, Values values) -> Result<void> {
        if (Result<void> applied = apply_all(config, values); !applied) return applied;
        (config.otlp.traces.*field).reset();
        (config.otlp.metrics.*field).reset();
        return {};
      });
  add("otlp-traces-", "OTEL_EXPORTER_OTLP_TRACES_", " (traces only)", make(of(&OtlpConfig::traces)));
  add("otlp-metrics-", "OTEL_EXPORTER_OTLP_METRICS_", " (metrics only)", make(of(&OtlpConfig::metrics)));
}  // NOLINT(clang-analyzer-cplusplus.NewDeleteLeaks): sees a leak in std::function's own storage

void AddSelectors(std::vector<Option>& out) {
  const auto add = [&out](const char* name, const char* value, const char* help, Apply apply) {
    out.push_back({name, value, help, OptionGroup::kSelectors, "", true, std::move(apply)});
  };
  add("pid", "N", "trace this process and its children",
      Numbers<uint32_t>(
          [](Config & c) -> auto& { return c.targets.pids; }, 0x7fffffff));
  add("exe", "GLOB", "trace processes whose executable's path, or its last part, matches",
      Texts([](Config & c) -> auto& { return c.targets.exes; }));
  add("port", "P", "trace processes that listen on this TCP port",
      Numbers<uint16_t>(
          [](Config & c) -> auto& { return c.targets.ports; }, 65535));
  add("cgroup", "PATH", "trace the processes of this control group and those below it",
      Texts([](Config & c) -> auto& { return c.targets.cgroups; }));
  add("container", "ID", "trace the processes of this container (the beginning of its id is enough)",
      Texts([](Config & c) -> auto& { return c.targets.containers; }));
}

void AddOutput(std::vector<Option>& out) {
  const auto add = [&out](const char* name, const char* value, const char* help, Apply apply, const char* otel = "") {
    out.push_back({name, value, help, OptionGroup::kOutput, otel, false, std::move(apply)});
  };
  add("format", "tree|json|none",
      "what goes to standard output: waterfalls (default on a terminal), a JSON line per span, nothing",
      Scalar(
          [](Config & c) -> auto& { return c.format; }, ParseFormat));
  add("output", "FILE", "that output goes to FILE", Text([](Config & c) -> auto& { return c.output; }));
  add("record", "FILE.wscap", "keep the ring records too", Text([](Config & c) -> auto& { return c.record; }));
  add("duration", "TIME", "stop by itself after this time (30s, 5m)", Duration([](Config & c) -> auto& { return c.duration; }));
  add("status-listen", "HOST:PORT", "answer /healthz, /readyz and /metrics (Prometheus) there; port 0: any free one",
      Scalar(
          [](Config & c) -> auto& { return c.status_listen; }, ParseListenAddress));
  add("log-level", "LEVEL", "trace, debug, info, warn, error or off; logs go to standard error only",
      Word([](Config & c) -> auto& { return c.log_level; }, {"trace", "debug", "info", "warn", "error", "off"}),
      "OTEL_LOG_LEVEL");
  add("log-format", "text|json", "form of the log lines",
      Word([](Config & c) -> auto& { return c.log_format; }, {"text", "json"}));
}

void AddOtlp(std::vector<Option>& out) {
  const auto text = [](auto place) { return Text(place); };
  AddOtlpOption(out, "endpoint", "URL", "send OTLP here", &OtlpSignal::endpoint, text);
  AddOtlpOption(out, "protocol", "PROTOCOL", "grpc, http/protobuf or http/json", &OtlpSignal::protocol, [](auto place) {
    return Word(place, {"grpc", "http/protobuf", "http/json"});
  });
  AddOtlpOption(out, "headers", "K=V,...", "headers of every request", &OtlpSignal::headers, text);
  AddOtlpOption(out, "compression", "gzip|none", "compression of requests", &OtlpSignal::compression, [](auto place) {
    return Word(place, {"gzip", "none"});
  });
  AddOtlpOption(out, "timeout", "TIME", "how long one attempt may take (10s; a bare number is milliseconds)",
                &OtlpSignal::timeout, [](auto place) { return Duration(place, BareNumber::kIsMilliseconds); });
  AddOtlpOption(out, "certificate", "FILE", "PEM file of the authorities to trust", &OtlpSignal::certificate, text);
  AddOtlpOption(out, "client-key", "FILE", "PEM file of the client's key", &OtlpSignal::client_key, text);
  AddOtlpOption(out, "client-certificate", "FILE", "PEM file of the client's certificate", &OtlpSignal::client_certificate, text);
  AddOtlpOption(out, "insecure", "BOOL", "no TLS where a gRPC endpoint has no scheme", &OtlpSignal::insecure,
                [](auto place) { return Bool(place); });
  const auto add = [&out](const char* name, const char* value, const char* help, const char* otel, Apply apply,
                          bool is_list = false) {
    out.push_back({name, value, help, OptionGroup::kOtlp, otel, is_list, std::move(apply)});
  };
  add("otlp-metrics-temporality", "WORD", "cumulative, delta or lowmemory", "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE",
      Word([](Config & c) -> auto& { return c.otlp.metrics_temporality; }, {"cumulative", "delta", "lowmemory"}));
  add("traces-exporter", "WORD", "otlp, console or none", "OTEL_TRACES_EXPORTER",
      Word([](Config & c) -> auto& { return c.otlp.traces_exporter; }, {"otlp", "console", "none"}));
  add("metrics-exporter", "WORD", "otlp, console or none", "OTEL_METRICS_EXPORTER",
      Word([](Config & c) -> auto& { return c.otlp.metrics_exporter; }, {"otlp", "console", "none"}));
  add("sdk-disabled", "BOOL", "send nothing by OTLP", "OTEL_SDK_DISABLED",
      Bool([](Config & c) -> auto& { return c.sdk_disabled; }));
  add("http-known-methods", "METHOD", "the HTTP methods that are not called _OTHER, in place of the conventions' list",
      "OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS", Texts([](Config & c) -> auto& { return c.http_known_methods; }), true);
}

void AddCapture(std::vector<Option>& out) {
  const auto add = [&out](const char* name, const char* value, const char* help, Apply apply) {
    out.push_back({name, value, help, OptionGroup::kCapture, "", false, std::move(apply)});
  };
  add("capture-source", "auto|socket|syscall", "where bytes are captured; an error if it cannot be had",
      Scalar(
          [](Config & c) -> auto& { return c.capture_source; }, ParseSource));
  add("existing-connections", "auto|iterator|proc",
      "how connections older than the agent are found: by the kernel's iterator over open files, or in /proc",
      Scalar(
          [](Config & c) -> auto& { return c.existing_connections; }, ParseExisting));
  add("runtime-probes", "BOOL",
      "uprobes in Go and CPython that tell for which request a goroutine or task was started (default true)",
      Bool([](Config & c) -> auto& { return c.runtime_probes; }));
  add("websocket-messages", "BOOL", "a span of each WebSocket message, besides that of its connection (default false)",
      Bool([](Config & c) -> auto& { return c.websocket_messages; }));
  add("open-span-after", "TIME",
      "how long an exchange is open before a span says so (default 10s); its own span comes at its end as ever",
      Duration([](Config & c) -> auto& { return c.open_span_after; }));
  add("turn-budget", "SIZE", "bytes copied per direction and turn of a connection",
      Bytes(
          [](Config & c) -> auto& { return c.bounds.turn_budget_bytes; }, 64, 65536));
  add("rings", "N", "ring buffers, each with a thread; 0: by the number of CPUs",
      Count(
          [](Config & c) -> auto& { return c.bounds.rings; }, 0, 256));
  add("ring-bytes", "SIZE", "size of each ring buffer, a power of two",
      Scalar(
          [](Config & c) -> auto& { return c.bounds.ring_bytes; }, ParseRingBytes));
}

void AddLimits(std::vector<Option>& out) {
  const auto add = [&out](const char* name, const char* value, const char* help, Apply apply, const char* otel = "") {
    out.push_back({name, value, help, OptionGroup::kLimits, otel, false, std::move(apply)});
  };
  constexpr uint64_t kMillion = 1'000'000;
  add("max-connections", "N", "connections traced at once",
      Count(
          [](Config & c) -> auto& { return c.bounds.max_connections; }, 16, 16 * kMillion));
  add("max-threads", "N", "threads of traced processes",
      Count(
          [](Config & c) -> auto& { return c.bounds.max_threads; }, 16, 16 * kMillion));
  add("max-targets", "N", "processes traced at once",
      Count(
          [](Config & c) -> auto& { return c.bounds.max_targets; }, 1, kMillion));
  add("stream-bytes", "SIZE", "bytes held per direction of a connection",
      Bytes(
          [](Config & c) -> auto& { return c.bounds.stream_bytes; }, 4096, 1ULL << 30U));
  add("stream-bytes-total", "SIZE", "bytes held over all connections",
      Bytes(
          [](Config & c) -> auto& { return c.bounds.stream_bytes_total; }, 65536, 64ULL << 30U));
  add("max-open-exchanges", "N", "requests without their response, per connection",
      Count(
          [](Config & c) -> auto& { return c.bounds.max_open_exchanges; }, 1, kMillion));
  add("max-pending-spans", "N", "spans that wait for their place in a trace",
      Count(
          [](Config & c) -> auto& { return c.bounds.max_pending_spans; }, 16, 100 * kMillion));
  add("max-series", "N", "attribute sets of one metric",
      Count(
          [](Config & c) -> auto& { return c.bounds.max_series; }, 1, kMillion));
  add("queue-spans", "N", "spans that wait for an exporter",
      Count(
          [](Config & c) -> auto& { return c.bounds.queue_spans; }, 1, 100 * kMillion),
      "OTEL_BSP_MAX_QUEUE_SIZE");
  add("batch-spans", "N", "spans of one request at most",
      Count(
          [](Config & c) -> auto& { return c.bounds.batch_spans; }, 1, 65536),
      "OTEL_BSP_MAX_EXPORT_BATCH_SIZE");
  constexpr auto kMs = BareNumber::kIsMilliseconds;
  add("batch-delay", "TIME", "how long a batch may fill",
      Duration(
          [](Config & c) -> auto& { return c.bounds.batch_delay; }, kMs),
      "OTEL_BSP_SCHEDULE_DELAY");
  add("metric-interval", "TIME", "time between two exports of metrics",
      Duration(
          [](Config & c) -> auto& { return c.bounds.metric_interval; }, kMs),
      "OTEL_METRIC_EXPORT_INTERVAL");
  add("hold-time", "TIME", "how long a finished span may wait for its parent",
      Duration([](Config & c) -> auto& { return c.bounds.hold_time; }));
  add("idle-connection-time", "TIME", "a connection without events is forgotten after it",
      Duration([](Config & c) -> auto& { return c.bounds.idle_connection_time; }));
  add("shutdown-time", "TIME", "the exporters' share of the exit",
      Duration([](Config & c) -> auto& { return c.bounds.shutdown_time; }));
}

std::vector<Option> MakeOptions() {
  std::vector<Option> options;
  AddSelectors(options);
  AddOutput(options);
  AddCapture(options);
  AddOtlp(options);
  AddLimits(options);
  return options;
}

}  // namespace

std::string_view Name(OptionGroup group) {
  switch (group) {
    case OptionGroup::kSelectors:
      return "Which processes";
    case OptionGroup::kOutput:
      return "Output";
    case OptionGroup::kCapture:
      return "Capture";
    case OptionGroup::kOtlp:
      return "OTLP";
    case OptionGroup::kLimits:
      return "Limits";
  }
  return "";
}

std::string Option::Variable() const {
  std::string variable = "WIRESPAN_";
  for (const char c : name) variable += c == '-' ? '_' : static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  return variable;
}

const std::vector<Option>& Options() {
  static const std::vector<Option> options = MakeOptions();
  return options;
}

const Option* FindOption(std::string_view name) {
  const std::vector<Option>& options = Options();
  const auto found = std::find_if(options.begin(), options.end(), [name](const Option& option) { return option.name == name; });
  return found == options.end() ? nullptr : &*found;
}

}  // namespace wirespan::config
