// TimerQueue: what is to be looked at again, soonest first, and first come first served among equals. Nearly all timers come in
// the order of their times, of a few kinds each (the same wait, from a clock that does not go back): those stand in a few lines,
// the others lie in a heap. Allocates only when more wait than ever before. One thread.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace wirespan::trace {

template <typename What>
class TimerQueue {
 public:
  bool empty() const { return first_ == kNobody; }
  // Of the first; so late that it never comes where there is none.
  uint64_t FirstDue() const { return first_due_; }
  void Add(uint64_t due, const What& what) {
    const Timer timer{due, next_order_++, what};
    size_t place = 0;
    while (place < kLines && !lines_[place].Takes(due)) ++place;
    if (place < kLines) {
      lines_[place].Push(timer);
    } else {
      heap_.push_back(timer);
      std::push_heap(heap_.begin(), heap_.end(), Later);
    }
    if (due >= first_due_) return;
    first_due_ = due;
    first_ = place;
  }
  // Takes the first out; not empty().
  What Pop() {
    What what;
    if (first_ < kLines) {
      what = lines_[first_].Pop();
    } else {
      std::pop_heap(heap_.begin(), heap_.end(), Later);
      what = heap_.back().what;
      heap_.pop_back();
    }
    FindFirst();
    return what;
  }
  void Clear() {
    for (Line& line : lines_) line.count = 0;
    heap_.clear();
    FindFirst();
  }

 private:
  struct Timer {
    uint64_t due = 0;
    uint64_t order = 0;
    What what;
  };
  // A ring, its size a power of two.
  struct Line {
    static constexpr size_t kFirstSize = 64;

    bool Takes(uint64_t due) const { return count == 0 || due >= last_due; }
    const Timer& First() const { return ring[head]; }
    void Push(const Timer& timer) {
      if (count == ring.size()) Grow();
      ring[(head + count++) & (ring.size() - 1)] = timer;
      last_due = timer.due;
    }
    What Pop() {
      const What what = ring[head].what;
      head = (head + 1) & (ring.size() - 1);
      --count;
      return what;
    }
    void Grow() {
      std::vector<Timer> larger(ring.empty() ? kFirstSize : 2 * ring.size());
      for (size_t i = 0; i < count; ++i) larger[i] = ring[(head + i) & (ring.size() - 1)];
      ring.swap(larger);
      head = 0;
    }

    std::vector<Timer> ring;
    size_t head = 0;
    size_t count = 0;
    uint64_t last_due = 0;
  };
  static constexpr size_t kLines = 4;
  static constexpr size_t kHeap = kLines;  // as a place
  static constexpr size_t kNobody = kLines + 1;

  static bool Later(const Timer& a, const Timer& b) { return a.due != b.due ? a.due > b.due : a.order > b.order; }
  void FindFirst() {
    const Timer* first = nullptr;
    first_ = kNobody;
    for (size_t place = 0; place < kLines; ++place) {
      if (lines_[place].count == 0 || (first != nullptr && !Later(*first, lines_[place].First()))) continue;
      first = &lines_[place].First();
      first_ = place;
    }
    if (!heap_.empty() && (first == nullptr || Later(*first, heap_.front()))) {
      first = &heap_.front();
      first_ = kHeap;
    }
    first_due_ = first != nullptr ? first->due : UINT64_MAX;
  }

  std::array<Line, kLines> lines_;
  std::vector<Timer> heap_;
  uint64_t next_order_ = 0;
  uint64_t first_due_ = UINT64_MAX;
  size_t first_ = kNobody;  // where the first stands
};

}  // namespace wirespan::trace
