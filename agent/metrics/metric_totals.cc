#include "agent/metrics/metric_totals.h"

#include <algorithm>
#include <array>
#include <map>
#include <span>
#include <utility>

#include "decoders/semantic_conventions.h"

namespace wirespan::metrics {
namespace {

std::string Lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return out;
}

// docs/http/http-metrics.md, docs/rpc/rpc-metrics.md, docs/db/database-metrics.md, in the order of the conventions' tables.
void AppendAttributes(const SeriesKey::Parts& parts, exporters::AttributeList& out) {
  if (parts.overflow) {
    out.Bool(semconv::kOtelMetricOverflow.text, true);
    return;
  }
  const auto text = [&](const AttributeName& name, std::string_view value) {
    if (!value.empty()) out.String(name.text, value);
  };
  text(semconv::kRpcSystemName, parts.rpc_system);
  text(semconv::kRpcMethod, parts.rpc_method);
  text(semconv::kRpcStatusCode, parts.rpc_status_code);
  text(semconv::kDbSystemName, parts.db_system);
  text(semconv::kDbNamespace, parts.db_namespace);
  text(semconv::kDbOperationName, parts.db_operation);
  text(semconv::kDbResponseStatusCode, parts.db_status_code);
  text(semconv::kHttpRequestMethod, parts.request_method);
  text(semconv::kUrlScheme, parts.url_scheme);
  if (parts.status_code != 0) out.Int(semconv::kHttpResponseStatusCode.text, parts.status_code);
  text(semconv::kNetworkProtocolVersion, parts.protocol_version);
  text(semconv::kErrorType, parts.error_type);
  if (parts.kind != exporters::SpanKind::kClient) return;
  text(semconv::kServerAddress, parts.server_address);
  if (parts.server_port != 0) out.Int(semconv::kServerPort.text, parts.server_port);
}

struct Instrument {
  std::string_view name, description;
  std::span<const uint64_t> bounds_ns;
};
constexpr std::array<Instrument, 5> kInstruments = {{
    {semconv::kHttpServerRequestDuration, "Duration of HTTP server requests.", kRequestBoundsNs},
    {semconv::kHttpClientRequestDuration, "Duration of HTTP client requests.", kRequestBoundsNs},
    {semconv::kRpcServerCallDuration, "Measures the duration of an incoming Remote Procedure Call (RPC).", kRequestBoundsNs},
    {semconv::kRpcClientCallDuration, "Measures the duration of an outgoing Remote Procedure Call (RPC).", kRequestBoundsNs},
    {semconv::kDbClientOperationDuration, "Duration of database client operations.", kDatabaseBoundsNs},
}};
size_t InstrumentOf(const SeriesKey::Parts& parts) {
  const size_t is_client = parts.kind == exporters::SpanKind::kClient ? 1 : 0;
  switch (parts.as) {
    case MeasuredAs::kHttpRequest:
      return is_client;
    case MeasuredAs::kRpcCall:
      return 2 + is_client;
    case MeasuredAs::kDatabaseOperation:
      return 4;
  }
  return 0;
}

exporters::Metric NewDurationMetric(const Instrument& instrument, exporters::Temporality temporality) {
  exporters::Metric metric;
  metric.name = instrument.name;
  metric.description = instrument.description;
  metric.unit = "s";
  metric.type = exporters::Metric::Type::kHistogram;
  metric.temporality = temporality;
  for (const uint64_t bound : instrument.bounds_ns) metric.bounds.push_back(static_cast<double>(bound) / 1e9);
  return metric;
}

exporters::HistogramPoint PointOf(const DurationSeries& series, const Instrument& instrument, uint64_t start, uint64_t time) {
  exporters::HistogramPoint point;
  AppendAttributes(SeriesKey::Parse(series.key), point.attributes);
  point.start_unix_ns = start;
  point.time_unix_ns = time;
  point.count = series.histogram.count;
  point.sum = series.histogram.SumSeconds();
  point.min = static_cast<double>(series.histogram.min_ns) / 1e9;
  point.max = static_cast<double>(series.histogram.max_ns) / 1e9;
  series.histogram.BucketsOf(instrument.bounds_ns, point.bucket_counts);
  return point;
}

}  // namespace

std::optional<exporters::Temporality> ParseTemporalityPreference(std::string_view word) {
  const std::string lower = Lower(word);
  if (lower == "cumulative") return exporters::Temporality::kCumulative;
  if (lower == "delta" || lower == "lowmemory") return exporters::Temporality::kDelta;
  return std::nullopt;
}

MetricTotals::MetricTotals(MetricTotalsOptions options)
    : options_(std::move(options)), table_(0), last_collection_unix_ns_(options_.start_unix_ns) {}

void MetricTotals::Take(Durations& shard) {
  const std::lock_guard lock(mutex_);
  Add(shard);
  shard.Reset();
}

bool MetricTotals::TryAdd(Durations& shard) {
  const std::unique_lock lock(mutex_, std::try_to_lock);
  if (!lock.owns_lock()) return false;
  Add(shard);
  return true;
}

void MetricTotals::Add(Durations& shard) {
  for (DurationSeries& series : shard.table().series()) {
    if (series.histogram.count == 0) continue;
    const auto& shard_resource = shard.resources()[series.resource];
    const uint32_t resource = ResourceIndex(shard_resource);
    resources_[resource].touched = true;
    DurationSeries* mine = table_.Find(resource, series.key);
    if (mine == nullptr && table_.series().size() < options_.limits.series) {
      mine = &table_.Insert(resource, series.key);
    } else if (mine == nullptr) {
      const auto parts = SeriesKey::Parse(series.key);
      if (!parts.overflow) overflowed_here_ += series.histogram.count;
      const std::string overflow = SeriesKey::Overflow(parts.kind, parts.as);
      mine = table_.Find(resource, overflow);
      if (mine == nullptr) mine = &table_.Insert(resource, overflow);
    }
    mine->histogram.Merge(series.histogram);
  }
  const auto known = std::find_if(overflowed_in_shards_.begin(), overflowed_in_shards_.end(),
                                  [&shard](const auto& entry) { return entry.first == shard.id(); });
  if (known == overflowed_in_shards_.end()) {
    overflowed_in_shards_.emplace_back(shard.id(), shard.overflowed());
  } else {
    known->second = shard.overflowed();
  }
}

uint64_t MetricTotals::overflowed() const {
  const std::lock_guard lock(mutex_);
  uint64_t sum = overflowed_here_;
  for (const auto& entry : overflowed_in_shards_) sum += entry.second;
  return sum;
}

// Linear: as many as there are traced processes, and looked up once per series and hand-over.
uint32_t MetricTotals::ResourceIndex(const std::shared_ptr<const exporters::Resource>& resource) {
  for (size_t i = 0; i < resources_.size(); ++i) {
    if (resources_[i].resource->id == resource->id) return static_cast<uint32_t>(i);
  }
  // What a new resource counts began after the last collection, at the earliest.
  resources_.push_back({resource, last_collection_unix_ns_, 0, false});
  return static_cast<uint32_t>(resources_.size() - 1);
}

void MetricTotals::AddCounter(std::string name, std::string unit, std::string description, exporters::AttributeList attributes,
                              std::function<uint64_t()> read) {
  const std::lock_guard lock(mutex_);
  counters_.push_back({std::move(name), std::move(unit), std::move(description), std::move(attributes), std::move(read), 0});
}

void MetricTotals::Collect(uint64_t unix_now_ns, exporters::MetricBatch& out) {
  const std::lock_guard lock(mutex_);
  out.resources.clear();
  unix_now_ns = std::max(unix_now_ns, last_collection_unix_ns_ + 1);  // a clock that was set back must not make empty intervals
  AppendDurations(unix_now_ns, out);
  AppendCounters(unix_now_ns, out);
  const bool delta = options_.temporality == exporters::Temporality::kDelta;
  if (delta) {
    for (DurationSeries& series : table_.series()) series.histogram = {};
  }
  ForgetIdleResources();
  last_collection_unix_ns_ = unix_now_ns;
}

void MetricTotals::AppendDurations(uint64_t now, exporters::MetricBatch& out) {
  const bool delta = options_.temporality == exporters::Temporality::kDelta;
  std::vector<std::array<exporters::Metric, kInstruments.size()>> metrics(resources_.size());  // by resource
  for (const DurationSeries& series : table_.series()) {
    if (series.histogram.count == 0) continue;
    const uint64_t start = delta ? last_collection_unix_ns_ : resources_[series.resource].start_unix_ns;
    const size_t at = InstrumentOf(SeriesKey::Parse(series.key));
    exporters::Metric& metric = metrics[series.resource][at];
    if (metric.histograms.empty()) metric = NewDurationMetric(kInstruments[at], options_.temporality);
    metric.histograms.push_back(PointOf(series, kInstruments[at], start, now));
  }
  for (size_t i = 0; i < resources_.size(); ++i) {
    exporters::ResourceMetrics resource{resources_[i].resource, {}};
    for (exporters::Metric& metric : metrics[i]) {
      if (!metric.histograms.empty()) resource.metrics.push_back(std::move(metric));
    }
    if (!resource.metrics.empty()) out.resources.push_back(std::move(resource));
  }
}

void MetricTotals::AppendCounters(uint64_t now, exporters::MetricBatch& out) {
  if (counters_.empty()) return;
  const bool delta = options_.temporality == exporters::Temporality::kDelta;
  std::map<std::string, exporters::Metric> by_name;
  for (Counter& counter : counters_) {
    const uint64_t value = counter.read();
    exporters::Metric& metric = by_name[counter.name];
    metric.name = counter.name;
    metric.unit = counter.unit;
    metric.description = counter.description;
    metric.temporality = options_.temporality;
    exporters::SumPoint point;
    point.attributes = counter.attributes;
    point.start_unix_ns = delta ? last_collection_unix_ns_ : options_.start_unix_ns;
    point.time_unix_ns = now;
    point.value = static_cast<int64_t>(delta ? value - std::min(value, counter.last) : value);
    counter.last = value;
    metric.sums.push_back(std::move(point));
  }
  exporters::ResourceMetrics resource{options_.agent_resource, {}};
  for (auto& [name, metric] : by_name) resource.metrics.push_back(std::move(metric));
  out.resources.push_back(std::move(resource));
}

// Series of processes that are gone would pile up for ever under cumulative temporality.
void MetricTotals::ForgetIdleResources() {
  bool any = false;
  for (Resource& resource : resources_) {
    resource.idle = resource.touched ? 0 : resource.idle + 1;
    resource.touched = false;
    any = any || resource.idle >= options_.idle_collections;
  }
  if (!any) return;
  std::vector<Resource> kept;
  std::vector<uint32_t> new_index(resources_.size(), UINT32_MAX);
  for (size_t i = 0; i < resources_.size(); ++i) {
    if (resources_[i].idle >= options_.idle_collections) continue;
    new_index[i] = static_cast<uint32_t>(kept.size());
    kept.push_back(std::move(resources_[i]));
  }
  SeriesTable table(0);
  for (const DurationSeries& series : table_.series()) {
    if (new_index[series.resource] == UINT32_MAX) continue;
    table.Insert(new_index[series.resource], series.key).histogram = series.histogram;
  }
  resources_ = std::move(kept);
  table_ = std::move(table);
}

}  // namespace wirespan::metrics
