// OTLP/gRPC against every answer that the specification names. The server is the generated service with a script.
#include <gmock/gmock.h>
#include <google/protobuf/any.pb.h>
#include <google/protobuf/duration.pb.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <deque>
#include <functional>
#include <future>
#include <map>
#include <mutex>
#include <thread>

#include "exporters/otlp/otlp_exporter.h"
#include "opentelemetry/proto/collector/metrics/v1/metrics_service.grpc.pb.h"
#include "opentelemetry/proto/collector/trace/v1/trace_service.grpc.pb.h"
#include "tests/unit/exporters/span_maker.h"

namespace wirespan::exporters::otlp {
namespace {

namespace traces = opentelemetry::proto::collector::trace::v1;
namespace metrics = opentelemetry::proto::collector::metrics::v1;
using testing::HasSubstr;
using Clock = std::chrono::steady_clock;

class FakeService final : public traces::TraceService::Service, public metrics::MetricsService::Service {
 public:
  using Answer = std::function<grpc::Status(grpc::ServerContext&, traces::ExportTraceServiceResponse&)>;
  explicit FakeService(std::deque<Answer> answers) : answers_(std::move(answers)) {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
    builder.RegisterService(static_cast<traces::TraceService::Service*>(this));
    builder.RegisterService(static_cast<metrics::MetricsService::Service*>(this));
    server_ = builder.BuildAndStart();
  }
  ~FakeService() override { server_->Shutdown(std::chrono::system_clock::now()); }

  grpc::Status Export(grpc::ServerContext* context, const traces::ExportTraceServiceRequest* request,
                      traces::ExportTraceServiceResponse* response) override {
    Answer answer;
    {
      const std::lock_guard lock(mutex_);
      times.push_back(Clock::now());
      for (const auto& [key, value] : context->client_metadata()) {
        metadata[std::string(key.data(), key.size())] = std::string(value.data(), value.size());
      }
      for (const auto& group : request->resource_spans()) {
        for (const auto& scope : group.scope_spans()) spans += static_cast<size_t>(scope.spans_size());
      }
      changed_.notify_all();
      if (!answers_.empty()) {
        answer = std::move(answers_.front());
        answers_.pop_front();
      }
    }
    return answer ? answer(*context, *response) : grpc::Status::OK;
  }
  grpc::Status Export(grpc::ServerContext* /*context*/, const metrics::ExportMetricsServiceRequest* request,
                      metrics::ExportMetricsServiceResponse* response) override {
    const std::lock_guard lock(mutex_);
    metric_name = request->resource_metrics(0).scope_metrics(0).metrics(0).name();
    response->mutable_partial_success()->set_rejected_data_points(1);
    return grpc::Status::OK;
  }

  void WaitForCalls(size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return times.size() >= count; });
  }
  int port() const { return port_; }

  std::vector<Clock::time_point> times;
  std::map<std::string, std::string> metadata;
  size_t spans = 0;
  std::string metric_name;

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Answer> answers_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

FakeService::Answer Say(grpc::Status status) {
  return [status](grpc::ServerContext&, traces::ExportTraceServiceResponse&) { return status; };
}

std::string Field(char tag, const std::string& content) {
  return std::string(1, tag) + static_cast<char>(content.size()) + content;
}

// google.rpc.Status with a RetryInfo, as it travels in grpc-status-details-bin.
std::string RetryInfo(int milliseconds) {
  google::protobuf::Duration delay;
  delay.set_nanos(milliseconds * 1'000'000);
  google::protobuf::Any info;
  info.set_type_url("type.googleapis.com/google.rpc.RetryInfo");
  info.set_value(Field('\x0a', delay.SerializeAsString()));
  return "\x08\x08" + Field('\x1a', info.SerializeAsString());
}

OtlpOptions OptionsFor(const FakeService& server) {
  OtlpOptions options;
  options.protocol = Protocol::kGrpc;
  options.grpc_modules = {GRPC_MODULE};
  options.endpoint.target = "127.0.0.1:" + std::to_string(server.port());
  options.retry.initial_backoff = Milliseconds(5);
  options.retry.max_backoff = Milliseconds(20);
  options.scope.version = "1.2.3";
  return options;
}

std::unique_ptr<SpanExporter> NewExporter(const OtlpOptions& options) {
  auto exporter = NewOtlpSpanExporter(options);
  EXPECT_TRUE(exporter.ok());
  return *std::move(exporter);
}

SpanBatch MakeBatch(size_t spans) {
  SpanBatch batch;
  for (uint64_t i = 1; i <= spans; ++i) AddSpan(batch, i, i, 0, MakeResource(1, "shop"));
  return batch;
}

ExportOutcome ExportOnce(const FakeService& server, size_t spans) {
  const auto outcome = NewExporter(OptionsFor(server))->Export(MakeBatch(spans));
  EXPECT_EQ(outcome.accepted + outcome.rejected + outcome.gave_up, spans);
  return outcome;
}

TEST(OtlpGrpc, DeliversWithHeadersAndUserAgent) {
  FakeService server({});
  for (const bool gzip : {false, true}) {
    OtlpOptions options = OptionsFor(server);
    options.headers = {{"authorization", "Bearer x"}};
    options.gzip = gzip;
    server.spans = 0;
    EXPECT_EQ(NewExporter(options)->Export(MakeBatch(500)).accepted, 500U);
    EXPECT_EQ(server.spans, 500U);
    EXPECT_EQ(server.metadata["authorization"], "Bearer x");
    EXPECT_THAT(server.metadata["user-agent"], testing::StartsWith("wirespan/1.2.3 OTel-OTLP-Exporter-Cpp/1.2.3"));
  }
}

TEST(OtlpGrpc, RetryableCodesAreSentAgain) {
  for (const auto code :
       {grpc::CANCELLED, grpc::DEADLINE_EXCEEDED, grpc::ABORTED, grpc::OUT_OF_RANGE, grpc::UNAVAILABLE, grpc::DATA_LOSS}) {
    FakeService server({Say({code, "later"}), Say({code, "later"})});
    const auto outcome = ExportOnce(server, 3);
    EXPECT_EQ(outcome.accepted, 3U) << code;
    EXPECT_EQ(outcome.attempts, 3U) << code;
  }
}

TEST(OtlpGrpc, AllOtherCodesAreFinal) {
  for (const auto code :
       {grpc::UNKNOWN, grpc::INVALID_ARGUMENT, grpc::NOT_FOUND, grpc::ALREADY_EXISTS, grpc::PERMISSION_DENIED,
        grpc::RESOURCE_EXHAUSTED, grpc::FAILED_PRECONDITION, grpc::UNIMPLEMENTED, grpc::INTERNAL, grpc::UNAUTHENTICATED}) {
    FakeService server({Say({code, "never\nagain"})});
    const auto outcome = ExportOnce(server, 3);
    EXPECT_EQ(outcome.rejected, 3U) << code;
    EXPECT_EQ(server.times.size(), 1U) << code;
    EXPECT_THAT(outcome.message, HasSubstr("never again"));
  }
}

TEST(OtlpGrpc, ExhaustedWithRetryInfoIsSentAgainAfterItsDelay) {
  FakeService server({Say({grpc::RESOURCE_EXHAUSTED, "slow down", RetryInfo(300)})});
  const auto outcome = ExportOnce(server, 3);
  EXPECT_EQ(outcome.accepted, 3U);
  ASSERT_EQ(server.times.size(), 2U);
  EXPECT_GE(server.times[1] - server.times[0], std::chrono::milliseconds(300));
}

TEST(OtlpGrpc, PartialSuccessIsCountedAndNotSentAgain) {
  FakeService server({[](grpc::ServerContext&, traces::ExportTraceServiceResponse& response) {
    response.mutable_partial_success()->set_rejected_spans(4);
    response.mutable_partial_success()->set_error_message("four");
    return grpc::Status::OK;
  }});
  const auto outcome = ExportOnce(server, 10);
  EXPECT_EQ(outcome.accepted, 6U);
  EXPECT_EQ(outcome.rejected, 4U);
  EXPECT_EQ(outcome.message, "four");
  EXPECT_EQ(server.times.size(), 1U);
}

TEST(OtlpGrpc, AResponseOverFourMebibytesIsFinal) {
  FakeService server({[](grpc::ServerContext&, traces::ExportTraceServiceResponse& response) {
    response.mutable_partial_success()->set_error_message(std::string(kMaxResponseBytes + 1, 'x'));
    return grpc::Status::OK;
  }});
  const auto outcome = ExportOnce(server, 2);
  EXPECT_EQ(outcome.rejected, 2U);
  EXPECT_EQ(outcome.attempts, 1U);
}

// Holds a call until the test lets go of it.
class Silence {
 public:
  ~Silence() { Release(); }
  FakeService::Answer answer() {
    return [released = released_](grpc::ServerContext&, traces::ExportTraceServiceResponse&) {
      released.wait();
      return grpc::Status::CANCELLED;
    };
  }
  void Release() {
    if (!done_) release_.set_value();
    done_ = true;
  }

 private:
  std::promise<void> release_;
  std::shared_future<void> released_ = release_.get_future().share();
  bool done_ = false;
};

TEST(OtlpGrpc, ASilentServerCostsOneAttemptsTimeout) {
  Silence silence;
  FakeService server({silence.answer()});
  OtlpOptions options = OptionsFor(server);
  options.attempt_timeout = Milliseconds(150);
  const auto outcome = NewExporter(options)->Export(MakeBatch(2));
  silence.Release();
  EXPECT_EQ(outcome.accepted, 2U);
  EXPECT_EQ(outcome.attempts, 2U);
}

TEST(OtlpGrpc, ShutdownEndsASilentAttemptAtItsDeadline) {
  Silence silence;
  FakeService server({silence.answer()});
  OtlpOptions options = OptionsFor(server);
  options.attempt_timeout = std::chrono::hours(1);
  const auto exporter = NewExporter(options);
  std::thread stopper([&] {
    server.WaitForCalls(1);
    exporter->Shutdown(Clock::now() + std::chrono::milliseconds(50));
  });
  const auto outcome = exporter->Export(MakeBatch(2));
  stopper.join();
  silence.Release();
  EXPECT_EQ(outcome.gave_up, 2U);
  EXPECT_THAT(outcome.message, HasSubstr("interrupted"));
}

TEST(OtlpGrpc, NobodyListeningIsTriedAgainUntilTheTotalDeadline) {
  OtlpOptions options;
  {
    const FakeService server({});
    options = OptionsFor(server);
  }
  options.retry.total = Milliseconds(200);
  const auto outcome = NewExporter(options)->Export(MakeBatch(2));
  EXPECT_EQ(outcome.gave_up, 2U);
  EXPECT_GT(outcome.attempts, 1U);
  EXPECT_THAT(outcome.message, HasSubstr("UNAVAILABLE"));
}

TEST(OtlpGrpc, MetricsGoToTheirOwnService) {
  FakeService server({});
  auto exporter = NewOtlpMetricExporter(OptionsFor(server));
  ASSERT_TRUE(exporter.ok());
  MetricBatch batch;
  Metric metric;
  metric.name = "wirespan.losses";
  metric.sums.resize(3);
  batch.resources.push_back({MakeResource(1, "agent"), {metric}});
  const auto outcome = (*exporter)->Export(batch);
  EXPECT_EQ(outcome.accepted, 2U);
  EXPECT_EQ(outcome.rejected, 1U);
  EXPECT_EQ(server.metric_name, "wirespan.losses");
}

TEST(OtlpGrpc, HeadersThatGrpcCannotSendAreAnErrorAtTheStart) {
  const FakeService server({});
  for (const char* name : {"x(y)", "grpc-timeout", "key-bin"}) {
    OtlpOptions options = OptionsFor(server);
    options.headers = {{name, "v"}};
    EXPECT_FALSE(NewOtlpSpanExporter(options).ok()) << name;
  }
}

}  // namespace
}  // namespace wirespan::exporters::otlp
