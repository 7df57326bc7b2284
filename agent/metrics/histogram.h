// DurationHistogram: durations in the explicit buckets that the semantic conventions advise. Integer nanoseconds inside,
// seconds only at export. Plain value; no thread of its own.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

namespace wirespan::metrics {

// docs/http/http-metrics.md, docs/rpc/rpc-metrics.md: [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]
// seconds.
inline constexpr std::array<uint64_t, 14> kRequestBoundsNs = {
    5'000'000,   10'000'000,  25'000'000,    50'000'000,    75'000'000,    100'000'000,   250'000'000,
    500'000'000, 750'000'000, 1'000'000'000, 2'500'000'000, 5'000'000'000, 7'500'000'000, 10'000'000'000};
// docs/db/database-metrics.md: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10] seconds.
inline constexpr std::array<uint64_t, 9> kDatabaseBoundsNs = {
    1'000'000, 5'000'000, 10'000'000, 50'000'000, 100'000'000, 500'000'000, 1'000'000'000, 5'000'000'000, 10'000'000'000};

// What is counted by: every bound of any of them, so that the buckets of each are sums of these.
inline constexpr std::array<uint64_t, 15> kDurationBoundsNs = {
    1'000'000,   5'000'000,   10'000'000,    25'000'000,    50'000'000,    75'000'000,    100'000'000,   250'000'000,
    500'000'000, 750'000'000, 1'000'000'000, 2'500'000'000, 5'000'000'000, 7'500'000'000, 10'000'000'000};
static_assert(std::includes(kDurationBoundsNs.begin(), kDurationBoundsNs.end(), kRequestBoundsNs.begin(),
                            kRequestBoundsNs.end()));
static_assert(std::includes(kDurationBoundsNs.begin(), kDurationBoundsNs.end(), kDatabaseBoundsNs.begin(),
                            kDatabaseBoundsNs.end()));

namespace internal {
// For each bit width of a value, the first bucket that a value of that width can lie in.
constexpr std::array<uint8_t, 65> FirstBuckets() {
  std::array<uint8_t, 65> first{};
  for (size_t width = 0; width <= 64; ++width) {
    const uint64_t smallest = width == 0 ? 0 : uint64_t{1} << (width - 1);
    uint8_t bucket = 0;
    while (bucket < kDurationBoundsNs.size() && smallest > kDurationBoundsNs[bucket]) ++bucket;
    first[width] = bucket;
  }
  return first;
}
inline constexpr std::array<uint8_t, 65> kFirstBuckets = FirstBuckets();
}  // namespace internal

// Index of the bucket (bounds[i-1], bounds[i]] that holds `value_ns`; the last one has no upper bound.
inline size_t DurationBucket(uint64_t value_ns) {
  size_t bucket = internal::kFirstBuckets[static_cast<size_t>(std::bit_width(value_ns))];
  while (bucket < kDurationBoundsNs.size() && value_ns > kDurationBoundsNs[bucket]) ++bucket;
  return bucket;
}

struct DurationHistogram {
  uint64_t count = 0;
  uint64_t sum_seconds = 0;  // the sum is sum_seconds + sum_ns / 1e9: it must not overflow in a long life
  uint64_t sum_ns = 0;       // < 1e9
  uint64_t min_ns = std::numeric_limits<uint64_t>::max();
  uint64_t max_ns = 0;
  std::array<uint64_t, kDurationBoundsNs.size() + 1> buckets{};

  void Add(uint64_t value_ns) {
    ++count;
    ++buckets[DurationBucket(value_ns)];
    AddToSum(value_ns / 1'000'000'000U, value_ns % 1'000'000'000U);
    if (value_ns < min_ns) min_ns = value_ns;
    if (value_ns > max_ns) max_ns = value_ns;
  }
  void Merge(const DurationHistogram& other) {
    count += other.count;
    for (size_t i = 0; i < buckets.size(); ++i) buckets[i] += other.buckets[i];
    AddToSum(other.sum_seconds, other.sum_ns);
    if (other.min_ns < min_ns) min_ns = other.min_ns;
    if (other.max_ns > max_ns) max_ns = other.max_ns;
  }
  // The counts between `bounds`, which are some of kDurationBoundsNs in their order, into one more bucket than there are bounds.
  void BucketsOf(std::span<const uint64_t> bounds, std::vector<uint64_t>& out) const {
    out.assign(bounds.size() + 1, 0);
    size_t to = 0;
    for (size_t i = 0; i < buckets.size(); ++i) {
      out[to] += buckets[i];
      if (to < bounds.size() && i < kDurationBoundsNs.size() && kDurationBoundsNs[i] == bounds[to]) ++to;
    }
  }
  double SumSeconds() const { return static_cast<double>(sum_seconds) + static_cast<double>(sum_ns) / 1e9; }

 private:
  void AddToSum(uint64_t seconds, uint64_t ns) {
    sum_ns += ns;
    sum_seconds += seconds + sum_ns / 1'000'000'000U;
    sum_ns %= 1'000'000'000U;
  }
};

}  // namespace wirespan::metrics
