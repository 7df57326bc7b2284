#include "agent/trace/timer_queue.h"

#include <gtest/gtest.h>

#include <random>
#include <set>
#include <utility>

namespace wirespan::trace {
namespace {

TEST(TimerQueue, GivesTheSoonestFirstAndEqualsInTheOrderTheyCame) {
  TimerQueue<int> timers;
  timers.Add(20, 1);
  timers.Add(10, 2);  // out of line
  timers.Add(20, 3);
  timers.Add(10, 4);
  EXPECT_EQ(timers.FirstDue(), 10U);
  EXPECT_EQ(timers.Pop(), 2);
  EXPECT_EQ(timers.Pop(), 4);
  EXPECT_EQ(timers.FirstDue(), 20U);
  EXPECT_EQ(timers.Pop(), 1);
  EXPECT_EQ(timers.Pop(), 3);
  EXPECT_TRUE(timers.empty());
}

// Mostly in line, sometimes far ahead or behind, taken out in between: as an ordered set gives them.
TEST(TimerQueue, AgreesWithAnOrderedSet) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    std::mt19937_64 random(seed);
    TimerQueue<uint64_t> timers;
    std::set<std::pair<uint64_t, uint64_t>> expected;
    uint64_t now = 1'000;
    for (uint64_t i = 0; i < 3'000; ++i) {
      now += random() % 3;
      if (random() % 5 < 3) {
        const uint64_t due = now + (random() % 4 == 0 ? random() % 500 : 200);
        timers.Add(due, i);
        expected.emplace(due, i);
      } else if (!expected.empty()) {
        ASSERT_EQ(timers.FirstDue(), expected.begin()->first);
        ASSERT_EQ(timers.Pop(), expected.begin()->second);
        expected.erase(expected.begin());
      }
    }
    ASSERT_EQ(timers.empty(), expected.empty());
    timers.Clear();
    EXPECT_TRUE(timers.empty());
  }
}

}  // namespace
}  // namespace wirespan::trace
