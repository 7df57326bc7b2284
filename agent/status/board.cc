#include "agent/status/board.h"

#include <utility>

namespace wirespan::status {
namespace {

uint64_t Ns(std::chrono::nanoseconds time) { return static_cast<uint64_t>(time.count()); }
uint64_t Since(uint64_t then_ns, uint64_t now_ns) { return now_ns > then_ns ? now_ns - then_ns : 0; }
std::string Seconds(uint64_t ns) { return std::to_string(ns / 1'000'000'000U) + " s"; }

}  // namespace

void StatusBoard::Enter(Stage stage) {
  {
    const std::lock_guard lock(mutex_);
    stage_ = stage;
  }
  published_.notify_all();  // at the end nobody waits for a snapshot that will not come
}

void StatusBoard::Beat(Heartbeat heartbeat) {
  const std::lock_guard lock(mutex_);
  heartbeat_ = std::move(heartbeat);
}

bool StatusBoard::wants_snapshot() const {
  if (waiting_.load(std::memory_order_acquire) == 0) return false;
  const uint64_t last_ns = snapshot_ns_.load(std::memory_order_relaxed);
  return last_ns == 0 || Since(last_ns, clock_.BootNs()) >= Ns(kLeastInterval);
}

void StatusBoard::Publish(std::shared_ptr<const Snapshot> snapshot) {
  {
    const std::lock_guard lock(mutex_);
    snapshot_.swap(snapshot);
    ++snapshots_;
    snapshot_ns_.store(clock_.BootNs(), std::memory_order_relaxed);
  }
  published_.notify_all();
}  // the one before ends here, outside the lock

Verdict StatusBoard::Health() const {
  const uint64_t now_ns = clock_.BootNs();
  const std::lock_guard lock(mutex_);
  if (stage_ == Stage::kStarting) {
    const uint64_t started_ns = Since(began_ns_, now_ns);
    if (started_ns <= Ns(kLongestStart)) return {true, "starting"};
    return {false, "the start has not ended for " + Seconds(started_ns)};
  }
  if (stage_ == Stage::kEnding) return {true, "ending"};
  if (const uint64_t silent_ns = Since(heartbeat_.now_ns, now_ns); silent_ns > Ns(kLongestSilence)) {
    return {false, "the main thread has made no progress for " + Seconds(silent_ns)};
  }
  if (const uint64_t behind_ns = Since(heartbeat_.progress_ns, heartbeat_.now_ns); behind_ns > Ns(kLongestSilence)) {
    return {false, "the thread " + heartbeat_.slowest + " has made no progress for " + Seconds(behind_ns)};
  }
  return {true, "ok"};
}

Verdict StatusBoard::Readiness() const {
  const std::lock_guard lock(mutex_);
  switch (stage_) {
    case Stage::kStarting:
      return {false, "the probes are not in place yet"};
    case Stage::kReady:
      return {true, "ready"};
    case Stage::kEnding:
      return {false, "ending"};
  }
  return {false, ""};
}

std::shared_ptr<const Snapshot> StatusBoard::Await(std::chrono::milliseconds patience) {
  std::unique_lock lock(mutex_);
  const uint64_t seen = snapshots_;
  waiting_.fetch_add(1, std::memory_order_release);
  published_.wait_for(lock, patience, [&] { return snapshots_ != seen || stage_ == Stage::kEnding; });
  waiting_.fetch_sub(1, std::memory_order_release);
  return snapshot_;
}

}  // namespace wirespan::status
