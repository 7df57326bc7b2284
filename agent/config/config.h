// Config: every option of `run` and `attach`, checked once and never changed afterwards. Values come from, later ones winning:
// defaults, the YAML file of --config, the environment (OTEL_* names, then WIRESPAN_* names), the command line. Flag
// `--ring-bytes`, YAML key `ring-bytes` and variable WIRESPAN_RING_BYTES are one option. Any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/process/selectors.h"
#include "agent/status/listen_address.h"

namespace wirespan::config {

enum class OutputFormat : uint8_t { kAuto, kTree, kJson, kNone };  // kAuto: tree on a terminal, else json
enum class CaptureSource : uint8_t { kAuto, kSocket, kSyscall };
enum class ExistingConnections : uint8_t { kAuto, kIterator, kProc };

// As the OTEL_EXPORTER_OTLP_* variables; empty where not set. The exporters judge what they mean together.
struct OtlpSignal {
  std::optional<std::string> endpoint, protocol, headers, compression, certificate, client_key, client_certificate;
  std::optional<std::chrono::milliseconds> timeout;
  std::optional<bool> insecure;
};
struct OtlpConfig {
  OtlpSignal all;                                  // OTEL_EXPORTER_OTLP_*
  OtlpSignal traces;                               // OTEL_EXPORTER_OTLP_TRACES_*; beats `all`
  OtlpSignal metrics;                              // OTEL_EXPORTER_OTLP_METRICS_*
  std::optional<std::string> metrics_temporality;  // cumulative, delta, lowmemory
  std::optional<std::string> traces_exporter;      // OTEL_TRACES_EXPORTER: otlp, console, none
  std::optional<std::string> metrics_exporter;
  // Whether anything asks for OTLP: an endpoint, or an exporter named otlp.
  bool wanted() const;
};

// What is kept at most. Each has a counter for what falls off.
struct Bounds {
  uint32_t rings = 0;                          // ring buffers and shard threads; 0: by the number of CPUs
  uint64_t ring_bytes = 8ULL << 20U;           // of each ring; a power of two
  uint32_t turn_budget_bytes = 4096;           // copied per direction and turn of a connection
  uint32_t max_connections = 32'768;           // in the kernel's and the agent's tables
  uint32_t max_threads = 8'192;                // in the kernel's table
  uint32_t max_targets = 4'096;                // processes traced at once
  uint64_t stream_bytes = 256ULL << 10U;       // buffered per direction of a connection
  uint64_t stream_bytes_total = 64ULL << 20U;  // buffered over all connections
  uint32_t max_open_exchanges = 1'024;         // per connection (pipelining)
  uint32_t max_pending_spans = 262'144;        // held by the assembler
  uint32_t max_series = 4'096;                 // attribute sets of one metric
  uint32_t queue_spans = 65'536;               // on their way to an exporter
  uint32_t batch_spans = 512;
  std::chrono::milliseconds batch_delay{1'000};
  std::chrono::milliseconds hold_time{1'000};  // how long a finished span may wait for the other end and for its parent
  std::chrono::milliseconds idle_connection_time{600'000};  // a connection without events is forgotten after it
  std::chrono::milliseconds shutdown_time{4'000};           // exporters' share of the exit
  std::chrono::milliseconds metric_interval{60'000};
};

struct Config {
  process::Selectors targets;
  OutputFormat format = OutputFormat::kAuto;
  std::string output;  // empty: standard output
  std::string record;  // empty: no recording
  std::optional<std::chrono::milliseconds> duration;
  std::optional<status::ListenAddress> status_listen;  // /healthz, /readyz, /metrics; absent: nothing listens
  CaptureSource capture_source = CaptureSource::kAuto;
  ExistingConnections existing_connections = ExistingConnections::kAuto;
  bool runtime_probes = true;                         // uprobes in language runtimes that tell which request work was started for
  bool websocket_messages = false;                    // a span of each
  std::chrono::milliseconds open_span_after{10'000};  // how long an exchange is open before a span says so; 0: never
  std::string log_level = "info";
  std::string log_format = "text";
  OtlpConfig otlp;
  bool sdk_disabled = false;                    // OTEL_SDK_DISABLED: nothing is exported by OTLP
  std::vector<std::string> http_known_methods;  // OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS; empty: the conventions' list
  Bounds bounds;
  std::vector<std::string> warnings;  // what was ignored in OTEL_* variables and why; one line each
};

}  // namespace wirespan::config
