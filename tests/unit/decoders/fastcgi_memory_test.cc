// No byte beyond the input is read (a page without access follows it), a warm decoder allocates nothing, and endless input stays
// bounded.
#include <gtest/gtest.h>

#include "decoders/fastcgi/guess.h"
#include "tests/unit/decoders/fastcgi_records.h"
#include "tests/unit/decoders/memory.h"
#include "tests/unit/support/allocation_counter.h"

namespace wirespan::testing {
namespace {

using decoders::ParseStatus;
using decoders::fastcgi::Decoder;
using decoders::fastcgi::Message;
using decoders::fastcgi::MessagePool;

std::string RequestBytes() {
  return Request(1,
                 {{"REQUEST_METHOD", "POST"},
                  {"REQUEST_URI", "/orders/17?verbose=1"},
                  {"CONTENT_LENGTH", "11"},
                  {"HTTP_HOST", "shop.example:8080"},
                  {"HTTP_USER_AGENT", "test/1.0"},
                  {"HTTP_TRACEPARENT", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
                  {"HTTP_COOKIE", std::string(200, 'c')}},
                 "{\"a\":\"b\"}\r\n", 1);
}
std::string ResponseBytes() { return Response(1, "Status: 201 Created\r\nContent-type: text/plain\r\n\r\nhello"); }

TEST(FastCgiMemory, NothingBeyondTheInputIsRead) {
  GuardedBytes guarded;
  for (const Direction dir : {kC2s, kS2c}) {
    const std::string wire = dir == kC2s ? RequestBytes() : ResponseBytes();
    for (size_t size = 0; size <= wire.size(); ++size) {
      Decoder decoder;
      std::vector<Message> out;
      const std::string_view bytes = guarded.Put(std::string_view(wire).substr(0, size));
      const decoders::ParseStep step = decoder.Decode(dir, AsBytes(bytes), out);
      ASSERT_TRUE(step.status == ParseStatus::kAdvanced || size == 0);
      decoders::fastcgi::LikenessOf(dir, AsBytes(bytes));
      // The same while a start is searched for, and adrift.
      Decoder lost;
      ASSERT_FALSE(lost.OnGap(dir, 1, out));
      const std::optional<size_t> skip = lost.Resync(dir, AsBytes(bytes));
      if (skip) lost.Decode(dir, AsBytes(bytes.substr(*skip)), out);
      Decoder adrift;
      adrift.Decode(dir, AsBytes(dir == kC2s ? BeginRequest(1) : Stdout(1, "X")), out);
      ASSERT_TRUE(adrift.OnGap(dir, 100, out));
      adrift.Decode(dir, AsBytes(bytes), out);
    }
  }
}

size_t AllocationsOf(size_t piece) {
  const std::string request = RequestBytes();
  const std::string response = ResponseBytes();
  MessagePool pool;
  Decoder decoder(&pool);
  std::vector<Message> out;
  const auto exchange = [&] {
    for (const Direction dir : {kC2s, kS2c}) {
      const std::string_view wire = dir == kC2s ? request : response;
      for (size_t at = 0; at < wire.size(); at += piece) decoder.Decode(dir, AsBytes(wire.substr(at, piece)), out);
    }
    EXPECT_EQ(out.size(), 2U);
    for (Message& message : out) pool.Give(std::move(message));
    out.clear();
  };
  for (int warm = 0; warm < 10; ++warm) exchange();
  const size_t before = AllocationCount();
  for (int i = 0; i < 1000; ++i) exchange();
  return AllocationCount() - before;
}

TEST(FastCgiMemory, AWarmDecoderAllocatesNothing) {
  EXPECT_EQ(AllocationsOf(4096), 0U);
  EXPECT_EQ(AllocationsOf(7), 0U);
}

TEST(FastCgiMemory, AWarmDecoderThatLosesFramingAllocatesNothing) {
  const std::string request = RequestBytes();
  const std::string head = request.substr(0, 120);
  const std::string begun = Stdout(1, "Status: 201 Created\r\n\r\nhello");
  const std::string end = EndRequest(1);
  MessagePool pool;
  Decoder decoder(&pool);
  std::vector<Message> out;
  const auto exchange = [&](size_t i) {
    decoder.Decode(kC2s, AsBytes(head), out);
    decoder.OnGap(kC2s, 1000, out);
    decoder.Decode(kC2s, AsBytes("the end of something"), out);
    decoder.Decode(kS2c, AsBytes(begun), out);
    decoder.OnGap(kS2c, 1000, out);
    decoder.Decode(kS2c, AsBytes(end), out);
    i % 2 == 0 ? static_cast<void>(decoder.EndsHere(kS2c, out)) : decoder.EndAdrift(kS2c, true, out);
    EXPECT_EQ(out.size(), 2U);
    for (Message& message : out) pool.Give(std::move(message));
    out.clear();
    EXPECT_EQ(decoder.Resync(kC2s, AsBytes(head)), size_t{0});
    EXPECT_EQ(decoder.Resync(kS2c, AsBytes(begun)), size_t{0});
  };
  for (size_t i = 0; i < 10; ++i) exchange(i);
  const size_t before = AllocationCount();
  for (size_t i = 0; i < 1000; ++i) exchange(i);
  EXPECT_EQ(AllocationCount() - before, 0U);
}

TEST(FastCgiMemory, EndlessParametersStayBounded) {
  Decoder decoder;
  std::vector<Message> out;
  decoder.Decode(kC2s, AsBytes(BeginRequest(1)), out);
  const std::string pairs = PairsOf({{"REQUEST_URI", std::string(9000, 'u')},
                                     {"HTTP_HOST", std::string(8000, 'h')},
                                     {"HTTP_B3", std::string(8000, 'b')},
                                     {"HTTP_X_" + std::string(9000, 'N'), std::string(9000, 'v')}});
  for (int i = 0; i < 200; ++i) decoder.Decode(kC2s, AsBytes(RecordOf(4, 1, pairs)), out);
  decoder.Decode(kC2s, AsBytes(RecordOf(4, 1, "")), out);
  ASSERT_EQ(out.size(), 1U);
  EXPECT_TRUE(out[0].truncated);
  EXPECT_LE(out[0].text.size(), decoders::fastcgi::kMaxTextBytes);
  EXPECT_LE(out[0].fields.size(), decoders::fastcgi::kParameterCount);
}

}  // namespace
}  // namespace wirespan::testing
