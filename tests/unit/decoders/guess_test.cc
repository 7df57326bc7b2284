// Guessing the protocol from first bytes, and the list of protocols.
#include "decoders/guess.h"

#include <gtest/gtest.h>

#include "decoders/registry.h"
#include "tests/unit/decoders/harness.h"

namespace wirespan::testing {
namespace {

using decoders::Guess;
using decoders::GuessProtocol;
using decoders::Likeness;

Likeness Of(std::string_view client, std::string_view server) { return GuessProtocol(AsBytes(client), AsBytes(server)).likeness; }

TEST(Guess, AVersionMakesItCertain) {
  const Guess guess = GuessProtocol(AsBytes("GET / HTTP/1.1\r\n"), {});
  EXPECT_EQ(guess.protocol, decoders::IdOf<decoders::Http1>());
  EXPECT_EQ(guess.likeness, Likeness::kCertain);
  EXPECT_EQ(Of("\r\nFROB /x HTTP/1.0\n", ""), Likeness::kCertain);
  EXPECT_EQ(Of("", "HTTP/1.1 200 OK\r\n"), Likeness::kCertain);
  EXPECT_EQ(Of("", "HTTP/1.1 200 A phrase without its end"), Likeness::kCertain);
}

TEST(Guess, AMethodAndATargetMakeItPossible) {
  EXPECT_EQ(Of("GET /a/long/targ", ""), Likeness::kPossible);
  EXPECT_EQ(Of("OPTIONS * HTTP", ""), Likeness::kPossible);
}

TEST(Guess, TooFewBytesAreSaidToBe) {
  for (const std::string_view bytes : {"", "\r\n", "G", "GET", "GET ", "SUBSCR", "FROB /x"}) {
    EXPECT_EQ(Of(bytes, ""), Likeness::kTooShort) << bytes;
  }
  for (const std::string_view bytes : {"H", "HTTP/", "HTTP/1.1 2"}) EXPECT_EQ(Of("", bytes), Likeness::kTooShort) << bytes;
}

TEST(Guess, OtherProtocolsAreNot) {
  for (const std::string_view bytes :
       {"\x16\x03\x01", "PRI * HTTP/2.1\r\n\r\nSM", "INVITE sip:a@b SIP/2.0\r\n", "OPTIONS rtsp://h RTSP/1.0\r\n", "PING\r\n",
        "SSH-2.0-x", "EHLO x\r\n", "hello", "GET / HTTP/1.x"}) {
    EXPECT_EQ(Of(bytes, ""), Likeness::kNo) << bytes;
  }
  for (const std::string_view bytes : {"HTTP/2.0 200", "220 smtp", "HTTP/1.1 x"})
    EXPECT_EQ(Of("", bytes), Likeness::kNo) << bytes;
  EXPECT_EQ(GuessProtocol(AsBytes("PRI * HTTP/2.0\r\n\r\nSM"), {}).protocol, decoders::IdOf<decoders::Http2>());
}

TEST(Guess, EitherDirectionCanRuleItOut) {
  EXPECT_EQ(Of("GET / HTTP/1.1\r\n", "+OK\r\n"), Likeness::kNo);
  EXPECT_EQ(Of("\x01", "HTTP/1.1 200 OK\r\n"), Likeness::kNo);
}

TEST(Guess, EndlessIndecisionEnds) {
  std::string bytes = "FROB /";
  bytes.append(decoders::kMaxGuessBytes, 'x');
  EXPECT_EQ(Of(bytes, ""), Likeness::kNo);
}

TEST(Registry, NamesAndNumbersAgree) {
  EXPECT_EQ(decoders::ProtocolName(0), "unknown");
  EXPECT_EQ(decoders::ProtocolName(255), "unknown");
  EXPECT_EQ(decoders::ProtocolByName("nope"), std::nullopt);
  size_t count = 0;
  decoders::ForEachProtocol([&]<typename P>(P) {
    ++count;
    EXPECT_EQ(decoders::ProtocolByName(P::kName), decoders::IdOf<P>());
    EXPECT_EQ(decoders::ProtocolName(decoders::IdOf<P>()), P::kName);
    EXPECT_EQ(decoders::IdOf<P>(), count);
  });
  EXPECT_EQ(count, decoders::Protocols::kSize);
}

}  // namespace
}  // namespace wirespan::testing
