// CpuClock: how much CPU time a thread had used at the moment of a stamp. The kernel adds to sum_exec_runtime only when its
// scheduler looks (context switch, tick), and ThreadStamp::exec_start_ns says when that was, on the scheduler's clock of that
// CPU. This class learns, per CPU, how far CLOCK_BOOTTIME is ahead of that clock, as the least distance seen in a sliding window:
// an event right after a context switch has almost none of its own. Owned and used by one shard thread; deterministic; allocates
// only for a CPU's first stamp.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "agent/kernel/event.h"

namespace wirespan::span {

struct CpuReading {
  uint64_t cpu_ns = 0;    // CPU time used by the thread up to the event
  uint64_t error_ns = 0;  // bound on how wrong cpu_ns may be
};

class CpuClock {
 public:
  static constexpr size_t kMaxCpus = 4096;
  static constexpr uint64_t kBucketNs = 500'000'000;  // the window is kBuckets of these
  static constexpr size_t kBuckets = 16;
  static constexpr size_t kMinBuckets = 3;  // buckets with a sample, before anything is said
  static constexpr uint64_t kBaseErrorNs = 2'000;

  // Only for stamps taken at `event_ns` itself: receives (a send's event carries the start of its call).
  void Observe(const ThreadStamp& stamp, uint64_t event_ns);
  // Absent where the clocks of that CPU are not known well, or the stamp does not fit them.
  std::optional<CpuReading> At(const ThreadStamp& stamp, uint64_t event_ns) const;

 private:
  struct Bucket {
    uint64_t number = 0;  // event time / kBucketNs; 0: never used
    int64_t least_ns = 0;
  };
  struct Offset {
    int64_t least_ns = 0;
    uint64_t error_ns = 0;
  };
  struct Window {
    std::array<Bucket, kBuckets> buckets{};
    // What the buckets said last: it holds for the events of one bucket, until a least distance changes.
    mutable uint64_t said_for = 0;  // Bucket::number; 0: nothing was said since
    mutable std::optional<Offset> said;
  };
  std::optional<Offset> OffsetOf(uint16_t cpu, uint64_t event_ns) const;
  static std::optional<Offset> Work(const Window& window, uint64_t now);

  std::vector<Window> windows_;  // by CPU
};

// CPU time between two stamps of one thread; absent unless it is right within 20 us or a tenth of it, whichever is more.
std::optional<uint64_t> CpuTimeBetween(const CpuClock& clock, const ThreadStamp& from, uint64_t from_ns, const ThreadStamp& to,
                                       uint64_t to_ns);

}  // namespace wirespan::span
