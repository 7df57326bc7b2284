#include "exporters/otlp/retry_policy.h"

#include <gtest/gtest.h>

#include <set>

namespace wirespan::exporters::otlp {
namespace {

TEST(RetryPolicy, HttpStatusesOfTheSpecificationAndNoOthers) {
  const std::set<long> retryable = {429, 502, 503, 504};
  for (long status = 100; status < 600; ++status) EXPECT_EQ(IsRetryableHttpStatus(status), retryable.contains(status)) << status;
}

TEST(RetryPolicy, GrpcCodesOfTheSpecificationAndNoOthers) {
  const std::set<int> retryable = {1, 4, 10, 11, 14, 15};
  for (int code = 0; code <= 20; ++code) {
    EXPECT_EQ(IsRetryableGrpcStatus(code, false), retryable.contains(code)) << code;
    EXPECT_EQ(IsRetryableGrpcStatus(code, true), retryable.contains(code) || code == 8) << code;
  }
}

TEST(RetryPolicy, RetryAfterIsSecondsOrADate) {
  constexpr int64_t kNow = 784'111'777;  // Sun, 06 Nov 1994 08:49:37 GMT
  EXPECT_EQ(ParseRetryAfter("120", kNow), Milliseconds(120'000));
  EXPECT_EQ(ParseRetryAfter(" 0 ", kNow), Milliseconds(0));
  EXPECT_EQ(ParseRetryAfter("Sun, 06 Nov 1994 08:49:37 GMT", kNow), Milliseconds(0));
  EXPECT_EQ(ParseRetryAfter("Sun, 06 Nov 1994 08:50:37 GMT", kNow), Milliseconds(60'000));
  EXPECT_EQ(ParseRetryAfter("Sun, 06 Nov 1994 08:00:00 GMT", kNow), Milliseconds(0));  // past: at once
  EXPECT_EQ(ParseRetryAfter("99999999999999999999999999", kNow), Milliseconds(1'000'000'000'000));
  for (const char* bad : {"", "-1", "1.5", "soon", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 25:49:37 GMT",
                          "Sun, xx Nov 1994 08:49:37 GMT", "Sun, 06 Foo 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT"}) {
    EXPECT_FALSE(ParseRetryAfter(bad, kNow)) << bad;
  }
}

TEST(Backoff, GrowsWithJitterUpToItsBound) {
  RetryOptions options;
  options.initial_backoff = Milliseconds(100);
  options.multiplier = 2;
  options.max_backoff = Milliseconds(1000);
  options.total = std::chrono::hours(10);
  const auto start = Backoff::Clock::now();
  std::set<int64_t> first_waits;
  for (uint64_t seed = 0; seed < 200; ++seed) {
    Backoff backoff(options, start, seed);
    double expected = 100;
    for (int attempt = 0; attempt < 8; ++attempt) {
      const auto wait = backoff.Next(start, std::nullopt);
      ASSERT_TRUE(wait);
      EXPECT_GE(static_cast<double>(wait->count()), expected * 0.5);
      EXPECT_LE(static_cast<double>(wait->count()), expected + 1);
      if (attempt == 0) first_waits.insert(wait->count());
      expected = std::min(expected * 2, 1000.0);
    }
  }
  EXPECT_GT(first_waits.size(), 20U);  // exporters that failed together do not come back together
}

TEST(Backoff, WaitsAtLeastAsLongAsTheServerAskedAndGrowsFromThere) {
  RetryOptions options;
  options.initial_backoff = Milliseconds(100);
  options.max_backoff = Milliseconds(10'000);
  const auto start = Backoff::Clock::now();
  for (uint64_t seed = 0; seed < 100; ++seed) {
    Backoff backoff(options, start, seed);
    const auto asked = backoff.Next(start, Milliseconds(2000));
    ASSERT_TRUE(asked);
    EXPECT_GE(*asked, Milliseconds(2000));
    EXPECT_LE(*asked, Milliseconds(2401));
    const auto next = backoff.Next(start, std::nullopt);
    EXPECT_GE(*next, Milliseconds(1600));  // half of 2000 * 1.6
  }
}

TEST(Backoff, GivesUpWhenTheTotalTimeWouldBeOver) {
  RetryOptions options;
  options.total = Milliseconds(5000);
  const auto start = Backoff::Clock::now();
  Backoff backoff(options, start, 1);
  EXPECT_TRUE(backoff.Next(start, Milliseconds(1000)));
  EXPECT_FALSE(backoff.Next(start, Milliseconds(5000)));
  EXPECT_FALSE(backoff.Next(start, Milliseconds(1'000'000'000'000)));
  EXPECT_FALSE(Backoff(options, start, 1).Next(start + Milliseconds(5000), std::nullopt));
}

}  // namespace
}  // namespace wirespan::exporters::otlp
