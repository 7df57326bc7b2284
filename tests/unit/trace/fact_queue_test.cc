#include "agent/trace/fact_queue.h"

#include <gtest/gtest.h>

#include <map>

#include "tests/unit/trace/world.h"

namespace wirespan::trace {
namespace {

void Push(FactQueue& queue, uint32_t shard, uint64_t time_ns, uint32_t mark) {
  queue.Push(shard, time_ns).fact = ProcessEnded{.time_ns = time_ns, .tgid = mark};
}
uint32_t PopMark(FactQueue& queue) {
  const uint32_t mark = std::get<ProcessEnded>(queue.First().fact).tgid;
  queue.Pop();
  return mark;
}

TEST(FactQueue, MergesShardsByTimeThenShard) {
  FactQueue queue(4);
  Push(queue, 2, 10, 1);
  Push(queue, 0, 20, 2);
  Push(queue, 1, 10, 0);
  Push(queue, 2, 30, 3);
  for (uint32_t mark = 0; mark < 4; ++mark) EXPECT_EQ(PopMark(queue), mark);
  EXPECT_TRUE(queue.empty());
}

TEST(FactQueue, AShardsOwnOrderIsNeverBroken) {
  FactQueue queue(2);
  Push(queue, 0, 100, 0);
  Push(queue, 0, 50, 1);  // told late: its request's first byte lies back
  Push(queue, 1, 70, 2);
  EXPECT_EQ(queue.FirstOrder(), 70U);
  EXPECT_EQ(PopMark(queue), 2U);
  EXPECT_EQ(queue.FirstOrder(), 100U);
  EXPECT_EQ(PopMark(queue), 0U);
  EXPECT_EQ(queue.FirstOrder(), 100U);
  EXPECT_EQ(PopMark(queue), 1U);
}

TEST(FactQueue, GivesUpTheRoomOfAPeakAndNothingElse) {
  FactQueue queue(1);
  for (uint32_t mark = 0; mark < 10'000; ++mark) Push(queue, 0, mark, mark);
  EXPECT_FALSE(queue.Relax());  // it is all in use
  for (uint32_t mark = 0; mark < 9'900; ++mark) ASSERT_EQ(PopMark(queue), mark);
  EXPECT_FALSE(queue.Relax());  // it was, since
  EXPECT_TRUE(queue.Relax());
  EXPECT_FALSE(queue.Relax());
  for (uint32_t mark = 10'000; mark < 20'000; ++mark) Push(queue, 0, mark, mark);
  for (uint32_t mark = 9'900; mark < 20'000; ++mark) ASSERT_EQ(PopMark(queue), mark);
  EXPECT_TRUE(queue.empty());
}

TEST(FactQueue, AgreesWithASortedModelInRandomUse) {
  Dice random(7);
  FactQueue queue(5);
  std::multimap<std::pair<uint64_t, uint32_t>, uint32_t> model;  // equal keys keep their order
  uint64_t last[5] = {};
  for (uint32_t i = 0; i < 50'000; ++i) {
    if (random() % 1000 == 0) queue.Relax();
    if (random() % 5 < 3 || queue.empty()) {
      const uint32_t shard = random() % 5;
      const uint64_t time = i + random() % 50;
      last[shard] = std::max(last[shard], time);
      model.insert({{last[shard], shard}, i});
      Push(queue, shard, time, i);
    } else {
      ASSERT_EQ(queue.FirstOrder(), model.begin()->first.first);
      ASSERT_EQ(PopMark(queue), model.begin()->second);
      model.erase(model.begin());
    }
    ASSERT_EQ(queue.size(), model.size());
  }
}

}  // namespace
}  // namespace wirespan::trace
