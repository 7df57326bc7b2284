// GrpcChannel: unary calls of bytes by gRPC. It is implemented by a module, a shared object that is loaded where OTLP/gRPC is
// asked for: gRPC and what it links are some 60 libraries and 5 MB resident, of no use to everybody else. Module and program are
// built together, and both must say the same kGrpcModuleBuild.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace wirespan::exporters::otlp {

struct GrpcChannelOptions {
  std::string target;  // "host:port" or "unix:/path"
  std::string method;  // "/package.Service/Method"
  bool tls = false;
  std::string ca_pem;  // PEM text; empty: the system's authorities, no client certificate
  std::string client_certificate_pem;
  std::string client_key_pem;
  std::string user_agent;
  std::vector<std::pair<std::string, std::string>> headers;  // names that gRPC takes; it aborts on others
  bool gzip = false;
  std::chrono::milliseconds timeout{};  // of one call
  size_t max_request_bytes = 0;
  size_t max_response_bytes = 0;
};

struct GrpcAnswer {
  bool interrupted = false;  // Interrupt's deadline came; the rest says nothing
  int code = 0;              // of the gRPC protocol, 0 to 16
  std::string message;       // the server's or gRPC's own words
  std::string details;       // grpc-status-details-bin
  std::string body;          // of code 0
};

class GrpcChannel {
 public:
  virtual ~GrpcChannel() = default;
  // Blocks until there is an answer, for at most the time-out, and not beyond Interrupt's deadline. One thread at a time. `body`
  // is copied.
  virtual GrpcAnswer Call(std::string_view body) = 0;
  // A running Call, and every later one, ends by `deadline`. Any thread.
  virtual void Interrupt(std::chrono::steady_clock::time_point deadline) = 0;
};

// What the module gives, as its symbol `wirespan_grpc_module`.
struct GrpcModule {
  const char* build;  // first in every version, and compared before anything else is used
  // Connects to nothing yet. Null: gRPC makes no channel of these options.
  std::unique_ptr<GrpcChannel> (*open)(const GrpcChannelOptions& options);
};
inline constexpr char kGrpcModuleSymbol[] = "wirespan_grpc_module";
inline constexpr char kGrpcModuleFile[] = "wirespan_grpc.so";
// The version, the number of this interface, and the compiler, whose standard library both sides have to share.
inline constexpr char kGrpcModuleBuild[] = WIRESPAN_VERSION ", interface 1, " __VERSION__;

}  // namespace wirespan::exporters::otlp
