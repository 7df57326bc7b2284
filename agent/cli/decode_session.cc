#include "agent/cli/decode_session.h"

namespace wirespan::cli {

void TimeMarks::Add(uint64_t position, uint64_t time_us) {
  if (!marks_.empty() && marks_.back().time_us == time_us) return;
  marks_.push_back({position, time_us});
}

uint64_t TimeMarks::At(uint64_t position) const {
  uint64_t time_us = marks_.empty() ? 0 : marks_.front().time_us;
  for (const Mark& mark : marks_) {
    if (mark.position > position) break;
    time_us = mark.time_us;
  }
  return time_us;
}

void TimeMarks::ForgetBefore(uint64_t position) {
  while (marks_.size() > 1 && marks_[1].position <= position) marks_.pop_front();
}

}  // namespace wirespan::cli
