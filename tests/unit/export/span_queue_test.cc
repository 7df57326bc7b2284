#include "agent/export/span_queue.h"

#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <set>
#include <thread>

namespace wirespan::exporting {
namespace {

using exporters::Span;
using exporters::SpanBatch;
using std::chrono::hours;
using std::chrono::milliseconds;
using Clock = SpanQueue::Clock;

SpanBatch MakeBatch(uint64_t first, size_t count) {
  SpanBatch batch;
  for (size_t i = 0; i < count; ++i) {
    Span& span = batch.Add();
    span.start_unix_ns = first + i;  // names the span
    span.name = "GET";
  }
  return batch;
}

void ExpectIdentity(const SpanQueueCounts& counts) {
  EXPECT_EQ(counts.offered, counts.taken + counts.held + counts.dropped_total());
}

std::vector<uint64_t> NamesOf(const SpanBatch& batch) {
  std::vector<uint64_t> names;
  for (size_t i = 0; i < batch.size; ++i) names.push_back(batch.spans[i].start_unix_ns);
  return names;
}

TEST(SpanQueue, GivesSpansInOrderInBatchesOfItsSize) {
  SpanQueue queue({.max_spans = 100, .max_bytes = 1U << 20, .batch_spans = 4});
  auto batch = MakeBatch(0, 10);
  queue.Put(batch);
  EXPECT_EQ(batch.size, 0U);
  SpanBatch out;
  ASSERT_TRUE(queue.Take(out, hours(1), Clock::now()));
  EXPECT_EQ(NamesOf(out), (std::vector<uint64_t>{0, 1, 2, 3}));
  ASSERT_TRUE(queue.Take(out, hours(1), Clock::now()));
  EXPECT_EQ(NamesOf(out), (std::vector<uint64_t>{4, 5, 6, 7}));
  EXPECT_FALSE(queue.Take(out, hours(1), Clock::now()));  // two spans are no batch yet, and the delay is long
  EXPECT_EQ(queue.counts().held, 2U);
  ASSERT_TRUE(queue.Take(out, milliseconds(0), Clock::now()));
  EXPECT_EQ(NamesOf(out), (std::vector<uint64_t>{8, 9}));
  EXPECT_EQ(queue.counts().held_bytes, 0U);
  ExpectIdentity(queue.counts());
}

TEST(SpanQueue, AFullBatchWakesTheTaker) {
  SpanQueue queue({.max_spans = 100, .max_bytes = 1U << 20, .batch_spans = 3});
  std::thread taker([&queue] {
    SpanBatch out;
    EXPECT_TRUE(queue.Take(out, hours(1), Clock::now() + hours(1)));
    EXPECT_EQ(out.size, 3U);
  });
  auto two = MakeBatch(0, 2);
  queue.Put(two);
  auto one = MakeBatch(2, 1);
  queue.Put(one);
  taker.join();
}

TEST(SpanQueue, OnlyTheFirstSpanOfABatchAndAWholeBatchWakeTheTaker) {
  SpanQueue queue({.max_spans = 100, .max_bytes = 1U << 20, .batch_spans = 4});
  const auto put = [&queue](uint64_t first, size_t count) {
    auto batch = MakeBatch(first, count);
    queue.Put(batch);
    return queue.counts().wakes;
  };
  EXPECT_EQ(put(0, 1), 1U);  // the clock of its delay runs
  EXPECT_EQ(put(1, 1), 1U);
  EXPECT_EQ(put(2, 1), 1U);
  EXPECT_EQ(put(3, 2), 2U);  // a whole batch, and the beginning of the next
  EXPECT_EQ(put(5, 1), 2U);  // the taker has been woken for the whole one
  SpanBatch out;
  ASSERT_TRUE(queue.Take(out, hours(1), Clock::now()));
  EXPECT_EQ(put(6, 1), 2U);
  EXPECT_EQ(put(7, 1), 3U);
  queue.Close();
  EXPECT_EQ(put(8, 1), 3U);  // it is dropped
}

TEST(SpanQueue, TheDelayRunsFromTheFirstSpan) {
  SpanQueue queue({.max_spans = 100, .max_bytes = 1U << 20, .batch_spans = 50});
  auto batch = MakeBatch(0, 1);
  const auto put = Clock::now();
  queue.Put(batch);
  SpanBatch out;
  ASSERT_TRUE(queue.Take(out, milliseconds(20), Clock::now() + hours(1)));
  EXPECT_GE(Clock::now() - put, milliseconds(20));
}

TEST(SpanQueue, TooManySpansAreDroppedByName) {
  SpanQueue queue({.max_spans = 10, .max_bytes = 1U << 20, .batch_spans = 4});
  auto batch = MakeBatch(0, 25);
  queue.Put(batch);
  const auto counts = queue.counts();
  EXPECT_EQ(counts.held, 10U);
  EXPECT_EQ(counts.dropped[static_cast<size_t>(QueueDrop::kSpans)], 15U);
  ExpectIdentity(counts);
  SpanBatch out;
  queue.Take(out, milliseconds(0), Clock::now());
  auto more = MakeBatch(100, 4);
  queue.Put(more);
  EXPECT_EQ(queue.counts().held, 10U);  // room is used again
}

TEST(SpanQueue, TooManyBytesAreDroppedByName) {
  const size_t bytes = SpanBytes(MakeBatch(0, 1).spans[0]);
  SpanQueue queue({.max_spans = 1'000, .max_bytes = bytes * 3, .batch_spans = 4});
  auto batch = MakeBatch(0, 5);
  queue.Put(batch);
  EXPECT_EQ(queue.counts().held, 3U);
  EXPECT_EQ(queue.counts().dropped[static_cast<size_t>(QueueDrop::kBytes)], 2U);
  ExpectIdentity(queue.counts());
}

TEST(SpanQueue, AClosedQueueDropsByNameAndGivesTheRestAtOnce) {
  SpanQueue queue({.max_spans = 100, .max_bytes = 1U << 20, .batch_spans = 4});
  auto batch = MakeBatch(0, 3);
  queue.Put(batch);
  queue.Close();
  auto late = MakeBatch(3, 2);
  queue.Put(late);
  EXPECT_EQ(queue.counts().dropped[static_cast<size_t>(QueueDrop::kClosed)], 2U);
  EXPECT_FALSE(queue.closed_and_empty());
  SpanBatch out;
  ASSERT_TRUE(queue.Take(out, hours(1), Clock::now() + hours(1)));
  EXPECT_EQ(out.size, 3U);
  EXPECT_FALSE(queue.Take(out, hours(1), Clock::now() + hours(1)));
  EXPECT_TRUE(queue.closed_and_empty());
}

TEST(SpanQueue, PutCopyLeavesTheBatchAsItWas) {
  SpanQueue queue({.max_spans = 100, .max_bytes = 1U << 20, .batch_spans = 4});
  const auto batch = MakeBatch(0, 2);
  queue.PutCopy(batch);
  EXPECT_EQ(batch.size, 2U);
  EXPECT_EQ(batch.spans[1].name, "GET");
  SpanBatch out;
  ASSERT_TRUE(queue.Take(out, milliseconds(0), Clock::now()));
  EXPECT_EQ(NamesOf(out), (std::vector<uint64_t>{0, 1}));
  EXPECT_EQ(out.spans[1].name, "GET");
}

TEST(SpanQueue, BuffersAreUsedAgain) {
  SpanQueue queue({.max_spans = 100, .max_bytes = 1U << 20, .batch_spans = 8});
  SpanBatch in;
  SpanBatch out;
  std::set<const void*> buffers;
  for (int round = 0; round < 200; ++round) {
    for (int i = 0; i < 8; ++i) {
      Span& span = in.Add();
      span.name.assign(200, 'x');  // too long for a small string
      buffers.insert(span.name.data());
    }
    queue.Put(in);
    ASSERT_TRUE(queue.Take(out, milliseconds(0), Clock::now()));
  }
  EXPECT_LE(buffers.size(), 8U * 8U);
}

TEST(SpanQueue, EveryDropHasAName) {
  std::set<std::string_view> names;
  for (size_t i = 0; i < kQueueDropCount; ++i) names.insert(Name(static_cast<QueueDrop>(i)));
  EXPECT_EQ(names.size(), kQueueDropCount);
  EXPECT_FALSE(names.contains(""));
}

TEST(SpanQueue, ManyThreadsLoseNothingUncounted) {
  SpanQueue queue({.max_spans = 300, .max_bytes = 1U << 20, .batch_spans = 32});
  constexpr uint64_t kPerThread = 20'000;
  std::vector<std::thread> putters;
  for (uint64_t thread = 0; thread < 3; ++thread) {
    putters.emplace_back([&queue, thread] {
      SpanBatch batch;
      for (uint64_t i = 0; i < kPerThread;) {
        for (uint64_t n = 0; n < 1 + i % 17 && i < kPerThread; ++n, ++i) batch.Add().start_unix_ns = thread * kPerThread + i;
        queue.Put(batch);
      }
    });
  }
  std::set<uint64_t> seen;
  std::thread taker([&queue, &seen] {
    SpanBatch out;
    while (!queue.closed_and_empty()) {
      if (!queue.Take(out, milliseconds(1), Clock::now() + milliseconds(50))) continue;
      for (const uint64_t name : NamesOf(out)) EXPECT_TRUE(seen.insert(name).second) << "given twice";
    }
  });
  for (auto& putter : putters) putter.join();
  queue.Close();
  taker.join();
  const auto counts = queue.counts();
  EXPECT_EQ(counts.offered, 3 * kPerThread);
  EXPECT_EQ(counts.taken, seen.size());
  EXPECT_EQ(counts.held, 0U);
  ExpectIdentity(counts);
}

}  // namespace
}  // namespace wirespan::exporting
