// Redis through the whole shard, in the calls that servers and clients make of it, with what the turn's budget cuts off.
#include <gtest/gtest.h>

#include "tests/unit/decoders/redis_wire.h"
#include "tests/unit/pipeline/budget_teller.h"
#include "tests/unit/support/shard_harness.h"

namespace wirespan::testing {
namespace {

constexpr uint64_t kInode = 41;

struct World {
  explicit World(ws_role role = WS_ROLE_SERVER, size_t budget = 4096) : end(kInode, role), teller(end, budget) {
    h.Feed(end.Opened());
  }
  void Request(std::string_view call) { h.Feed(teller.Call(end.RequestSide(), call)); }
  void Reply(std::string_view call) { h.Feed(teller.Call(end.ResponseSide(), call)); }
  // The texts of the spans so far, with what is missing of them.
  std::vector<std::string> Texts() {
    h.Tick(end.now);
    std::vector<std::string> texts;
    for (const auto& fact : h.facts.finished) {
      const std::string missing = TextOf(fact.span->attributes, "wirespan.incomplete");
      texts.push_back(TextOf(fact.span->attributes, "db.query.text") + (missing.empty() ? "" : " " + missing));
    }
    return texts;
  }
  void ExpectNothingLost() {
    for (size_t i = 0; i < kLossCount; ++i) EXPECT_EQ(h.Lost(static_cast<Loss>(i)), 0U) << LossName(static_cast<Loss>(i));
    EXPECT_TRUE(h.Balances());
  }

  ShardHarness h;
  EventMaker end;
  BudgetTeller teller;
};
using Texts = std::vector<std::string>;

TEST(RedisShard, CommandsOneAfterTheOther) {
  for (const ws_role role : {WS_ROLE_SERVER, WS_ROLE_CLIENT}) {
    World w(role);
    w.Request(RedisCommand({"SET", "a", "1"}));
    w.Reply("+OK\r\n");
    w.Request(RedisCommand({"LPUSH", "a", "2"}));
    w.Reply("-WRONGTYPE no\r\n");
    EXPECT_EQ(w.Texts(), (Texts{"SET a ?", "LPUSH a ?"}));
    EXPECT_EQ(TextOf(w.h.facts.finished[1].span->attributes, "error.type"), "WRONGTYPE");
    EXPECT_EQ(w.h.measurements.operation, "redis||LPUSH|WRONGTYPE|");
    w.Request(RedisCommand({"SELECT", "3"}));
    w.Reply("+OK\r\n");
    w.Request(RedisCommand({"GET", "a"}));
    w.Reply("$1\r\n1\r\n");
    EXPECT_EQ(w.h.measurements.operation, "redis|3|GET||");
    w.ExpectNothingLost();
  }
}

TEST(RedisShard, APipelineIsASpanForEachCommand) {
  World w;
  w.Request(RedisCommand({"SET", "a", "1"}) + RedisCommand({"INCR", "a"}) + RedisCommand({"GET", "a"}));
  w.Reply("+OK\r\n:2\r\n$1\r\n2\r\n");
  EXPECT_EQ(w.Texts(), (Texts{"SET a ?", "INCR a", "GET a"}));
  EXPECT_EQ(w.h.facts.spans[2].index, 2U);
  w.Request(RedisCommand({"DEL", "a"}));
  w.Reply(":1\r\n");
  EXPECT_EQ(w.Texts().size(), 4U);
  w.ExpectNothingLost();
}

TEST(RedisShard, WhatTheServerSaysUnaskedAnswersNothing) {
  World w(WS_ROLE_CLIENT);
  w.Request(RedisCommand({"SUBSCRIBE", "news", "jobs"}));
  w.Reply("*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n*3\r\n$9\r\nsubscribe\r\n$4\r\njobs\r\n:2\r\n");
  w.Reply("*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$2\r\nhi\r\n");
  w.Reply("*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$6000\r\n" + std::string(6000, 'x') + "\r\n");
  w.Request(RedisCommand({"PING"}));
  w.Reply("*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$2\r\nhi\r\n*2\r\n$4\r\npong\r\n$0\r\n\r\n");
  EXPECT_EQ(w.Texts(), (Texts{"SUBSCRIBE news jobs", "PING"}));
  w.ExpectNothingLost();
}

TEST(RedisShard, ValuesBeyondTheBudgetCostNothing) {
  for (const ws_role role : {WS_ROLE_SERVER, WS_ROLE_CLIENT}) {
    World w(role);
    w.Request(RedisCommand({"SET", "a", std::string(50000, 'v')}));
    w.Reply("+OK\r\n");
    w.Request(RedisCommand({"GET", "a"}));
    w.Reply(RedisString(std::string(50000, 'v')));
    w.Request(RedisCommand({"GET", "b"}));
    w.Reply("$-1\r\n");
    EXPECT_EQ(w.Texts(), (Texts{"SET a ?", "GET a", "GET b"}));
    w.ExpectNothingLost();
  }
}

TEST(RedisShard, ALongListEndsWithItsLastCall) {
  for (const ws_role role : {WS_ROLE_SERVER, WS_ROLE_CLIENT}) {
    World w(role);
    const std::vector<std::string> values(1000, RedisString("0123456789"));
    w.Request(RedisCommand({"LRANGE", "list", "0", "-1"}));
    w.Reply(RedisArray(values));
    w.Request(RedisCommand({"GET", "b"}));
    EXPECT_EQ(w.Texts(), (Texts{"LRANGE list 0 -1"})) << "the next command proves it";
    w.Reply("$-1\r\n");
    EXPECT_EQ(w.Texts(), (Texts{"LRANGE list 0 -1", "GET b"}));
    w.ExpectNothingLost();
  }
}

TEST(RedisShard, ACommandOfManyArgumentsIsToldAsFarAsItWasSeen) {
  World w;
  std::vector<std::string> words = {"DEL"};
  for (int i = 0; i < 1000; ++i) words.push_back("key:" + std::to_string(i));
  w.Request(RedisCommand(words));
  w.Reply(":0\r\n");
  w.Request(RedisCommand({"GET", "b"}));
  w.Reply("$-1\r\n");
  const Texts texts = w.Texts();
  ASSERT_EQ(texts.size(), 2U);
  EXPECT_TRUE(texts[0].starts_with("DEL key:0 key:1 ")) << texts[0];
  EXPECT_TRUE(texts[0].ends_with(" request_not_seen")) << texts[0];
  EXPECT_EQ(texts[1], "GET b");
  EXPECT_EQ(w.h.policy.budgets.size(), 1U) << "a larger budget is asked for";
  EXPECT_TRUE(w.h.Balances());
}

TEST(RedisShard, AMonitorIsLeft) {
  World w;
  w.Request(RedisCommand({"MONITOR"}));
  EXPECT_EQ(w.h.policy.off.size(), 1U);
  EXPECT_EQ(w.h.Lost(Loss::kLeftProtocol), 1U);
  EXPECT_TRUE(w.h.Balances());
}

// The database was selected once: nobody says it again.
TEST(RedisShard, AConnectionThatHoldsStateDoesNotRest) {
  World w;
  w.Request(RedisCommand({"SELECT", "3"}));
  w.Reply("+OK\r\n");
  w.end.now += uint64_t{10} * 1000 * 1000 * 1000;
  w.h.Tick(w.end.now);
  w.Request(RedisCommand({"GET", "a"}));
  w.Reply("$-1\r\n");
  ASSERT_EQ(w.Texts().size(), 2U);
  EXPECT_EQ(TextOf(w.h.facts.finished[1].span->attributes, "db.namespace"), "3");
}

TEST(RedisShard, ACommandWithoutAnAnswer) {
  World w(WS_ROLE_CLIENT);
  w.Request(RedisCommand({"BLPOP", "list", "0"}));
  w.h.Feed({w.end.Ended(w.end.ResponseSide()), w.end.Closed()});
  EXPECT_EQ(w.Texts(), (Texts{"BLPOP list 0 no_response"}));
  w.ExpectNothingLost();
}

}  // namespace
}  // namespace wirespan::testing
