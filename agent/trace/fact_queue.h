// FactQueue: merges the shards' facts into one order: by time, then shard, then the shard's own order, which is never broken: a
// fact that a shard tells late (its time lies before one it told already, or before what KeepAfter said) takes the later time.
// Used by the assembler; one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <variant>
#include <vector>

#include "agent/trace/fact.h"

namespace wirespan::trace {

// A finished span's facts; the span itself lies in the assembler's pool.
struct FinishedFact {
  uint64_t time_ns = 0;
  uint64_t start_ns = 0;
  Token token = 0;
  uint32_t index = 0;
  ConnectionRole role = ConnectionRole::kUnknown;
  uint32_t tgid = 0;
  JoinKey join;
  uint32_t last_tid = 0;
  uint32_t last_turn = 0;
  bool shared = false;
  uint32_t span = UINT32_MAX;
};

struct QueuedFact {
  uint64_t order_ns = 0;
  uint32_t context = UINT32_MAX;  // a request's header, in the assembler's pool
  std::variant<RequestSeen, ResponseStarted, FinishedFact, Continued, CompletionWake, ProcessEnded, LossNoted> fact;
};

class FactQueue {
 public:
  explicit FactQueue(uint32_t max_shards) : max_shards_(max_shards) {}

  uint32_t max_shards() const { return max_shards_; }
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  // A place at the end of the shard's queue, order_ns set, to be filled at once. `shard` < max_shards().
  QueuedFact& Push(uint32_t shard, uint64_t time_ns);
  // What is pushed for the shard from now on comes at this time or later. Never goes back. `shard` < max_shards().
  void KeepAfter(uint32_t shard, uint64_t time_ns);
  // Time of the first fact in merged order; so late that it never comes where there is none.
  uint64_t FirstOrder() const { return first_order_ns_; }
  // The first fact; valid until the next Push of any shard. Pop it afterwards.
  QueuedFact& First() { return lanes_[first_lane_].At(0); }
  void Pop();
  // Gives up the room that was not needed since the last call. Whether there was any.
  bool Relax();

 private:
  // A ring buffer that doubles; places are reused as they are. Its size is a power of two.
  struct Lane {
    std::vector<QueuedFact> ring;
    size_t head = 0;
    size_t count = 0;
    size_t most = 0;  // facts at once, since Relax
    uint64_t last_order_ns = 0;
    uint64_t first_order_ns = UINT64_MAX;  // of the first fact; while there is none, so late
    QueuedFact& At(size_t i) { return ring[(head + i) & (ring.size() - 1)]; }
    const QueuedFact& At(size_t i) const { return ring[(head + i) & (ring.size() - 1)]; }
    void Resize(size_t size);
  };
  void FindFirst();

  uint32_t max_shards_;
  std::vector<Lane> lanes_;
  size_t first_lane_ = 0;  // valid while not empty
  uint64_t first_order_ns_ = UINT64_MAX;
  size_t size_ = 0;
};

}  // namespace wirespan::trace
