// No byte beyond the input is read, a warm decoder allocates nothing, and what is kept of a connection is bounded.
#include <gtest/gtest.h>

#include "tests/unit/decoders/memory.h"
#include "tests/unit/decoders/postgresql_wire.h"

namespace wirespan::testing {
namespace {

using decoders::postgresql::Decoder;
using decoders::postgresql::Message;

std::string Request() {
  return PgParse("s1", "SELECT * FROM orders WHERE name = 'secret' AND id = $1") + PgBind("", "s1", {"42"}) +
         PgDescribe('P', "") + PgExecute() + PgSync();
}
std::string Reply() {
  return PgFrame('1') + PgFrame('2') + PgRowDescription({"id", "name"}) + PgRow({"42", "Ada"}) + PgError("01000", 'N') +
         PgComplete("SELECT 1") + PgReady();
}

TEST(PostgreSqlMemory, NothingBeyondTheInputIsRead) {
  const std::string execution = PgBind("", "s1") + PgExecute() + PgSync();
  ExpectNothingBeyondTheInputIsRead<decoders::PostgreSql>(execution, Reply(), PgBind("", "s1"), PgRowDescription({"a"}));
  ExpectNothingBeyondTheInputIsRead<decoders::PostgreSql>(PgStartup({{"user", "bob"}, {"database", "shop"}}), PgError("28P01"));
  ExpectNothingBeyondTheInputIsRead<decoders::PostgreSql>(Request(), Reply());
}

TEST(PostgreSqlMemory, AWarmDecoderAllocatesNothing) {
  for (const size_t piece : {4096U, 7U}) {
    EXPECT_EQ(AllocationsOf<decoders::PostgreSql>(Request(), Reply(), piece), 0U);
    EXPECT_EQ(AllocationsOf<decoders::PostgreSql>(PgQuery("INSERT INTO t VALUES (1, 'secret')"),
                                                  PgComplete("INSERT 0 1") + PgReady(), piece),
              0U);
  }
}

TEST(PostgreSqlMemory, AWarmDecoderThatLosesFramingAllocatesNothing) {
  const std::string begun = PgParse("", "SELECT * FROM t WHERE a = $1") + PgBind("", "", {"abc"});
  EXPECT_EQ(AllocationsOfAdrift<decoders::PostgreSql>(begun, "the end of something", PgComplete("SELECT 1"), PgReady()), 0U);
}

TEST(PostgreSqlMemory, EndlessTextsStayBounded) {
  Decoder decoder;
  Decoder::Messages out;
  decoder.Decode(kC2s, AsBytes(std::string("Q") + PgInt32(100000000) + "SELECT '"), out);
  const std::string more(10000, 'x');
  for (int i = 0; i < 1000; ++i) decoder.Decode(kC2s, AsBytes(more), out);
  decoder.OnClose(kC2s, out);
  ASSERT_EQ(out.size(), 1U);
  EXPECT_LE(out[0].BufferBytes(), 4 * decoders::postgresql::kMaxRawBytes);
}

TEST(PostgreSqlMemory, WhatIsPreparedIsBoundedAndTheOldestAreForgotten) {
  PostgreSqlWire wire;
  const std::string long_text = "SELECT " + std::string(1000, 'a');
  for (int i = 0; i < 1000; ++i) {
    wire.Feed(kC2s, PgParse("s" + std::to_string(i), long_text + std::to_string(i)) + PgSync());
    wire.Feed(kS2c, PgFrame('1') + PgReady());
  }
  wire.Feed(kC2s, PgBind("", "s0") + PgExecute() + PgBind("", "s999") + PgExecute() + PgSync());
  const auto& messages = wire.messages();
  EXPECT_TRUE(messages[messages.size() - 2].unknown_statement);
  EXPECT_FALSE(messages.back().unknown_statement);
  EXPECT_TRUE(messages.back().text.ends_with("999"));
}

TEST(PostgreSqlMemory, StatementsThatComeAndGoAllocateNothingOnceWarm) {
  Decoder decoder;
  Decoder::Messages out;
  decoders::postgresql::MessagePool pool;
  Decoder warm(&pool);
  const std::string request = PgParse("s1", "SELECT a FROM t") + PgBind("p1", "s1") + PgExecute("p1") +
                              PgFrame('C', "S" + PgString("s1")) + PgFrame('C', "P" + PgString("p1")) + PgSync();
  const std::string reply = PgFrame('1') + PgFrame('2') + PgComplete("SELECT 1") + PgFrame('3') + PgFrame('3') + PgReady();
  EXPECT_EQ(AllocationsOf<decoders::PostgreSql>(request, reply, 4096), 0U);
}

}  // namespace
}  // namespace wirespan::testing
