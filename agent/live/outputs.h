// Outputs: the ways out that a Config asks for, each with its queue and thread, and the metrics. Owned by the Agent; Put is
// called by the assemble thread, everything else by the main thread.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "agent/base/clock.h"
#include "agent/base/result.h"
#include "agent/config/config.h"
#include "agent/export/export_loop.h"
#include "agent/export/metric_loop.h"
#include "agent/metrics/metric_totals.h"
#include "exporters/span_exporter.h"

namespace wirespan::live {

class Outputs {
 public:
  // Whether the options make sense together: endpoints, headers, certificates. Opens and connects nothing.
  static Result<void> Check(const config::Config& config);
  // Loads what the ways out need beside the program: the module of OTLP/gRPC. Before anything that takes long.
  static Result<void> LoadModules(const config::Config& config);
  // Opens files, reads certificates, resolves endpoints. Connects to nothing yet; starts the threads.
  static Result<std::unique_ptr<Outputs>> Open(const config::Config& config, metrics::MetricTotals& totals, const Clock& clock);

  // Hands the spans to every way out; `batch` comes back empty.
  void Put(exporters::SpanBatch& batch);
  void Shutdown(std::chrono::steady_clock::time_point deadline);

  const std::vector<std::unique_ptr<exporting::ExportLoop>>& loops() const { return loops_; }
  const exporting::MetricLoop* metric_loop() const { return metrics_.get(); }
  // "tree on standard output; OTLP by grpc to localhost:4317".
  const std::string& description() const { return description_; }
  uint64_t spans_put() const { return spans_put_; }

 private:
  Outputs() = default;
  Result<void> AddText(const config::Config& config);
  Result<void> AddOtlp(const config::Config& config, metrics::MetricTotals& totals, const Clock& clock);
  void Add(std::string name, const config::Config& config, std::unique_ptr<exporters::SpanExporter> exporter,
           std::chrono::milliseconds longest_delay = std::chrono::hours(1));
  void Describe(const std::string& text) { description_ += (description_.empty() ? "" : "; ") + text; }

  std::vector<std::unique_ptr<exporting::ExportLoop>> loops_;
  std::unique_ptr<exporting::MetricLoop> metrics_;
  std::string description_;
  uint64_t spans_put_ = 0;
};

}  // namespace wirespan::live
