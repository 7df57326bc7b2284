// OtlpOptions: everything an OTLP exporter is told. Made from the OTEL_EXPORTER_OTLP_* variables and their overrides (the options
// of the command line and the configuration file, by the same names), validated here and nowhere else.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "exporters/otlp/endpoint.h"
#include "exporters/otlp/retry_policy.h"
#include "exporters/outcome.h"

namespace wirespan::exporters::otlp {

inline constexpr std::string_view kSchemaUrl = "https://opentelemetry.io/schemas/1.44.0";

// Who says it: the instrumentation scope of every span and metric.
struct Scope {
  std::string name = "wirespan";
  std::string version;
  std::string schema_url{kSchemaUrl};
};

// PEM text, not paths: this library reads no files. Empty: the system's certificate authorities; no client certificate.
struct TlsOptions {
  std::string ca_pem;
  std::string client_certificate_pem;
  std::string client_key_pem;
};

// Limits of the specification: 64 MiB a request before compression, 4 MiB a response after decompression.
inline constexpr size_t kMaxRequestBytes = 64U << 20;
inline constexpr size_t kMaxResponseBytes = 4U << 20;

struct OtlpOptions {
  Signal signal = Signal::kTraces;
  Protocol protocol = Protocol::kHttpProtobuf;
  Endpoint endpoint;
  std::vector<std::pair<std::string, std::string>> headers;  // lowercase names
  bool gzip = false;
  Milliseconds attempt_timeout{10'000};
  RetryOptions retry;
  TlsOptions tls;
  Scope scope;
  size_t request_bytes = 4U << 20;  // a batch that is larger is split; many servers take no more by gRPC
  std::string user_agent_product = "wirespan";
  // Where the module that makes gRPC's calls may be: absolute paths, the first that is there is loaded. For protocol kGrpc.
  std::vector<std::string> grpc_modules;
  // Told once per outage, by the thread of Export, when a request failed and will be sent again: a person should not have to wait
  // for the end of all retries to learn that nobody listens. May be null.
  std::function<void(const std::string& why)> on_retry;
};

// Where options are read from. Empty values count as not set.
struct OptionSource {
  // A variable of the environment ("OTEL_EXPORTER_OTLP_ENDPOINT"); nullopt: not set.
  std::function<std::optional<std::string>(std::string_view)> environment;
  // The same names from the command line or the configuration file; a name found here, signal-specific or not, wins over every
  // name of the environment. May be null.
  std::function<std::optional<std::string>(std::string_view)> overrides;
  // The content of a file (certificates and keys), or why it cannot be read. May be null: then such a variable is an error.
  std::function<ValueOr<std::string>(const std::string&)> read_file;
};

// ENDPOINT, PROTOCOL, HEADERS, COMPRESSION, TIMEOUT, CERTIFICATE, CLIENT_KEY, CLIENT_CERTIFICATE, INSECURE, each with its
// _TRACES_/_METRICS_ form. `warnings` receives a line for each value that the specification says to ignore (bad numbers, unknown
// words); an unusable endpoint, header or certificate is an error.
ValueOr<OtlpOptions> OtlpOptionsFromEnvironment(Signal signal, const OptionSource& source, std::vector<std::string>& warnings);

// True where any OTEL_EXPORTER_OTLP_*ENDPOINT is given: somebody asked for OTLP.
bool IsOtlpConfigured(Signal signal, const OptionSource& source);

}  // namespace wirespan::exporters::otlp
