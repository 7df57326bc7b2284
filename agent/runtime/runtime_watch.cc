#include "agent/runtime/runtime_watch.h"

#include <pthread.h>

#include <algorithm>
#include <array>
#include <utility>

#include "agent/runtime/find_runtime.h"

namespace wirespan::runtime {
namespace {

using std::chrono::milliseconds;
// An interpreter in a library is mapped some milliseconds after exec; one that is embedded, when its host wants it.
constexpr std::array<milliseconds, 6> kPauses = {milliseconds{5},   milliseconds{30},    milliseconds{150},
                                                 milliseconds{600}, milliseconds{2'500}, milliseconds{10'000}};

}  // namespace

RuntimeWatch::RuntimeWatch(process::ProcFs proc, Told told, size_t max_waiting)
    : proc_(std::move(proc)), told_(std::move(told)), max_waiting_(max_waiting) {}

RuntimeWatch::~RuntimeWatch() { Stop(); }

void RuntimeWatch::Start() {
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "runtimes");
    Run();
  });
}

void RuntimeWatch::Stop() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

void RuntimeWatch::LookNow(uint32_t tgid) {
  if (!LookOnce(tgid)) Wait({tgid, 1, std::chrono::steady_clock::now() + kPauses[1]});
}

void RuntimeWatch::Look(uint32_t tgid) {
  Forget(tgid);
  Wait({tgid, 0, std::chrono::steady_clock::now() + kPauses[0]});
}

void RuntimeWatch::Forget(uint32_t tgid) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    std::erase_if(waiting_, [tgid](const Waiting& waiting) { return waiting.tgid == tgid; });
    gone_.push_back(tgid);
  }
  wake_.notify_all();
}

void RuntimeWatch::Wait(const Waiting& waiting) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto same = std::find_if(waiting_.begin(), waiting_.end(), [&](const Waiting& w) { return w.tgid == waiting.tgid; });
    if (same != waiting_.end()) {
      *same = waiting;
    } else if (waiting_.size() >= max_waiting_) {
      ++counts_.refused;
      return;
    } else {
      waiting_.push_back(waiting);
    }
  }
  wake_.notify_all();
}

bool RuntimeWatch::LookOnce(uint32_t tgid) {
  const FoundRuntime found = FindRuntime(proc_, tgid);
  if (!found.layout) return found.is_final;
  const bool handed = told_.found(tgid, *found.layout);
  const std::lock_guard<std::mutex> lock(mutex_);
  ++(found.layout->kind == kernel::RuntimeLayout::Kind::kGo ? counts_.go : counts_.python);
  if (!handed) ++counts_.failed;
  return true;
}

std::optional<RuntimeWatch::Waiting> RuntimeWatch::NextDue(std::unique_lock<std::mutex>& lock) {
  const TimePoint now = std::chrono::steady_clock::now();
  const auto next =
      std::min_element(waiting_.begin(), waiting_.end(), [](const Waiting& a, const Waiting& b) { return a.due < b.due; });
  if (next != waiting_.end() && next->due <= now) {
    const Waiting due = *next;
    waiting_.erase(next);
    return due;
  }
  const bool has_found = counts_.go + counts_.python != 0;
  if (next == waiting_.end() && !has_found) {
    wake_.wait(lock);
  } else {
    TimePoint until = next == waiting_.end() ? TimePoint::max() : next->due;
    if (has_found) until = std::min(until, next_second_);
    wake_.wait_until(lock, until);
  }
  return std::nullopt;
}

void RuntimeWatch::Run() {
  std::unique_lock<std::mutex> lock(mutex_);
  while (!stopping_) {
    if (!gone_.empty()) {
      const std::vector<uint32_t> gone = std::exchange(gone_, {});
      lock.unlock();
      for (const uint32_t tgid : gone) told_.gone(tgid);
      lock.lock();
      continue;
    }
    if (const TimePoint now = std::chrono::steady_clock::now(); counts_.go + counts_.python != 0 && next_second_ <= now) {
      next_second_ = now + std::chrono::seconds(1);
      lock.unlock();
      told_.second();
      lock.lock();
      continue;
    }
    std::optional<Waiting> looked = NextDue(lock);
    if (!looked) continue;
    lock.unlock();
    const bool done = LookOnce(looked->tgid);
    lock.lock();
    const bool told_again =
        std::any_of(waiting_.begin(), waiting_.end(), [&](const Waiting& waiting) { return waiting.tgid == looked->tgid; });
    if (done || told_again || ++looked->looks >= kPauses.size()) continue;
    looked->due = std::chrono::steady_clock::now() + kPauses[looked->looks];
    waiting_.push_back(*looked);
  }
}

RuntimeWatch::Counts RuntimeWatch::counts() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return counts_;
}

}  // namespace wirespan::runtime
