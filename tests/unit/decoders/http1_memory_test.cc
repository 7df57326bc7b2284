// No byte beyond the input is read (a page without access follows it), and a warm decoder allocates nothing.
#include <gtest/gtest.h>

#include "tests/unit/decoders/harness.h"
#include "tests/unit/decoders/memory.h"
#include "tests/unit/support/allocation_counter.h"

namespace wirespan::testing {
namespace {

using decoders::ParseStatus;
using decoders::http1::Decoder;
using decoders::http1::Message;
using decoders::http1::MessagePool;

constexpr std::string_view kRequest =
    "POST /orders/17?verbose=1 HTTP/1.1\r\nHost: shop.example:8080\r\nUser-Agent: test/1.0\r\nAccept: */*\r\n"
    "Content-Type: application/json\r\nContent-Length: 11\r\nX-Request-Id: "
    "0123456789abcdef0123456789abcdef\r\n\r\n{\"a\":\"b\"}\r\n";
constexpr std::string_view kResponse =
    "HTTP/1.1 200 OK\r\nServer: test\r\nTransfer-Encoding: chunked\r\nContent-Type: text/plain\r\n\r\n"
    "5\r\nhello\r\n0\r\nChecksum: 1\r\n\r\n";

TEST(Http1Memory, NothingBeyondTheInputIsRead) {
  GuardedBytes guarded;
  for (const Direction dir : {kC2s, kS2c}) {
    const std::string_view wire = dir == kC2s ? kRequest : kResponse;
    for (size_t size = 0; size <= wire.size(); ++size) {
      Decoder decoder;
      std::vector<Message> out;
      const std::string_view bytes = guarded.Put(wire.substr(0, size));
      const decoders::ParseStep step = decoder.Decode(dir, AsBytes(bytes), out);
      ASSERT_TRUE(step.status == ParseStatus::kAdvanced || size == 0);
      // The same while a start is searched for.
      Decoder lost;
      ASSERT_FALSE(lost.OnGap(dir, 1, out));
      const std::optional<size_t> skip = lost.Resync(dir, AsBytes(bytes));
      if (skip) lost.Decode(dir, AsBytes(bytes.substr(*skip)), out);
    }
  }
}

size_t AllocationsOf(std::string_view request, std::string_view response, size_t piece) {
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

TEST(Http1Memory, AWarmDecoderAllocatesNothing) {
  EXPECT_EQ(AllocationsOf(kRequest, kResponse, 4096), 0U);
  EXPECT_EQ(AllocationsOf(kRequest, kResponse, 7), 0U);
}

TEST(Http1Memory, AWarmDecoderThatLosesFramingAllocatesNothing) {
  MessagePool pool;
  Decoder decoder(&pool);
  std::vector<Message> out;
  const std::string_view head = kRequest.substr(0, 100);
  const auto exchange = [&](size_t i) {
    decoder.Decode(kC2s, AsBytes(head), out);
    decoder.OnGap(kC2s, 1000, out);
    decoder.Decode(kC2s, AsBytes("the end of something"), out);
    decoder.Decode(kS2c, AsBytes(kResponse.substr(0, kResponse.size() - 20)), out);
    decoder.OnGap(kS2c, 1000, out);
    decoder.Decode(kS2c, AsBytes("z\r\n0\r\n\r\n"), out);
    i % 2 == 0 ? static_cast<void>(decoder.EndsHere(kS2c, out)) : decoder.EndAdrift(kS2c, true, out);
    EXPECT_EQ(out.size(), 2U);
    for (Message& message : out) pool.Give(std::move(message));
    out.clear();
    // Both directions search for their next start, and find it where it is given.
    EXPECT_EQ(decoder.Resync(kC2s, AsBytes(head)), size_t{0});
    EXPECT_EQ(decoder.Resync(kS2c, AsBytes(kResponse)), size_t{0});
  };
  for (size_t i = 0; i < 10; ++i) exchange(i);
  const size_t before = AllocationCount();
  for (size_t i = 0; i < 1000; ++i) exchange(i);
  EXPECT_EQ(AllocationCount() - before, 0U);
}

TEST(Http1Memory, TheCounterCounts) {  // else the test above could not fail
  const size_t before = AllocationCount();
  const auto text = std::make_unique<std::string>(1000, 'x');
  EXPECT_GE(AllocationCount() - before, 2U) << text->size();
}

TEST(Http1Memory, APoolKeepsNeitherGreatBuffersNorManyMessages) {
  MessagePool pool(2);
  Message great;
  great.head.assign(MessagePool::kMaxKeptBytes * 2, 'x');
  pool.Give(std::move(great));
  EXPECT_LT(pool.Take()->head.capacity(), MessagePool::kMaxKeptBytes);
  for (int i = 0; i < 5; ++i) {
    Message message;
    message.head.assign(100, 'x');
    message.status = 200;
    pool.Give(std::move(message));
  }
  for (int i = 0; i < 5; ++i) {
    const std::unique_ptr<Message> message = pool.Take();
    EXPECT_EQ(message->head.capacity() >= 100, i < 2) << i;
    EXPECT_EQ(message->status, 0);
  }
}

TEST(Http1Memory, EndlessHeadsAndTrailersStayBounded) {
  Decoder decoder;
  std::vector<Message> out;
  const std::string start = "POST / HTTP/1.1\r\n";
  decoder.Decode(kC2s, AsBytes(start), out);
  const std::string line = "Name: " + std::string(1000, 'v') + "\r\n";
  for (int i = 0; i < 200; ++i) decoder.Decode(kC2s, AsBytes(line), out);
  const std::string end = "Transfer-Encoding: chunked\r\n\r\n0\r\n";
  decoder.Decode(kC2s, AsBytes(end), out);
  for (int i = 0; i < 200; ++i) decoder.Decode(kC2s, AsBytes(line), out);
  decoder.Decode(kC2s, AsBytes(std::string_view("\r\n")), out);
  ASSERT_EQ(out.size(), 1U);
  EXPECT_TRUE(out[0].truncated);
  EXPECT_TRUE(out[0].chunked);
  EXPECT_LE(out[0].head.size(), decoders::http1::kMaxHeadBytes);
  EXPECT_LE(out[0].trailer.size(), decoders::http1::kMaxTrailerBytes);
  EXPECT_LE(out[0].fields.size(), decoders::http1::kMaxFields);
}

}  // namespace
}  // namespace wirespan::testing
