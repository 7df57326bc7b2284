#include "agent/span/cpu_clock.h"

#include <algorithm>

namespace wirespan::span {
namespace {

constexpr uint64_t kTolerableErrorNs = 20'000;

// b - a for clocks that may stand either way, without overflow for any two values a hostile recording could hold.
int64_t Difference(uint64_t a, uint64_t b) {
  constexpr uint64_t kFarthest = uint64_t{1} << 60U;
  if (b >= a) return static_cast<int64_t>(std::min(b - a, kFarthest));
  return -static_cast<int64_t>(std::min(a - b, kFarthest));
}

}  // namespace

void CpuClock::Observe(const ThreadStamp& stamp, uint64_t event_ns) {
  if (stamp.exec_start_ns == 0 || stamp.cpu >= kMaxCpus) return;
  if (stamp.cpu >= windows_.size()) windows_.resize(stamp.cpu + size_t{1});
  const uint64_t number = event_ns / kBucketNs + 1;
  Window& window = windows_[stamp.cpu];
  Bucket& bucket = window.buckets[number % kBuckets];
  const int64_t distance = Difference(stamp.exec_start_ns, event_ns);
  if (bucket.number > number) return;  // the bucket already stands for a later time
  if (bucket.number == number && bucket.least_ns <= distance) return;
  bucket = {number, distance};
  window.said_for = 0;
}

std::optional<CpuClock::Offset> CpuClock::OffsetOf(uint16_t cpu, uint64_t event_ns) const {
  if (cpu >= windows_.size()) return std::nullopt;
  const Window& window = windows_[cpu];
  const uint64_t now = event_ns / kBucketNs + 1;
  if (window.said_for != now) {
    window.said = Work(window, now);
    window.said_for = now;
  }
  return window.said;
}

std::optional<CpuClock::Offset> CpuClock::Work(const Window& window, uint64_t now) {
  std::array<int64_t, kBuckets> least{};
  size_t count = 0;
  for (const Bucket& bucket : window.buckets) {
    // A little of the future counts too: events of different rings do not come in order.
    if (bucket.number == 0 || bucket.number + kBuckets <= now || bucket.number > now + kBuckets) continue;
    least[count++] = bucket.least_ns;
  }
  if (count < kMinBuckets) return std::nullopt;
  std::sort(least.begin(), least.begin() + static_cast<std::ptrdiff_t>(count));
  // The clocks drift apart (frequency steering; interrupt time, which the scheduler's clock leaves out), and a bucket with few
  // samples has a least distance that is too great. Twice the distance from the least to the median bucket bounds both, as long
  // as fewer than half of the buckets are such poor ones.
  const auto spread = static_cast<uint64_t>(least[count / 2] - least[0]);
  return Offset{least[0], 2 * spread + kBaseErrorNs};
}

std::optional<CpuReading> CpuClock::At(const ThreadStamp& stamp, uint64_t event_ns) const {
  if (stamp.exec_start_ns == 0) return std::nullopt;
  const std::optional<Offset> offset = OffsetOf(stamp.cpu, event_ns);
  if (!offset) return std::nullopt;
  const int64_t since_update = Difference(stamp.exec_start_ns, event_ns) - offset->least_ns;
  // A stamp later than its event (the call had slept when the stamp was taken) says nothing about the event's moment.
  if (since_update < -static_cast<int64_t>(offset->error_ns)) return std::nullopt;
  return CpuReading{stamp.cpu_ns + static_cast<uint64_t>(std::max<int64_t>(since_update, 0)), offset->error_ns};
}

std::optional<uint64_t> CpuTimeBetween(const CpuClock& clock, const ThreadStamp& from, uint64_t from_ns, const ThreadStamp& to,
                                       uint64_t to_ns) {
  const std::optional<CpuReading> before = clock.At(from, from_ns);
  const std::optional<CpuReading> after = clock.At(to, to_ns);
  if (!before || !after || to_ns < from_ns) return std::nullopt;
  const uint64_t wall_ns = to_ns - from_ns;
  const uint64_t error_ns = before->error_ns + after->error_ns;
  const uint64_t used_ns = after->cpu_ns >= before->cpu_ns ? after->cpu_ns - before->cpu_ns : 0;
  if (after->cpu_ns + error_ns < before->cpu_ns || used_ns > wall_ns + error_ns)
    return std::nullopt;  // these do not belong together
  if (error_ns > std::max(kTolerableErrorNs, used_ns / 10)) return std::nullopt;
  return std::min(used_ns, wall_ns);
}

}  // namespace wirespan::span
