// A gRPC server, and a client that logs what each of its calls came to: grpc++, without generated code. Usage, behaviours and log
// as in peer.py; and `load PORT CALLS CONCURRENCY`, which logs nothing.
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <future>
#include <iostream>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

using grpc::ByteBuffer;
using grpc::Status;
using grpc::StatusCode;

constexpr int kMessages = 5;
constexpr size_t kBodyBytes = 1000;
constexpr std::chrono::milliseconds kDeadline{300};
constexpr std::array<std::string_view, 10> kBehaviours = {"Unary", "NotFound", "Internal", "Download", "Upload",
                                                          "Chat",  "Late",     "Endless",  "Slow",     "Missing"};

ByteBuffer BufferOf(const std::string& text) {
  const grpc::Slice slice(text);
  return {&slice, 1};
}
ByteBuffer Body() { return BufferOf(std::string(kBodyBytes, 'm')); }

std::string_view BehaviourOf(std::string_view method) {
  const std::string_view name = method.substr(method.rfind('/') + 1);
  return name.substr(0, name.find('-'));
}

class ServedCall final : public grpc::ServerGenericBidiReactor {
 public:
  explicit ServedCall(std::string_view method) : behaviour_(BehaviourOf(method)) {
    if (behaviour_ == "Missing") {
      End(Status(StatusCode::UNIMPLEMENTED, "no such method"));
    } else {
      StartRead(&request_);
    }
  }

  void OnReadDone(bool ok) override {
    if (!ok) return EndOfRequests();
    received_ += request_.Length();
    if (behaviour_ == "Unary") return EndWith(request_);
    if (behaviour_ == "NotFound") return End(Status(StatusCode::NOT_FOUND, "as asked"));
    if (behaviour_ == "Internal") return End(Status(StatusCode::INTERNAL, "as asked"));
    if (behaviour_ == "Upload") return StartRead(&request_);
    if (behaviour_ == "Slow") return Wait();
    Write(behaviour_ == "Chat" ? request_ : Body());
  }
  void OnWriteDone(bool ok) override {
    if (!ok) return End(Status(StatusCode::CANCELLED, "the client has gone"));
    if (behaviour_ == "Chat") return StartRead(&request_);
    if (behaviour_ == "Late") return End(Status(StatusCode::ABORTED, "after a message"));
    if (behaviour_ == "Endless") return Wait();
    if (++sent_ == kMessages) return End(Status::OK);
    Write(Body());
  }
  void OnCancel() override {
    is_cancelled_ = true;
    if (waits_) End(Status(StatusCode::CANCELLED, "the client has gone"));
  }
  void OnDone() override { delete this; }

 private:
  void EndOfRequests() {
    if (behaviour_ == "Upload" && !is_cancelled_) return EndWith(BufferOf(std::to_string(received_)));
    End(is_cancelled_ ? Status(StatusCode::CANCELLED, "the client has gone") : Status::OK);
  }
  // Until the client goes.
  void Wait() {
    waits_ = true;
    if (is_cancelled_) End(Status(StatusCode::CANCELLED, "the client has gone"));
  }
  void Write(ByteBuffer message) {
    response_ = std::move(message);
    StartWrite(&response_);
  }
  void EndWith(ByteBuffer message) {
    response_ = std::move(message);
    if (!has_ended_.exchange(true)) StartWriteAndFinish(&response_, {}, Status::OK);
  }
  void End(const Status& status) {
    if (!has_ended_.exchange(true)) Finish(status);
  }

  const std::string behaviour_;
  ByteBuffer request_;
  ByteBuffer response_;
  size_t received_ = 0;
  int sent_ = 0;
  std::atomic<bool> waits_ = false;
  std::atomic<bool> is_cancelled_ = false;
  std::atomic<bool> has_ended_ = false;
};

class Echo final : public grpc::CallbackGenericService {
  grpc::ServerGenericBidiReactor* CreateReactor(grpc::GenericCallbackServerContext* context) override {
    return new ServedCall(context->method());  // deletes itself when it is done
  }
};

int Serve() {
  Echo echo;
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterCallbackGenericService(&echo);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr) return 1;
  std::cout << "listening " << port << std::endl;
  std::string line;
  while (std::getline(std::cin, line)) {
  }
  server->Shutdown(std::chrono::system_clock::now());
  return 0;
}

class MadeCall final : public grpc::ClientBidiReactor<ByteBuffer, ByteBuffer> {
 public:
  MadeCall(grpc::GenericStub& stub, std::string_view behaviour, const std::string& path) : cancels_(behaviour == "Endless") {
    const bool sends_many = behaviour == "Upload" || behaviour == "Chat";
    to_send_ = sends_many ? kMessages : 1;
    if (behaviour == "Slow") context_.set_deadline(std::chrono::system_clock::now() + kDeadline);
    stub.PrepareBidiStreamingCall(&context_, path, {}, this);
    SendNext();
    StartRead(&response_);
    StartCall();
  }
  Status Await() { return done_.get_future().get(); }

  void OnWriteDone(bool ok) override {
    if (ok && to_send_ > 0) SendNext();
  }
  void OnReadDone(bool ok) override {
    if (!ok) return;
    if (cancels_) context_.TryCancel();
    StartRead(&response_);
  }
  void OnDone(const Status& status) override { done_.set_value(status); }

 private:
  void SendNext() {
    if (--to_send_ > 0) return StartWrite(&body_);
    StartWriteLast(&body_, {});
  }

  grpc::ClientContext context_;
  const ByteBuffer body_ = Body();
  ByteBuffer response_;
  const bool cancels_;
  int to_send_ = 0;
  std::promise<Status> done_;
};

Status Call(grpc::GenericStub& stub, std::string_view behaviour, const std::string& path) {
  const bool is_stream = behaviour == "Download" || behaviour == "Upload" || behaviour == "Chat" || behaviour == "Late" ||
                         behaviour == "Endless" || behaviour == "Slow";
  if (is_stream) return MadeCall(stub, behaviour, path).Await();
  grpc::ClientContext context;
  const ByteBuffer request = Body();
  ByteBuffer response;
  std::promise<Status> done;
  stub.UnaryCall(&context, path, {}, &request, &response, [&done](const Status& status) { done.set_value(status); });
  return done.get_future().get();
}

// As StatusCode of grpcio names it.
std::string_view NameOf(StatusCode code) {
  constexpr std::array<std::string_view, 17> kNames = {
      "OK",        "CANCELLED",      "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
      "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
      "ABORTED",   "OUT_OF_RANGE",   "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
      "DATA_LOSS", "UNAUTHENTICATED"};
  return kNames.at(static_cast<size_t>(code));
}

int RunClient(const std::string& port, const char* log_path, size_t rounds, size_t concurrency, bool is_early) {
  const std::shared_ptr<grpc::Channel> channel = grpc::CreateChannel("127.0.0.1:" + port, grpc::InsecureChannelCredentials());
  grpc::GenericStub stub(channel);
  if (is_early && !Call(stub, "Unary", "/lab.Echo/Unary-" + std::to_string(rounds * kBehaviours.size())).ok()) return 1;
  std::ofstream log(log_path);
  std::cout << "ready" << std::endl;
  std::string line;
  std::getline(std::cin, line);
  // A deadline is not to pass before the call is sent.
  if (!channel->WaitForConnected(std::chrono::system_clock::now() + std::chrono::minutes(1))) return 1;
  std::mutex lock;
  std::atomic<size_t> next = 0;
  const auto work = [&] {
    for (size_t number = next++; number < rounds * kBehaviours.size(); number = next++) {
      const std::string_view behaviour = kBehaviours[number % kBehaviours.size()];
      const std::string method = "lab.Echo/" + std::string(behaviour) + "-" + std::to_string(number);
      const Status status = Call(stub, behaviour, "/" + method);
      const std::lock_guard held(lock);
      log << R"({"method": ")" << method << R"(", "status": ")" << NameOf(status.error_code()) << "\"}\n";
    }
  };
  std::vector<std::thread> workers;
  for (size_t i = 0; i < concurrency; ++i) workers.emplace_back(work);
  for (std::thread& worker : workers) worker.join();
  return log.good() ? 0 : 1;
}

// Unary calls alone, as many at a time on one connection: what tests/bench loads a server with.
int RunLoad(const std::string& port, size_t calls, size_t concurrency) {
  const std::shared_ptr<grpc::Channel> channel = grpc::CreateChannel("127.0.0.1:" + port, grpc::InsecureChannelCredentials());
  grpc::GenericStub stub(channel);
  std::atomic<size_t> next = 0;
  std::atomic<size_t> succeeded = 0;
  const auto work = [&] {
    while (next++ < calls) succeeded += Call(stub, "Unary", "/lab.Echo/Unary").ok() ? 1 : 0;
  };
  std::vector<std::thread> workers;
  for (size_t i = 0; i < concurrency; ++i) workers.emplace_back(work);
  for (std::thread& worker : workers) worker.join();
  return succeeded == calls ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && std::string_view(argv[1]) == "server") return Serve();
  if (argc == 5 && std::string_view(argv[1]) == "load") {
    return RunLoad(argv[2], std::strtoul(argv[3], nullptr, 10), std::strtoul(argv[4], nullptr, 10));
  }
  if (argc != 6 && argc != 7) return 2;
  return RunClient(argv[2], argv[3], std::strtoul(argv[4], nullptr, 10), std::strtoul(argv[5], nullptr, 10), argc == 7);
}
