#include <google/protobuf/util/json_util.h>
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include "exporters/otlp/encoder.h"
#include "opentelemetry/proto/collector/metrics/v1/metrics_service.pb.h"
#include "tests/unit/exporters/span_maker.h"

namespace wirespan::exporters::otlp {
namespace {

using Request = opentelemetry::proto::collector::metrics::v1::ExportMetricsServiceRequest;

Scope TestScope() { return {"wirespan", "1.2.3", std::string(kSchemaUrl)}; }

MetricBatch MakeBatch(size_t resources) {
  MetricBatch batch;
  for (size_t r = 1; r <= resources; ++r) {
    ResourceMetrics metrics{MakeResource(r, "service-" + std::to_string(r)), {}};
    Metric histogram;
    histogram.name = "http.server.request.duration";
    histogram.description = "Duration of HTTP server requests.";
    histogram.unit = "s";
    histogram.type = Metric::Type::kHistogram;
    histogram.temporality = Temporality::kDelta;
    histogram.bounds = {0.005, 0.01, 2.5};
    HistogramPoint point;
    point.attributes.String("http.request.method", "GET");
    point.attributes.Int("http.response.status_code", 200);
    point.start_unix_ns = 1'000;
    point.time_unix_ns = 2'000;
    point.count = 7;
    point.sum = 0.125;
    point.min = 0.001;
    point.max = 3;
    point.bucket_counts = {1, 2, 3, 1};
    histogram.histograms = {point, HistogramPoint{}};
    histogram.histograms[1].bucket_counts = {0, 0, 0, 0};
    Metric sum;
    sum.name = "wirespan.losses";
    sum.unit = "{event}";
    SumPoint number;
    number.attributes.String("reason", "ring_full");
    number.start_unix_ns = 5;
    number.time_unix_ns = 6;
    number.value = -3;
    sum.sums = {number};
    Metric gauge = sum;
    gauge.name = "wirespan.queue";
    gauge.type = Metric::Type::kGauge;
    Metric empty;
    empty.name = "empty";
    metrics.metrics = {histogram, sum, gauge, empty};
    batch.resources.push_back(std::move(metrics));
  }
  batch.resources.push_back({MakeResource(99, "nothing"), {}});
  return batch;
}

std::vector<std::string> EncodeAll(MetricEncoder& encoder, const MetricBatch& batch, size_t limit,
                                   uint64_t* oversized = nullptr) {
  std::vector<std::string> bodies;
  encoder.Begin(batch);
  uint64_t items = 0;
  uint64_t too_large = 0;
  for (bool last = false; !last;) {
    std::string body;
    const auto result = encoder.Next(limit, body);
    last = result.last;
    items += result.items;
    too_large += result.oversized;
    if (result.items == 0) continue;
    EXPECT_LE(body.size(), limit);
    bodies.push_back(body);
  }
  EXPECT_EQ(items + too_large, batch.points());
  if (oversized != nullptr) *oversized = too_large;
  return bodies;
}

void ExpectRequest(const Request& request, int resources) {
  ASSERT_EQ(request.resource_metrics_size(), resources);
  const auto& resource = request.resource_metrics(0);
  EXPECT_EQ(resource.resource().attributes(0).value().string_value(), "service-1");
  EXPECT_EQ(resource.schema_url(), kSchemaUrl);
  ASSERT_EQ(resource.scope_metrics_size(), 1);
  EXPECT_EQ(resource.scope_metrics(0).scope().name(), "wirespan");
  EXPECT_EQ(resource.scope_metrics(0).schema_url(), kSchemaUrl);
  ASSERT_EQ(resource.scope_metrics(0).metrics_size(), 3);  // the empty one is not sent
  const auto& histogram = resource.scope_metrics(0).metrics(0);
  EXPECT_EQ(histogram.name(), "http.server.request.duration");
  EXPECT_EQ(histogram.unit(), "s");
  EXPECT_EQ(histogram.description(), "Duration of HTTP server requests.");
  EXPECT_EQ(histogram.histogram().aggregation_temporality(), opentelemetry::proto::metrics::v1::AGGREGATION_TEMPORALITY_DELTA);
  ASSERT_EQ(histogram.histogram().data_points_size(), 2);
  const auto& point = histogram.histogram().data_points(0);
  EXPECT_EQ(point.count(), 7U);
  EXPECT_EQ(point.sum(), 0.125);
  EXPECT_EQ(point.min(), 0.001);
  EXPECT_EQ(point.max(), 3);
  EXPECT_EQ(point.start_time_unix_nano(), 1'000U);
  EXPECT_EQ(point.time_unix_nano(), 2'000U);
  EXPECT_EQ(std::vector<uint64_t>(point.bucket_counts().begin(), point.bucket_counts().end()),
            (std::vector<uint64_t>{1, 2, 3, 1}));
  EXPECT_EQ(std::vector<double>(point.explicit_bounds().begin(), point.explicit_bounds().end()),
            (std::vector<double>{0.005, 0.01, 2.5}));
  ASSERT_EQ(point.attributes_size(), 2);
  EXPECT_EQ(point.attributes(1).value().int_value(), 200);
  EXPECT_FALSE(histogram.histogram().data_points(1).has_min());  // nothing was measured: there is no smallest
  const auto& sum = resource.scope_metrics(0).metrics(1);
  EXPECT_TRUE(sum.sum().is_monotonic());
  EXPECT_EQ(sum.sum().aggregation_temporality(), opentelemetry::proto::metrics::v1::AGGREGATION_TEMPORALITY_CUMULATIVE);
  EXPECT_EQ(sum.sum().data_points(0).as_int(), -3);
  EXPECT_EQ(sum.sum().data_points(0).start_time_unix_nano(), 5U);
  EXPECT_EQ(sum.sum().data_points(0).attributes(0).value().string_value(), "ring_full");
  EXPECT_EQ(resource.scope_metrics(0).metrics(2).gauge().data_points(0).as_int(), -3);
}

TEST(ProtobufMetricEncoder, GeneratedClassesReadEveryField) {
  const auto encoder = NewProtobufMetricEncoder(TestScope());
  const auto bodies = EncodeAll(*encoder, MakeBatch(3), kMaxRequestBytes);
  ASSERT_EQ(bodies.size(), 1U);
  Request request;
  ASSERT_TRUE(request.ParseFromString(bodies[0]));
  ExpectRequest(request, 3);
  EXPECT_EQ(request.ByteSizeLong(), bodies[0].size());
}

TEST(JsonMetricEncoder, SaysTheSameAsTheProtobufOne) {
  const MetricBatch batch = MakeBatch(2);
  Request from_json;
  const auto json = EncodeAll(*NewJsonMetricEncoder(TestScope()), batch, kMaxRequestBytes);
  const auto status = google::protobuf::util::JsonStringToMessage(json.at(0), &from_json);
  ASSERT_TRUE(status.ok()) << status.ToString();
  ExpectRequest(from_json, 2);
  Request from_protobuf;
  ASSERT_TRUE(from_protobuf.ParseFromString(EncodeAll(*NewProtobufMetricEncoder(TestScope()), batch, kMaxRequestBytes).at(0)));
  EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(from_json, from_protobuf));
}

TEST(MetricEncoders, SplitBetweenResourcesAndCountWhatIsTooLarge) {
  const MetricBatch batch = MakeBatch(10);
  for (const bool json : {false, true}) {
    const auto encoder = json ? NewJsonMetricEncoder(TestScope()) : NewProtobufMetricEncoder(TestScope());
    const size_t whole = EncodeAll(*encoder, batch, kMaxRequestBytes).at(0).size();
    EXPECT_GT(EncodeAll(*encoder, batch, whole / 3).size(), 2U);
    uint64_t oversized = 0;
    EXPECT_TRUE(EncodeAll(*encoder, batch, whole / 20, &oversized).empty());
    EXPECT_EQ(oversized, batch.points());
  }
}

}  // namespace
}  // namespace wirespan::exporters::otlp
