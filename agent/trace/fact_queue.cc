#include "agent/trace/fact_queue.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace wirespan::trace {

namespace {
constexpr size_t kFirstCapacity = 64;
}  // namespace

void FactQueue::Lane::Resize(size_t size) {
  std::vector<QueuedFact> resized(size);
  for (size_t i = 0; i < count; ++i) resized[i] = std::move(At(i));
  ring.swap(resized);
  head = 0;
}

void FactQueue::KeepAfter(uint32_t shard, uint64_t time_ns) {
  if (shard >= lanes_.size()) lanes_.resize(shard + 1);
  lanes_[shard].last_order_ns = std::max(lanes_[shard].last_order_ns, time_ns);
}

QueuedFact& FactQueue::Push(uint32_t shard, uint64_t time_ns) {
  if (shard >= lanes_.size()) lanes_.resize(shard + 1);
  Lane& lane = lanes_[shard];
  if (lane.count == lane.ring.size()) lane.Resize(std::max(kFirstCapacity, 2 * lane.ring.size()));
  QueuedFact& place = lane.At(lane.count++);
  lane.most = std::max(lane.most, lane.count);
  ++size_;
  lane.last_order_ns = std::max(lane.last_order_ns, time_ns);
  place.order_ns = lane.last_order_ns;
  place.context = UINT32_MAX;
  if (lane.count == 1) {
    lane.first_order_ns = place.order_ns;
    FindFirst();
  }
  return place;
}

void FactQueue::Pop() {
  Lane& lane = lanes_[first_lane_];
  lane.head = (lane.head + 1) & (lane.ring.size() - 1);
  --lane.count;
  --size_;
  lane.first_order_ns = lane.count > 0 ? lane.At(0).order_ns : UINT64_MAX;
  first_order_ns_ = lane.first_order_ns;
  if (lanes_.size() > 1) FindFirst();
}

bool FactQueue::Relax() {
  bool gave_up = false;
  for (Lane& lane : lanes_) {
    const size_t needed = std::bit_ceil(std::max(kFirstCapacity, lane.most + 1));
    lane.most = lane.count;
    if (lane.ring.size() <= 2 * needed) continue;
    lane.Resize(needed);
    gave_up = true;
  }
  return gave_up;
}

// Few shards: a scan beats a heap.
void FactQueue::FindFirst() {
  uint64_t first = UINT64_MAX;
  bool found = false;
  for (size_t i = 0; i < lanes_.size(); ++i) {
    const uint64_t order = lanes_[i].first_order_ns;
    if (lanes_[i].count == 0 || (found && order >= first)) continue;
    first = order;
    first_lane_ = i;
    found = true;
  }
  first_order_ns_ = first;
}

}  // namespace wirespan::trace
