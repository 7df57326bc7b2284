// RuntimeWatch: the thread `runtimes`. Looks for the language runtime of every process it is told of, again for a while where an
// interpreter may still be loading, and hands on what it finds. Bounded: processes beyond the limit are not looked at, and
// counted. Look and LookNow by any thread.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "agent/kernel/runtime_layout.h"
#include "agent/process/proc_fs.h"

namespace wirespan::runtime {

class RuntimeWatch {
 public:
  struct Counts {
    uint64_t go = 0;
    uint64_t python = 0;
    uint64_t refused = 0;  // processes not looked at, for want of room
    uint64_t failed = 0;   // found, but `found` could not hand it on
  };
  // What is told, never under a lock.
  struct Told {
    // Takes what was found, of the process itself and of its descendants alike; false where it could not. By any thread that
    // looks.
    std::function<bool(uint32_t tgid, const kernel::RuntimeLayout& layout)> found;
    // The program of a process that had been looked at is gone. By the thread.
    std::function<void(uint32_t tgid)> gone;
    // Every second, once something was found. By the thread.
    std::function<void()> second;
  };

  RuntimeWatch(process::ProcFs proc, Told told, size_t max_waiting);
  ~RuntimeWatch();  // as Stop

  void Start();
  void Stop();

  // Looks at once, in the caller's thread, and later again where that may help. Before the process is traced.
  void LookNow(uint32_t tgid);
  // The process has a new program, perhaps still loading: looks soon.
  void Look(uint32_t tgid);
  // It has ended, or is traced no longer.
  void Forget(uint32_t tgid);

  Counts counts() const;

 private:
  using TimePoint = std::chrono::steady_clock::time_point;
  struct Waiting {
    uint32_t tgid = 0;
    size_t looks = 0;  // so far
    TimePoint due;
  };
  bool LookOnce(uint32_t tgid);  // true: no more looks
  // Until something is to be done; what it takes from its lists it returns. The lock is held, and free while it waits.
  std::optional<Waiting> NextDue(std::unique_lock<std::mutex>& lock);
  void Wait(const Waiting& waiting);
  void Run();

  const process::ProcFs proc_;
  const Told told_;
  const size_t max_waiting_;
  std::thread thread_;
  mutable std::mutex mutex_;  // guards all below; never held while a process is looked at
  std::condition_variable wake_;
  std::vector<Waiting> waiting_;
  std::vector<uint32_t> gone_;
  TimePoint next_second_;  // of Told::second; the thread's own
  Counts counts_;
  bool stopping_ = false;
};

}  // namespace wirespan::runtime
