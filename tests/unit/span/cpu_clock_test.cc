#include "agent/span/cpu_clock.h"

#include <gtest/gtest.h>

#include <random>

namespace wirespan::span {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;

// A CPU whose scheduler clock runs `behind` CLOCK_BOOTTIME, and a thread on it whose CPU time is known exactly.
struct FakeCpu {
  uint64_t behind_ns = 0;
  uint16_t number = 0;
  ThreadStamp Stamp(uint64_t now_ns, uint64_t updated_ns_ago, uint64_t cpu_at_update_ns) const {
    ThreadStamp stamp;
    stamp.cpu = number;
    stamp.exec_start_ns = now_ns - updated_ns_ago - behind_ns;
    stamp.cpu_ns = cpu_at_update_ns;
    return stamp;
  }
};

// Ten seconds of a thread that is mostly seen soon after it was scheduled in, and sometimes long after.
void Teach(CpuClock& clock, const FakeCpu& cpu, uint64_t from_ns, std::mt19937_64& random) {
  for (int i = 0; i < 1'000; ++i) {
    const uint64_t ago = i % 7 == 0 ? 3'000'000 : random() % 4'000;
    const uint64_t now = from_ns + static_cast<uint64_t>(i) * 10'000'000;
    clock.Observe(cpu.Stamp(now, ago, 0), now);
  }
}

TEST(CpuClock, AddsTheTimeSinceTheSchedulersLastLook) {
  std::mt19937_64 random(1);
  for (const uint64_t behind : {uint64_t{0}, uint64_t{5'000'000'000}, uint64_t{987'654'321'000}}) {
    CpuClock clock;
    const FakeCpu cpu{behind, 3};
    const uint64_t start = behind + 100 * kSecond;
    Teach(clock, cpu, start, random);
    const uint64_t now = start + 10 * kSecond;
    for (const uint64_t ago : {0UL, 1'000UL, 500'000UL, 3'900'000UL}) {
      const auto reading = clock.At(cpu.Stamp(now, ago, 70'000), now);
      ASSERT_TRUE(reading);
      EXPECT_LE(reading->error_ns, 12'000U);
      EXPECT_NEAR(static_cast<double>(reading->cpu_ns), static_cast<double>(70'000 + ago),
                  static_cast<double>(reading->error_ns));
    }
  }
}

TEST(CpuClock, SaysNothingBeforeItKnowsEnough) {
  CpuClock clock;
  const FakeCpu cpu{1'000, 0};
  const uint64_t start = 100 * kSecond;
  EXPECT_FALSE(clock.At(cpu.Stamp(start, 0, 0), start));
  for (uint64_t i = 0; i < CpuClock::kMinBuckets; ++i) {
    EXPECT_FALSE(clock.At(cpu.Stamp(start, 0, 0), start)) << i;
    clock.Observe(cpu.Stamp(start + i * CpuClock::kBucketNs, 0, 0), start + i * CpuClock::kBucketNs);
  }
  EXPECT_TRUE(clock.At(cpu.Stamp(start + kSecond, 0, 0), start + kSecond));
}

TEST(CpuClock, KeepsCpusApart) {
  std::mt19937_64 random(2);
  CpuClock clock;
  const FakeCpu first{1'000'000'000, 0};
  const FakeCpu second{2'000'000'000, 5};
  Teach(clock, first, 100 * kSecond, random);
  Teach(clock, second, 100 * kSecond, random);
  const uint64_t now = 110 * kSecond;
  EXPECT_NEAR(static_cast<double>(clock.At(first.Stamp(now, 100'000, 0), now)->cpu_ns), 100'000, 12'000);
  EXPECT_NEAR(static_cast<double>(clock.At(second.Stamp(now, 100'000, 0), now)->cpu_ns), 100'000, 12'000);
  EXPECT_FALSE(clock.At(FakeCpu{1'000'000'000, 4}.Stamp(now, 100'000, 0), now));
}

TEST(CpuClock, FollowsClocksThatDriftAndCountsTheDriftAsError) {
  CpuClock clock;
  constexpr uint64_t kDriftPerSecond = 50'000;  // 50 ppm
  uint64_t now = 100 * kSecond;
  for (int i = 0; i < 3'000; ++i) {
    now += 10'000'000;
    const FakeCpu cpu{1'000'000'000 + (now - 100 * kSecond) / kSecond * kDriftPerSecond, 0};
    clock.Observe(cpu.Stamp(now, 500, 0), now);
  }
  const FakeCpu cpu{1'000'000'000 + (now - 100 * kSecond) / kSecond * kDriftPerSecond, 0};
  const auto reading = clock.At(cpu.Stamp(now, 2'000'000, 0), now);
  ASSERT_TRUE(reading);
  EXPECT_NEAR(static_cast<double>(reading->cpu_ns), 2'000'000, static_cast<double>(reading->error_ns));
  EXPECT_GT(reading->error_ns, 8 * kDriftPerSecond / 2);  // the window is eight seconds
  EXPECT_LT(reading->error_ns, 20 * kDriftPerSecond);
}

TEST(CpuClock, ForgetsWhatIsOlderThanItsWindow) {
  std::mt19937_64 random(3);
  CpuClock clock;
  Teach(clock, FakeCpu{1'000'000'000, 0}, 100 * kSecond, random);
  const uint64_t later = 200 * kSecond;
  EXPECT_FALSE(clock.At(FakeCpu{1'000'000'000, 0}.Stamp(later, 0, 0), later));
  // After a suspend the distance is another one: nothing of the old remains.
  Teach(clock, FakeCpu{31'000'000'000, 0}, later, random);
  const uint64_t now = later + 10 * kSecond;
  EXPECT_NEAR(static_cast<double>(clock.At(FakeCpu{31'000'000'000, 0}.Stamp(now, 100'000, 0), now)->cpu_ns), 100'000, 12'000);
}

TEST(CpuClock, RefusesAStampTakenAfterItsEvent) {
  std::mt19937_64 random(4);
  CpuClock clock;
  const FakeCpu cpu{1'000'000'000, 0};
  Teach(clock, cpu, 100 * kSecond, random);
  const uint64_t event = 110 * kSecond;
  const uint64_t stamped = event + 5'000'000;  // the call slept for 5 ms
  EXPECT_FALSE(clock.At(cpu.Stamp(stamped, 1'000, 0), event));
}

TEST(CpuClock, SurvivesAnyStamp) {
  CpuClock clock;
  std::mt19937_64 random(5);
  const uint64_t extremes[] = {0, 1, 1ULL << 62U, 1ULL << 63U, UINT64_MAX};
  for (int i = 0; i < 20'000; ++i) {
    ThreadStamp stamp;
    stamp.cpu = static_cast<uint16_t>(i % 3 == 0 ? random() : random() % 4);
    stamp.exec_start_ns = i % 2 == 0 ? random() : extremes[random() % 5];
    stamp.cpu_ns = random();
    const uint64_t event = i % 5 == 0 ? random() : extremes[random() % 5];
    clock.Observe(stamp, event);
    ThreadStamp other = stamp;
    other.cpu_ns = random();
    (void)clock.At(stamp, event);
    (void)CpuTimeBetween(clock, stamp, event, other, random());
  }
}

class CpuTimeBetweenTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::mt19937_64 random(6);
    Teach(clock_, cpu_, 100 * kSecond, random);
  }
  CpuClock clock_;
  FakeCpu cpu_{1'000'000'000, 0};
  uint64_t begin_ = 110 * kSecond;
};

TEST_F(CpuTimeBetweenTest, CountsOnlyWhatTheThreadRan) {
  // Read at begin (scheduled in 2 us before), 300 us of work, 10 ms asleep, 200 us of work.
  const uint64_t end = begin_ + 10'500'000;
  const auto used =
      CpuTimeBetween(clock_, cpu_.Stamp(begin_, 2'000, 5'000'000), begin_, cpu_.Stamp(end, 200'000, 5'302'000), end);
  ASSERT_TRUE(used);
  EXPECT_NEAR(static_cast<double>(*used), 500'000, 20'000);
}

TEST_F(CpuTimeBetweenTest, IsNeverMoreThanTheWallTime) {
  const uint64_t end = begin_ + 50'000;
  const auto used = CpuTimeBetween(clock_, cpu_.Stamp(begin_, 100'000, 0), begin_, cpu_.Stamp(end, 152'000, 0), end);
  ASSERT_TRUE(used);
  EXPECT_LE(*used, 50'000U);
}

TEST_F(CpuTimeBetweenTest, RefusesWhatCannotBelongTogether) {
  const uint64_t end = begin_ + 1'000'000;
  const auto from = cpu_.Stamp(begin_, 1'000, 5'000'000);
  EXPECT_FALSE(CpuTimeBetween(clock_, from, begin_, cpu_.Stamp(end, 0, 9'000'000), end));  // more than the wall
  EXPECT_FALSE(CpuTimeBetween(clock_, from, begin_, cpu_.Stamp(end, 0, 1'000'000), end));  // backwards
  EXPECT_FALSE(CpuTimeBetween(clock_, from, end, cpu_.Stamp(end, 0, 5'000'000), begin_));
}

TEST(CpuTimeBetween, IsAbsentWhereTheClocksAreNotKnownWellEnough) {
  CpuClock clock;
  // Every bucket has another least distance: a millisecond of doubt.
  const FakeCpu cpu{1'000'000'000, 0};
  for (uint64_t i = 0; i < 16; ++i) {
    const uint64_t now = 100 * kSecond + i * CpuClock::kBucketNs;
    clock.Observe(cpu.Stamp(now, i * 100'000, 0), now);
  }
  const uint64_t begin = 108 * kSecond;
  const uint64_t end = begin + 2'000'000;
  EXPECT_TRUE(clock.At(cpu.Stamp(begin, 0, 0), begin));
  EXPECT_FALSE(CpuTimeBetween(clock, cpu.Stamp(begin, 0, 0), begin, cpu.Stamp(end, 0, 1'000'000), end));
  // A whole second of CPU time is known well enough by the same clocks.
  const uint64_t later = begin + kSecond;
  EXPECT_TRUE(CpuTimeBetween(clock, cpu.Stamp(begin, 0, 0), begin, cpu.Stamp(later, 0, 990'000'000), later));
}

}  // namespace
}  // namespace wirespan::span
