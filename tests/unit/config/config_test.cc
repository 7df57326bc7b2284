#include "agent/config/config.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>

#include "agent/config/flags.h"
#include "agent/config/options.h"

namespace wirespan::config {
namespace {

using std::chrono::milliseconds;

// Flags as `run` and `attach` have them, a file, and an environment, for one load.
class Load {
 public:
  Load() {
    std::string pattern = (std::filesystem::temp_directory_path() / "wirespan-config-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) std::abort();
    folder_ = pattern;
  }
  ~Load() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

  Load& Yaml(const std::string& text) {
    std::ofstream(file()) << text;
    arguments_.insert(arguments_.begin(), {"--config", file()});
    return *this;
  }
  Load& Set(const std::string& name, const std::string& value) {
    environment_[name] = value;
    return *this;
  }
  Load& Flags(std::vector<std::string> arguments) {
    arguments_.insert(arguments_.end(), arguments.begin(), arguments.end());
    return *this;
  }
  std::string file() const { return (folder_ / "wirespan.yaml").string(); }
  const std::filesystem::path& folder() const { return folder_; }

  Result<Config> Now() const {
    CLI::App app;
    FlagValues values;
    AddCaptureFlags(app, values);
    AddSelectorFlags(app, values);
    std::vector<std::string> reversed(arguments_.rbegin(), arguments_.rend());
    try {
      app.parse(reversed);
    } catch (const CLI::Error& error) {
      return Error(std::string("CLI: ") + error.what());
    }
    return LoadConfig(values, [this](const std::string& name) -> std::optional<std::string> {
      const auto found = environment_.find(name);
      return found == environment_.end() ? std::nullopt : std::optional(found->second);
    });
  }
  std::string ErrorNow() const {
    const Result<Config> config = Now();
    return config ? "(none)" : config.error().message();
  }

 private:
  std::filesystem::path folder_;
  std::vector<std::string> arguments_;
  std::map<std::string, std::string> environment_;
};

TEST(Config, Defaults) {
  const auto config = Load().Now();
  ASSERT_TRUE(config) << config.error().message();
  EXPECT_TRUE(config->targets.empty());
  EXPECT_EQ(config->format, OutputFormat::kAuto);
  EXPECT_EQ(config->capture_source, CaptureSource::kAuto);
  EXPECT_FALSE(config->duration);
  EXPECT_EQ(config->bounds.turn_budget_bytes, 4096U);
  EXPECT_EQ(config->log_level, "info");
  EXPECT_FALSE(config->otlp.wanted());
  EXPECT_TRUE(config->warnings.empty());
}

TEST(Config, EveryOptionOfTheCommandLineArrives) {
  const auto config = Load()
                          .Flags({"--format",
                                  "tree",
                                  "--output",
                                  "o.txt",
                                  "--record",
                                  "r.wscap",
                                  "--duration",
                                  "1m30s",
                                  "--capture-source",
                                  "syscall",
                                  "--otlp-endpoint",
                                  "http://c:4317",
                                  "--otlp-protocol",
                                  "grpc",
                                  "--otlp-timeout",
                                  "2500",
                                  "--otlp-insecure",
                                  "true",
                                  "--otlp-headers",
                                  "a=b,c=d",
                                  "--otlp-compression",
                                  "gzip",
                                  "--otlp-certificate",
                                  "ca.pem",
                                  "--otlp-client-key",
                                  "k.pem",
                                  "--otlp-client-certificate",
                                  "c.pem",
                                  "--otlp-metrics-endpoint",
                                  "http://m:1",
                                  "--log-level",
                                  "debug",
                                  "--log-format",
                                  "json",
                                  "--turn-budget",
                                  "8KiB",
                                  "--rings",
                                  "3",
                                  "--ring-bytes",
                                  "16MiB",
                                  "--max-connections",
                                  "5000",
                                  "--hold-time",
                                  "2s",
                                  "--pid",
                                  "12",
                                  "--pid",
                                  "13",
                                  "--exe",
                                  "nginx*",
                                  "--port",
                                  "80",
                                  "--port=443",
                                  "--cgroup",
                                  "/a",
                                  "--container",
                                  "abcd12"})
                          .Now();
  ASSERT_TRUE(config) << config.error().message();
  EXPECT_EQ(config->format, OutputFormat::kTree);
  EXPECT_EQ(config->output, "o.txt");
  EXPECT_EQ(config->record, "r.wscap");
  EXPECT_EQ(config->duration, milliseconds(90'000));
  EXPECT_EQ(config->capture_source, CaptureSource::kSyscall);
  EXPECT_EQ(config->otlp.all.endpoint, "http://c:4317");
  EXPECT_EQ(config->otlp.all.protocol, "grpc");
  EXPECT_EQ(config->otlp.all.timeout, milliseconds(2'500));
  EXPECT_EQ(config->otlp.all.insecure, true);
  EXPECT_EQ(config->otlp.all.headers, "a=b,c=d");
  EXPECT_EQ(config->otlp.all.compression, "gzip");
  EXPECT_EQ(config->otlp.all.certificate, "ca.pem");
  EXPECT_EQ(config->otlp.all.client_key, "k.pem");
  EXPECT_EQ(config->otlp.all.client_certificate, "c.pem");
  EXPECT_EQ(config->otlp.metrics.endpoint, "http://m:1");
  EXPECT_TRUE(config->otlp.wanted());
  EXPECT_EQ(config->log_level, "debug");
  EXPECT_EQ(config->log_format, "json");
  EXPECT_EQ(config->bounds.turn_budget_bytes, 8192U);
  EXPECT_EQ(config->bounds.rings, 3U);
  EXPECT_EQ(config->bounds.ring_bytes, 16U << 20U);
  EXPECT_EQ(config->bounds.max_connections, 5000U);
  EXPECT_EQ(config->bounds.hold_time, milliseconds(2'000));
  EXPECT_EQ(config->targets.pids, (std::vector<uint32_t>{12, 13}));
  EXPECT_EQ(config->targets.exes, std::vector<std::string>{"nginx*"});
  EXPECT_EQ(config->targets.ports, (std::vector<uint16_t>{80, 443}));
  EXPECT_EQ(config->targets.cgroups, std::vector<std::string>{"/a"});
  EXPECT_EQ(config->targets.containers, std::vector<std::string>{"abcd12"});
}

TEST(Config, LaterSourcesWin) {
  const auto with = [](bool otel, bool own, bool flag) {
    Load load;
    load.Yaml("queue-spans: 1001\nlog-level: warn\n");
    if (otel) load.Set("OTEL_BSP_MAX_QUEUE_SIZE", "1002");
    if (own) load.Set("WIRESPAN_QUEUE_SPANS", "1003");
    if (flag) load.Flags({"--queue-spans", "1004"});
    const auto config = load.Now();
    EXPECT_TRUE(config.ok()) << config.error().message();
    EXPECT_EQ(config->log_level, "warn");
    return config->bounds.queue_spans;
  };
  EXPECT_EQ(with(false, false, false), 1001U);
  EXPECT_EQ(with(true, false, false), 1002U);
  EXPECT_EQ(with(true, true, false), 1003U);
  EXPECT_EQ(with(true, true, true), 1004U);
}

TEST(Config, ListsOfALaterSourceTakeThePlaceOfEarlierOnes) {
  EXPECT_EQ(Load().Yaml("pid: [1, 2]\nport: 80\n").Now()->targets.pids, (std::vector<uint32_t>{1, 2}));
  EXPECT_EQ(Load().Yaml("pid: [1, 2]\n").Set("WIRESPAN_PID", "3, 4").Now()->targets.pids, (std::vector<uint32_t>{3, 4}));
  EXPECT_EQ(Load().Yaml("pid: [1, 2]\n").Set("WIRESPAN_PID", "3,4").Flags({"--pid", "5"}).Now()->targets.pids,
            std::vector<uint32_t>{5});
}

TEST(Config, WhatIsSaidOfAllSignalsLaterBeatsWhatWasSaidOfOneEarlier) {
  const auto config = Load()
                          .Set("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://traces:1")
                          .Set("OTEL_EXPORTER_OTLP_ENDPOINT", "http://env:1")
                          .Set("OTEL_EXPORTER_OTLP_METRICS_TIMEOUT", "7000")
                          .Flags({"--otlp-endpoint", "http://flag:1"})
                          .Now();
  EXPECT_EQ(config->otlp.all.endpoint, "http://flag:1");
  EXPECT_FALSE(config->otlp.traces.endpoint);
  EXPECT_EQ(config->otlp.metrics.timeout, milliseconds(7'000));
  // Within one source the one signal's wins, whatever the order it is written in.
  const auto one = Load().Yaml("otlp-traces-endpoint: http://t:1\notlp-endpoint: http://a:1\n").Now();
  EXPECT_EQ(one->otlp.all.endpoint, "http://a:1");
  EXPECT_EQ(one->otlp.traces.endpoint, "http://t:1");
}

TEST(Config, OtelVariablesThatMakeNoSenseAreIgnoredAndSaid) {
  const auto config = Load()
                          .Set("OTEL_BSP_MAX_QUEUE_SIZE", "many")
                          .Set("OTEL_EXPORTER_OTLP_TIMEOUT", "-1")
                          .Set("OTEL_EXPORTER_OTLP_PROTOCOL", "GRPC")
                          .Set("OTEL_SDK_DISABLED", "TRUE")
                          .Set("OTEL_TRACES_EXPORTER", "zipkin")
                          .Set("OTEL_EXPORTER_OTLP_INSECURE", "")
                          .Set("OTEL_METRIC_EXPORT_INTERVAL", "15000")
                          .Set("OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS", "GET,POST, PURGE")
                          .Now();
  ASSERT_TRUE(config) << config.error().message();
  EXPECT_EQ(config->bounds.queue_spans, Bounds{}.queue_spans);
  EXPECT_FALSE(config->otlp.all.timeout);
  EXPECT_EQ(config->otlp.all.protocol, "grpc");
  EXPECT_TRUE(config->sdk_disabled);
  EXPECT_FALSE(config->otlp.traces_exporter);
  EXPECT_FALSE(config->otlp.all.insecure);
  EXPECT_EQ(config->bounds.metric_interval, milliseconds(15'000));
  EXPECT_EQ(config->http_known_methods, (std::vector<std::string>{"GET", "POST", "PURGE"}));
  ASSERT_EQ(config->warnings.size(), 3U);
  EXPECT_NE(config->warnings[0].find("OTEL_EXPORTER_OTLP_TIMEOUT is ignored: '-1'"), std::string::npos) << config->warnings[0];
}

TEST(Config, OwnVariablesThatMakeNoSenseAreErrors) {
  EXPECT_EQ(Load().Set("WIRESPAN_RINGS", "many").ErrorNow(), "WIRESPAN_RINGS: 'many' is not a number from 0 to 256");
  EXPECT_EQ(Load().Set("WIRESPAN_PID", ",").ErrorNow(), "WIRESPAN_PID: no value");
  EXPECT_EQ(Load().Set("WIRESPAN_RINGS", "").ErrorNow(), "(none)");
}

TEST(Config, FlagsThatMakeNoSenseAreErrors) {
  EXPECT_EQ(Load().Flags({"--format", "xml"}).ErrorNow(), "--format: 'xml' is not one of auto, tree, json, none");
  EXPECT_EQ(Load().Flags({"--rings", "1", "--rings", "2"}).ErrorNow(), "--rings: given 2 times");
  EXPECT_EQ(Load().Flags({"--ring-bytes", "3MiB"}).ErrorNow(), "--ring-bytes: '3MiB' is not a power of two");
  EXPECT_EQ(Load().Flags({"--port", "65536"}).ErrorNow(), "--port: '65536' is not a number from 1 to 65535");
  EXPECT_EQ(Load().Flags({"--pid", "0"}).ErrorNow(), "--pid: '0' is not a number from 1 to 2147483647");
  EXPECT_EQ(Load().Flags({"--otlp-protocol", "thrift"}).ErrorNow(),
            "--otlp-protocol: 'thrift' is not one of grpc, http/protobuf, http/json");
  for (const char* budget : {"63", "65537"}) EXPECT_NE(Load().Flags({"--turn-budget", budget}).ErrorNow(), "(none)") << budget;
  for (const char* budget : {"64", "64KiB"}) EXPECT_EQ(Load().Flags({"--turn-budget", budget}).ErrorNow(), "(none)") << budget;
  EXPECT_NE(Load().Flags({"--duration", "30"}).ErrorNow().find("--duration: '30' is not a time"), std::string::npos);
  EXPECT_NE(Load().Flags({"--no-such-flag"}).ErrorNow().find("CLI: "), std::string::npos);
}

TEST(Config, WhatOptionsSayTogether) {
  const auto config = Load().Flags({"--queue-spans", "100"}).Now();
  EXPECT_EQ(config->bounds.batch_spans, 100U);
  ASSERT_EQ(config->warnings.size(), 1U);
  EXPECT_NE(Load().Flags({"--stream-bytes", "1MiB", "--stream-bytes-total", "64KiB"}).ErrorNow(), "(none)");
  EXPECT_EQ(Load().Flags({"--record", "x", "--output", "x"}).ErrorNow(), "record and output are the same file x");
}

TEST(Yaml, ErrorsNameFileLineAndKey) {
  const auto error_of = [](const std::string& text) {
    Load load;
    std::string message = load.Yaml(text).ErrorNow();
    const std::string file = load.file();
    if (message.starts_with(file)) message.replace(0, file.size(), "F");
    return message;
  };
  EXPECT_EQ(error_of("rings: 2\n\nringz: 3\n"), "F:3: unknown key 'ringz'");
  EXPECT_EQ(error_of("rings: 2\nrings: 3\n"), "F:2: 'rings' stands there twice");
  EXPECT_EQ(error_of("a: &x 1\n"), "F:1: unknown key 'a'");
  EXPECT_EQ(error_of("log-level: info\nrings: [1, 2]\n"), "F:2: rings: not a single value");
  EXPECT_EQ(error_of("rings: {a: 1}\n"), "F:1: rings: not a single value");
  EXPECT_EQ(error_of("pid: {a: 1}\n"), "F:1: pid: not a value or a list of values");
  EXPECT_EQ(error_of("pid: [1, [2]]\n"), "F:1: pid: an item of the list is not a value");
  EXPECT_EQ(error_of("pid: []\n"), "F:1: pid: an empty list");
  EXPECT_EQ(error_of("rings:\n"), "F:1: rings: no value");
  EXPECT_EQ(error_of("rings: two\n"), "F:1: rings: 'two' is not a number from 0 to 256");
  EXPECT_EQ(error_of("sdk-disabled: yes\n"), "F:1: sdk-disabled: 'yes' is not one of true, false");
  EXPECT_EQ(error_of("- rings\n"), "F:1: not a map of options");
  EXPECT_EQ(error_of("? [a]\n: b\n"), "F:1: a key that is not a word");
  EXPECT_EQ(error_of("rings: 1\n---\nrings: 2\n"), "F:2: a second document");
  EXPECT_NE(error_of("rings: 1\nlog-level: \"x\n").find("F:"), std::string::npos);
  EXPECT_EQ(error_of("\"a\\nb\": 1\n"), "F:1: unknown key 'a?b'");  // one line, whatever stands in the file
  EXPECT_EQ(error_of("log-level: \"a\\nb\"\n"), "F:1: log-level: 'a?b' is not one of trace, debug, info, warn, error, off");
  EXPECT_EQ(error_of("config: x\n"), "F:1: unknown key 'config'");
  EXPECT_EQ(error_of(""), "(none)");
  EXPECT_EQ(error_of("# nothing\n"), "(none)");
}

TEST(Yaml, HostileTextsEndInAnError) {
  Config config;
  EXPECT_FALSE(ApplyYaml(std::string(100'000, '['), "f", config).ok());
  EXPECT_FALSE(ApplyYaml(std::string(100'000, '{'), "f", config).ok());
  EXPECT_FALSE(ApplyYaml(std::string(50'000, '-') + "\n", "f", config).ok());
  EXPECT_FALSE(ApplyYaml("rings: *nobody\n", "f", config).ok());
  EXPECT_FALSE(ApplyYaml(std::string("\xff\xfez\0", 4), "f", config).ok());
  EXPECT_EQ(ApplyYaml(std::string((1U << 20U) + 1, '#'), "f", config).error().message(), "f: longer than 1 MiB");
  std::string list = "pid: [";
  for (int i = 0; i < 10'001; ++i) list += "1,";
  EXPECT_EQ(ApplyYaml(list + "1]\n", "f", config).error().message(), "f:1: pid: a list of more than 10000 values");
}

TEST(ConfigFile, CannotBeRead) {
  Load load;
  EXPECT_EQ(Load().Flags({"--config", "/nowhere/x.yaml"}).ErrorNow(),
            "read configuration /nowhere/x.yaml: No such file or directory");
  EXPECT_EQ(load.Flags({"--config", load.folder().string()}).ErrorNow(),
            "read configuration " + load.folder().string() + ": not a regular file");
  const std::string fifo = (load.folder() / "fifo").string();
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  EXPECT_EQ(Load().Flags({"--config", fifo}).ErrorNow(), "read configuration " + fifo + ": not a regular file");
  EXPECT_EQ(Load().Flags({"--config", "/dev/zero"}).ErrorNow(), "read configuration /dev/zero: not a regular file");
}

TEST(ConfigFile, IsNamedByTheEnvironmentToo) {
  Load other;
  other.Yaml("rings: 7\n");
  EXPECT_EQ(Load().Set("WIRESPAN_CONFIG", other.file()).Now()->bounds.rings, 7U);
  EXPECT_EQ(Load().Yaml("rings: 8\n").Set("WIRESPAN_CONFIG", other.file()).Now()->bounds.rings, 8U);
}

// An option is one word in all its forms, and every value of the documentation's kind is taken by all of them.
TEST(Options, HaveOneNameInEverySource) {
  std::set<std::string> names;
  std::set<std::string> otel;
  for (const Option& option : Options()) {
    EXPECT_TRUE(names.insert(option.name).second) << option.name;
    EXPECT_FALSE(option.help.empty() || option.value_name.empty()) << option.name;
    EXPECT_TRUE(option.otel_variable.empty() || otel.insert(option.otel_variable).second) << option.otel_variable;
    EXPECT_EQ(FindOption(option.name), &option);
    std::string taken;
    for (const char* value : {"1", "tree", "info", "text", "auto", "4096", "1GiB", "30s", "grpc", "gzip", "true", "delta", "otlp",
                              "abcd1234", "localhost:0"}) {
      const std::vector<std::string> values = {value};
      Config config;
      if (taken.empty() && option.apply(config, values).ok()) taken = value;
    }
    ASSERT_FALSE(taken.empty()) << option.name << " takes none of the examples";
    EXPECT_EQ(Load().Flags({"--" + option.name, taken}).ErrorNow(), "(none)");
    EXPECT_EQ(Load().Yaml(option.name + ": " + taken + "\n").ErrorNow(), "(none)");
    EXPECT_EQ(Load().Set(option.Variable(), taken).ErrorNow(), "(none)");
  }
  EXPECT_EQ(FindOption("ring-bytes")->Variable(), "WIRESPAN_RING_BYTES");
  EXPECT_EQ(FindOption("no"), nullptr);
  for (const char* variable :
       {"OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE", "OTEL_EXPORTER_OTLP_METRICS_INSECURE"}) {
    EXPECT_TRUE(otel.contains(variable)) << variable;
  }
}

TEST(Environment, OfThisProcess) {
  ASSERT_EQ(setenv("WIRESPAN_TEST_VARIABLE", "x", 1), 0);
  EXPECT_EQ(ProcessEnvironment()("WIRESPAN_TEST_VARIABLE"), "x");
  EXPECT_EQ(ProcessEnvironment()("WIRESPAN_TEST_VARIABLE_2"), std::nullopt);
}

}  // namespace
}  // namespace wirespan::config
