// No byte beyond the input is read, a warm decoder allocates nothing, and endless input stays bounded.
#include <gtest/gtest.h>

#include "tests/unit/decoders/memory.h"
#include "tests/unit/decoders/redis_wire.h"

namespace wirespan::testing {
namespace {

using decoders::redis::Decoder;
using decoders::redis::Message;

std::string Request() { return RedisCommand({"HMSET", "user:1000", "name", std::string(300, 'n'), "age", "36"}); }
std::string Reply() {
  return RedisArray({RedisString(std::string(100, 'v')), ":17\r\n", RedisArray({"+OK\r\n", "$-1\r\n"}), "-ERR no\r\n"});
}

TEST(RedisMemory, NothingBeyondTheInputIsRead) {
  ExpectNothingBeyondTheInputIsRead<decoders::Redis>(Request(), Reply(), "*9\r\n$3\r\nDEL\r\n", "*9\r\n:1\r\n");
  ExpectNothingBeyondTheInputIsRead<decoders::Redis>(RedisCommand({"PING"}), "-ERR wrong\r\n");
}

TEST(RedisMemory, AWarmDecoderAllocatesNothing) {
  for (const size_t piece : {4096U, 7U}) {
    EXPECT_EQ(AllocationsOf<decoders::Redis>(Request(), Reply(), piece), 0U);
    const std::string commands = RedisCommand({"MULTI"}) + Request() + RedisCommand({"EXEC"}) + RedisCommand({"SELECT", "3"});
    EXPECT_EQ(AllocationsOf<decoders::Redis>(commands, "+OK\r\n+QUEUED\r\n" + Reply() + "+OK\r\n", piece, 8), 0U);
  }
}

TEST(RedisMemory, AWarmDecoderThatLosesFramingAllocatesNothing) {
  EXPECT_EQ(AllocationsOfAdrift<decoders::Redis>("*9\r\n$3\r\nDEL\r\n", "$1\r\na\r\n", "*9\r\n:1\r\n", ":2\r\n"), 0U);
}

TEST(RedisMemory, EndlessCommandsStayBounded) {
  Decoder decoder;
  Decoder::Messages out;
  decoder.Decode(kC2s, AsBytes("*2000000\r\n$3\r\nDEL\r\n"), out);
  const std::string key = RedisString(std::string(1000, 'k'));
  for (int i = 0; i < 2000; ++i) decoder.Decode(kC2s, AsBytes(key), out);
  ASSERT_NE(decoder.OpenMessage(kC2s), nullptr);
  EXPECT_TRUE(decoder.OpenMessage(kC2s)->truncated);
  EXPECT_LE(decoder.OpenMessage(kC2s)->BufferBytes(), 4 * decoders::redis::kMaxTextBytes);
}

TEST(RedisMemory, EndlessErrorsAndDepthsAreRefused) {
  RedisWire wire;
  wire.Feed(kC2s, RedisCommand({"GET", "a"}) + RedisCommand({"GET", "b"}));
  wire.Feed(kS2c, "-" + std::string(decoders::redis::kMaxLineBytes + 1, 'E'));
  EXPECT_NE(wire.text().find("bad_reply"), std::string::npos);
  RedisWire deep;
  deep.Feed(kC2s, RedisCommand({"GET", "a"}));
  for (size_t i = 0; i <= decoders::redis::kMaxDepth; ++i) deep.Feed(kS2c, "*1\r\n");
  EXPECT_NE(deep.text().find("bad_reply"), std::string::npos);
}

TEST(RedisMemory, PipelinesOfAnyLengthTakeNoMemory) {
  Decoder decoder;
  Decoder::Messages out;
  decoders::redis::MessagePool pool;
  const std::string get = RedisCommand({"GET", "a"});
  for (int i = 0; i < 100000; ++i) {
    decoder.Decode(kC2s, AsBytes(get), out);
    out.clear();
  }
  decoder.Decode(kS2c, AsBytes("+OK\r\n"), out);
  ASSERT_EQ(out.size(), 1U);
  EXPECT_EQ(out[0].exchange, 1U);
}

}  // namespace
}  // namespace wirespan::testing
