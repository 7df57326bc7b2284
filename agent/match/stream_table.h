// StreamTable: the open exchanges of one connection by stream id, for protocols that multiplex. A sorted array: ids ascend, so
// that adding is appending, finding is a binary search among few, and every walk goes in the order of the ids. Not bounded here:
// what adds to it takes exchanges from a bounded ExchangePool. One thread.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace wirespan::match {

template <typename Open>
class StreamTable {
 public:
  size_t size() const { return entries_.size(); }
  bool empty() const { return entries_.empty(); }
  // nullptr: none. Pointers to exchanges live until they are taken.
  Open* Find(uint32_t id) {
    const auto at = Place(id);
    return at != entries_.end() && at->id == id ? at->open.get() : nullptr;
  }
  // By rank, the lowest id first; at < size().
  uint32_t IdAt(size_t at) const { return entries_[at].id; }
  Open& At(size_t at) { return *entries_[at].open; }
  // The rank of the first that is not below `id`; size() where all are.
  size_t RankOf(uint32_t id) { return static_cast<size_t>(Place(id) - entries_.begin()); }

  // The id must not be there.
  Open& Add(uint32_t id, std::unique_ptr<Open> open) {
    if (entries_.empty() || entries_.back().id < id) return *entries_.emplace_back(Entry{id, std::move(open)}).open;
    return *entries_.insert(Place(id), Entry{id, std::move(open)})->open;
  }
  // The id must be there.
  std::unique_ptr<Open> Take(uint32_t id) {
    const auto at = Place(id);
    std::unique_ptr<Open> open = std::move(at->open);
    entries_.erase(at);
    return open;
  }

 private:
  struct Entry {
    uint32_t id;
    std::unique_ptr<Open> open;
  };
  typename std::vector<Entry>::iterator Place(uint32_t id) {
    return std::lower_bound(entries_.begin(), entries_.end(), id,
                            [](const Entry& entry, uint32_t wanted) { return entry.id < wanted; });
  }

  std::vector<Entry> entries_;
};

}  // namespace wirespan::match
