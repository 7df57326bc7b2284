// redis::Decoder beside its golden cases: limits, what the session asks of it, guessing.
#include <gtest/gtest.h>

#include "decoders/redis/command.h"
#include "decoders/redis/guess.h"
#include "tests/unit/decoders/redis_wire.h"

namespace wirespan::testing {
namespace {

using decoders::Likeness;
using decoders::redis::Decoder;
using decoders::redis::LikenessOf;
using decoders::redis::Message;

TEST(RedisDecoder, AnOpenMessageSaysWhereItBeganAndWhatItIs) {
  Decoder decoder;
  Decoder::Messages out;
  EXPECT_EQ(decoder.OpenStart(kC2s), std::nullopt);
  decoder.Decode(kC2s, AsBytes("*3\r\n$3\r\nSE"), out);
  EXPECT_EQ(decoder.OpenStart(kC2s), 0U);
  EXPECT_EQ(decoder.OpenMessage(kC2s), nullptr) << "its name is not whole";
  decoder.Decode(kC2s, AsBytes("T\r\n$1\r\nk\r\n$100\r\nabc"), out);
  ASSERT_NE(decoder.OpenMessage(kC2s), nullptr);
  EXPECT_EQ(decoder.OpenMessage(kC2s)->name, "SET");
  EXPECT_EQ(decoder.BodyLeft(kC2s), 99U) << "and its line end";
  decoder.Decode(kC2s, AsBytes(std::string(97, 'x') + "\r\n"), out);
  EXPECT_EQ(decoder.OpenStart(kC2s), std::nullopt);
  decoder.Decode(kS2c, AsBytes("$5\r\nhel"), out);
  ASSERT_NE(decoder.OpenMessage(kS2c), nullptr);
  EXPECT_EQ(decoder.OpenStart(kS2c), 0U);
}

TEST(RedisDecoder, WhatTheServerSaysUnaskedIsNoOpenAnswer) {
  Decoder decoder;
  Decoder::Messages out;
  decoder.Decode(kC2s, AsBytes(RedisCommand({"GET", "a"})), out);
  decoder.Decode(kS2c, AsBytes(">2\r\n+invalidate\r\n"), out);
  EXPECT_EQ(decoder.OpenStart(kS2c), std::nullopt);
  Decoder idle;
  idle.Decode(kS2c, AsBytes("*3\r\n$7\r\nmessage\r\n"), out);
  EXPECT_EQ(idle.OpenStart(kS2c), std::nullopt);
}

TEST(RedisDecoder, StateThatCannotBeSeenAgainIsHeld) {
  for (const std::vector<std::string>& command :
       {std::vector<std::string>{"SELECT", "1"}, {"MULTI"}, {"GET", "a"}, {"SUBSCRIBE", "a"}}) {
    Decoder decoder;
    Decoder::Messages out;
    decoder.Decode(kC2s, AsBytes(RedisCommand(command)), out);
    if (command[0] == "SUBSCRIBE") decoder.Decode(kS2c, AsBytes("*3\r\n+subscribe\r\n+a\r\n:1\r\n"), out);
    EXPECT_EQ(decoder.HoldsState(), command[0] != "GET") << command[0];
  }
}

TEST(RedisDecoder, MoreUnansweredSubscriptionsThanAreKeptTrackOfAreLeft) {
  RedisWire wire;
  for (size_t i = 0; i <= decoders::redis::kMaxAwaited; ++i) wire.Feed(kC2s, RedisCommand({"SUBSCRIBE", "a"}));
  EXPECT_NE(wire.text().find("stop c2s"), std::string::npos);
  EXPECT_NE(wire.text().find("too_many_unanswered"), std::string::npos);
}

TEST(RedisDecoder, AGapBeyondAllPositionsEndsIt) {
  RedisWire wire;
  wire.Feed(kC2s, "*2\r\n$3\r\nGET\r\n$9\r\nab");
  wire.Gap(kC2s, SIZE_MAX);
  EXPECT_TRUE(wire.decoder().Poisoned(kC2s));
  wire.Feed(kC2s, RedisCommand({"GET", "a"}));
  EXPECT_EQ(wire.messages().size(), 1U);
}

TEST(RedisDecoder, ReplyLengthsAreCheckedBeforeTheyAreUsed) {
  for (const std::string_view reply : {"$99999999999999\r\n", "*99999999999\r\n", "%3000000000\r\n", "$-2\r\n", "*-0\r\n",
                                       "$\r\n", "$1x\r\n", "$1\rx", ">-1\r\n", "%-1\r\n", "!-1\r\n"}) {
    RedisWire wire;
    wire.Feed(kC2s, RedisCommand({"GET", "a"}));
    wire.Feed(kS2c, reply);
    EXPECT_NE(wire.text().find("bad_reply"), std::string::npos) << reply;
  }
}

TEST(RedisGuess, ACommandIsCertain) {
  EXPECT_EQ(LikenessOf(kC2s, AsBytes("*1\r\n$4\r\nPING\r\n")), Likeness::kCertain);
  EXPECT_EQ(LikenessOf(kC2s, AsBytes("*3\r\n$3\r\nset\r\n$1")), Likeness::kCertain);
  EXPECT_EQ(LikenessOf(kC2s, AsBytes("*1\r\n$8\r\nJSON.GET\r\n")), Likeness::kPossible);
  for (const std::string_view bytes : {"", "*", "*1", "*1\r\n", "*1\r\n$4\r\nPIN"}) {
    EXPECT_EQ(LikenessOf(kC2s, AsBytes(bytes)), Likeness::kTooShort) << bytes;
  }
  for (const std::string_view bytes : {"*0\r\n", "*x", "PING\r\n", "GET / HTTP/1.1\r\n", "*1\r\n:1\r\n", "*1\r\n$0\r\n",
                                       "*1\r\n$4\r\nPI\x01", "+OK\r\n", "*1\r\n$99\r\n"}) {
    EXPECT_EQ(LikenessOf(kC2s, AsBytes(bytes)), Likeness::kNo) << bytes;
  }
}

TEST(RedisGuess, AReplyIsPossibleAtBest) {
  for (const std::string_view bytes : {"+OK\r\n", "-ERR unknown", ":17\r\n", "*2\r\n$", "%1\r\n+"}) {
    EXPECT_EQ(LikenessOf(kS2c, AsBytes(bytes)), Likeness::kPossible) << bytes;
  }
  for (const std::string_view bytes : {"HTTP/1.1 200", "220 ready", "\x15\x03"})
    EXPECT_EQ(LikenessOf(kS2c, AsBytes(bytes)), Likeness::kNo) << bytes;
}

TEST(RedisCommands, AreFoundWhateverTheirPlace) {
  using decoders::redis::CommandOf;
  using decoders::redis::Shown;
  EXPECT_TRUE(decoders::redis::IsCommand("ACL"));
  EXPECT_TRUE(decoders::redis::IsCommand("ZUNIONSTORE"));
  EXPECT_FALSE(decoders::redis::IsCommand("GETT"));
  EXPECT_EQ(CommandOf("GETT").shown, Shown::kFirst);
  EXPECT_EQ(CommandOf("GETT").count, 0);
}

}  // namespace
}  // namespace wirespan::testing
