#include "agent/export/metric_loop.h"

#include <pthread.h>

#include <algorithm>
#include <utility>

#include "agent/base/log.h"

namespace wirespan::exporting {

MetricLoop::MetricLoop(std::chrono::milliseconds interval, metrics::MetricTotals& totals, const Clock& clock,
                       std::unique_ptr<exporters::MetricExporter> exporter)
    : interval_(interval), totals_(totals), clock_(clock), exporter_(std::move(exporter)), thread_([this] { Run(); }) {}

MetricLoop::~MetricLoop() { Shutdown(SteadyClock::now()); }

void MetricLoop::Run() {
  pthread_setname_np(pthread_self(), "export-metrics");
  auto due = SteadyClock::now() + interval_;
  for (bool last = false; !last;) {
    {
      std::unique_lock lock(mutex_);
      last = changed_.wait_until(lock, due, [this] { return stopping_; });
    }
    ExportOnce();
    due = std::max(due + interval_, SteadyClock::now());
  }
  const std::lock_guard lock(mutex_);
  finished_ = true;
  changed_.notify_all();
}

void MetricLoop::ExportOnce() {
  exporters::MetricBatch batch;
  totals_.Collect(clock_.UnixNs(), batch);
  const uint64_t points = batch.points();
  if (points == 0) return;
  const exporters::ExportOutcome outcome = exporter_->Export(batch);
  const uint64_t exported = std::min(outcome.accepted, points);
  const uint64_t rejected = std::min(outcome.rejected, points - exported);
  exported_ += exported;
  rejected_ += rejected;
  gave_up_ += points - exported - rejected;
  if (outcome.message == last_message_) return;
  if (!outcome.message.empty())
    spdlog::warn("export of metrics: {} of {} points delivered: {}", exported, points, outcome.message);
  last_message_ = outcome.message;
}

MetricCounts MetricLoop::counts() const { return {exported_, rejected_, gave_up_}; }

void MetricLoop::Shutdown(SteadyClock::time_point deadline) {
  {
    std::unique_lock lock(mutex_);
    if (!thread_.joinable()) return;
    stopping_ = true;
    changed_.notify_all();
    changed_.wait_until(lock, deadline, [this] { return finished_; });
  }
  exporter_->Shutdown(deadline);
  thread_.join();
}

}  // namespace wirespan::exporting
