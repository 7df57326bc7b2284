#include "agent/live/event_loop.h"

#include <pthread.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

#include "agent/kernel/event_reader.h"

namespace wirespan::live {
namespace {

// The pause between two looks at the ring: short while much arrives, so that the ring never fills and no look takes a processor
// for long; longer while a little does; as long as may be (LoopParts::longest_pause_us) while nothing does, and then it rests.
constexpr uint32_t kShortestPauseUs = 1'000;
constexpr uint32_t kLongestBusyPauseUs = 10'000;
constexpr size_t kManyRecords = 512;
constexpr uint64_t kPublishNs = 100'000'000;
constexpr uint64_t kHandOverNs = 1'000'000'000;

}  // namespace

void EventLoop::Policy::Off(ConnectionId connection) { Note(connection, tracer.SetPolicyOff(connection)); }
void EventLoop::Policy::Budget(ConnectionId connection, uint32_t bytes, ConnectionRole role) {
  Note(connection, tracer.SetPolicyBudget(connection, bytes, role));
}
void EventLoop::Policy::Frames(ConnectionId connection, uint32_t bytes, ConnectionRole role) {
  Note(connection, tracer.SetPolicyFrames(connection, bytes, role));
}
void EventLoop::Policy::Note(ConnectionId connection, bool is_set) {
  if (is_set) {
    set.insert(connection);
  } else {
    failures.fetch_add(1, std::memory_order_relaxed);
  }
}
void EventLoop::Policy::Closed(ConnectionId connection) {
  if (set.erase(connection) != 0) tracer.ErasePolicy(connection);
}

EventLoop::EventLoop(uint32_t index, const pipeline::ShardConfig& config, const metrics::CardinalityLimits& limits,
                     const LoopParts& parts)
    : index_(index),
      parts_(parts),
      policy_(parts.tracer),
      measurements_(limits),
      sink_(parts.mailbox, index),
      shard_(config, {parts.processes, policy_, sink_, measurements_}),
      on_record_([this](std::span<const std::byte> record) { OnRecord(record); }) {}

EventLoop::~EventLoop() { Stop(); }

void EventLoop::Start() {
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), ("events-" + std::to_string(index_)).c_str());
    Run();
  });
}

void EventLoop::Stop() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  parts_.rests.Call(index_);
  thread_.join();
}

void EventLoop::Run() {
  for (;;) {
    const size_t records = Round();
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (stopping_) break;
    }
    Rest(records);
  }
  Round();  // no process is selected any more: this takes all there is
  shard_.Stop();
  while (!HandOver()) std::this_thread::yield();  // a collection is under way: it takes milliseconds
  Publish();
}

void EventLoop::Hand(std::span<const std::byte> record) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    handed_.emplace_back(record.begin(), record.end());
  }
  parts_.rests.Call(index_);
}

std::vector<std::vector<std::byte>> EventLoop::TakeHanded() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return std::exchange(handed_, {});
}

size_t EventLoop::Round() {
  const uint64_t now_ns = parts_.clock.BootNs();
  // What another ring told happened after everything that this ring holds by now: it comes after it.
  const std::vector<std::vector<std::byte>> handed = TakeHanded();
  const size_t records = parts_.tracer.Consume(index_, on_record_);
  for (const std::vector<std::byte>& record : handed) {
    if (parts_.recorder != nullptr) parts_.recorder->Append(index_, record);
    shard_.Accept(record);
  }
  Tick(now_ns);
  progress_ns_.store(now_ns, std::memory_order_release);
  if (now_ns - published_ns_ >= kPublishNs) {
    published_ns_ = now_ns;
    Publish();
  }
  if (now_ns - handed_over_ns_ >= kHandOverNs && HandOver()) handed_over_ns_ = now_ns;
  return records;
}

// All that the shard is told stands in the recording, in this order: so that it can be told the same again.
void EventLoop::Tick(uint64_t now_ns) {
  if (index_ == 0 && parts_.lost_any(now_ns)) {
    if (parts_.recorder != nullptr) parts_.recorder->AppendLossNoted(index_, now_ns);
    shard_.NoteLosses(now_ns);
  }
  if (parts_.recorder != nullptr) parts_.recorder->AppendTick(index_, now_ns);
  shard_.Tick(now_ns);
  sink_.Ticked(now_ns);
}

void EventLoop::OnRecord(std::span<const std::byte> record) {
  const std::optional<RecordHeader> header = ReadRecordHeader(record);
  const bool is_control = header && !IsDataRecord(*header);
  if (is_control) OnControl(record);
  if (parts_.recorder != nullptr) parts_.recorder->Append(index_, record);
  shard_.Accept(record);
  if (!is_control) return;
  if (const auto* closed = std::get_if<ConnectionClosed>(&control_event_)) policy_.Closed(closed->connection);
}

// Before the shard sees it, so that it asks for the new name.
void EventLoop::OnControl(std::span<const std::byte> record) {
  if (ToEvent(record, control_event_) != EventFault::kNone) {  // counted by the shard
    control_event_ = {};
    return;
  }
  if (const auto* forked = std::get_if<ProcessForked>(&control_event_)) {
    parts_.processes.Forked(forked->parent_tgid, forked->tgid);
    parts_.live_targets.fetch_add(1, std::memory_order_relaxed);
    parts_.on_fork(forked->parent_tgid, forked->tgid);
  } else if (const auto* execed = std::get_if<ProcessExeced>(&control_event_)) {
    parts_.processes.Execed(execed->tgid, execed->comm);
    parts_.on_exec(execed->tgid);
  } else if (const auto* exited = std::get_if<ProcessExited>(&control_event_)) {
    parts_.processes.Exited(exited->tgid);
    parts_.live_targets.fetch_sub(1, std::memory_order_relaxed);
    parts_.on_exit(exited->tgid);
  } else {
    return;
  }
  parts_.share(index_, record);
}

// False: not now, for somebody is reading the sums; what was measured stays here.
bool EventLoop::HandOver() {
  if (parts_.scraped != nullptr && !parts_.scraped->TryAdd(measurements_.durations)) return false;
  if (parts_.totals != nullptr) {
    parts_.totals->Take(measurements_.durations);
  } else {
    measurements_.durations.Reset();
  }
  return true;
}

void EventLoop::Publish() {
  open_connections_.store(shard_.connections(), std::memory_order_relaxed);
  open_exchanges_.store(shard_.open_exchanges(), std::memory_order_relaxed);
  const std::lock_guard<std::mutex> lock(mutex_);
  published_ = shard_.losses();
}

Losses EventLoop::losses() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return published_;
}

void EventLoop::Rest(size_t records) {
  if (records > 0) parts_.rests.Work(index_);
  if (records >= kManyRecords) {
    pause_us_ = std::max(kShortestPauseUs, std::min(kLongestBusyPauseUs, pause_us_) / 2);
  } else if (records == 0) {
    pause_us_ = std::min(parts_.longest_pause_us, pause_us_ * 2);
  } else {
    pause_us_ = std::min(kLongestBusyPauseUs, pause_us_);
  }
  const std::chrono::microseconds pause(pause_us_);
  // A record that is still being written, or cannot be shown now, makes the ring readable: to rest would be to go round and
  // round.
  const bool is_empty = parts_.tracer.Waiting(index_) == 0;
  if (pause_us_ == parts_.longest_pause_us && is_empty && !shard_.waits()) {
    const Rests::End end = parts_.rests.Rest(index_, parts_.tracer.RingFd(index_), pause);
    if (end == Rests::End::kRecord) wakes_.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  std::unique_lock<std::mutex> lock(mutex_);
  wake_.wait_for(lock, pause, [this] { return stopping_; });
}

}  // namespace wirespan::live
