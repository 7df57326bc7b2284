// BudgetTeller: the records that the kernel writes of a call where it copies at most a budget of bytes per turn
// (bpf/lib/capture.bpf.h): pieces of up to 4096 bytes while the budget lasts, then one record for the rest of the call with its
// last 16 bytes. Remembers which bytes of each direction were copied, so that a test knows what can be known.
#pragma once

#include <algorithm>
#include <string_view>
#include <vector>

#include "tests/unit/support/event_maker.h"

namespace wirespan::testing {

inline constexpr size_t kTailBytes = 16;

class BudgetTeller {
 public:
  BudgetTeller(EventMaker& end, size_t turn_budget) : budget(turn_budget), end_(&end) {}

  size_t budget;  // of turns that begin from now on

  // One call with bytes in user memory.
  std::vector<Record> Call(ws_direction direction, std::string_view call) {
    Turn(direction);
    std::vector<Record> records;
    while (!call.empty()) {
      const size_t left = std::min<size_t>(turn_budget_ - std::min(turn_budget_, captured_), WS_MAX_PAYLOAD);
      const size_t size = left > 0 ? std::min(left, call.size()) : call.size();
      const size_t skipped = left > 0 || size <= kTailBytes ? 0 : size - kTailBytes;
      const ChunkOptions options{.skipped = static_cast<uint32_t>(skipped)};
      const std::string_view piece = call.substr(0, size);
      records.push_back(direction == WS_SEND ? end_->Sent(piece, options) : end_->Received(piece, options));
      if (skipped == 0) captured_ += size;
      Note(direction, skipped, false);
      Note(direction, size - skipped, true);
      call.remove_prefix(size);
    }
    return records;
  }
  // A call whose bytes are not in user memory (sendfile, splice): told by its size, or not at all.
  std::vector<Record> FileCall(ws_direction direction, size_t size, bool is_told) {
    Turn(direction);
    Note(direction, size, false);
    if (is_told) return {end_->Uncaptured(direction, static_cast<uint32_t>(size))};
    end_->Unseen(direction, size);
    return {};
  }

  // Bytes that moved in that direction so far, and whether all of [from, to) were copied.
  size_t moved(ws_direction direction) const { return copied_[direction].size(); }
  bool Copied(ws_direction direction, size_t from, size_t to) const {
    const std::vector<bool>& copied = copied_[direction];
    return std::all_of(copied.begin() + static_cast<std::ptrdiff_t>(from), copied.begin() + static_cast<std::ptrdiff_t>(to),
                       [](bool c) { return c; });
  }

 private:
  void Turn(ws_direction direction) {
    if (last_ == static_cast<int>(direction)) return;
    last_ = static_cast<int>(direction);
    captured_ = 0;
    turn_budget_ = budget;
  }
  void Note(ws_direction direction, size_t size, bool copied) {
    copied_[direction].insert(copied_[direction].end(), size, copied);
  }

  EventMaker* end_;
  size_t turn_budget_ = 0;
  size_t captured_ = 0;
  int last_ = -1;
  std::vector<bool> copied_[2];
};

}  // namespace wirespan::testing
