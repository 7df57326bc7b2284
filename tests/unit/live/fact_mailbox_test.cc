#include "agent/live/fact_mailbox.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace wirespan::live {
namespace {

using std::chrono::milliseconds;

trace::FactBatch Spans(size_t count) {
  trace::FactBatch batch;
  for (size_t i = 0; i < count; ++i) batch.emplace_back(trace::SpanFinished{});
  return batch;
}

TEST(FactMailbox, LettersComeInOrderWithTheShardThatSentThem) {
  FactMailbox mailbox(100);
  trace::FactBatch first = Spans(2);
  trace::FactBatch second = Spans(3);
  mailbox.Deliver(0, 0, first);
  mailbox.Deliver(7, 5, second);
  std::vector<FactMailbox::Letter> letters;
  mailbox.Collect(letters, milliseconds(0));
  ASSERT_EQ(letters.size(), 2U);
  EXPECT_EQ(letters[0].facts.size(), 2U);
  EXPECT_EQ(letters[1].shard, 7U);
  EXPECT_EQ(letters[1].told_after_ns, 5U);
}

TEST(FactMailbox, WhatFindsNoRoomIsCountedAndRoomComesBackWithCollecting) {
  FactMailbox mailbox(4);
  trace::FactBatch fits = Spans(3);
  trace::FactBatch too_many = Spans(2);
  too_many.emplace_back(trace::ProcessEnded{});
  mailbox.Deliver(0, 0, fits);
  mailbox.Deliver(0, 0, too_many);
  EXPECT_EQ(mailbox.dropped_facts(), 3U);
  EXPECT_EQ(mailbox.dropped_spans(), 2U);
  std::vector<FactMailbox::Letter> letters;
  mailbox.Collect(letters, milliseconds(0));
  mailbox.Return(letters);
  trace::FactBatch later = Spans(4);
  mailbox.Deliver(0, 0, later);
  EXPECT_EQ(mailbox.dropped_facts(), 3U);
}

TEST(FactMailbox, SpentBatchesAreHandedOutAgain) {
  FactMailbox mailbox(100);
  trace::FactBatch batch = Spans(50);
  const trace::Fact* memory = batch.data();
  mailbox.Deliver(0, 0, batch);
  std::vector<FactMailbox::Letter> letters;
  mailbox.Collect(letters, milliseconds(0));
  mailbox.Return(letters);
  trace::FactBatch next = Spans(1);
  mailbox.Deliver(0, 0, next);
  EXPECT_EQ(next.data(), memory);
}

TEST(FactMailbox, CloseEndsAWait) {
  FactMailbox mailbox(100);
  std::thread closer([&] { mailbox.Close(); });
  std::vector<FactMailbox::Letter> letters;
  mailbox.Collect(letters, milliseconds(60'000));
  closer.join();
  EXPECT_TRUE(letters.empty());
}

}  // namespace
}  // namespace wirespan::live
