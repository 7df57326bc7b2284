// Rests: how the threads events-N sleep while nothing comes on any ring. As long as one of them has work, none is woken by the
// kernel (a wake-up costs a hundred times the capture of a record): they look at their rings by the clock. When all rest, the
// kernel is told to wake the reader of the first record, and they may sleep long. Any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "agent/base/result.h"
#include "agent/base/unique_fd.h"

namespace wirespan::live {

class Rests {
 public:
  static constexpr std::chrono::milliseconds kLongest{250};
  enum class End : uint8_t {
    kRecord,  // one came before the time was over
    kCalled,
    kTime,
  };
  // `tell(true)`: from now on the first record on a ring wakes whoever waits for it; `tell(false)`: no more. Called by the
  // threads that rest and work, one at a time.
  using Tell = std::function<void(bool)>;
  static Result<std::unique_ptr<Rests>> Open(uint32_t loops, Tell tell);

  // The loop `index` has found nothing for a while: blocks until its ring `ring_fd` has a record, Call, or the time is over:
  // kLongest where all loops rest, else `shorter`. It rests until it says Work.
  End Rest(uint32_t index, int ring_fd, std::chrono::microseconds shorter);
  // The loop `index` has found records. The others are called, if they may sleep long: from now on they look by the clock again.
  void Work(uint32_t index);
  // Ends the rest of the loop `index`, or its next one.
  void Call(uint32_t index);

 private:
  struct Loop {
    UniqueFd call;  // an eventfd
    bool rests = false;
  };
  explicit Rests(Tell tell) : tell_(std::move(tell)) {}

  const Tell tell_;
  std::mutex mutex_;  // guards what follows, but for the descriptors
  std::vector<Loop> loops_;
  uint32_t resting_ = 0;
};

}  // namespace wirespan::live
