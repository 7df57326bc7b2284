// http1::Decoder: framing, pairing, errors, gaps and resynchronisation, each also at every split of its input.
#include <gtest/gtest.h>

#include "tests/unit/decoders/harness.h"

namespace wirespan::testing {
namespace {

using decoders::Incomplete;
using decoders::ParseStatus;
using decoders::http1::Decoder;
using decoders::http1::Message;

void Expect(const Script& script, const std::string& lines) {
  EXPECT_EQ(RunWhole(script), lines);
  ExpectSameAtEverySplit(script, lines);
}

TEST(Http1Decoder, RequestWithoutBodyAndItsAnswer) {
  Expect({Bytes(kC2s, "GET /a?b HTTP/1.1\r\nHost: h\r\nA:  x y \t\r\n\r\n"),
          Bytes(kS2c, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")},
         "message c2s 0-41 complete GET /a?b 1.1 #1 body=0\n  Host: h\n  A: x y\n"
         "message s2c 0-43 complete 200 OK 1.1 #1 body=5\n  Content-Length: 5\n");
}

TEST(Http1Decoder, PipelinedRequestsAreCountedOffToTheirResponses) {
  Expect({Bytes(kC2s, "GET /1 HTTP/1.1\r\n\r\nHEAD /2 HTTP/1.1\r\n\r\nGET /3 HTTP/1.1\r\n\r\n"),
          Bytes(kS2c,
                "HTTP/1.1 200 a\r\nContent-Length: 1\r\n\r\nx"
                "HTTP/1.1 200 b\r\nContent-Length: 9\r\n\r\n"
                "HTTP/1.1 200 c\r\nContent-Length: 2\r\n\r\nyz")},
         "message c2s 0-19 complete GET /1 1.1 #1 body=0\n"
         "message c2s 19-39 complete HEAD /2 1.1 #2 body=0\n"
         "message c2s 39-58 complete GET /3 1.1 #3 body=0\n"
         "message s2c 0-38 complete 200 a 1.1 #1 body=1\n  Content-Length: 1\n"
         "message s2c 38-75 complete 200 b 1.1 #2 body=0\n  Content-Length: 9\n"
         "message s2c 75-114 complete 200 c 1.1 #3 body=2\n  Content-Length: 2\n");
}

TEST(Http1Decoder, MorePipelinedRequestsThanAreRememberedAreStillCountedOff) {
  std::string requests;
  std::string responses;
  const size_t count = decoders::http1::kMaxPipelined * 2;
  for (size_t i = 0; i < count; ++i) {
    requests += "GET / HTTP/1.1\r\n\r\n";
    responses += "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
  }
  Wire wire;
  wire.Feed(kC2s, requests);
  wire.Feed(kS2c, responses);
  ASSERT_EQ(wire.messages().size(), 2 * count);
  for (size_t i = 0; i < count; ++i) {
    EXPECT_EQ(wire.messages()[count + i].exchange, i + 1);
    EXPECT_EQ(wire.messages()[count + i].body_length, 2U);
  }
  // The queue has drained: kinds are remembered again.
  wire.Feed(kC2s, "HEAD / HTTP/1.1\r\n\r\n");
  wire.Feed(kS2c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n");
  EXPECT_EQ(wire.messages().back().exchange, count + 1);
  EXPECT_TRUE(wire.messages().back().complete());
}

TEST(Http1Decoder, ChunkedBodyWithExtensionsPaddingAndTrailers) {
  Expect({Bytes(kC2s,
                "POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\ntransfer-encoding: Chunked\r\n\r\n"
                "5;a=\"b\"\r\nhello\r\n00A  \r\n0123456789\r\n0\r\nT: 1\r\nU: 2\r\n\r\nGET /n HTTP/1.0\n\n")},
         "message c2s 0-124 complete POST / 1.1 #1 body=15 chunked\n  Transfer-Encoding: gzip\n  transfer-encoding: Chunked\n"
         "  +T: 1\n  +U: 2\n"
         "message c2s 124-141 complete GET /n 1.0 #2 body=0\n");
}

TEST(Http1Decoder, NoBodyAfterHead204And304AndInterimResponses) {
  Expect({Bytes(kC2s, "HEAD / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n"),
          Bytes(kS2c,
                "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: l\r\n\r\n"
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 7\r\n\r\n"
                "HTTP/1.1 204 No Content\r\nContent-Length: 3\r\n\r\n"
                "HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\n")},
         "message c2s 0-19 complete HEAD / 1.1 #1 body=0\n"
         "message c2s 19-37 complete GET / 1.1 #2 body=0\n"
         "message c2s 37-55 complete GET / 1.1 #3 body=0\n"
         "message s2c 0-25 complete 100 Continue 1.1 #0 body=0\n"
         "message s2c 25-62 complete 103 Early Hints 1.1 #0 body=0\n  Link: l\n"
         "message s2c 62-128 complete 200 OK 1.1 #1 body=0\n  Transfer-Encoding: chunked\n  Content-Length: 7\n"
         "message s2c 128-174 complete 204 No Content 1.1 #2 body=0\n  Content-Length: 3\n"
         "message s2c 174-222 complete 304 Not Modified 1.1 #3 body=0\n  Content-Length: 3\n");
}

TEST(Http1Decoder, ResponseBodyToTheClose) {
  Expect({Bytes(kC2s, "GET / HTTP/1.0\r\n\r\n"), Bytes(kS2c, "HTTP/1.0 200 OK\r\n\r\nhello"), GapOf(kS2c, 1000), Bytes(kS2c, "x"),
          CloseOf(kS2c)},
         "message c2s 0-18 complete GET / 1.0 #1 body=0\nmessage s2c 0-1025 complete 200 OK 1.0 #1 body=1006 to-close\n");
}

TEST(Http1Decoder, UpgradeStopsBothDirections) {
  Expect({Bytes(kC2s, "GET /w HTTP/1.1\r\nUpgrade: websocket\r\n\r\n\x81\x02hi"),
          Bytes(kS2c, "HTTP/1.1 101 Switching\r\n\r\n\x81\x02ho"), Bytes(kC2s, "\x81\x02hi")},
         "message c2s 0-39 complete GET /w 1.1 #1 body=0\n  Upgrade: websocket\n"
         "message s2c 0-26 complete 101 Switching 1.1 #1 body=0 upgrade\nstop s2c 26 upgrade\nstop c2s 39 upgrade\n");
}

TEST(Http1Decoder, WhatGoesOnAfterAnUpgradeIsNamedWhereItIsDecoded) {
  const auto successor = [](std::string_view head, size_t at) {
    Decoder decoder;
    decoder.KeepFieldsOfSpans(0);
    Decoder::Messages out;
    const std::span<const std::byte> bytes = AsBytes(head);
    decoder.Decode(kC2s, AsBytes("GET / HTTP/1.1\r\nUpgrade: h2c\r\n\r\n"), out);
    decoder.Decode(kS2c, bytes.first(at), out);
    decoder.Decode(kS2c, bytes.subspan(at), out);
    return std::string(decoder.Successor());
  };
  for (const size_t at : {0, 20, 40}) {
    EXPECT_EQ(successor("HTTP/1.1 101 Switching\r\nupgrade: H2C\r\n\r\n", at), "http2");
    EXPECT_EQ(successor("HTTP/1.1 101 Switching\r\nUpgrade: irc/6.9\r\n\r\n", at), "");
    EXPECT_EQ(successor("HTTP/1.1 101 Switching\r\nUpgrade: irc\r\nUpgrade: h2c\r\n\r\n", at), "");
    EXPECT_EQ(successor("HTTP/1.1 200 OK\r\nUpgrade: h2c\r\nContent-Length: 0\r\n\r\n", at), "");
  }
}

TEST(Http1Decoder, RefusedUpgradeLetsHeldBytesBeRequests) {
  Expect({Bytes(kC2s, "GET /w HTTP/1.1\r\nUpgrade: h2c\r\n\r\nGET /x HTTP/1.1\r\n\r\n"),
          Bytes(kS2c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")},
         "message c2s 0-33 complete GET /w 1.1 #1 body=0\n  Upgrade: h2c\n"
         "message s2c 0-38 complete 200 OK 1.1 #1 body=0\n  Content-Length: 0\n"
         "message c2s 33-52 complete GET /x 1.1 #2 body=0\n");
}

TEST(Http1Decoder, UnansweredUpgradeHoldsABoundedNumberOfBytes) {
  Decoder decoder;
  Decoder::Messages out;
  const std::string head = "GET /w HTTP/1.1\r\nUpgrade: x\r\n\r\n";
  ASSERT_EQ(decoder.Decode(kC2s, AsBytes(head), out).consumed, head.size());
  const std::string bytes(decoders::http1::kMaxHeldBytes, 'a');
  EXPECT_EQ(decoder.Decode(kC2s, AsBytes(std::string_view(bytes).substr(1)), out).status, ParseStatus::kNeedMore);
  EXPECT_NE(decoder.Decode(kC2s, AsBytes(bytes), out).status, ParseStatus::kNeedMore);
}

TEST(Http1Decoder, ConnectStopsAfterA2xxOnly) {
  Expect({Bytes(kC2s, "CONNECT h:443 HTTP/1.1\r\nHost: h\r\n\r\n"),
          Bytes(kS2c, "HTTP/1.1 407 Auth\r\nContent-Length: 1\r\n\r\nx"), Bytes(kC2s, "CONNECT h:443 HTTP/1.1\r\n\r\n"),
          Bytes(kS2c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\x16\x03"), Bytes(kC2s, "\x16\x03\x01")},
         "message c2s 0-35 complete CONNECT h:443 1.1 #1 body=0\n  Host: h\n"
         "message s2c 0-41 complete 407 Auth 1.1 #1 body=1\n  Content-Length: 1\n"
         "message c2s 35-61 complete CONNECT h:443 1.1 #2 body=0\n"
         "message s2c 41-88 complete 200 OK 1.1 #2 body=0 upgrade\n  Transfer-Encoding: chunked\n"
         "stop s2c 88 connect\nstop c2s 61 connect\n");
}

TEST(Http1Decoder, TargetsOfAllFormsAndLenientTargetBytes) {
  Expect({Bytes(kC2s, "OPTIONS * HTTP/1.1\r\n\r\nGET http://h:80/p?q HTTP/1.1\r\n\r\nGET /a|b\"\xc3\xbc HTTP/1.1\r\n\r\n")},
         "message c2s 0-22 complete OPTIONS * 1.1 #1 body=0\n"
         "message c2s 22-54 complete GET http://h:80/p?q 1.1 #2 body=0\n"
         "message c2s 54-78 complete GET /a|b\"\\xc3\\xbc 1.1 #3 body=0\n");
}

TEST(Http1Decoder, FoldedFieldsAndBareLineFeedsAreTolerated) {
  Expect({Bytes(kC2s, "\r\n\n\r\nGET / HTTP/1.1\nA:   b\n\tc\n d \nB:\n e\nC: \n \n\n")},
         "message c2s 5-47 complete GET / 1.1 #1 body=0\n  A: b\\n\\tc\\n d\n  B: e\n  C: \n");
}

TEST(Http1Decoder, OversizedFieldIsLeftOutAndFramingBehindItIsKept) {
  const std::string big(decoders::http1::kMaxHeadBytes + 10, 'v');
  Wire wire;
  wire.Feed(kC2s, "POST / HTTP/1.1\r\nA: 1\r\nBig: " + big + "\r\nContent-Length: 3\r\n\r\nabcGET / HTTP/1.1\r\n\r\n");
  ASSERT_EQ(wire.messages().size(), 2U);
  const Message& message = wire.messages().front();
  EXPECT_TRUE(message.truncated);
  EXPECT_TRUE(message.complete());
  EXPECT_EQ(message.body_length, 3U);
  EXPECT_EQ(message.Header("a"), "1");
  EXPECT_EQ(message.HeaderCount("big"), 0U);
  EXPECT_LE(message.head.size(), decoders::http1::kMaxHeadBytes);
  EXPECT_FALSE(wire.messages().back().truncated);
}

TEST(Http1Decoder, HeadBeyondTheStoredSizeKeepsItsFraming) {
  std::string head = "POST / HTTP/1.1\r\n";
  for (int i = 0; i < 200; ++i) head += "F" + std::to_string(i) + ": " + std::string(500, 'x') + "\r\n";
  head += "Content-Length: 2\r\n\r\nok";
  for (const size_t piece : {head.size(), size_t{1}, size_t{1000}}) {
    const std::string text = RunInPieces({Bytes(kC2s, head)}, piece);
    EXPECT_EQ(text, RunWhole({Bytes(kC2s, head)}));
    EXPECT_NE(text.find("body=2 truncated"), std::string::npos);
  }
}

TEST(Http1Decoder, OverlongTargetIsCut) {
  const std::string target = "/" + std::string(decoders::http1::kMaxHeadBytes * 2, 't');
  const Script script = {Bytes(kC2s, "GET " + target + " HTTP/1.0\r\nHost: h\r\n\r\nGET /n HTTP/1.1\r\n\r\n")};
  Wire wire;
  wire.Feed(kC2s, script[0].bytes);
  ASSERT_EQ(wire.messages().size(), 2U);
  EXPECT_TRUE(wire.messages()[0].truncated);
  EXPECT_EQ(wire.messages()[0].target().size(), decoders::http1::kMaxHeadBytes - 4);
  EXPECT_EQ(wire.messages()[0].minor_version, 0);
  EXPECT_EQ(RunInPieces(script, 4096), RunWhole(script));
}

TEST(Http1Decoder, FieldsBeyondTheStoredNumberAreLeftOut) {
  std::string head = "GET / HTTP/1.1\r\n";
  for (size_t i = 0; i < decoders::http1::kMaxFields + 5; ++i) head += "F: v\r\n";
  Wire wire;
  wire.Feed(kC2s, head + "\r\n");
  ASSERT_EQ(wire.messages().size(), 1U);
  EXPECT_EQ(wire.messages()[0].fields.size(), decoders::http1::kMaxFields);
  EXPECT_TRUE(wire.messages()[0].truncated);
  EXPECT_TRUE(wire.messages()[0].complete());
}

// ---- framing that two readers could read differently ----

struct Doubtful {
  const char* name;
  Direction direction;
  std::string bytes;   // the head; a smuggled message is put behind it
  const char* reason;  // nullptr: the message is not believed, but its end is certain and decoding goes on
};

Doubtful Posted(const char* name, const std::string& fields, const char* reason) {
  return {name, kC2s, "POST / HTTP/1.1\r\n" + fields + "\r\n\r\n", reason};
}
Doubtful InChunks(const char* name, const std::string& body, const char* reason) {
  return {name, kC2s, "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + body, reason};
}
Doubtful Answered(const char* name, const std::string& rest, const char* reason) {
  return {name, kS2c, "HTTP/1.1 200 OK\r\n" + rest, reason};
}
// The message is not believed, but its end is certain.
Doubtful Malformed(const char* name, const std::string& line) {
  return {name, kC2s, "GET / HTTP/1.1\r\n" + line + "\r\n\r\n", nullptr};
}

class AmbiguousFraming : public ::testing::TestWithParam<Doubtful> {};

TEST_P(AmbiguousFraming, NeverMakesAWrongMessage) {
  const Doubtful& param = GetParam();
  const std::string smuggled = param.direction == kC2s ? "GET /admin HTTP/1.1\r\nHost: x\r\n\r\n" : "HTTP/1.1 200 Evil\r\n\r\n";
  Script script;
  if (param.direction == kS2c) script.push_back(Bytes(kC2s, "GET / HTTP/1.1\r\n\r\n"));
  script.push_back(Bytes(param.direction, param.bytes + smuggled));
  script.push_back(CloseOf(param.direction));
  const std::string text = RunWhole(script);
  EXPECT_NE(text.find(" ambiguous "), std::string::npos) << text;
  if (param.reason != nullptr) {
    EXPECT_NE(text.find(param.reason), std::string::npos) << text;
    EXPECT_EQ(text.find("/admin"), std::string::npos) << text;
    EXPECT_EQ(text.find("Evil"), std::string::npos) << text;
    EXPECT_EQ(text.find("resync"), std::string::npos) << text;
  } else {
    EXPECT_EQ(text.find("error"), std::string::npos) << text;
  }
  ExpectSameAtEverySplit(script, param.name);
}

INSTANTIATE_TEST_SUITE_P(
    Http1, AmbiguousFraming,
    ::testing::Values(Posted("BothLengthAndCoding", "Content-Length: 4\r\nTransfer-Encoding: chunked",
                             "content_length_with_transfer_encoding"),
                      Answered("BothInAResponse", "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n",
                               "content_length_with_transfer_encoding"),
                      Posted("TwoLengths", "Content-Length: 4\r\nContent-Length: 5", "differing_content_lengths"),
                      Posted("LengthList", "Content-Length: 4, 5", "differing_content_lengths"),
                      Posted("LengthListWithHole", "Content-Length: 4,", "bad_content_length"),
                      Posted("EmptyLength", "Content-Length:", "bad_content_length"),
                      Posted("SignedLength", "Content-Length: +4", "bad_content_length"),
                      Posted("NegativeLength", "Content-Length: -4", "bad_content_length"),
                      Posted("HexLength", "Content-Length: 0x4", "bad_content_length"),
                      Posted("LengthWithWords", "Content-Length: 4 4", "bad_content_length"),
                      Posted("LengthWithVerticalTab", "Content-Length: \v4", "bad_content_length"),
                      Posted("OverflowingLength", "Content-Length: 18446744073709551617", "bad_content_length"),
                      Posted("UnbelievableLength", "Content-Length: 9223372036854775807", "bad_content_length"),
                      Posted("ChunkedNotLast", "Transfer-Encoding: chunked, gzip", "chunked_not_last"),
                      Posted("ChunkedTwice", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", "chunked_not_last"),
                      Posted("NotQuiteChunked", "Transfer-Encoding: xchunked", "bad_transfer_encoding"),
                      Answered("ChunkedWithControl", "Transfer-Encoding: \vchunked\r\n\r\n", "bad_transfer_encoding"),
                      Posted("EmptyCoding", "Transfer-Encoding:", "empty_transfer_encoding"),
                      Posted("RequestCodingNotChunked", "Transfer-Encoding: identity", "transfer_encoding_not_chunked"),
                      Doubtful{"CodingInHttp10", kC2s, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
                               "transfer_encoding_in_http_1_0"},
                      Posted("SpaceBeforeColon", "Content-Length : 4", "bad_framing_field_name"),
                      Posted("ControlInFramingName", "\x0bTransfer-Encoding: chunked", "bad_framing_field_name"),
                      Posted("FoldedLength", "Content-Length: 4\r\n 2", "folded_framing_field"),
                      Posted("FoldThatLooksLikeAField", "Foo: bar\r\n Content-Length: 4", "folded_framing_field"),
                      Posted("MixedLineEnds", "A: b\nContent-Length: 4", "mixed_line_ends"),
                      Posted("BareCr", "A: b\rContent-Length: 4", "torn_head"),
                      Posted("CrBeforeEmptyLine", "A: b\r\n\rContent-Length: 4", "torn_head"),
                      Doubtful{"ConnectWithBody", kC2s, "CONNECT h:1 HTTP/1.1\r\nContent-Length: 4\r\n\r\n", "connect_with_body"},
                      InChunks("ChunkSizeNotHex", "4x\r\n", "bad_chunk_size"),
                      InChunks("ChunkSizeEmpty", ";a\r\n", "bad_chunk_size"),
                      InChunks("ChunkSizeSigned", "-4\r\n", "bad_chunk_size"),
                      InChunks("ChunkSizeOverflow", "ffffffffffffffff\r\n", "bad_chunk_size"),
                      InChunks("ChunkSizeTooManyDigits", "00000000000000004\r\n", "bad_chunk_size"),
                      InChunks("ChunkSizeBareLf", "4\nabcd\r\n", "bad_chunk_size"),
                      InChunks("ChunkExtensionWithLf", "4;a\nabcd\r\n", "bad_chunk_size"),
                      Answered("WordAfterChunkSize", "Transfer-Encoding: chunked\r\n\r\n2 er\r\n", "bad_chunk_size"),
                      InChunks("ChunkWithoutEnd", "4\r\nabcdef\r\n", "bad_chunk_end"),
                      InChunks("TornTrailer", "0\r\nA: b\rc\r\n\r\n", "torn_trailer"), Malformed("NameWithSpace", "A b: c"),
                      Malformed("EmptyName", ": c"), Malformed("NoColon", "abc"), Malformed("FoldAfterStartLine", " abc: d")),
    [](const ::testing::TestParamInfo<Doubtful>& tested) { return tested.param.name; });

TEST(Http1Decoder, NulInAHeadIsAmbiguous) {
  const std::string head("GET / HTTP/1.1\r\nA: b\0c\r\n\r\n", 26);
  const std::string text = RunWhole({Bytes(kC2s, head)});
  EXPECT_NE(text.find("ambiguous"), std::string::npos);
  EXPECT_NE(text.find("error c2s 26 torn_head"), std::string::npos) << text;
  ExpectSameAtEverySplit({Bytes(kC2s, head)}, "nul");
}

TEST(Http1Decoder, FramingThatOnlyLooksOddIsFollowed) {
  Expect({Bytes(kC2s,
                "POST / HTTP/1.1\r\nContent-Length: 003\r\nContent-Length: 3, 03\r\nContent_Length: 9\r\n\r\nabc"
                "POST /2 HTTP/1.1\r\nContent-Length-X: 4\r\nTransfer-Encodings: chunked\r\n\r\n")},
         "message c2s 0-85 complete POST / 1.1 #1 body=3\n  Content-Length: 003\n  Content-Length: 3, 03\n  Content_Length: 9\n"
         "message c2s 85-155 complete POST /2 1.1 #2 body=0\n  Content-Length-X: 4\n  Transfer-Encodings: chunked\n");
}

TEST(Http1Decoder, ResponseCodingWithoutChunkedRunsToTheClose) {
  Expect({Bytes(kC2s, "GET / HTTP/1.1\r\n\r\n"), Bytes(kS2c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nabc"),
          CloseOf(kS2c)},
         "message c2s 0-18 complete GET / 1.1 #1 body=0\n"
         "message s2c 0-47 complete 200 OK 1.1 #1 body=3 to-close\n  Transfer-Encoding: gzip\n");
}

// ---- not HTTP/1 ----

TEST(Http1Decoder, InvalidStartLinesAreNamedAtTheOffendingByte) {
  const auto error_of = [](Direction dir, std::string_view bytes) {
    Wire wire;
    wire.Feed(dir, bytes);
    return wire.lines().empty() ? std::string() : wire.lines().front();
  };
  EXPECT_EQ(error_of(kC2s, " / HTTP/1.1\r\n"), "error c2s 0 bad_method");
  EXPECT_EQ(error_of(kC2s, "GET  HTTP/1.1\r\n"), "error c2s 4 bad_target");
  EXPECT_EQ(error_of(kC2s, "GET / HTTP/2.0\r\n"), "error c2s 11 bad_version");
  EXPECT_EQ(error_of(kC2s, "GET / HTTP/1.01\r\n"), "error c2s 14 bad_version");
  EXPECT_EQ(error_of(kC2s, "GET / ICE/1.0\r\n"), "error c2s 6 bad_version");
  EXPECT_EQ(error_of(kC2s, "GET / HTTP/1.1\rx"), "error c2s 15 bare_cr_in_start_line");
  EXPECT_EQ(error_of(kC2s, std::string(decoders::http1::kMaxMethodBytes + 1, 'A')), "error c2s 64 bad_method");
  EXPECT_EQ(error_of(kC2s, "\rGET"), "error c2s 1 bare_cr");
  EXPECT_EQ(error_of(kC2s, "\x16\x03\x01"), "error c2s 0 bad_method");
  EXPECT_EQ(error_of(kS2c, "HTTP/1.1  200 OK\r\n"), "error s2c 9 bad_status");
  EXPECT_EQ(error_of(kS2c, "HTTP/1.1 2000 OK\r\n"), "error s2c 12 bad_status");
  EXPECT_EQ(error_of(kS2c, "HTTP/1.1 099 OK\r\n"), "error s2c 9 bad_status");
  EXPECT_EQ(error_of(kS2c, "HTTP/1.1\t200 OK\r\n"), "error s2c 8 bad_version");
  EXPECT_EQ(error_of(kS2c, "HTTP/1.1 200 O\x01\r\n"), "error s2c 14 bad_reason_phrase");
  EXPECT_EQ(error_of(kS2c, "HTTP/1.1 200 OK\rA: b\r\n"), "error s2c 16 bare_cr_in_start_line");
}

TEST(Http1Decoder, StatusLineWithoutPhrase) {
  Expect({Bytes(kC2s, "GET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n"), Bytes(kS2c, "HTTP/1.1 304\r\n\r\nHTTP/1.1 304 \n\n")},
         "message c2s 0-18 complete GET / 1.1 #1 body=0\nmessage c2s 18-36 complete GET / 1.1 #2 body=0\n"
         "message s2c 0-16 complete 304  1.1 #1 body=0\nmessage s2c 16-31 complete 304  1.1 #2 body=0\n");
}

// ---- gaps, closes, resynchronisation ----

TEST(Http1Decoder, GapInsideABodyOfKnownLengthIsAbsorbed) {
  const std::string length = std::to_string(uint64_t{6} << 30U);
  Expect({Bytes(kC2s, "PUT / HTTP/1.1\r\nContent-Length: " + length + "\r\n\r\nabc"), GapOf(kC2s, (uint64_t{6} << 30U) - 4),
          Bytes(kC2s, "zGET /n HTTP/1.1\r\n\r\n")},
         "message c2s 0-6442450990 complete PUT / 1.1 #1 body=6442450944\n  Content-Length: 6442450944\n"
         "message c2s 6442450990-6442451009 complete GET /n 1.1 #2 body=0\n");
}

TEST(Http1Decoder, GapInsideAChunkIsAbsorbed) {
  Expect({Bytes(kC2s, "PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n10\r\nabc"), GapOf(kC2s, 13),
          Bytes(kC2s, "\r\n0\r\n\r\nGET /n HTTP/1.1\r\n\r\n")},
         "message c2s 0-73 complete PUT / 1.1 #1 body=16 chunked\n  Transfer-Encoding: chunked\n"
         "message c2s 73-92 complete GET /n 1.1 #2 body=0\n");
}

TEST(Http1Decoder, GapBeyondAChunkTakesTheFramingAndTheMessageLastsUntilItsAnswer) {
  Expect({Bytes(kC2s, "PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n10\r\nabc"), GapOf(kC2s, 14),
          Bytes(kC2s, "\n0\r\n\r\n"), Bytes(kS2c, "HTTP/1.1 204 a\r\n\r\n"), Bytes(kC2s, "GET /n HTTP/1.1\r\n\r\n")},
         "message c2s 0-73 complete PUT / 1.1 #1 body=? chunked\n  Transfer-Encoding: chunked\n"
         "message s2c 0-18 complete 204 a 1.1 #1 body=0\nerror c2s 73 gap\nresync c2s 73\n"
         "message c2s 73-92 complete GET /n 1.1 #2 body=0\n");
}

TEST(Http1Decoder, GapOverTheEndOfABodyCompletesItAndLosesWhatFollows) {
  Expect({Bytes(kC2s, "PUT / HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc"), GapOf(kC2s, 20),
          Bytes(kC2s, "T / HTTP/1.1\r\n\r\nGET /n HTTP/1.1\r\n\r\n")},
         "message c2s 0-48 complete PUT / 1.1 #1 body=10\n  Content-Length: 10\nerror c2s 41 gap\nresync c2s 77\n"
         "message c2s 77-96 complete GET /n 1.1 #2 body=0\n");
}

TEST(Http1Decoder, GapInAHeadKeepsWhatWasSeenAndTheMessageLastsUntilItsAnswer) {
  Expect({Bytes(kC2s, "GET /a HTTP/1.1\r\nHost: h\r\nCoo"), GapOf(kC2s, 100), Bytes(kC2s, "xyz\r\n\r\nPOST /b HTTP/1.1\r\n\r\n"),
          Bytes(kS2c, "HTTP/1.1 204 a\r\n\r\n")},
         "message c2s 0-156 gap GET /a 1.1 #1 truncated\n  Host: h\nmessage s2c 0-18 complete 204 a 1.1 #1 body=0\n");
}

TEST(Http1Decoder, AMessageAdriftIsOpenAndNoBoundaryUntilTheCallerEndsIt) {
  for (const bool is_whole : {true, false}) {
    Decoder decoder;
    Decoder::Messages out;
    const std::string head = "PUT /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc";
    decoder.Decode(kC2s, AsBytes(head), out);
    EXPECT_FALSE(decoder.AnyAdrift());
    EXPECT_TRUE(decoder.OnGap(kC2s, 1000, out));
    EXPECT_TRUE(decoder.Adrift(kC2s));
    EXPECT_TRUE(decoder.Synced(kC2s));
    ASSERT_NE(decoder.OpenMessage(kC2s), nullptr);
    EXPECT_EQ(decoder.OpenMessage(kC2s)->target(), "/a");
    EXPECT_EQ(decoder.OpenStart(kC2s), 0U);
    decoder.EndAdrift(kS2c, is_whole, out);  // of the other direction: nothing
    EXPECT_TRUE(out.empty());
    decoder.EndAdrift(kC2s, is_whole, out);
    ASSERT_EQ(out.size(), 1U);
    EXPECT_EQ(out[0].incomplete, is_whole ? Incomplete::kNo : Incomplete::kGap);
    EXPECT_TRUE(out[0].body_length_unknown);
    EXPECT_EQ(out[0].end, head.size() + 1000);
    EXPECT_FALSE(decoder.Synced(kC2s));
    EXPECT_FALSE(decoder.EndsHere(kC2s, out));
  }
}

TEST(Http1Decoder, OfALostHeadItIsKnownBeforeItsEndWhatItAsksFor) {
  Decoder decoder;
  Decoder::Messages out;
  decoder.Decode(kC2s, AsBytes("GET /a HTTP/1.1\r\nHost: h\r\nCoo"), out);
  EXPECT_EQ(decoder.OpenMessage(kC2s), nullptr);
  decoder.OnGap(kC2s, 1, out);
  const Message* open = decoder.OpenMessage(kC2s);
  ASSERT_NE(open, nullptr);
  EXPECT_TRUE(open->truncated);
  EXPECT_TRUE(open->has_start_line);
  EXPECT_EQ(open->head_end, 0U);
  EXPECT_EQ(open->Header("host"), "h");
  EXPECT_EQ(open->head, "GET /a HTTP/1.1\r\nHost: h\r\n");
}

TEST(Http1Decoder, GapInAStartLineKeepsOnlyItsWholeParts) {
  Expect({Bytes(kC2s, "GET /secr"), GapOf(kC2s, 1)}, "message c2s 0-9 gap GET  1.1 #0\nerror c2s 9 gap\n");
  Expect({Bytes(kS2c, "HTTP/1.0 200 O"), GapOf(kS2c, 1)}, "message s2c 0-14 gap 200  1.0 #0\nerror s2c 14 gap\n");
}

TEST(Http1Decoder, HugeGapsDoNotWrapRound) {
  Decoder decoder;
  Decoder::Messages out;
  const std::string head = "PUT / HTTP/1.1\r\nContent-Length: 5\r\n\r\n";
  decoder.Decode(kC2s, AsBytes(head), out);
  EXPECT_FALSE(decoder.OnGap(kC2s, SIZE_MAX, out));
  EXPECT_FALSE(decoder.OnGap(kC2s, SIZE_MAX, out));
  ASSERT_EQ(out.size(), 1U);
  EXPECT_EQ(out[0].end, head.size() + 5);
  EXPECT_EQ(decoder.Position(kC2s), decoders::kMaxPosition);
  EXPECT_TRUE(decoder.Poisoned(kC2s));
  EXPECT_EQ(decoder.Decode(kC2s, AsBytes(head), out).reason, "position_overflow");
}

TEST(Http1Decoder, CloseEndsOpenMessages) {
  Expect({Bytes(kC2s, "PUT / HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc"), CloseOf(kC2s), Bytes(kS2c, "HTTP/1.1 200 OK\r\nConte"),
          CloseOf(kS2c)},
         "message c2s 0-41 closed PUT / 1.1 #1 body=3\n  Content-Length: 10\nmessage s2c 0-22 closed 200 OK 1.1 #1\n");
}

TEST(Http1Decoder, HalfCloseKeepsThePairing) {
  Expect({Bytes(kC2s, "HEAD / HTTP/1.1\r\n\r\n"), CloseOf(kC2s), Bytes(kS2c, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"),
          CloseOf(kS2c)},
         "message c2s 0-19 complete HEAD / 1.1 #1 body=0\n"
         "message s2c 0-39 complete 200 OK 1.1 #1 body=0\n  Content-Length: 10\n");
}

TEST(Http1Decoder, WhatOnlyBeginsLikeARequestKeepsThePairing) {
  Expect({Bytes(kC2s, "GET /1 HTTP/1.1\r\n\r\n"), CloseOf(kC2s), Bytes(kC2s, "tP\x01"), Bytes(kS2c, "HTTP/1.1 204 a\r\n\r\n")},
         "message c2s 0-19 complete GET /1 1.1 #1 body=0\nerror c2s 19 closed\n"
         "message s2c 0-18 complete 204 a 1.1 #1 body=0\n");
}

TEST(Http1Decoder, ResponseToAnUnseenRequestMayBeOneToHead) {
  const std::string head = "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n";
  Expect({Bytes(kS2c, head + head), Bytes(kS2c, std::string(50, 'b')), Bytes(kS2c, "HTTP/1.1 204 x\r\n\r\n")},
         "message s2c 0-39 complete 200 OK 1.1 #0 body=0\n  Content-Length: 50\n"
         "message s2c 39-128 complete 200 OK 1.1 #0 body=50\n  Content-Length: 50\n"
         "message s2c 128-146 complete 204 x 1.1 #0 body=0\n");
}

TEST(Http1Decoder, BytesHeldForAnUnseenRequestCountAsBody) {
  const std::string head = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n";
  Expect({Bytes(kS2c, head + "HTTP/"), GapOf(kS2c, 3), Bytes(kS2c, "xy"), Bytes(kS2c, head + "HTTP/1.1 2"), CloseOf(kS2c)},
         "message s2c 0-49 complete 200 OK 1.1 #0 body=10\n  Content-Length: 10\n"
         "message s2c 49-98 complete 200 OK 1.1 #0 body=10\n  Content-Length: 10\n");
}

TEST(Http1Decoder, PairingIsFoundAgainAfterLoss) {
  Expect({Bytes(kC2s, "GET /1 HTTP/1.1\r\n\r\n"), GapOf(kS2c, 500), Bytes(kC2s, "HEAD /2 HTTP/1.1\r\n\r\n"),
          Bytes(kS2c, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"), Bytes(kC2s, "GET /3 HTTP/1.1\r\n\r\n"),
          Bytes(kS2c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")},
         "message c2s 0-19 complete GET /1 1.1 #1 body=0\nerror s2c 0 gap\n"
         "message c2s 19-39 complete HEAD /2 1.1 #2 body=0\nresync s2c 500\n"
         "message s2c 500-538 complete 200 OK 1.1 #2 body=0\n  Content-Length: 5\n"
         "message c2s 39-58 complete GET /3 1.1 #3 body=0\n"
         "message s2c 538-578 complete 200 OK 1.1 #3 body=2\n  Content-Length: 2\n");
}

TEST(Http1Decoder, ResponsesAfterALostRequestAnswerNobodyWeKnow) {
  Expect({Bytes(kC2s, "GET /1 HTTP/1.1\r\n\r\n"), GapOf(kC2s, 19), Bytes(kC2s, "GET /3 HTTP/1.1\r\n\r\n"),
          Bytes(kS2c, "HTTP/1.1 204 a\r\n\r\nHTTP/1.1 204 b\r\n\r\nHTTP/1.1 204 c\r\n\r\n")},
         "message c2s 0-19 complete GET /1 1.1 #1 body=0\nerror c2s 19 gap\nresync c2s 38\n"
         "message c2s 38-57 complete GET /3 1.1 #2 body=0\n"
         "message s2c 0-18 complete 204 a 1.1 #0 body=0\nmessage s2c 18-36 complete 204 b 1.1 #0 body=0\n"
         "message s2c 36-54 complete 204 c 1.1 #0 body=0\n");
}

TEST(Http1Decoder, ResyncFindsAStartThatFollowsABodyDirectly) {
  Expect(
      {GapOf(kC2s, 10), Bytes(kC2s, "index.html HTTP/1.1\r\nA: b\r\n\r\nf1=v1&f2=value2PURGE /foo HTTP/1.1\r\nHost: h\r\n\r\n")},
      "error c2s 0 gap\nresync c2s 54\nmessage c2s 54-86 complete PURGE /foo 1.1 #1 body=0\n  Host: h\n");
  Expect(
      {GapOf(kS2c, 10), Bytes(kS2c, "text with a HTTP/1.1 insideHTTP/1.1 HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")},
      "error s2c 0 gap\nresync s2c 46\nmessage s2c 46-91 complete 404 Not Found 1.1 #0 body=0\n  Content-Length: 0\n");
}

TEST(Http1Decoder, ResyncTakesNothingThatOnlyBeginsLikeAStart) {
  Expect(
      {GapOf(kC2s, 1), Bytes(kC2s, "GET POST /x y HTTP/1.1\r\nGET /a HTTP/2.0\r\nGEX /b HTTP/1.1\r\nUNLINK /c HTTP/1.1\r\n\r\n")},
      "error c2s 0 gap\nresync c2s 59\nmessage c2s 59-81 complete UNLINK /c 1.1 #1 body=0\n");
}

TEST(Http1Decoder, OpenMessageShowsTheHeadBeforeTheBodyEnds) {
  Decoder decoder;
  Decoder::Messages out;
  const std::string wire = "PUT /a HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc";
  for (size_t i = 0; i < wire.size(); ++i) {
    EXPECT_EQ(decoder.OpenMessage(kC2s) != nullptr, i >= 38) << i;
    EXPECT_EQ(decoder.OpenStart(kC2s).has_value(), i > 0) << i;
    decoder.Decode(kC2s, AsBytes(std::string_view(wire).substr(i, 1)), out);
  }
  EXPECT_EQ(decoder.OpenMessage(kC2s), nullptr);
  EXPECT_EQ(decoder.OpenStart(kC2s), std::nullopt);
  ASSERT_EQ(out.size(), 1U);
  EXPECT_EQ(out[0].head_end, 38U);
}

TEST(Http1Decoder, PositionsCountConsumedAbsorbedAndSkippedBytes) {
  Wire wire;
  wire.Feed(kC2s, "PUT / HTTP/1.1\r\nContent-Length: 8\r\n\r\n");
  wire.Gap(kC2s, 8);
  EXPECT_EQ(wire.decoder().Position(kC2s), 45U);
  wire.Gap(kC2s, 5);
  wire.Feed(kC2s, "garbage");
  EXPECT_EQ(wire.decoder().Position(kC2s), 57U);
  EXPECT_FALSE(wire.decoder().Synced(kC2s));
}

}  // namespace
}  // namespace wirespan::testing
