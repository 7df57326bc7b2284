// StatusBoard: what the agent says of itself, put up by the thread that owns the agent and read by those that answer. A reader
// never waits for more than its patience, the writer never for a reader. Thread-safe.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "agent/base/clock.h"
#include "agent/status/snapshot.h"

namespace wirespan::status {

enum class Stage : uint8_t { kStarting, kReady, kEnding };

// How far the agent's loops are.
struct Heartbeat {
  uint64_t now_ns = 0;       // boot time at which the writer looked
  std::string slowest;       // the thread that is furthest behind
  uint64_t progress_ns = 0;  // boot time up to which it has done its work
};

struct Verdict {
  bool good = false;
  std::string line;  // why, without a line end
};

class StatusBoard {
 public:
  static constexpr std::chrono::seconds kLongestSilence{5};  // of a loop, before the agent counts as stuck
  static constexpr std::chrono::seconds kLongestStart{120};
  static constexpr std::chrono::milliseconds kLeastInterval{200};  // between two snapshots

  explicit StatusBoard(const Clock& clock) : clock_(clock), began_ns_(clock.BootNs()) {}

  // The writer's side.
  void Enter(Stage stage);
  void Beat(Heartbeat heartbeat);
  // Whether somebody waits for a snapshot, and the last one is old enough to be replaced.
  bool wants_snapshot() const;
  void Publish(std::shared_ptr<const Snapshot> snapshot);

  // The readers' side.
  Verdict Health() const;
  Verdict Readiness() const;
  // A snapshot made after this call, or after `patience` the last one there is; null where there is none yet.
  std::shared_ptr<const Snapshot> Await(std::chrono::milliseconds patience);

 private:
  const Clock& clock_;
  const uint64_t began_ns_;
  mutable std::mutex mutex_;  // guards all below but the atomics; held for copies only
  std::condition_variable published_;
  Stage stage_ = Stage::kStarting;
  Heartbeat heartbeat_;
  std::shared_ptr<const Snapshot> snapshot_;
  uint64_t snapshots_ = 0;  // so far
  std::atomic<uint64_t> snapshot_ns_{0};
  std::atomic<uint32_t> waiting_{0};
};

}  // namespace wirespan::status
