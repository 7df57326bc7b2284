// TimerQueue: what is to be looked at again, soonest first, and first come first served among equals. Nearly all timers come in
// the order of their times (the same wait, from a clock that does not go back): those stand in line; the others lie in a heap.
// Allocates only when more wait than ever before. One thread.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace wirespan::trace {

template <typename What>
class TimerQueue {
 public:
  bool empty() const { return line_count_ == 0 && heap_.empty(); }
  // Of the first; so late that it never comes where there is none.
  uint64_t FirstDue() const { return first_due_; }
  void Add(uint64_t due, const What& what) {
    const Timer timer{due, next_order_++, what};
    first_due_ = std::min(first_due_, due);
    if (line_count_ == 0 || due >= At(line_count_ - 1).due) {
      if (line_count_ == line_.size()) Grow();
      At(line_count_++) = timer;
      return;
    }
    heap_.push_back(timer);
    std::push_heap(heap_.begin(), heap_.end(), Later);
  }
  // Takes the first out; not empty().
  What Pop() {
    What what;
    if (FirstIsInLine()) {
      what = At(0).what;
      line_head_ = (line_head_ + 1) & (line_.size() - 1);
      --line_count_;
    } else {
      std::pop_heap(heap_.begin(), heap_.end(), Later);
      what = heap_.back().what;
      heap_.pop_back();
    }
    first_due_ = line_count_ > 0 ? At(0).due : UINT64_MAX;
    if (!heap_.empty()) first_due_ = std::min(first_due_, heap_.front().due);
    return what;
  }
  void Clear() {
    line_count_ = 0;
    heap_.clear();
    first_due_ = UINT64_MAX;
  }

 private:
  struct Timer {
    uint64_t due = 0;
    uint64_t order = 0;
    What what;
  };
  static constexpr size_t kFirstLine = 64;

  static bool Later(const Timer& a, const Timer& b) { return a.due != b.due ? a.due > b.due : a.order > b.order; }
  bool FirstIsInLine() const { return heap_.empty() || (line_count_ > 0 && Later(heap_.front(), At(0))); }
  Timer& At(size_t i) { return line_[(line_head_ + i) & (line_.size() - 1)]; }
  const Timer& At(size_t i) const { return line_[(line_head_ + i) & (line_.size() - 1)]; }
  void Grow() {
    std::vector<Timer> larger(line_.empty() ? kFirstLine : 2 * line_.size());
    for (size_t i = 0; i < line_count_; ++i) larger[i] = At(i);
    line_.swap(larger);
    line_head_ = 0;
  }

  std::vector<Timer> line_;  // a ring, its size a power of two
  size_t line_head_ = 0;
  size_t line_count_ = 0;
  std::vector<Timer> heap_;
  uint64_t next_order_ = 0;
  uint64_t first_due_ = UINT64_MAX;
};

}  // namespace wirespan::trace
