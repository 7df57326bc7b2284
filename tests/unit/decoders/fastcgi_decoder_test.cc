// fastcgi::Decoder: rules and limits of the specification that the golden cases do not show, and what the caller may ask
// meanwhile.
#include <gtest/gtest.h>

#include "decoders/fastcgi/guess.h"
#include "decoders/fastcgi/resync.h"
#include "tests/unit/decoders/fastcgi_records.h"

namespace wirespan::testing {
namespace {

using decoders::FindStart;
using decoders::Incomplete;
using decoders::Likeness;
using decoders::ParseStatus;
using decoders::StartMatch;
using decoders::fastcgi::Decoder;
using decoders::fastcgi::LikenessOf;
using decoders::fastcgi::MatchStart;
using decoders::fastcgi::Message;
using decoders::fastcgi::Parameter;

const Pairs kGet = {{"REQUEST_METHOD", "GET"}, {"REQUEST_URI", "/a"}};
const std::string kOk = "Content-type: text/plain\r\n\r\nok";

std::vector<Message> Decoded(const std::string& client, const std::string& server = {}) {
  FastCgiWire wire;
  wire.Feed(kC2s, client);
  wire.Feed(kS2c, server);
  return wire.messages();
}

TEST(FastCgiDecoder, LengthsOfFourBytesAreReadEverywhere) {
  const std::string content = Pair("REQUEST_METHOD", "PUT", true) + Pair("X", std::string(300, 'x')) + Pair("REQUEST_URI", "/u");
  const auto messages = Decoded(BeginRequest(1) + RecordOf(4, 1, content) + RecordOf(4, 1, ""));
  ASSERT_EQ(messages.size(), 1U);
  EXPECT_EQ(messages[0].method(), "PUT");
  EXPECT_EQ(messages[0].Get(Parameter::kRequestUri), "/u");
  EXPECT_FALSE(messages[0].truncated);
}

TEST(FastCgiDecoder, EmptyNamesAndValuesAreParametersToo) {
  const std::string content = Pair("", "") + Pair("", "x") + Pair("QUERY_STRING", "") + Pair("REQUEST_METHOD", "GET");
  const auto messages = Decoded(BeginRequest(1) + RecordOf(4, 1, content) + RecordOf(4, 1, ""));
  ASSERT_EQ(messages.size(), 1U);
  EXPECT_TRUE(messages[0].Has(Parameter::kQueryString));
  EXPECT_FALSE(messages[0].Has(Parameter::kRequestUri));
  EXPECT_EQ(messages[0].method(), "GET");
}

TEST(FastCgiDecoder, ALengthBeyondTheParametersIsAmbiguousAndTheNextRequestIsNot) {
  std::string content = Pair("REQUEST_METHOD", "GET");
  content += std::string("\x04\xff\xff\xff\xff", 5) + "NAMEvalue";
  const auto messages = Decoded(BeginRequest(1) + RecordOf(4, 1, content) + RecordOf(4, 1, "") + Stdin(1, "") + Request(1, kGet));
  ASSERT_EQ(messages.size(), 2U);
  EXPECT_EQ(messages[0].incomplete, Incomplete::kAmbiguous);
  EXPECT_EQ(messages[1].incomplete, Incomplete::kNo);
}

TEST(FastCgiDecoder, SecretsAreNotKept) {
  const auto messages = Decoded(Request(1, {{"HTTP_COOKIE", "session=secret"},
                                            {"HTTP_AUTHORIZATION", "Bearer secret"},
                                            {"HTTP_PROXY_AUTHORIZATION", "secret"},
                                            {"PHP_AUTH_USER", "secret"},
                                            {"PHP_AUTH_PW", "secret"},
                                            {"REMOTE_USER", "secret"},
                                            {"HTTP_X_API_KEY", "secret"},
                                            {"REQUEST_METHOD", "GET"}}));
  ASSERT_EQ(messages.size(), 1U);
  EXPECT_EQ(messages[0].text, "GET");
  EXPECT_EQ(messages[0].fields.size(), 1U);
}

TEST(FastCgiDecoder, EveryParameterThatIsKeptIsFoundByItsName) {
  for (size_t i = 0; i < decoders::fastcgi::kParameterCount; ++i) {
    const auto parameter = static_cast<Parameter>(i);
    EXPECT_EQ(decoders::fastcgi::ParameterOf(decoders::fastcgi::WireName(parameter)), parameter);
  }
  EXPECT_EQ(decoders::fastcgi::ParameterOf("HTTP_COOKIE"), std::nullopt);
  EXPECT_EQ(decoders::fastcgi::Name(Parameter::kXB3TraceId), "x-b3-traceid");
}

TEST(FastCgiDecoder, LongValuesAreCutOrLeftOutAndSayIt) {
  const std::string uri = "/" + std::string(20000, 'u');
  const auto messages =
      Decoded(BeginRequest(1) + RecordOf(4, 1, PairsOf({{"REQUEST_URI", uri}, {"HTTP_HOST", std::string(20000, 'h')}})) +
              RecordOf(4, 1, PairsOf({{"REQUEST_METHOD", "GET"}})) + RecordOf(4, 1, ""));
  ASSERT_EQ(messages.size(), 1U);
  EXPECT_TRUE(messages[0].truncated);
  EXPECT_EQ(messages[0].Get(Parameter::kRequestUri), uri.substr(0, decoders::fastcgi::kMaxValueBytes));
  EXPECT_FALSE(messages[0].Has(Parameter::kHost));
  EXPECT_EQ(messages[0].method(), "GET");
}

TEST(FastCgiDecoder, AContentLengthThatIsNoneAnnouncesNoBody) {
  for (const std::string length : {"", "x", "-1", "1x", "99999999999999999999999"}) {
    const auto messages = Decoded(BeginRequest(1) + Params(1, {{"CONTENT_LENGTH", length}}));
    ASSERT_EQ(messages.size(), 1U) << length;
    EXPECT_FALSE(messages[0].has_content_length) << length;
  }
}

TEST(FastCgiDecoder, AHeadWithoutEndIsTakenForABodyBeyondItsLimit) {
  FastCgiWire wire;
  wire.Feed(kC2s, Request(1, kGet));
  const std::string line = "X-Filler: " + std::string(990, 'x') + "\r\n";
  for (int i = 0; i < 100; ++i) wire.Feed(kS2c, Stdout(1, line));
  wire.Feed(kS2c, EndRequest(1));
  ASSERT_EQ(wire.messages().size(), 2U);
  EXPECT_TRUE(wire.messages()[1].truncated);
  EXPECT_EQ(wire.messages()[1].status_code, 0);
  EXPECT_EQ(wire.messages()[1].body_length, 100 * line.size() - decoders::fastcgi::kMaxResponseHeadBytes - 1);
}

TEST(FastCgiDecoder, ARequestIsToldWhenItsParametersEnd) {
  Decoder decoder;
  Decoder::Messages out;
  const std::string begin = BeginRequest(1) + Params(1, {{"REQUEST_METHOD", "POST"}, {"CONTENT_LENGTH", "5"}});
  decoder.Decode(kC2s, AsBytes(std::string_view(begin).substr(0, 1)), out);
  EXPECT_EQ(decoder.OpenStart(kC2s), std::nullopt) << "one byte does not tell a request";
  decoder.Decode(kC2s, AsBytes(std::string_view(begin).substr(1, begin.size() - 2)), out);
  EXPECT_EQ(decoder.OpenStart(kC2s), 0U);
  EXPECT_EQ(decoder.OpenMessage(kC2s), nullptr);
  decoder.Decode(kC2s, AsBytes(std::string_view(begin).substr(begin.size() - 1)), out);
  ASSERT_NE(decoder.OpenMessage(kC2s), nullptr);
  EXPECT_EQ(decoder.OpenMessage(kC2s)->method(), "POST");
  const std::string body = RecordOf(5, 1, "12345", 3);
  decoder.Decode(kC2s, AsBytes(std::string_view(body).substr(0, 10)), out);
  EXPECT_EQ(decoder.BodyLeft(kC2s), 6U);
  decoder.Decode(kC2s, AsBytes(std::string_view(body).substr(10)), out);
  EXPECT_EQ(decoder.BodyLeft(kC2s), 0U);
  EXPECT_EQ(out.size(), 1U);
  EXPECT_EQ(decoder.OpenStart(kC2s), std::nullopt);
  EXPECT_TRUE(decoder.Synced(kC2s));
}

TEST(FastCgiDecoder, WhatAServerReadsLateBeginsNothing) {
  Decoder decoder;
  Decoder::Messages out;
  const std::string late = Stdin(1, "rest of a body") + Stdin(1, "");
  for (const char c : late) {
    decoder.Decode(kC2s, AsBytes(std::string_view(&c, 1)), out);
    EXPECT_EQ(decoder.OpenStart(kC2s), std::nullopt);
  }
  EXPECT_TRUE(out.empty());
  EXPECT_TRUE(decoder.Synced(kC2s));
}

TEST(FastCgiDecoder, MoreRequestsThanAreRememberedAreLeft) {
  FastCgiWire wire;
  for (size_t i = 0; i <= decoders::fastcgi::kMaxUnanswered; ++i) wire.Feed(kC2s, Request(static_cast<int>(i) + 1, kGet));
  EXPECT_EQ(wire.messages().size(), decoders::fastcgi::kMaxUnanswered);
  EXPECT_NE(wire.text().find("too_many_requests"), std::string::npos);
}

TEST(FastCgiDecoder, PositionsEndInsteadOfWrapping) {
  Decoder decoder;
  Decoder::Messages out;
  decoder.Decode(kC2s, AsBytes(BeginRequest(1)), out);
  decoder.OnGap(kC2s, SIZE_MAX / 4 * 3, out);
  EXPECT_EQ(decoder.Position(kC2s), decoders::kMaxPosition);
  EXPECT_TRUE(decoder.Poisoned(kC2s));
  EXPECT_EQ(decoder.Resync(kC2s, AsBytes(BeginRequest(1))), std::nullopt);
  ASSERT_EQ(out.size(), 1U);
  EXPECT_EQ(out[0].incomplete, Incomplete::kGap);
}

TEST(FastCgiDecoder, AfterAdriftTheCallerMayEndIt) {
  Decoder decoder;
  Decoder::Messages out;
  decoder.Decode(kC2s, AsBytes(Request(1, kGet)), out);
  decoder.Decode(kS2c, AsBytes(RecordOf(6, 1, kOk)), out);
  ASSERT_TRUE(decoder.OnGap(kS2c, 20, out));
  EXPECT_TRUE(decoder.Adrift(kS2c));
  EXPECT_TRUE(decoder.AnyAdrift());
  ASSERT_NE(decoder.OpenMessage(kS2c), nullptr);
  EXPECT_EQ(decoder.OpenMessage(kS2c)->status_code, 200);
  decoder.EndAdrift(kS2c, false, out);
  ASSERT_EQ(out.size(), 2U);
  EXPECT_EQ(out[1].incomplete, Incomplete::kGap);
  EXPECT_FALSE(decoder.Synced(kS2c));
}

TEST(FastCgiDecoder, OnlyWholeBeginningsAreFoundAgain) {
  const std::string begin = BeginRequest(7);
  EXPECT_EQ(MatchStart(begin, kC2s), StartMatch::kYes);
  for (size_t size = 0; size < begin.size(); ++size) EXPECT_EQ(MatchStart(begin.substr(0, size), kC2s), StartMatch::kMore);
  EXPECT_EQ(MatchStart(BeginRequest(7, 4), kC2s), StartMatch::kNo);
  EXPECT_EQ(MatchStart(BeginRequest(7, 1, 2), kC2s), StartMatch::kNo);
  EXPECT_EQ(MatchStart(BeginRequest(0), kC2s), StartMatch::kNo);
  EXPECT_EQ(MatchStart(RecordOf(4, 1, "content"), kC2s), StartMatch::kNo);
  EXPECT_EQ(MatchStart(Stdout(1, kOk), kS2c), StartMatch::kYes);
  EXPECT_EQ(MatchStart(Stdout(1, "\x89PNG"), kS2c), StartMatch::kNo);
  EXPECT_EQ(FindStart(&MatchStart, "xx\x01\x01\x01" + begin, kC2s), 5U);
  EXPECT_EQ(FindStart(&MatchStart, "xxxx", kC2s), std::nullopt);
}

TEST(FastCgiGuess, ABeginningMakesItCertain) {
  EXPECT_EQ(LikenessOf(kC2s, AsBytes(BeginRequest(1))), Likeness::kCertain);
  EXPECT_EQ(LikenessOf(kC2s, AsBytes(Stdin(1, "") + BeginRequest(1))), Likeness::kCertain) << "the end of the request before";
  EXPECT_EQ(LikenessOf(kC2s, AsBytes(std::string_view(BeginRequest(1)).substr(0, 8))), Likeness::kPossible)
      << "PHP reads so much";
  EXPECT_EQ(LikenessOf(kC2s, AsBytes(Stdin(1, ""))), Likeness::kTooShort);
  EXPECT_EQ(LikenessOf(kC2s, AsBytes(std::string_view("\x01", 1))), Likeness::kTooShort);
  EXPECT_EQ(LikenessOf(kC2s, AsBytes(RecordOf(9, 0, PairsOf({{"FCGI_MAX_CONNS", ""}})))), Likeness::kPossible);
  EXPECT_EQ(LikenessOf(kS2c, AsBytes(Stdout(1, kOk))), Likeness::kCertain);
  EXPECT_EQ(LikenessOf(kS2c, AsBytes(RecordOf(7, 1, "PHP message"))), Likeness::kPossible);
  EXPECT_EQ(LikenessOf(kS2c, AsBytes(EndRequest(1))), Likeness::kPossible);
}

TEST(FastCgiGuess, OthersAreNot) {
  using namespace std::string_view_literals;
  for (const std::string_view bytes : {"GET / HTTP/1.1\r\n"sv, "\x16\x03\x01"sv, "\x01\x01\0\0"sv, "\x01\x01\0\x01\0\x09"sv,
                                       "\x01\x0b"sv, "\x02\x01"sv, "\x01\x06\0\x01"sv}) {
    EXPECT_EQ(LikenessOf(kC2s, AsBytes(bytes)), Likeness::kNo);
  }
  for (const std::string_view bytes : {"HTTP/1.1 200"sv, "\x01\x01\0\x01"sv, "\x01\x03\0\x01\0\x07"sv, "\x01\x06\0\0"sv}) {
    EXPECT_EQ(LikenessOf(kS2c, AsBytes(bytes)), Likeness::kNo);
  }
  EXPECT_EQ(LikenessOf(kC2s, AsBytes(RecordOf(4, 1, "pairs"))), Likeness::kNo) << "in the middle of a request";
}

}  // namespace
}  // namespace wirespan::testing
