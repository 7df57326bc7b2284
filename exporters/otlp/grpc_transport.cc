// OTLP/gRPC: what is sent, and what an answer means. The calls themselves are the module's (grpc_channel.h).
#include <iterator>

#include "exporters/joined.h"
#include "exporters/otlp/grpc_module.h"
#include "exporters/otlp/response.h"
#include "exporters/otlp/transport.h"

namespace wirespan::exporters::otlp {
namespace {

constexpr char kTraceMethod[] = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
constexpr char kMetricMethod[] = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";

GrpcChannelOptions ChannelOptionsOf(const OtlpOptions& options) {
  GrpcChannelOptions out;
  out.target = options.endpoint.target;
  out.method = options.signal == Signal::kTraces ? kTraceMethod : kMetricMethod;
  out.tls = options.endpoint.tls;
  out.ca_pem = options.tls.ca_pem;
  out.client_certificate_pem = options.tls.client_certificate_pem;
  out.client_key_pem = options.tls.client_key_pem;
  out.user_agent = UserAgent(options);
  out.headers = options.headers;
  out.gzip = options.gzip;
  out.timeout = options.attempt_timeout;
  out.max_request_bytes = kMaxRequestBytes;
  out.max_response_bytes = kMaxResponseBytes;
  return out;
}

class GrpcTransport final : public Transport {
 public:
  GrpcTransport(std::string target, std::unique_ptr<GrpcChannel> channel)
      : where_(Joined({"OTLP/gRPC to ", target, ": "})), channel_(std::move(channel)) {}

  Attempt Send(std::string_view body, bool /*is_gzip*/) override {
    const GrpcAnswer answer = channel_->Call(body);
    return answer.interrupted ? Interrupted() : Judge(answer);
  }

  void Interrupt(Clock::time_point deadline) override { channel_->Interrupt(deadline); }

  bool compresses() const override { return true; }

 private:
  Attempt Interrupted() const {
    Attempt out;
    out.result = Attempt::Result::kInterrupted;
    out.message = where_ + "interrupted by the end of the agent";
    return out;
  }

  Attempt Judge(const GrpcAnswer& answer) const {
    Attempt out;
    if (answer.code == 0) {
      const ExportResponse parsed = ParseExportResponse(answer.body);
      out.result = Attempt::Result::kDelivered;
      out.rejected = parsed.rejected;
      out.message = parsed.valid ? parsed.message : where_ + "the answer is not an OTLP response";
      return out;
    }
    const RpcStatus details = ParseRpcStatus(answer.details);
    out.message = where_ + CodeName(answer.code) + (answer.message.empty() ? "" : ": " + OneLine(answer.message));
    if (IsRetryableGrpcStatus(answer.code, details.retry_delay.has_value())) {
      out.result = Attempt::Result::kRetry;
      out.server_minimum = details.retry_delay;
    }
    return out;
  }

  // gRPC's statuscodes.md.
  static std::string CodeName(int code) {
    static constexpr const char* kNames[] = {
        "OK",        "CANCELLED",      "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
        "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
        "ABORTED",   "OUT_OF_RANGE",   "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
        "DATA_LOSS", "UNAUTHENTICATED"};
    const auto index = static_cast<size_t>(code);
    return index < std::size(kNames) ? kNames[index] : "status " + std::to_string(code);
  }

  const std::string where_;
  const std::unique_ptr<GrpcChannel> channel_;
};

}  // namespace

ValueOr<std::unique_ptr<Transport>> NewGrpcTransport(const OtlpOptions& options) {
  for (const auto& [name, value] : options.headers) {
    // gRPC's metadata keys are narrower than HTTP's header names, and it aborts on what it cannot send.
    const bool valid = !name.empty() && name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_-.") == std::string::npos;
    if (!valid || name.starts_with("grpc-")) return Failure{"OTLP/gRPC cannot send a header named '" + OneLine(name) + "'"};
    if (name.ends_with("-bin")) return Failure{"OTLP/gRPC: header '" + name + "' would be binary; give it another name"};
  }
  const ValueOr<const GrpcModule*> module = LoadGrpcModule(options.grpc_modules);
  if (!module) return Failure{module.error()};
  std::unique_ptr<GrpcChannel> channel = (*module)->open(ChannelOptionsOf(options));
  if (!channel) return Failure{Joined({"OTLP/gRPC: no channel to ", options.endpoint.target})};
  return std::unique_ptr<Transport>(std::make_unique<GrpcTransport>(options.endpoint.target, std::move(channel)));
}

}  // namespace wirespan::exporters::otlp
