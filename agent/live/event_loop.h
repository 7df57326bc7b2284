// EventLoop: the thread events-N. Looks at one ring on an adaptive timer, or sleeps until the kernel wakes it where nothing comes
// on any (Rests), feeds its Shard, and tells how far it is. Start and Stop are called by the main thread; counters may be read by
// any.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <thread>
#include <unordered_set>
#include <vector>

#include "agent/base/clock.h"
#include "agent/kernel/tracer.h"
#include "agent/live/fact_mailbox.h"
#include "agent/live/rests.h"
#include "agent/metrics/durations.h"
#include "agent/metrics/metric_totals.h"
#include "agent/pipeline/shard.h"
#include "agent/process/process_table.h"
#include "agent/recording/writer.h"

namespace wirespan::live {

// What the loops share. All of it outlives them.
struct LoopParts {
  kernel::Tracer& tracer;
  process::ProcessTable& processes;
  FactMailbox& mailbox;
  Rests& rests;
  metrics::MetricTotals* totals;   // null where nothing collects them: nobody would forget what is gone
  metrics::MetricTotals* scraped;  // what /metrics tells; null: nobody asks
  const Clock& clock;
  recording::RecordingWriter* recorder;  // null: no recording
  std::atomic<uint32_t>& live_targets;   // forks add, exits take
  uint32_t longest_pause_us;             // between two looks at a ring that nothing comes on; at least 10,000
  std::function<void(uint32_t parent_tgid, uint32_t tgid)> on_fork;
  std::function<void(uint32_t tgid)> on_exec;
  std::function<void(uint32_t tgid)> on_exit;
  // A process record, which comes on one ring, is every shard's business: `from` hands it to the other loops.
  std::function<void(uint32_t from, std::span<const std::byte> record)> share;
  // Asked by events-0 every round: whether facts may be missing since it was asked last.
  std::function<bool(uint64_t now_ns)> lost_any;
};

class EventLoop {
 public:
  EventLoop(uint32_t index, const pipeline::ShardConfig& config, const metrics::CardinalityLimits& limits,
            const LoopParts& parts);
  ~EventLoop();

  void Start();
  // Takes what the ring still holds, ends the shard, joins.
  void Stop();

  // A record that another loop's ring brought. Any thread.
  void Hand(std::span<const std::byte> record);

  // Every record written to the ring before this boot time has been taken. Any thread.
  uint64_t progress_ns() const { return progress_ns_.load(std::memory_order_acquire); }
  // A copy of the shard's counters, at most a tenth of a second old. Any thread.
  Losses losses() const;
  uint64_t policy_failures() const { return policy_.failures.load(std::memory_order_relaxed); }
  // As of the same moment. Any thread.
  size_t open_connections() const { return open_connections_.load(std::memory_order_relaxed); }
  size_t open_exchanges() const { return open_exchanges_.load(std::memory_order_relaxed); }
  // Rests that a record ended. Any thread.
  uint64_t wakes() const { return wakes_.load(std::memory_order_relaxed); }

 private:
  struct Policy final : stream::ConnectionPolicy {
    explicit Policy(kernel::Tracer& t) : tracer(t) {}
    void Off(ConnectionId connection) override;
    void Budget(ConnectionId connection, uint32_t bytes, ConnectionRole role) override;
    void Frames(ConnectionId connection, uint32_t bytes, ConnectionRole role) override;
    // The kernel deletes a policy with its connection; one that was set only afterwards, for what the connection told before its
    // end, is deleted here.
    void Closed(ConnectionId connection);
    void Note(ConnectionId connection, bool is_set);
    kernel::Tracer& tracer;
    std::atomic<uint64_t> failures{0};
    std::unordered_set<ConnectionId> set;  // not closed yet; no more than the kernel's map takes
  };
  struct Measurements final : pipeline::MeasurementSink {
    explicit Measurements(const metrics::CardinalityLimits& limits) : durations(limits) {}
    void Record(const metrics::Measurement& measurement) override { durations.Record(measurement); }
    metrics::Durations durations;
  };

  void Run();
  size_t Round();
  void OnRecord(std::span<const std::byte> record);
  void OnControl(std::span<const std::byte> record);
  std::vector<std::vector<std::byte>> TakeHanded();
  void Tick(uint64_t now_ns);
  void Publish();
  bool HandOver();
  void Rest(size_t records);

  const uint32_t index_;
  LoopParts parts_;
  Policy policy_;
  Measurements measurements_;
  MailboxSink sink_;
  pipeline::Shard shard_;
  Event control_event_;  // the last control record, where it could be read
  std::function<void(std::span<const std::byte>)> on_record_;
  std::thread thread_;
  mutable std::mutex mutex_;  // guards stopping_, handed_ and published_
  std::condition_variable wake_;
  bool stopping_ = false;
  std::vector<std::vector<std::byte>> handed_;  // records of other loops' rings
  Losses published_;
  uint64_t published_ns_ = 0;
  uint64_t handed_over_ns_ = 0;
  uint32_t pause_us_ = 1000;
  std::atomic<uint64_t> progress_ns_{0};
  std::atomic<size_t> open_connections_{0};
  std::atomic<size_t> open_exchanges_{0};
  std::atomic<uint64_t> wakes_{0};
};

}  // namespace wirespan::live
