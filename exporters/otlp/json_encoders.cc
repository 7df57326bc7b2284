// ExportTraceServiceRequest and ExportMetricsServiceRequest as JSON, cut into bodies below a limit.
#include "exporters/json.h"
#include "exporters/otlp/encoder.h"
#include "exporters/otlp/json_encoding.h"
#include "exporters/otlp/resource_order.h"

namespace wirespan::exporters::otlp {
namespace {

constexpr std::string_view kTail = "]}";

class JsonTraceEncoder final : public TraceEncoder {
 public:
  explicit JsonTraceEncoder(const Scope& scope) : scope_(scope) { CloseResourceSpansJson(scope_, close_); }

  void Begin(const SpanBatch& batch) override {
    order_.Begin(batch);
    next_ = 0;
  }

  Body Next(size_t max_bytes, std::string& out) override {
    Body body;
    out = R"({"resourceSpans":[)";
    uint64_t open_resource = 0;
    for (; next_ < order_.size(); ++next_) {
      const size_t before = out.size();
      if (body.items > 0 && order_.resource_id(next_) == open_resource) {
        out += ',';
      } else {
        if (body.items > 0) out += close_ + ",";
        OpenResourceSpansJson(order_.span(next_).resource.get(), scope_, out);
      }
      AppendSpanJson(order_.span(next_), out);
      if (out.size() + close_.size() + kTail.size() > max_bytes) {
        out.resize(before);
        if (body.items > 0) break;
        ++body.oversized;
        continue;
      }
      open_resource = order_.resource_id(next_);
      ++body.items;
    }
    if (body.items > 0) out += close_;
    out += kTail;
    body.last = next_ == order_.size();
    return body;
  }

 private:
  const Scope scope_;
  std::string close_;
  ResourceOrder order_;
  size_t next_ = 0;
};

void AppendPointTimes(uint64_t start, uint64_t time, std::string& out) {
  out += R"("startTimeUnixNano":")";
  json::AppendUint(start, out);
  out += R"(","timeUnixNano":")";
  json::AppendUint(time, out);
  out += '"';
}

void AppendPoint(const SumPoint& point, std::string& out) {
  out += R"({"attributes":)";
  AppendAttributesJson(point.attributes, out);
  out += ',';
  AppendPointTimes(point.start_unix_ns, point.time_unix_ns, out);
  out += R"(,"asInt":")";
  json::AppendInt(point.value, out);
  out += R"("})";
}

void AppendPoint(const HistogramPoint& point, const std::vector<double>& bounds, std::string& out) {
  out += R"({"attributes":)";
  AppendAttributesJson(point.attributes, out);
  out += ',';
  AppendPointTimes(point.start_unix_ns, point.time_unix_ns, out);
  out += R"(,"count":")";
  json::AppendUint(point.count, out);
  out += R"(","sum":)";
  json::AppendDouble(point.sum, out);
  out += R"(,"bucketCounts":[)";
  for (size_t i = 0; i < point.bucket_counts.size(); ++i) {
    out += i == 0 ? "\"" : ",\"";
    json::AppendUint(point.bucket_counts[i], out);
    out += '"';
  }
  out += R"(],"explicitBounds":[)";
  for (size_t i = 0; i < bounds.size(); ++i) {
    if (i > 0) out += ',';
    json::AppendDouble(bounds[i], out);
  }
  out += ']';
  if (point.count > 0) {
    out += R"(,"min":)";
    json::AppendDouble(point.min, out);
    out += R"(,"max":)";
    json::AppendDouble(point.max, out);
  }
  out += '}';
}

void AppendMetric(const Metric& metric, std::string& out) {
  out += R"({"name":)";
  json::AppendString(metric.name, out);
  out += R"(,"description":)";
  json::AppendString(metric.description, out);
  out += R"(,"unit":)";
  json::AppendString(metric.unit, out);
  const bool is_gauge = metric.type == Metric::Type::kGauge;
  out += metric.type == Metric::Type::kHistogram ? R"(,"histogram":{)" : is_gauge ? R"(,"gauge":{)" : R"(,"sum":{)";
  out += R"("dataPoints":[)";
  bool first = true;
  const auto comma = [&] {
    if (!first) out += ',';
    first = false;
  };
  for (const auto& point : metric.sums) comma(), AppendPoint(point, out);
  for (const auto& point : metric.histograms) comma(), AppendPoint(point, metric.bounds, out);
  out += ']';
  if (!is_gauge) {
    out += R"(,"aggregationTemporality":)";
    json::AppendUint(static_cast<uint64_t>(metric.temporality), out);
  }
  if (metric.type == Metric::Type::kSum) out += metric.is_monotonic ? R"(,"isMonotonic":true)" : R"(,"isMonotonic":false)";
  out += "}}";
}

class JsonMetricEncoder final : public MetricEncoder {
 public:
  explicit JsonMetricEncoder(const Scope& scope) : scope_(scope) {}

  void Begin(const MetricBatch& batch) override {
    batch_ = &batch;
    next_ = 0;
  }

  Body Next(size_t max_bytes, std::string& out) override {
    Body body;
    out = R"({"resourceMetrics":[)";
    for (; next_ < batch_->resources.size(); ++next_) {
      const size_t before = out.size();
      if (body.items > 0) out += ',';
      const uint64_t points = AppendResourceMetrics(batch_->resources[next_], out);
      if (points == 0 || out.size() + kTail.size() > max_bytes) out.resize(before);
      if (points == 0) continue;
      if (out.size() > before) {
        body.items += points;
      } else if (body.items > 0) {
        break;
      } else {
        body.oversized += points;
      }
    }
    out += kTail;
    body.last = next_ == batch_->resources.size();
    return body;
  }

 private:
  uint64_t AppendResourceMetrics(const ResourceMetrics& metrics, std::string& out) const {
    uint64_t points = 0;
    out += R"({"resource":)";
    AppendResourceJson(metrics.resource.get(), out);
    out += R"(,"scopeMetrics":[{"scope":)";
    AppendScopeJson(scope_, out);
    out += R"(,"metrics":[)";
    for (const auto& metric : metrics.metrics) {
      if (metric.points() == 0) continue;
      if (points > 0) out += ',';
      AppendMetric(metric, out);
      points += metric.points();
    }
    CloseResourceSpansJson(scope_, out);  // ScopeMetrics and ResourceMetrics end as ScopeSpans and ResourceSpans do
    return points;
  }

  const Scope scope_;
  const MetricBatch* batch_ = nullptr;
  size_t next_ = 0;
};

}  // namespace

std::unique_ptr<TraceEncoder> NewJsonTraceEncoder(const Scope& scope) { return std::make_unique<JsonTraceEncoder>(scope); }
std::unique_ptr<MetricEncoder> NewJsonMetricEncoder(const Scope& scope) { return std::make_unique<JsonMetricEncoder>(scope); }

}  // namespace wirespan::exporters::otlp
