// OTLP/gRPC through the generic stub: the request is bytes already, so no generated class takes part.
#include <grpc/support/log.h>
#include <grpcpp/channel.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/channel_arguments.h>

#include <algorithm>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <vector>

#include "exporters/otlp/response.h"
#include "exporters/otlp/transport.h"

namespace wirespan::exporters::otlp {
namespace {

constexpr char kTraceMethod[] = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
constexpr char kMetricMethod[] = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";

std::shared_ptr<grpc::ChannelCredentials> CredentialsFor(const OtlpOptions& options) {
  if (!options.endpoint.tls) return grpc::InsecureChannelCredentials();
  grpc::SslCredentialsOptions tls;
  tls.pem_root_certs = options.tls.ca_pem;
  tls.pem_cert_chain = options.tls.client_certificate_pem;
  tls.pem_private_key = options.tls.client_key_pem;
  return grpc::SslCredentials(tls);
}

// What gRPC would print for every failed handshake is in the outcome of the call. GRPC_VERBOSITY, gRPC's own switch, brings it
// back.
void QuietGrpcOnce() {
  static const bool done = [] {
    if (std::getenv("GRPC_VERBOSITY") == nullptr) gpr_set_log_function([](gpr_log_func_args* /*line*/) {});
    return true;
  }();
  (void)done;
}

grpc::ChannelArguments ArgumentsFor(const OtlpOptions& options) {
  grpc::ChannelArguments arguments;
  arguments.SetUserAgentPrefix(UserAgent(options));
  arguments.SetMaxReceiveMessageSize(static_cast<int>(kMaxResponseBytes));
  arguments.SetMaxSendMessageSize(static_cast<int>(kMaxRequestBytes));
  // Retries are decided in one place, by the rules of OTLP; the channel only reconnects, and soon enough for them.
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 200);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 200);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 5'000);
  // Exporters do not share a connection that one of them may be waiting on.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return arguments;
}

std::string BytesOf(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  if (!buffer.Valid() || !buffer.Dump(&slices).ok()) return {};
  std::string out;
  for (const auto& slice : slices) out.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  return out;
}

class GrpcTransport final : public Transport {
 public:
  GrpcTransport(const OtlpOptions& options, std::shared_ptr<grpc::Channel> channel)
      : options_(options), method_(options.signal == Signal::kTraces ? kTraceMethod : kMetricMethod), stub_(std::move(channel)) {}

  Attempt Send(std::string_view body, bool /*is_gzip*/) override {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + options_.attempt_timeout);
    if (options_.gzip) context.set_compression_algorithm(GRPC_COMPRESS_GZIP);
    for (const auto& [name, value] : options_.headers) context.AddMetadata(name, value);
    // Copied: the transport may hold on to the bytes after a call that was cut short. 1 % of a batch's way out.
    const grpc::Slice slice(body.data(), body.size());
    const grpc::ByteBuffer request(&slice, 1);
    grpc::ByteBuffer response;
    bool done = false;
    grpc::Status status;
    stub_.UnaryCall(&context, method_, {}, &request, &response, [&](grpc::Status outcome) {
      const std::lock_guard lock(mutex_);
      status = std::move(outcome);
      done = true;
      changed_.notify_all();
    });
    const bool interrupted = WaitUntil(done, context);
    return interrupted ? Interrupted() : Judge(status, response);
  }

  void Interrupt(Clock::time_point deadline) override {
    const std::lock_guard lock(mutex_);
    stop_.Set(deadline);
    changed_.notify_all();
  }

  bool compresses() const override { return true; }

 private:
  // Returns once the call is over and refers to nothing here any more; true: because Interrupt's deadline came.
  bool WaitUntil(const bool& done, grpc::ClientContext& context) {
    std::unique_lock lock(mutex_);
    bool cancelled = false;
    while (!done) {
      if (!stop_.is_set() || cancelled) {
        changed_.wait(lock);
      } else if (Clock::now() >= stop_.get()) {
        cancelled = true;
        lock.unlock();
        context.TryCancel();
        lock.lock();
      } else {
        changed_.wait_until(lock, stop_.get());
      }
    }
    return cancelled;
  }

  std::string Where() const { return "OTLP/gRPC to " + options_.endpoint.target + ": "; }

  Attempt Interrupted() const {
    Attempt out;
    out.result = Attempt::Result::kInterrupted;
    out.message = Where() + "interrupted by the end of the agent";
    return out;
  }

  Attempt Judge(const grpc::Status& status, const grpc::ByteBuffer& response) const {
    Attempt out;
    if (status.ok()) {
      const ExportResponse parsed = ParseExportResponse(BytesOf(response));
      out.result = Attempt::Result::kDelivered;
      out.rejected = parsed.rejected;
      out.message = parsed.valid ? parsed.message : Where() + "the answer is not an OTLP response";
      return out;
    }
    const RpcStatus details = ParseRpcStatus(status.error_details());
    out.message =
        Where() + CodeName(status.error_code()) + (status.error_message().empty() ? "" : ": " + OneLine(status.error_message()));
    if (IsRetryableGrpcStatus(status.error_code(), details.retry_delay.has_value())) {
      out.result = Attempt::Result::kRetry;
      out.server_minimum = details.retry_delay;
    }
    return out;
  }

  static std::string CodeName(grpc::StatusCode code) {
    static constexpr const char* kNames[] = {
        "OK",        "CANCELLED",      "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
        "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
        "ABORTED",   "OUT_OF_RANGE",   "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
        "DATA_LOSS", "UNAUTHENTICATED"};
    const auto index = static_cast<size_t>(code);
    return index < std::size(kNames) ? kNames[index] : "status " + std::to_string(static_cast<int>(code));
  }

  const OtlpOptions options_;
  const std::string method_;
  grpc::GenericStub stub_;
  StopDeadline stop_;
  std::mutex mutex_;
  std::condition_variable changed_;
};

}  // namespace

ValueOr<std::unique_ptr<Transport>> NewGrpcTransport(const OtlpOptions& options) {
  for (const auto& [name, value] : options.headers) {
    // gRPC's metadata keys are narrower than HTTP's header names, and it aborts on what it cannot send.
    const bool valid = !name.empty() && name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_-.") == std::string::npos;
    if (!valid || name.starts_with("grpc-")) return Failure{"OTLP/gRPC cannot send a header named '" + OneLine(name) + "'"};
    if (name.ends_with("-bin")) return Failure{"OTLP/gRPC: header '" + name + "' would be binary; give it another name"};
  }
  QuietGrpcOnce();
  auto channel = grpc::CreateCustomChannel(options.endpoint.target, CredentialsFor(options), ArgumentsFor(options));
  if (!channel) return Failure{"OTLP/gRPC: no channel to " + options.endpoint.target};
  return std::unique_ptr<Transport>(std::make_unique<GrpcTransport>(options, std::move(channel)));
}

}  // namespace wirespan::exporters::otlp
