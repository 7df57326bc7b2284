// Spans and metrics into a real OpenTelemetry Collector, by every transport, and read back from what it wrote; and the Collector
// going away and coming back under a running export loop.
#include <gmock/gmock.h>
#include <google/protobuf/util/json_util.h>
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <set>

#include "agent/export/export_loop.h"
#include "exporters/otlp/otlp_exporter.h"
#include "opentelemetry/proto/collector/metrics/v1/metrics_service.pb.h"
#include "tests/system/collector/collector_process.h"
#include "tests/unit/exporters/expected_span.h"
#include "tests/unit/exporters/otlp_json.h"
#include "tests/unit/exporters/span_maker.h"

namespace wirespan::exporters::otlp {
namespace {

using exporting::ExportLoop;
using testing_servers::CollectorProcess;
using testing_servers::Security;
using testing_servers::ThrowawayCa;
using Clock = std::chrono::steady_clock;
using ProtoSpan = opentelemetry::proto::trace::v1::Span;

struct Transport {
  Protocol protocol;
  Security security;
  bool gzip;
};

std::vector<Transport> AllTransports() {
  std::vector<Transport> out;
  for (const Protocol protocol : {Protocol::kGrpc, Protocol::kHttpProtobuf, Protocol::kHttpJson}) {
    for (const Security security : {Security::kNone, Security::kTls, Security::kMutualTls}) {
      for (const bool gzip : {false, true}) out.push_back({protocol, security, gzip});
    }
  }
  return out;
}

class CollectorTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string reason;
    const auto binary = testing_servers::FindCollector(reason);
    if (!binary) GTEST_SKIP() << reason;
    ::setenv("no_proxy", "*", 1);
    std::string pattern = (std::filesystem::temp_directory_path() / "wirespan-collector-XXXXXX").string();
    dir_ = ::mkdtemp(pattern.data());
    ca_ = std::make_unique<ThrowawayCa>(dir_);
    ASSERT_TRUE(ca_->ok()) << "openssl made no certificates";
    collector_ = std::make_unique<CollectorProcess>(*binary, dir_, ca_.get());
    ASSERT_TRUE(collector_->Start()) << collector_->log();
  }
  void TearDown() override {
    collector_.reset();
    if (!dir_.empty()) std::filesystem::remove_all(dir_);
  }

  OtlpOptions OptionsFor(const Transport& transport, Signal signal = Signal::kTraces) const {
    OtlpOptions options;
    options.signal = signal;
    options.protocol = transport.protocol;
    options.grpc_modules = {GRPC_MODULE};
    options.gzip = transport.gzip;
    const bool grpc = transport.protocol == Protocol::kGrpc;
    const bool tls = transport.security != Security::kNone;
    const int port = grpc ? collector_->grpc_port(transport.security) : collector_->http_port(transport.security);
    const std::string url = std::string(tls ? "https" : "http") + "://127.0.0.1:" + std::to_string(port);
    const auto endpoint = ResolveEndpoint({signal, transport.protocol, url, "", false});
    EXPECT_TRUE(endpoint.ok());
    options.endpoint = *endpoint;
    options.retry = {.initial_backoff = Milliseconds(20), .max_backoff = Milliseconds(200), .total = std::chrono::minutes(5)};
    options.scope.version = "1.2.3";
    if (tls) options.tls.ca_pem = ca_->Read("ca.crt");
    if (transport.security == Security::kMutualTls) {
      options.tls.client_certificate_pem = ca_->Read("client.crt");
      options.tls.client_key_pem = ca_->Read("client.key");
    }
    return options;
  }

  // What the Collector wrote, by span id. Counts ids that it has more than once.
  std::map<std::string, ProtoSpan> Received(size_t& doubled) const {
    std::map<std::string, ProtoSpan> out;
    doubled = 0;
    for (const auto& line : collector_->TraceLines()) {
      const auto request = ParseTracesJson(line);
      for (const auto& group : request.resource_spans()) {
        EXPECT_EQ(group.schema_url(), kSchemaUrl);
        for (const auto& scope : group.scope_spans()) {
          EXPECT_EQ(scope.scope().name(), "wirespan");
          EXPECT_EQ(scope.scope().version(), "1.2.3");
          for (const auto& span : scope.spans()) {
            if (!out.emplace(span.span_id(), span).second) ++doubled;
          }
        }
      }
    }
    return out;
  }

  std::string dir_;
  std::unique_ptr<ThrowawayCa> ca_;
  std::unique_ptr<CollectorProcess> collector_;
};

TEST_F(CollectorTest, EveryTransportDeliversEveryFieldOfEverySpan) {
  constexpr size_t kSpans = 150;
  SpanMaker maker(41);
  std::vector<SpanBatch> batches;
  for (const Transport& transport : AllTransports()) {
    SCOPED_TRACE(std::string(Name(transport.protocol)) + " security " + std::to_string(static_cast<int>(transport.security)) +
                 " gzip " + std::to_string(transport.gzip));
    auto exporter = NewOtlpSpanExporter(OptionsFor(transport));
    ASSERT_TRUE(exporter.ok()) << exporter.error();
    SpanBatch batch;
    maker.Fill(batch, kSpans);
    const auto outcome = (*exporter)->Export(batch);
    EXPECT_EQ(outcome.accepted, kSpans) << outcome.message;
    EXPECT_EQ(outcome.attempts, 1U);
    batches.push_back(std::move(batch));
  }
  collector_->Stop();
  size_t doubled = 0;
  const auto received = Received(doubled);
  EXPECT_EQ(doubled, 0U);
  EXPECT_EQ(received.size(), kSpans * batches.size());
  for (const auto& batch : batches) {
    for (size_t i = 0; i < batch.size; ++i) {
      const ProtoSpan expected = ExpectedSpan(batch.spans[i]);
      const auto found = received.find(expected.span_id());
      ASSERT_NE(found, received.end());
      ASSERT_TRUE(google::protobuf::util::MessageDifferencer::Equals(found->second, expected))
          << found->second.DebugString() << "\nwanted\n"
          << expected.DebugString();
    }
  }
}

TEST_F(CollectorTest, ACertificateThatNobodyTrustsDeliversNothing) {
  for (const Protocol protocol : {Protocol::kGrpc, Protocol::kHttpProtobuf}) {
    for (const Security security : {Security::kTls, Security::kMutualTls}) {
      OtlpOptions options = OptionsFor({protocol, security, false});
      options.retry.total = Milliseconds(300);
      if (security == Security::kTls) {
        options.tls.ca_pem.clear();  // the system's authorities do not know the throwaway one
      } else {
        options.tls.client_certificate_pem.clear();  // the server asks for a client's certificate
        options.tls.client_key_pem.clear();
      }
      auto exporter = NewOtlpSpanExporter(options);
      ASSERT_TRUE(exporter.ok());
      SpanMaker maker(42);
      SpanBatch batch;
      maker.Fill(batch, 3);
      const auto outcome = (*exporter)->Export(batch);
      EXPECT_EQ(outcome.accepted, 0U);
      EXPECT_EQ(outcome.rejected + outcome.gave_up, 3U);
      EXPECT_NE(outcome.message, "");
    }
  }
  collector_->Stop();
  EXPECT_TRUE(collector_->TraceLines().empty());
}

TEST_F(CollectorTest, MetricsArriveByEveryTransport) {
  MetricBatch batch;
  Metric histogram;
  histogram.name = "http.server.request.duration";
  histogram.unit = "s";
  histogram.type = Metric::Type::kHistogram;
  histogram.bounds = {0.005, 0.01};
  HistogramPoint point;
  point.attributes.String("http.request.method", "GET");
  point.start_unix_ns = 1'700'000'000'000'000'000;
  point.time_unix_ns = point.start_unix_ns + 1;
  point.count = 6;
  point.sum = 0.25;
  point.max = 0.1;
  point.bucket_counts = {1, 2, 3};
  histogram.histograms = {point};
  batch.resources.push_back({MakeResource(1, "shop"), {histogram}});
  const auto transports = AllTransports();
  for (const Transport& transport : transports) {
    auto exporter = NewOtlpMetricExporter(OptionsFor(transport, Signal::kMetrics));
    ASSERT_TRUE(exporter.ok());
    const auto outcome = (*exporter)->Export(batch);
    EXPECT_EQ(outcome.accepted, 1U) << outcome.message;
  }
  collector_->Stop();
  const auto lines = collector_->MetricLines();
  ASSERT_EQ(lines.size(), transports.size());
  for (const auto& line : lines) {
    opentelemetry::proto::collector::metrics::v1::ExportMetricsServiceRequest request;
    ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(line, &request).ok());
    const auto& metric = request.resource_metrics(0).scope_metrics(0).metrics(0);
    EXPECT_EQ(metric.name(), "http.server.request.duration");
    EXPECT_EQ(metric.unit(), "s");
    const auto& got = metric.histogram().data_points(0);
    EXPECT_EQ(got.count(), 6U);
    EXPECT_EQ(got.sum(), 0.25);
    EXPECT_THAT(got.bucket_counts(), testing::ElementsAre(1, 2, 3));
    EXPECT_THAT(got.explicit_bounds(), testing::ElementsAre(0.005, 0.01));
  }
}

// Ids 1.. of the spans that were put, so that what arrived can be told apart.
class Producer {
 public:
  explicit Producer(ExportLoop& loop) : loop_(loop) {}
  void Put(size_t spans) {
    SpanBatch batch;
    while (spans > 0) {
      for (size_t i = 0; i < 100 && spans > 0; ++i, --spans) AddSpan(batch, next_, next_, 0, resource_), ++next_;
      loop_.queue().Put(batch);
    }
  }
  uint64_t put() const { return next_ - 1; }

 private:
  ExportLoop& loop_;
  uint64_t next_ = 1;
  std::shared_ptr<const Resource> resource_ = MakeResource(1, "shop");
};

template <typename Predicate>
bool WaitUntil(const Predicate& predicate) {
  const auto deadline = Clock::now() + std::chrono::seconds(60);
  while (!predicate()) {
    if (Clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));  // counters of another thread have nothing to wait on
  }
  return true;
}

class CollectorComesBack : public CollectorTest, public testing::WithParamInterface<Protocol> {};

TEST_P(CollectorComesBack, NothingIsLostBelowTheQueuesBoundAndEveryLossAboveItIsCounted) {
  constexpr size_t kBound = 3'000;
  auto exporter = NewOtlpSpanExporter(OptionsFor({GetParam(), Security::kNone, true}));
  ASSERT_TRUE(exporter.ok());
  exporting::ExportLoopOptions options;
  options.name = "otlp";
  options.schedule_delay = std::chrono::milliseconds(20);
  options.queue = {.max_spans = kBound, .max_bytes = 64U << 20, .batch_spans = 100};
  ExportLoop loop(options, *std::move(exporter));
  Producer producer(loop);

  producer.Put(500);
  ASSERT_TRUE(WaitUntil([&] { return loop.counts().exported == 500; }));
  collector_->Stop();

  // Away: all is held.
  producer.Put(2'000);
  ASSERT_TRUE(WaitUntil([&] { return loop.counts().in_flight == 100; }));
  EXPECT_EQ(loop.counts().queue.held, 1'900U);
  EXPECT_EQ(loop.counts().exported, 500U);
  ASSERT_TRUE(collector_->Start()) << collector_->log();
  ASSERT_TRUE(WaitUntil([&] { return loop.counts().exported + loop.counts().rejected + loop.counts().gave_up == 2'500; }));
  EXPECT_EQ(loop.counts().exported, 2'500U);
  EXPECT_EQ(loop.counts().queue.dropped_total(), 0U);

  // Away again, and more than the bound comes: one batch is with the exporter, the queue is full, the rest is counted.
  collector_->Stop();
  producer.Put(100);
  ASSERT_TRUE(WaitUntil([&] { return loop.counts().in_flight == 100; }));
  producer.Put(10'000);
  const auto away = loop.counts();
  EXPECT_EQ(away.queue.held, kBound);
  EXPECT_EQ(away.queue.dropped[static_cast<size_t>(exporting::QueueDrop::kSpans)], 10'000 - kBound);
  ASSERT_TRUE(collector_->Start()) << collector_->log();
  ASSERT_TRUE(WaitUntil([&] { return loop.counts().queue.held == 0; }));
  loop.Shutdown(Clock::now() + std::chrono::seconds(60));
  collector_->Stop();

  const auto counts = loop.counts();
  EXPECT_EQ(counts.exported, 2'600 + kBound);
  EXPECT_EQ(counts.rejected + counts.gave_up, 0U);
  EXPECT_GT(counts.attempts, counts.exported / 100);  // the Collector was missed at least once
  EXPECT_EQ(counts.queue.offered, producer.put());
  EXPECT_EQ(counts.queue.offered, counts.exported + counts.rejected + counts.gave_up + counts.queue.dropped_total());
  size_t doubled = 0;
  const auto received = Received(doubled);
  EXPECT_EQ(received.size(), counts.exported);
  for (uint64_t id = 1; id <= 2'600 + kBound; ++id) {  // the first ones put are the ones kept
    const auto bytes = IdOf<SpanId>(id);
    ASSERT_TRUE(received.contains(std::string(bytes.begin(), bytes.end()))) << id;
  }
}

INSTANTIATE_TEST_SUITE_P(Protocols, CollectorComesBack,
                         testing::Values(Protocol::kGrpc, Protocol::kHttpProtobuf, Protocol::kHttpJson),
                         [](const auto& param_info) {
                           switch (param_info.param) {
                             case Protocol::kGrpc:
                               return "Grpc";
                             case Protocol::kHttpProtobuf:
                               return "HttpProtobuf";
                             case Protocol::kHttpJson:
                               return "HttpJson";
                           }
                           return "";
                         });

}  // namespace
}  // namespace wirespan::exporters::otlp
