// OTLP/HTTP against every answer that the specification names.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <deque>
#include <thread>

#include "exporters/otlp/otlp_exporter.h"
#include "opentelemetry/proto/collector/metrics/v1/metrics_service.pb.h"
#include "opentelemetry/proto/collector/trace/v1/trace_service.pb.h"
#include "tests/system/collector/http_fake.h"
#include "tests/unit/exporters/span_maker.h"

namespace wirespan::exporters::otlp {
namespace {

using testing::HasSubstr;
using testing_servers::HttpAnswer;
using testing_servers::HttpFake;
using Clock = std::chrono::steady_clock;
using TraceRequest = opentelemetry::proto::collector::trace::v1::ExportTraceServiceRequest;
using TraceResponse = opentelemetry::proto::collector::trace::v1::ExportTraceServiceResponse;

OtlpOptions OptionsFor(const HttpFake& server, Protocol protocol = Protocol::kHttpProtobuf) {
  OtlpOptions options;
  options.protocol = protocol;
  options.endpoint.target = "http://127.0.0.1:" + std::to_string(server.port()) + "/v1/traces";
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

ExportOutcome ExportOnce(HttpFake& server, size_t spans, Protocol protocol = Protocol::kHttpProtobuf) {
  const auto outcome = NewExporter(OptionsFor(server, protocol))->Export(MakeBatch(spans));
  EXPECT_EQ(outcome.accepted + outcome.rejected + outcome.gave_up, spans);
  return outcome;
}

class EnvironmentWithoutProxy : public testing::Environment {
 public:
  void SetUp() override { ::setenv("no_proxy", "*", 1); }
};
const auto* const kEnvironment = testing::AddGlobalTestEnvironment(new EnvironmentWithoutProxy);

TEST(OtlpHttp, TheRequestIsWhatTheSpecificationSays) {
  HttpFake server({});
  OtlpOptions options = OptionsFor(server);
  options.headers = {{"authorization", "Bearer x"}, {"x-empty", ""}};
  const auto exporter = NewExporter(options);
  EXPECT_EQ(exporter->Export(MakeBatch(3)).accepted, 3U);
  EXPECT_EQ(exporter->Export(MakeBatch(2)).accepted, 2U);
  const auto requests = server.requests();
  ASSERT_EQ(requests.size(), 2U);
  auto headers = requests[0].headers;
  EXPECT_EQ(requests[0].line, "POST /v1/traces HTTP/1.1");
  EXPECT_EQ(headers["content-type"], "application/x-protobuf");
  EXPECT_EQ(headers["user-agent"], "wirespan/1.2.3 OTel-OTLP-Exporter-Cpp/1.2.3");
  EXPECT_EQ(headers["authorization"], "Bearer x");
  EXPECT_TRUE(headers.contains("x-empty"));
  EXPECT_EQ(headers["accept-encoding"], "gzip");
  EXPECT_FALSE(headers.contains("content-encoding"));
  EXPECT_FALSE(headers.contains("expect"));
  TraceRequest parsed;
  ASSERT_TRUE(parsed.ParseFromString(requests[0].body));
  EXPECT_EQ(parsed.resource_spans(0).scope_spans(0).spans_size(), 3);
}

TEST(OtlpHttp, JsonAndGzipSayWhatTheyAre) {
  HttpFake server({});
  OtlpOptions options = OptionsFor(server, Protocol::kHttpJson);
  options.gzip = true;
  EXPECT_EQ(NewExporter(options)->Export(MakeBatch(3)).accepted, 3U);
  auto headers = server.requests().at(0).headers;
  EXPECT_EQ(headers["content-type"], "application/json");
  EXPECT_EQ(headers["content-encoding"], "gzip");
  EXPECT_EQ(server.requests()[0].body.substr(0, 2), "\x1f\x8b");
}

TEST(OtlpHttp, RetryableStatusesAreSentAgainUnchanged) {
  for (const int status : {429, 502, 503, 504}) {
    HttpFake server({{.status = status}, {.status = status}});
    const auto outcome = ExportOnce(server, 4);
    EXPECT_EQ(outcome.accepted, 4U) << status;
    EXPECT_EQ(outcome.attempts, 3U) << status;
    const auto requests = server.requests();
    ASSERT_EQ(requests.size(), 3U);
    EXPECT_EQ(requests[0].body, requests[2].body);
  }
}

TEST(OtlpHttp, AllOtherStatusesAreFinal) {
  for (const int status : {301, 400, 401, 403, 404, 408, 413, 500, 501, 505}) {
    // google.rpc.Status{code 3, message}
    HttpFake server({{.status = status, .headers = {"retry-after: 0", "location: /other"}, .body = "\x08\x03\x12\x07too\nbad"}});
    const auto outcome = ExportOnce(server, 4);
    EXPECT_EQ(outcome.rejected, 4U) << status;
    EXPECT_EQ(server.requests().size(), 1U) << status;
    EXPECT_THAT(outcome.message, HasSubstr("HTTP status " + std::to_string(status) + ": too bad"));
  }
}

TEST(OtlpHttp, RetryAfterIsWaitedFor) {
  HttpFake server({{.status = 429, .headers = {"Retry-After: 1"}}});
  EXPECT_EQ(ExportOnce(server, 1).accepted, 1U);
  const auto requests = server.requests();
  ASSERT_EQ(requests.size(), 2U);
  EXPECT_GE(requests[1].time - requests[0].time, std::chrono::seconds(1));
}

TEST(OtlpHttp, PartialSuccessIsCountedAndNotSentAgain) {
  TraceResponse response;
  response.mutable_partial_success()->set_rejected_spans(3);
  response.mutable_partial_success()->set_error_message("three are too old");
  HttpFake server({{.body = response.SerializeAsString()}});
  const auto outcome = ExportOnce(server, 10);
  EXPECT_EQ(outcome.accepted, 7U);
  EXPECT_EQ(outcome.rejected, 3U);
  EXPECT_EQ(outcome.message, "three are too old");
  EXPECT_EQ(server.requests().size(), 1U);
  HttpFake json_server({{.body = R"({"partialSuccess":{"rejectedSpans":"2","errorMessage":"two"}})"}});
  const auto json = ExportOnce(json_server, 10, Protocol::kHttpJson);
  EXPECT_EQ(json.rejected, 2U);
  EXPECT_EQ(json.message, "two");
}

TEST(OtlpHttp, AnAnswerThatIsNoOtlpIsSaid) {
  HttpFake server({{.body = "<html>hello</html>"}});
  const auto outcome = ExportOnce(server, 2);
  EXPECT_EQ(outcome.accepted, 2U);
  EXPECT_THAT(outcome.message, HasSubstr("is this an OTLP endpoint?"));
}

TEST(OtlpHttp, AConnectionClosedWithoutAnswerIsTriedAgain) {
  HttpFake server({{.kind = HttpAnswer::Kind::kClose}, {.kind = HttpAnswer::Kind::kClose}});
  EXPECT_EQ(ExportOnce(server, 2).accepted, 2U);
  EXPECT_GE(server.requests().size(), 3U);
}

TEST(OtlpHttp, NobodyListeningIsTriedAgainUntilTheTotalDeadline) {
  int port = 0;
  {
    const HttpFake server({});
    port = server.port();
  }
  OtlpOptions options;
  options.endpoint.target = "http://127.0.0.1:" + std::to_string(port) + "/v1/traces";
  options.retry = {.initial_backoff = Milliseconds(5), .max_backoff = Milliseconds(20), .total = Milliseconds(100)};
  const auto outcome = NewExporter(options)->Export(MakeBatch(2));
  EXPECT_EQ(outcome.gave_up, 2U);
  EXPECT_GT(outcome.attempts, 2U);
  EXPECT_THAT(outcome.message, HasSubstr("127.0.0.1:" + std::to_string(port)));
}

TEST(OtlpHttp, ASilentServerCostsOneAttemptsTimeout) {
  HttpFake server({{.kind = HttpAnswer::Kind::kSilence}});
  OtlpOptions options = OptionsFor(server);
  options.attempt_timeout = Milliseconds(150);
  const auto outcome = NewExporter(options)->Export(MakeBatch(2));
  EXPECT_EQ(outcome.accepted, 2U);
  EXPECT_EQ(outcome.attempts, 2U);
}

TEST(OtlpHttp, ShutdownEndsASilentAttemptAtItsDeadline) {
  HttpFake server({{.kind = HttpAnswer::Kind::kSilence}});
  OtlpOptions options = OptionsFor(server);
  options.attempt_timeout = std::chrono::hours(1);
  const auto exporter = NewExporter(options);
  std::thread stopper([&] {
    server.WaitForRequests(1);
    exporter->Shutdown(Clock::now() + std::chrono::milliseconds(50));
  });
  const auto outcome = exporter->Export(MakeBatch(2));  // returns at all: the time-out is an hour
  stopper.join();
  EXPECT_EQ(outcome.gave_up, 2U);
  EXPECT_THAT(outcome.message, HasSubstr("interrupted"));
}

TEST(OtlpHttp, AResponseOverFourMebibytesIsFinal) {
  HttpFake server({{.body = std::string(kMaxResponseBytes + 1, 'x')}});
  const auto outcome = ExportOnce(server, 2);
  EXPECT_EQ(outcome.rejected, 2U);
  EXPECT_EQ(outcome.attempts, 1U);
  EXPECT_THAT(outcome.message, HasSubstr("larger than 4 MiB"));
}

TEST(OtlpHttp, TheLimitHoldsForWhatAResponseUnpacksTo) {
  const std::string zeros(64U << 20, '\0');
  std::string packed(zeros.size() / 100, '\0');
  z_stream stream{};
  ASSERT_EQ(deflateInit2(&stream, 9, Z_DEFLATED, 16 + MAX_WBITS, 9, Z_DEFAULT_STRATEGY), Z_OK);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(zeros.data()));
  stream.avail_in = static_cast<uInt>(zeros.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  ASSERT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  ASSERT_LT(packed.size(), kMaxResponseBytes);
  HttpFake server({{.headers = {"content-encoding: gzip"}, .body = packed}});
  const auto outcome = ExportOnce(server, 2);
  EXPECT_EQ(outcome.rejected, 2U);
  EXPECT_THAT(outcome.message, HasSubstr("larger than 4 MiB"));
}

TEST(OtlpHttp, ALargeBatchIsSplitAndEachPartCountsForItself) {
  HttpFake server(std::deque<HttpAnswer>{{}, {.status = 400}, {}});
  OtlpOptions options = OptionsFor(server);
  options.request_bytes = 1'000;
  const auto outcome = NewExporter(options)->Export(MakeBatch(50));
  EXPECT_EQ(outcome.accepted + outcome.rejected, 50U);
  const auto requests = server.requests();
  ASSERT_GT(requests.size(), 3U);
  std::vector<int> spans;
  for (const auto& request : requests) {
    EXPECT_LE(request.body.size(), 1'000U);
    TraceRequest parsed;
    ASSERT_TRUE(parsed.ParseFromString(request.body));
    spans.push_back(parsed.resource_spans(0).scope_spans(0).spans_size());
  }
  EXPECT_EQ(outcome.rejected, static_cast<uint64_t>(spans[1]));
}

TEST(OtlpHttp, MetricsGoTheSameWay) {
  HttpFake server(std::deque<HttpAnswer>{{.status = 503}});
  OtlpOptions options = OptionsFor(server);
  options.signal = Signal::kMetrics;
  auto exporter = NewOtlpMetricExporter(options);
  ASSERT_TRUE(exporter.ok());
  MetricBatch batch;
  Metric metric;
  metric.name = "wirespan.losses";
  metric.sums.resize(2);
  batch.resources.push_back({MakeResource(1, "agent"), {metric}});
  EXPECT_EQ((*exporter)->Export(batch).accepted, 2U);
  opentelemetry::proto::collector::metrics::v1::ExportMetricsServiceRequest request;
  ASSERT_TRUE(request.ParseFromString(server.requests().at(1).body));
  EXPECT_EQ(request.resource_metrics(0).scope_metrics(0).metrics(0).sum().data_points_size(), 2);
}

}  // namespace
}  // namespace wirespan::exporters::otlp
