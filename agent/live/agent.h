// Agent: the composition root of live tracing. Owns every long-lived object; Open, Start and Stop say the order. Threads:
// events-N (one per ring: ring -> Shard), runtimes (which language runtime a process has), assemble (facts -> spans -> queues),
// export-* (one per way out); the caller's thread selects processes and waits. Methods are for the main thread unless they say
// otherwise.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_set>
#include <vector>

#include "agent/base/clock.h"
#include "agent/base/result.h"
#include "agent/config/config.h"
#include "agent/kernel/tracer.h"
#include "agent/live/event_loop.h"
#include "agent/live/existing_connections.h"
#include "agent/live/fact_mailbox.h"
#include "agent/live/hidden_processes.h"
#include "agent/live/outputs.h"
#include "agent/live/summary.h"
#include "agent/metrics/metric_totals.h"
#include "agent/process/process_table.h"
#include "agent/recording/writer.h"
#include "agent/runtime/runtime_watch.h"
#include "agent/status/board.h"
#include "agent/trace/assembler.h"

namespace wirespan::live {

class Agent {
 public:
  // Loads and attaches the programs and opens every way out. Nothing is observed yet.
  static Result<std::unique_ptr<Agent>> Open(const config::Config& config);
  ~Agent();  // as Stop

  // From now on these processes and their children, living and to come, are traced; finds the connections they have.
  Result<void> Select(const std::vector<uint32_t>& tgids);
  // Starts the threads. After Open, before or after Select.
  void Start();
  // Processes that are traced now.
  size_t live_targets() const { return live_targets_.load(std::memory_order_relaxed); }
  // Every quarter of a minute or so.
  void Housekeep();
  // Takes what the rings hold, ends what is open, exports everything within config.bounds.shutdown_time. Once.
  void Stop();

  const kernel::Tracer& tracer() const { return *tracer_; }
  const Outputs& outputs() const { return *outputs_; }
  const ExistingConnections& existing() const { return *existing_; }
  // After Stop: whether the local outputs (standard output, --output, --record) took all they were given.
  bool wrote_everything() const;
  // What happened up to now; whole after Stop.
  Summary MakeSummary() const;
  // How things stand.
  Gauges MakeGauges() const;
  status::Heartbeat Beat() const;
  // Durations measured so far, cumulative. Nothing without config.status_listen.
  void CollectScraped(exporters::MetricBatch& out);

 private:
  explicit Agent(const config::Config& config) : config_(config) {}
  void Assemble();
  bool LostAny(uint64_t now_ns);  // thread events-0
  // A selected process that execs into something its selectors do not name is traced no longer. Thread events-0.
  void OnExec(uint32_t tgid);
  Result<void> SelectOne(uint32_t tgid);
  // What was found of a process holds for the children that it forked and that run its program still. Any thread.
  bool TellRuntime(uint32_t tgid, const kernel::RuntimeLayout& layout);
  bool TellRuntimeOf(uint32_t tgid, const kernel::RuntimeLayout& layout);
  void ShedProbes();
  void FinishRecording();
  void AddSelfMetrics();

  const config::Config config_;
  SystemClock clock_;
  std::unique_ptr<kernel::Tracer> tracer_;
  std::unique_ptr<ExistingConnections> existing_;
  std::unique_ptr<process::ProcessTable> processes_;
  std::unique_ptr<runtime::RuntimeWatch> runtimes_;
  std::unique_ptr<metrics::MetricTotals> totals_;
  std::unique_ptr<metrics::MetricTotals> scraped_;  // null without a status listener
  std::unique_ptr<Outputs> outputs_;
  std::unique_ptr<recording::RecordingWriter> recorder_;  // null without --record
  std::unique_ptr<FactMailbox> mailbox_;
  std::unique_ptr<Rests> rests_;
  std::unique_ptr<trace::TraceAssembler> assembler_;
  std::vector<std::unique_ptr<EventLoop>> loops_;
  std::thread assemble_thread_;
  std::atomic<bool> assemble_stopping_{false};
  mutable std::mutex assembled_mutex_;
  trace::AssemblerCounters assembled_;  // copies for readers, guarded by assembled_mutex_
  trace::ResolverCounters resolved_;
  size_t held_spans_ = 0;  // the same
  uint64_t started_ns_ = 0;
  std::atomic<uint64_t> assembled_ns_{0};  // boot time of the assemble thread's last round
  std::atomic<uint32_t> live_targets_{0};
  std::atomic<bool> met_in_mid_life_{false};
  std::atomic<uint64_t> probes_refused_{0};  // processes whose runtime has places for probes that could not be attached
  std::atomic<uint64_t> probes_shed_{0};     // probes let go for a while because they were passed too often
  uint64_t losses_watched_ns_ = 0;           // events-0's
  uint64_t losses_seen_ = 0;                 // events-0's
  std::mutex roots_mutex_;
  HiddenProcesses hidden_;
  std::unordered_set<uint32_t> roots_;  // processes selected by name, not by descent; guarded by roots_mutex_
  bool stopped_ = false;
};

}  // namespace wirespan::live
