#include "agent/match/matcher.h"

#include <gtest/gtest.h>

#include <string>

namespace wirespan::match {
namespace {

struct Word {
  std::string text;
  void Clear() { text.clear(); }
};
struct Nothing {
  void Clear() {}
};
using WordMatcher = Matcher<Word, Nothing>;

MessageFacts At(uint64_t ns, uint32_t index = 0) {
  MessageFacts facts;
  facts.first_byte_ns = ns;
  facts.index = index;
  return facts;
}

struct Fixture {
  WordMatcher::Pool pool{100};
  WordMatcher matcher{pool, 3};

  void Request(const std::string& text, uint64_t ns, uint32_t index = 0) {
    if (auto* open = matcher.Begin(At(ns, index))) open->exchange.request = std::make_unique<Word>(Word{text});
  }
  MatchResult Response(const std::string& text, uint64_t ns) {
    auto word = std::make_unique<Word>(Word{text});
    return matcher.Answer(word, At(ns));
  }
  std::string Pop() {
    auto open = matcher.TakeOldest();
    const auto& exchange = open->exchange;
    std::string pair = exchange.Of(exchange.request).text + "=" + exchange.Of(exchange.response).text;
    matcher.Give(std::move(open));
    return pair;
  }
};

TEST(Matcher, FirstComeFirstServed) {
  Fixture f;
  f.Request("a", 1), f.matcher.CompleteNewest();
  f.Request("b", 2, 1), f.matcher.CompleteNewest();
  EXPECT_TRUE(f.matcher.pipelined());
  EXPECT_EQ(f.Response("A", 3), MatchResult::kReady);
  EXPECT_EQ(f.Pop(), "a=A");
  EXPECT_EQ(f.Response("B", 4), MatchResult::kReady);
  EXPECT_EQ(f.Pop(), "b=B");
  EXPECT_EQ(f.Response("C", 5), MatchResult::kUnmatched);
  EXPECT_EQ(f.pool.open(), 0U);
}

TEST(Matcher, AResponseNeverAnswersALaterRequest) {
  Fixture f;
  f.Request("a", 10), f.matcher.CompleteNewest();
  EXPECT_FALSE(f.matcher.Expects(9));
  EXPECT_EQ(f.Response("A", 9), MatchResult::kUnmatched);
  EXPECT_EQ(f.Response("A", 10), MatchResult::kReady);
}

TEST(Matcher, AnEarlyAnswerWaitsForItsRequestAndNoOtherPairsMeanwhile) {
  Fixture f;
  f.Request("a", 1);
  EXPECT_EQ(f.Response("A", 2), MatchResult::kWaiting);
  EXPECT_EQ(f.Response("B", 3), MatchResult::kUnmatched);
  EXPECT_TRUE(f.matcher.CompleteNewest());
  EXPECT_EQ(f.Pop(), "a=A");
}

TEST(Matcher, PipeliningIsToldByTimesNotByTheOrderOfArrival) {
  Fixture f;
  f.Request("a", 1), f.matcher.CompleteNewest();
  f.Request("b", 9), f.matcher.CompleteNewest();  // told before the response that was sent before it
  EXPECT_EQ(f.Response("A", 5), MatchResult::kReady);
  EXPECT_FALSE(f.matcher.pipelined());
  EXPECT_TRUE(f.matcher.Oldest()->overlapped);
}

TEST(Matcher, RequestsBeyondTheBoundKeepTheirPlaces) {
  Fixture f;
  for (uint64_t i = 0; i < 5; ++i) f.Request(std::string(1, static_cast<char>('a' + i)), i), f.matcher.CompleteNewest();
  EXPECT_EQ(f.matcher.size(), 3U);
  EXPECT_EQ(f.matcher.not_kept(), 2U);
  for (const char* pair : {"a=A", "b=A", "c=A"}) {
    EXPECT_EQ(f.Response("A", 10), MatchResult::kReady);
    EXPECT_EQ(f.Pop(), pair);
    f.Request("x", 11), f.matcher.CompleteNewest();  // behind those that were not kept: neither is it
  }
  for (int i = 0; i < 5; ++i) EXPECT_EQ(f.Response("A", 12), MatchResult::kNotKept);
  f.Request("y", 13), f.matcher.CompleteNewest();
  EXPECT_EQ(f.Response("Y", 14), MatchResult::kReady);
  EXPECT_EQ(f.Pop(), "y=Y");
}

TEST(Matcher, ThePoolBoundsAllMatchersTogetherAndTakesBackWhatADeadOneHeld) {
  WordMatcher::Pool pool(2);
  {
    WordMatcher one(pool, 3);
    WordMatcher two(pool, 3);
    EXPECT_NE(one.Begin(At(1)), nullptr);
    EXPECT_NE(two.Begin(At(1)), nullptr);
    EXPECT_EQ(two.Begin(At(2)), nullptr);
    EXPECT_EQ(pool.open(), 2U);
  }
  EXPECT_EQ(pool.open(), 0U);
}

}  // namespace
}  // namespace wirespan::match
