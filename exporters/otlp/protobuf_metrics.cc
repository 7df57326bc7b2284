// ExportMetricsServiceRequest by hand. Not on the data path (one batch per interval), so messages are built inside out as
// strings. Field numbers: opentelemetry/proto/metrics/v1/metrics.proto.
#include "exporters/otlp/encoder.h"
#include "exporters/otlp/protobuf_encoding.h"
#include "exporters/utf8.h"
#include "exporters/wire.h"

namespace wirespan::exporters::otlp {
namespace {

class Builder {
 public:
  Builder& Bytes(uint32_t field, std::string_view content) {
    char head[24];
    bytes_.append(head, wire::PutFieldHead(head, field, content.size()));
    bytes_.append(content);
    return *this;
  }
  Builder& Text(uint32_t field, std::string_view text) {
    if (text.empty()) return *this;
    std::string clean;
    AppendUtf8(text, text.size() * 3, clean);
    return Bytes(field, clean);
  }
  Builder& Varint(uint32_t field, uint64_t value) {
    char to[24];
    bytes_.append(to, wire::PutVarint(wire::PutVarint(to, wire::Tag(field, wire::kVarint)), value));
    return *this;
  }
  Builder& Fixed64(uint32_t field, uint64_t value) {
    char to[24];
    bytes_.append(to, wire::PutFixed64(wire::PutVarint(to, wire::Tag(field, wire::kFixed64)), value));
    return *this;
  }
  // Of a field without presence: its default is not written.
  Builder& Plain(uint32_t field, uint64_t value) { return value == 0 ? *this : Fixed64(field, value); }
  Builder& Double(uint32_t field, double value) { return Fixed64(field, std::bit_cast<uint64_t>(value)); }
  template <typename T>
  Builder& Packed(uint32_t field, const std::vector<T>& values) {
    static_assert(sizeof(T) == 8);
    if (values.empty()) return *this;
    return Bytes(field, {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)});
  }
  Builder& Attributes(uint32_t field, const AttributeList& attributes) {
    AppendAttributesAs(field, attributes, bytes_);
    return *this;
  }
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

std::string NumberPoint(const SumPoint& point) {
  constexpr uint32_t kStart = 2, kTime = 3, kAsInt = 6, kAttributes = 7;
  Builder out;
  out.Plain(kStart, point.start_unix_ns).Plain(kTime, point.time_unix_ns).Fixed64(kAsInt, static_cast<uint64_t>(point.value));
  return out.Attributes(kAttributes, point.attributes).bytes();
}

std::string HistogramPointOf(const HistogramPoint& point, const std::vector<double>& bounds) {
  constexpr uint32_t kStart = 2, kTime = 3, kCount = 4, kSum = 5, kBucketCounts = 6, kBounds = 7, kAttributes = 9, kMin = 11,
                     kMax = 12;
  Builder out;
  out.Plain(kStart, point.start_unix_ns).Plain(kTime, point.time_unix_ns).Plain(kCount, point.count).Double(kSum, point.sum);
  out.Packed(kBucketCounts, point.bucket_counts).Packed(kBounds, bounds).Attributes(kAttributes, point.attributes);
  if (point.count > 0) out.Double(kMin, point.min).Double(kMax, point.max);
  return out.bytes();
}

std::string MetricOf(const Metric& metric) {
  constexpr uint32_t kName = 1, kDescription = 2, kUnit = 3, kGauge = 5, kSum = 7, kHistogram = 9;
  constexpr uint32_t kPoints = 1, kTemporality = 2, kMonotonic = 3;
  Builder points;
  for (const auto& point : metric.sums) points.Bytes(kPoints, NumberPoint(point));
  for (const auto& point : metric.histograms) points.Bytes(kPoints, HistogramPointOf(point, metric.bounds));
  if (metric.type != Metric::Type::kGauge) points.Varint(kTemporality, static_cast<uint64_t>(metric.temporality));
  if (metric.type == Metric::Type::kSum && metric.is_monotonic) points.Varint(kMonotonic, 1);
  const uint32_t field = metric.type == Metric::Type::kHistogram ? kHistogram : metric.type == Metric::Type::kSum ? kSum : kGauge;
  Builder out;
  out.Text(kName, metric.name).Text(kDescription, metric.description).Text(kUnit, metric.unit);
  return out.Bytes(field, points.bytes()).bytes();
}

class Encoder final : public MetricEncoder {
 public:
  explicit Encoder(const Scope& scope) : scope_(EncodeScope(scope)), schema_url_(scope.schema_url) {}

  void Begin(const MetricBatch& batch) override {
    batch_ = &batch;
    next_ = 0;
  }

  Body Next(size_t max_bytes, std::string& out) override {
    constexpr uint32_t kResourceMetrics = 1;
    Body body;
    out.clear();
    for (; next_ < batch_->resources.size(); ++next_) {
      const ResourceMetrics& metrics = batch_->resources[next_];
      size_t points = 0;
      for (const auto& metric : metrics.metrics) points += metric.points();
      if (points == 0) continue;
      const std::string encoded = Builder().Bytes(kResourceMetrics, ResourceMetricsOf(metrics)).bytes();
      if (out.size() + encoded.size() > max_bytes) {
        if (!out.empty()) return body;
        body.oversized += points;
        continue;
      }
      out += encoded;
      body.items += points;
    }
    body.last = true;
    return body;
  }

 private:
  std::string ResourceMetricsOf(const ResourceMetrics& metrics) {
    constexpr uint32_t kResource = 1, kScopeMetrics = 2, kSchemaUrl = 3;  // of ResourceMetrics and of ScopeMetrics
    constexpr uint32_t kScope = 1, kMetrics = 2;
    Builder scope_metrics;
    scope_metrics.Bytes(kScope, scope_);
    for (const auto& metric : metrics.metrics) {
      if (metric.points() > 0) scope_metrics.Bytes(kMetrics, MetricOf(metric));
    }
    scope_metrics.Text(kSchemaUrl, schema_url_);
    Builder out;
    out.Bytes(kResource, cache_.Get(metrics.resource.get())).Bytes(kScopeMetrics, scope_metrics.bytes());
    return out.Text(kSchemaUrl, schema_url_).bytes();
  }

  const std::string scope_;
  const std::string schema_url_;
  ResourceCache cache_;
  const MetricBatch* batch_ = nullptr;
  size_t next_ = 0;
};

}  // namespace

std::unique_ptr<MetricEncoder> NewProtobufMetricEncoder(const Scope& scope) { return std::make_unique<Encoder>(scope); }

}  // namespace wirespan::exporters::otlp
