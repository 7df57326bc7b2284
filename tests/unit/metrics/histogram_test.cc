#include "agent/metrics/histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace wirespan::metrics {
namespace {

size_t ReferenceBucket(uint64_t value) {
  return static_cast<size_t>(std::lower_bound(kDurationBoundsNs.begin(), kDurationBoundsNs.end(), value) -
                             kDurationBoundsNs.begin());
}

TEST(DurationBucket, UpperBoundsAreInclusive) {
  for (size_t i = 0; i < kDurationBoundsNs.size(); ++i) {
    EXPECT_EQ(DurationBucket(kDurationBoundsNs[i] - 1), i);
    EXPECT_EQ(DurationBucket(kDurationBoundsNs[i]), i);
    EXPECT_EQ(DurationBucket(kDurationBoundsNs[i] + 1), i + 1);
  }
  EXPECT_EQ(DurationBucket(0), 0U);
  EXPECT_EQ(DurationBucket(UINT64_MAX), kDurationBoundsNs.size());
}

TEST(DurationBucket, AgreesWithBinarySearch) {
  std::mt19937_64 random(2);
  for (int round = 0; round < 500'000; ++round) {
    const uint64_t value = random() >> (random() % 64);
    ASSERT_EQ(DurationBucket(value), ReferenceBucket(value)) << value;
  }
}

TEST(DurationHistogram, MergeIsTheSameAsAddingAll) {
  std::mt19937_64 random(3);
  DurationHistogram all;
  DurationHistogram parts[3];
  for (int i = 0; i < 10'000; ++i) {
    const uint64_t value = random() >> (random() % 64);
    all.Add(value);
    parts[random() % 3].Add(value);
  }
  DurationHistogram merged;
  for (const auto& part : parts) merged.Merge(part);
  EXPECT_EQ(merged.count, 10'000U);
  EXPECT_EQ(merged.count, all.count);
  EXPECT_EQ(merged.sum_seconds, all.sum_seconds);
  EXPECT_EQ(merged.sum_ns, all.sum_ns);
  EXPECT_EQ(merged.min_ns, all.min_ns);
  EXPECT_EQ(merged.max_ns, all.max_ns);
  EXPECT_EQ(merged.buckets, all.buckets);
}

TEST(DurationHistogram, BucketsOfFewerBoundsAreSums) {
  std::mt19937_64 random(5);
  DurationHistogram histogram;
  std::vector<uint64_t> values(5'000);
  for (uint64_t& value : values) histogram.Add(value = random() >> (random() % 64));
  for (const std::span<const uint64_t> bounds :
       {std::span<const uint64_t>(kRequestBoundsNs), std::span<const uint64_t>(kDatabaseBoundsNs),
        std::span<const uint64_t>(kDurationBoundsNs), std::span<const uint64_t>()}) {
    std::vector<uint64_t> expected(bounds.size() + 1);
    for (const uint64_t value : values)
      ++expected[static_cast<size_t>(std::lower_bound(bounds.begin(), bounds.end(), value) - bounds.begin())];
    std::vector<uint64_t> found;
    histogram.BucketsOf(bounds, found);
    EXPECT_EQ(found, expected) << bounds.size();
  }
}

TEST(DurationHistogram, TheSumDoesNotOverflow) {
  DurationHistogram histogram;
  for (int i = 0; i < 8; ++i) histogram.Add(UINT64_MAX);
  EXPECT_NEAR(histogram.SumSeconds(), 8 * 18'446'744'073.709'551, 1e-3);
}

}  // namespace
}  // namespace wirespan::metrics
