// No byte beyond the input is read (a page without access follows it), a warm decoder allocates nothing, and endless input stays
// bounded.
#include <gtest/gtest.h>

#include "tests/unit/decoders/fastcgi_records.h"
#include "tests/unit/decoders/memory.h"

namespace wirespan::testing {
namespace {

using decoders::fastcgi::Decoder;
using decoders::fastcgi::Message;

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
  ExpectNothingBeyondTheInputIsRead<decoders::FastCgi>(RequestBytes(), ResponseBytes(), BeginRequest(1), Stdout(1, "X"));
}

TEST(FastCgiMemory, AWarmDecoderAllocatesNothing) {
  for (const size_t piece : {4096U, 7U}) {
    EXPECT_EQ(AllocationsOf<decoders::FastCgi>(RequestBytes(), ResponseBytes(), piece), 0U);
  }
}

TEST(FastCgiMemory, AWarmDecoderThatLosesFramingAllocatesNothing) {
  const std::string head = RequestBytes().substr(0, 120);
  const std::string begun = Stdout(1, "Status: 201 Created\r\n\r\nhello");
  EXPECT_EQ(AllocationsOfAdrift<decoders::FastCgi>(head, "the end of something", begun, EndRequest(1)), 0U);
}

TEST(FastCgiMemory, EndlessParametersStayBounded) {
  Decoder decoder;
  Decoder::Messages out;
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
