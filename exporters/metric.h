// Metrics as neutral values: what a MetricExporter takes. A batch is built by the thread that exports it, once per interval; none
// of this is on the data path.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "exporters/span.h"
#include "exporters/span_exporter.h"

namespace wirespan::exporters {

enum class Temporality : uint8_t { kDelta = 1, kCumulative = 2 };  // OTLP numbers

// One series of a sum in the interval (start, time].
struct SumPoint {
  AttributeList attributes;
  uint64_t start_unix_ns = 0;
  uint64_t time_unix_ns = 0;
  int64_t value = 0;
};

// One series of an explicit-bucket histogram. bucket_counts has one entry more than the metric's bounds; bucket i holds the
// values in (bounds[i-1], bounds[i]].
struct HistogramPoint {
  AttributeList attributes;
  uint64_t start_unix_ns = 0;
  uint64_t time_unix_ns = 0;
  uint64_t count = 0;
  double sum = 0;
  double min = 0;  // meaningful where count > 0
  double max = 0;
  std::vector<uint64_t> bucket_counts;
};

struct Metric {
  enum class Type : uint8_t { kSum, kGauge, kHistogram };
  std::string name;
  std::string description;
  std::string unit;  // UCUM
  Type type = Type::kSum;
  Temporality temporality = Temporality::kCumulative;
  bool is_monotonic = true;                // kSum
  std::vector<double> bounds;              // kHistogram, ascending
  std::vector<SumPoint> sums;              // kSum, kGauge
  std::vector<HistogramPoint> histograms;  // kHistogram
  size_t points() const { return sums.size() + histograms.size(); }
};

struct ResourceMetrics {
  std::shared_ptr<const Resource> resource;  // shared: the series of a process outlive it until they are exported
  std::vector<Metric> metrics;
};

struct MetricBatch {
  std::vector<ResourceMetrics> resources;
  size_t points() const {
    size_t sum = 0;
    for (const auto& resource : resources) {
      for (const auto& metric : resource.metrics) sum += metric.points();
    }
    return sum;
  }
};

// One way out for metrics; the rules of SpanExporter. ExportOutcome counts data points.
class MetricExporter {
 public:
  virtual ~MetricExporter() = default;
  virtual ExportOutcome Export(const MetricBatch& batch) = 0;
  virtual void Shutdown(std::chrono::steady_clock::time_point deadline) = 0;
};

}  // namespace wirespan::exporters
