#include "agent/live/rests.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace wirespan::live {

using Clock = std::chrono::steady_clock;

Result<std::unique_ptr<Rests>> Rests::Open(uint32_t loops, Tell tell) {
  std::unique_ptr<Rests> rests(new Rests(std::move(tell)));
  for (uint32_t i = 0; i < loops; ++i) {
    UniqueFd call(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!call.ok()) return Error::FromErrno("create an eventfd", errno);
    rests->loops_.push_back({std::move(call)});
  }
  return rests;
}

Rests::End Rests::Rest(uint32_t index, int ring_fd, std::chrono::microseconds shorter) {
  Loop& loop = loops_[index];
  std::chrono::nanoseconds longest = shorter;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!loop.rests) {
      loop.rests = true;
      if (++resting_ == loops_.size()) tell_(true);
    }
    if (resting_ == loops_.size()) longest = kLongest;
  }
  // What came before the kernel was told is seen: poll looks before it waits.
  std::array<pollfd, 2> waits = {pollfd{ring_fd, POLLIN, 0}, pollfd{loop.call.get(), POLLIN, 0}};
  const timespec time{longest.count() / 1'000'000'000, longest.count() % 1'000'000'000};
  const Clock::time_point begin = Clock::now();
  if (::ppoll(waits.data(), waits.size(), &time, nullptr) <= 0) return End::kTime;
  if ((waits[1].revents & POLLIN) != 0) {
    uint64_t calls = 0;
    (void)!::read(loop.call.get(), &calls, sizeof(calls));
    return End::kCalled;
  }
  return Clock::now() - begin < longest ? End::kRecord : End::kTime;  // poll looks at the end, too
}

void Rests::Work(uint32_t index) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!loops_[index].rests) return;
  loops_[index].rests = false;
  if (resting_-- != loops_.size()) return;
  tell_(false);
  for (uint32_t other = 0; other < loops_.size(); ++other) {
    if (other != index) Call(other);
  }
}

void Rests::Call(uint32_t index) {
  const uint64_t one = 1;
  (void)!::write(loops_[index].call.get(), &one, sizeof(one));
}

}  // namespace wirespan::live
