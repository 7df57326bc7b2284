// ExportLoop: one exporter with its queue and its thread, `export-<name>`. Nothing here blocks the data path. Every span that was
// put into the queue ends in exactly one counter: offered = dropped + exported + rejected + gave_up, once Shutdown has returned.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "agent/export/span_queue.h"
#include "exporters/span_exporter.h"

namespace wirespan::exporting {

struct ExportLoopOptions {
  std::string name;                                 // of the exporter: "otlp", "console"; the thread is export-<name>
  std::chrono::milliseconds schedule_delay{1'000};  // OTEL_BSP_SCHEDULE_DELAY
  std::chrono::milliseconds first_delay{50};        // of the first batch: whoever has just started it waits for something to see
  SpanQueueLimits queue;                            // OTEL_BSP_MAX_QUEUE_SIZE, OTEL_BSP_MAX_EXPORT_BATCH_SIZE
};

struct ExportCounts {
  SpanQueueCounts queue;
  uint64_t exported = 0;
  uint64_t rejected = 0;
  uint64_t gave_up = 0;
  uint64_t attempts = 0;
  uint64_t in_flight = 0;  // taken, outcome not known yet
};

class ExportLoop {
 public:
  using Clock = std::chrono::steady_clock;
  ExportLoop(ExportLoopOptions options, std::unique_ptr<exporters::SpanExporter> exporter);
  ~ExportLoop();  // as Shutdown(now)
  ExportLoop(const ExportLoop&) = delete;
  ExportLoop& operator=(const ExportLoop&) = delete;

  SpanQueue& queue() { return queue_; }
  const std::string& name() const { return options_.name; }
  ExportCounts counts() const;

  // Exports what is queued, ends what is in flight, joins the thread; at `deadline` the exporter is told to give up, and what is
  // still queued counts as gave_up. Once; later calls do nothing.
  void Shutdown(Clock::time_point deadline);

 private:
  void Run();
  void Account(const exporters::SpanBatch& batch, const exporters::ExportOutcome& outcome);
  void LogOutcome(const exporters::ExportOutcome& outcome, size_t spans);

  const ExportLoopOptions options_;
  const std::unique_ptr<exporters::SpanExporter> exporter_;
  SpanQueue queue_;
  std::atomic<uint64_t> exported_{0}, rejected_{0}, gave_up_{0}, attempts_{0}, in_flight_{0};
  std::atomic<bool> abandon_{false};  // the deadline has passed: take, count, do not export
  std::mutex mutex_;
  std::condition_variable finished_changed_;
  bool finished_ = false;
  bool shut_down_ = false;
  std::string last_message_;  // as logged last
  Clock::time_point next_log_{};
  uint64_t suppressed_ = 0;  // outcomes since then that were not logged
  std::thread thread_;
};

}  // namespace wirespan::exporting
