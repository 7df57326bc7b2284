// The module wirespan_grpc.so: GrpcChannel through the generic stub. The request is bytes already, so no generated class takes
// part.
#include "exporters/otlp/grpc_channel.h"

#include <grpc/support/log.h>
#include <grpcpp/channel.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/channel_arguments.h>

#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <optional>
#include <utility>

namespace wirespan::exporters::otlp {
namespace {

using Clock = std::chrono::steady_clock;

std::shared_ptr<grpc::ChannelCredentials> CredentialsFor(const GrpcChannelOptions& options) {
  if (!options.tls) return grpc::InsecureChannelCredentials();
  grpc::SslCredentialsOptions tls;
  tls.pem_root_certs = options.ca_pem;
  tls.pem_cert_chain = options.client_certificate_pem;
  tls.pem_private_key = options.client_key_pem;
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

grpc::ChannelArguments ArgumentsFor(const GrpcChannelOptions& options) {
  grpc::ChannelArguments arguments;
  arguments.SetUserAgentPrefix(options.user_agent);
  arguments.SetMaxReceiveMessageSize(static_cast<int>(options.max_response_bytes));
  arguments.SetMaxSendMessageSize(static_cast<int>(options.max_request_bytes));
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

class Channel final : public GrpcChannel {
 public:
  Channel(const GrpcChannelOptions& options, std::shared_ptr<grpc::Channel> channel)
      : options_(options), stub_(std::move(channel)) {}

  GrpcAnswer Call(std::string_view body) override {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + options_.timeout);
    if (options_.gzip) context.set_compression_algorithm(GRPC_COMPRESS_GZIP);
    for (const auto& [name, value] : options_.headers) context.AddMetadata(name, value);
    // Copied: the transport may hold on to the bytes after a call that was cut short. 1 % of a batch's way out.
    const grpc::Slice slice(body.data(), body.size());
    const grpc::ByteBuffer request(&slice, 1);
    grpc::ByteBuffer response;
    bool done = false;
    grpc::Status status;
    stub_.UnaryCall(&context, options_.method, {}, &request, &response, [&](grpc::Status outcome) {
      const std::lock_guard lock(mutex_);
      status = std::move(outcome);
      done = true;
      changed_.notify_all();
    });
    GrpcAnswer answer;
    answer.interrupted = WaitUntil(done, context);
    if (answer.interrupted) return answer;
    answer.code = static_cast<int>(status.error_code());
    answer.message = status.error_message();
    answer.details = status.error_details();
    if (status.ok()) answer.body = BytesOf(response);
    return answer;
  }

  void Interrupt(Clock::time_point deadline) override {
    const std::lock_guard lock(mutex_);
    stop_ = deadline;
    changed_.notify_all();
  }

 private:
  // Returns once the call is over and refers to nothing here any more; true: because Interrupt's deadline came.
  bool WaitUntil(const bool& done, grpc::ClientContext& context) {
    std::unique_lock lock(mutex_);
    bool cancelled = false;
    while (!done) {
      if (!stop_ || cancelled) {
        changed_.wait(lock);
      } else if (Clock::now() >= *stop_) {
        cancelled = true;
        lock.unlock();
        context.TryCancel();
        lock.lock();
      } else {
        changed_.wait_until(lock, *stop_);
      }
    }
    return cancelled;
  }

  const GrpcChannelOptions options_;
  grpc::GenericStub stub_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<Clock::time_point> stop_;  // guarded by mutex_
};

std::unique_ptr<GrpcChannel> OpenChannel(const GrpcChannelOptions& options) {
  QuietGrpcOnce();
  auto channel = grpc::CreateCustomChannel(options.target, CredentialsFor(options), ArgumentsFor(options));
  if (!channel) return nullptr;
  return std::make_unique<Channel>(options, std::move(channel));
}

}  // namespace
}  // namespace wirespan::exporters::otlp

extern "C" __attribute__((visibility("default"))) const wirespan::exporters::otlp::GrpcModule wirespan_grpc_module;
const wirespan::exporters::otlp::GrpcModule wirespan_grpc_module = {wirespan::exporters::otlp::kGrpcModuleBuild,
                                                                    wirespan::exporters::otlp::OpenChannel};
