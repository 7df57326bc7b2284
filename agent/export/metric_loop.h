// MetricLoop: collects and exports metrics every interval, and once more at the end, in the thread `export-metrics`.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "agent/base/clock.h"
#include "agent/metrics/metric_totals.h"
#include "exporters/metric.h"

namespace wirespan::exporting {

struct MetricCounts {
  uint64_t exported = 0;  // data points
  uint64_t rejected = 0;
  uint64_t gave_up = 0;
};

class MetricLoop {
 public:
  using SteadyClock = std::chrono::steady_clock;
  // `totals` and `clock` must outlive this. `interval`: OTEL_METRIC_EXPORT_INTERVAL.
  MetricLoop(std::chrono::milliseconds interval, metrics::MetricTotals& totals, const Clock& clock,
             std::unique_ptr<exporters::MetricExporter> exporter);
  ~MetricLoop();
  MetricLoop(const MetricLoop&) = delete;
  MetricLoop& operator=(const MetricLoop&) = delete;

  MetricCounts counts() const;
  // Exports what was measured up to now, waits for it until `deadline`, joins the thread. Once.
  void Shutdown(SteadyClock::time_point deadline);

 private:
  void Run();
  void ExportOnce();

  const std::chrono::milliseconds interval_;
  metrics::MetricTotals& totals_;
  const Clock& clock_;
  const std::unique_ptr<exporters::MetricExporter> exporter_;
  std::atomic<uint64_t> exported_{0}, rejected_{0}, gave_up_{0};
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  bool finished_ = false;
  std::string last_message_;
  std::thread thread_;
};

}  // namespace wirespan::exporting
