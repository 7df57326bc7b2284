// postgresql::Decoder beside its golden cases: limits, what the session asks of it, guessing.
#include <gtest/gtest.h>

#include "decoders/postgresql/guess.h"
#include "tests/unit/decoders/postgresql_wire.h"

namespace wirespan::testing {
namespace {

using decoders::Likeness;
using decoders::postgresql::Decoder;
using decoders::postgresql::LikenessOf;
using decoders::postgresql::Message;

TEST(PostgreSqlDecoder, AnOpenMessageSaysWhereItBegan) {
  Decoder decoder;
  Decoder::Messages out;
  decoder.Decode(kC2s, AsBytes(PgQuery("SELECT 1").substr(0, 10)), out);
  EXPECT_EQ(decoder.OpenStart(kC2s), 0U);
  EXPECT_EQ(decoder.BodyLeft(kC2s), 4U);
  decoder.Decode(kC2s, AsBytes(PgQuery("SELECT 1").substr(10)), out);
  EXPECT_EQ(decoder.OpenStart(kC2s), std::nullopt);
  decoder.Decode(kS2c, AsBytes(PgRowDescription({"a"})), out);
  EXPECT_EQ(decoder.OpenStart(kS2c), 0U);
  EXPECT_NE(decoder.OpenMessage(kS2c), nullptr);
}

TEST(PostgreSqlDecoder, WhatTheServerSaysUnaskedIsNoOpenAnswer) {
  Decoder decoder;
  Decoder::Messages out;
  decoder.Decode(kC2s, AsBytes(PgQuery("SELECT 1")), out);
  decoder.Decode(kS2c, AsBytes(PgError("01000", 'N').substr(0, 20)), out);
  EXPECT_EQ(decoder.OpenStart(kS2c), std::nullopt);
}

TEST(PostgreSqlDecoder, StateThatCannotBeSeenAgainIsHeld) {
  Decoder decoder;
  Decoder::Messages out;
  EXPECT_FALSE(decoder.HoldsState());
  decoder.Decode(kC2s, AsBytes(PgQuery("SELECT 1")), out);
  EXPECT_FALSE(decoder.HoldsState());
  decoder.Decode(kC2s, AsBytes(PgParse("s1", "SELECT 1")), out);
  EXPECT_TRUE(decoder.HoldsState());
  decoder.Decode(kC2s, AsBytes(PgFrame('C', "S" + PgString("s1"))), out);
  EXPECT_FALSE(decoder.HoldsState());
  Decoder begun;
  begun.Decode(kC2s, AsBytes(PgStartup({{"user", "bob"}})), out);
  EXPECT_TRUE(begun.HoldsState());
}

TEST(PostgreSqlDecoder, MoreUnansweredRequestsThanAreKeptTrackOfAreLeft) {
  PostgreSqlWire wire;
  for (size_t i = 0; i <= decoders::postgresql::kMaxUnanswered; ++i) wire.Feed(kC2s, PgQuery("SELECT 1"));
  EXPECT_NE(wire.text().find("too_many_unanswered"), std::string::npos);
}

TEST(PostgreSqlDecoder, LongNamesAreNotTakenForOthers) {
  PostgreSqlWire wire;
  const std::string name(70, 'n');
  wire.Feed(kC2s, PgParse(name, "SELECT a") + PgBind("", name) + PgExecute() + PgSync());
  EXPECT_TRUE(wire.messages().back().unknown_statement);
}

TEST(PostgreSqlDecoder, LongTextsAreCutAndSayso) {
  PostgreSqlWire wire;
  wire.Feed(kC2s, PgQuery("SELECT 'secret' FROM t WHERE a IN (" + std::string(40000, '1') + ")"));
  ASSERT_EQ(wire.messages().size(), 1U);
  EXPECT_TRUE(wire.messages()[0].truncated);
  EXPECT_TRUE(wire.messages()[0].complete());
  EXPECT_EQ(wire.messages()[0].text, "SELECT ? FROM t WHERE a IN (?");
}

TEST(PostgreSqlDecoder, AGapBeyondAllPositionsEndsIt) {
  PostgreSqlWire wire;
  wire.Feed(kC2s, PgQuery("SELECT 1").substr(0, 8));
  wire.Gap(kC2s, SIZE_MAX);
  EXPECT_TRUE(wire.decoder().Poisoned(kC2s));
  wire.Feed(kC2s, PgQuery("SELECT 1"));
  EXPECT_LE(wire.messages().size(), 1U);
}

TEST(PostgreSqlGuess, TheBeginningOfAConnectionIsCertain) {
  for (const std::string& bytes :
       {PgSslRequest(), PgStartup({{"user", "bob"}}), PgFrame('\0', PgInt32(80877102) + PgInt32(1) + PgInt32(2))}) {
    EXPECT_EQ(LikenessOf(kC2s, AsBytes(bytes)), Likeness::kCertain);
    for (size_t size = 0; size < 8; ++size)
      EXPECT_EQ(LikenessOf(kC2s, AsBytes(bytes.substr(0, size))), Likeness::kTooShort) << size;
  }
}

TEST(PostgreSqlGuess, AConnectionThatWasThereIsPossible) {
  for (const std::string& bytes :
       {PgQuery("SELECT 1"), PgQuery("SELECT 1 FROM " + std::string(500, 'x')).substr(0, 40),
        PgBind("", "s1") + PgExecute() + PgSync(), PgParse("", "SELECT 1") + PgBind("", "").substr(0, 3)}) {
    EXPECT_EQ(LikenessOf(kC2s, AsBytes(bytes)), Likeness::kPossible);
  }
  EXPECT_EQ(LikenessOf(kS2c, AsBytes(PgRowDescription({"a"}) + PgComplete("SELECT 1") + PgReady())), Likeness::kPossible);
}

TEST(PostgreSqlGuess, OthersAreNot) {
  for (const std::string_view bytes :
       {"GET / HTTP/1.1\r\n", "*1\r\n$4\r\nPING\r\n", "PRI * HTTP/2.0", "\x16\x03\x01", "QUIT\r\n", "EHLO x\r\n"}) {
    EXPECT_EQ(LikenessOf(kC2s, AsBytes(bytes)), Likeness::kNo) << bytes;
  }
  EXPECT_EQ(LikenessOf(kS2c, AsBytes("HTTP/1.1 200 OK")), Likeness::kNo);
  EXPECT_EQ(LikenessOf(kS2c, AsBytes("+OK\r\n")), Likeness::kNo);
}

}  // namespace
}  // namespace wirespan::testing
