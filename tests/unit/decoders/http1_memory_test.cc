// No byte beyond the input is read (a page without access follows it), and a warm decoder allocates nothing.
#include <gtest/gtest.h>

#include "tests/unit/decoders/harness.h"
#include "tests/unit/decoders/memory.h"

namespace wirespan::testing {
namespace {

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

TEST(Http1Memory, NothingBeyondTheInputIsRead) { ExpectNothingBeyondTheInputIsRead<decoders::Http1>(kRequest, kResponse); }

TEST(Http1Memory, AWarmDecoderAllocatesNothing) {
  for (const size_t piece : {4096U, 7U}) EXPECT_EQ(AllocationsOf<decoders::Http1>(kRequest, kResponse, piece), 0U);
}

TEST(Http1Memory, AWarmDecoderThatLosesFramingAllocatesNothing) {
  const std::string_view begun = kResponse.substr(0, kResponse.size() - 20);
  EXPECT_EQ(AllocationsOfAdrift<decoders::Http1>(kRequest.substr(0, 100), "the end of something", begun, "z\r\n0\r\n\r\n"), 0U);
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
  Decoder::Messages out;
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
