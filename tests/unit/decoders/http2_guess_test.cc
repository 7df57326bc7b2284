// Whether first bytes are HTTP/2, and that neither version of HTTP claims the other's.
#include <gtest/gtest.h>

#include "decoders/http1/guess.h"
#include "decoders/http2/guess.h"
#include "tests/unit/decoders/http2_harness.h"

namespace wirespan::testing::h2 {
namespace {

using decoders::Likeness;
using decoders::http2::kEndHeaders;

Likeness Client(std::string_view bytes) { return decoders::http2::LikenessOf(kC2s, AsBytes(bytes)); }
Likeness Server(std::string_view bytes) { return decoders::http2::LikenessOf(kS2c, AsBytes(bytes)); }

TEST(Http2Guess, ThePrefaceIsCertainAndNoHttp1) {
  for (size_t size = 0; size < 18; ++size) {
    EXPECT_EQ(Client(Preface().substr(0, size)), Likeness::kTooShort) << size;
    EXPECT_LE(decoders::http1::LikenessOf(kC2s, AsBytes(Preface().substr(0, size))), Likeness::kTooShort) << size;
  }
  for (size_t size = 18; size <= 24; ++size) EXPECT_EQ(Client(Preface().substr(0, size)), Likeness::kCertain) << size;
  EXPECT_EQ(decoders::http1::LikenessOf(kC2s, AsBytes(ClientStart())), Likeness::kNo);
  EXPECT_EQ(Client("PRI * HTTP/1.1\r\n\r\n"), Likeness::kNo);
}

TEST(Http2Guess, TheFirstSettingsOfAServerAreCertain) {
  const std::string frame = Frame(FrameType::kSettings, 0, 0, Setting(3, 128) + Setting(4, 65536) + Setting(5, 16777215));
  for (size_t size = 1; size < frame.size(); ++size) EXPECT_EQ(Server(frame.substr(0, size)), Likeness::kTooShort) << size;
  EXPECT_EQ(Server(frame), Likeness::kCertain);
  EXPECT_EQ(Server(ServerStart()), Likeness::kPossible) << "an empty one is nine bytes that say little";
  EXPECT_EQ(Server(Frame(FrameType::kSettings, 0, 0, Setting(4, 4194304) + Setting(0xfe03, 1))), Likeness::kCertain)
      << "grpc's own";
  EXPECT_EQ(Server(ServerStart() + Frame(FrameType::kSettings, 1, 0, "")), Likeness::kPossible);
  EXPECT_EQ(Server(ServerStart() + "HTTP/1.1 200 OK\r\n"), Likeness::kNo);
  EXPECT_EQ(Server(Frame(FrameType::kSettings, 0, 3, "")), Likeness::kNo) << "of a stream";
  EXPECT_NE(Server(Frame(FrameType::kSettings, 0, 0, Setting(2, 7))), Likeness::kCertain);
  EXPECT_NE(Server(Frame(FrameType::kSettings, 0, 0, Setting(77, 7))), Likeness::kCertain);
}

TEST(Http2Guess, FramesOfAnOlderConnectionArePossible) {
  const std::string head = Frame(FrameType::kHeaders, kEndHeaders, 17, GetBlock());
  EXPECT_EQ(Client(head), Likeness::kPossible) << "a whole head is all that a call may bring";
  EXPECT_EQ(Client(head.substr(0, head.size() - 1)), Likeness::kTooShort);
  EXPECT_EQ(Client(Frame(FrameType::kHeaders, kEndHeaders, 17, std::string(3, '\x40'))), Likeness::kTooShort) << "no head";
  EXPECT_EQ(Client(Frame(FrameType::kPing, 0, 0, "12345678")), Likeness::kTooShort);
  EXPECT_EQ(Client(head + FrameHead(FrameType::kData, 0, 17, 100)), Likeness::kPossible);
  EXPECT_EQ(Server(Frame(FrameType::kWindowUpdate, 0, 0, Uint32(9)) + Frame(FrameType::kPing, 1, 0, "12345678") + head),
            Likeness::kPossible);
}

// Else which end of an older connection is which could not be told from its frames.
TEST(Http2Guess, HeadsTellTheDirection) {
  std::string requests;
  std::string responses;
  for (uint32_t stream = 11; stream < 41; stream += 2) {
    requests +=
        Frame(FrameType::kHeaders, kEndHeaders | decoders::http2::kEndStream, stream, Indexed(2) + Indexed(6) + Indexed(63));
    responses += Frame(FrameType::kHeaders, kEndHeaders, stream, Indexed(8) + Indexed(64)) +
                 Frame(FrameType::kData, decoders::http2::kEndStream, stream, "body");
  }
  EXPECT_EQ(Client(requests), Likeness::kPossible);
  EXPECT_EQ(Server(requests), Likeness::kNo);
  EXPECT_EQ(Server(responses), Likeness::kPossible);
  EXPECT_EQ(Client(responses), Likeness::kNo);
  const std::string window = Frame(FrameType::kWindowUpdate, 0, 0, Uint32(9));
  EXPECT_EQ(Server(window + requests), Likeness::kNo);
  EXPECT_EQ(Client(window + responses), Likeness::kNo);
}

TEST(Http2Guess, OtherProtocolsAreNot) {
  using namespace std::string_literals;
  const std::vector<std::string> others = {"GET / HTTP/1.1\r\n",
                                           "HTTP/1.1 200 OK\r\n",
                                           "SSH-2.0-OpenSSH\r\n",
                                           "*1\r\n$4\r\nPING\r\n",
                                           "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"s,
                                           "\x00\x00\x00\x08\x04\xd2\x16\x2f"s,                  // Postgres: SSLRequest
                                           "\x00\x00\x00\x2a\x00\x03\x00\x00\x00\x00\x00\x2a"s,  // Postgres: start-up
                                           "\x4a\x00\x00\x00\x0a"
                                           "8.0.36\x00\x08\x00\x00\x00"s,                                        // MySQL
                                           "\x00\x00\x00\x1f\x00\x12\x00\x03\x00\x00\x00\x01\x00\x09"s,          // Kafka
                                           "\x3a\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\xd4\x07\x00\x00"s,  // MongoDB
                                           "AMQP\x00\x00\x09\x01"s,
                                           std::string(64, '\0'),
                                           std::string(64, '\xff')};
  for (const std::string& bytes : others) {
    EXPECT_EQ(Client(bytes), Likeness::kNo) << Escape(bytes);
    EXPECT_EQ(Server(bytes), Likeness::kNo) << Escape(bytes);
  }
}

TEST(Http2Guess, FramesAreNoHttp1) {
  const std::string frames = ServerStart() + Frame(FrameType::kHeaders, kEndHeaders, 1, GetBlock());
  EXPECT_EQ(decoders::http1::LikenessOf(kC2s, AsBytes(frames)), Likeness::kNo);
  EXPECT_EQ(decoders::http1::LikenessOf(kS2c, AsBytes(frames)), Likeness::kNo);
}

}  // namespace
}  // namespace wirespan::testing::h2
