// http2::Decoder: frames, streams, settings, gaps, resynchronisation, and what is refused.
#include <gtest/gtest.h>

#include <cmath>

#include "tests/unit/decoders/http2_harness.h"

namespace wirespan::testing::h2 {
namespace {

using decoders::Incomplete;
using decoders::http2::kAck;
using decoders::http2::kEndHeaders;
using decoders::http2::kEndStream;
using decoders::http2::kHasPriority;
using decoders::http2::kPadded;

constexpr uint8_t kWhole = kEndHeaders | kEndStream;

std::string Headers(uint32_t stream, std::string_view block, uint8_t flags = kEndHeaders) {
  return Frame(FrameType::kHeaders, flags, stream, block);
}
std::string Data(uint32_t stream, std::string_view bytes, uint8_t flags = 0) {
  return Frame(FrameType::kData, flags, stream, bytes);
}
std::string Reset(uint32_t stream, uint32_t error) { return Frame(FrameType::kRstStream, 0, stream, Uint32(error)); }

// What the decoder says of `client` and `server` behind the connection's start, positions left out.
std::string Says(const std::string& client, const std::string& server = {}) {
  Wire wire;
  wire.Feed(kC2s, ClientStart() + client);
  wire.Feed(kS2c, ServerStart() + server);
  return wire.text();
}

TEST(Http2Decoder, ARequestAndItsResponse) {
  EXPECT_EQ(Says(Headers(1, GetBlock(), kWhole), Headers(1, OkBlock()) + Data(1, "hello") + Data(1, " you", kEndStream)),
            "request_head c2s 1 33-45 end_stream body=0\n  :method: GET\n  :scheme: http\n  :path: /\n"
            "response_head s2c 1 9-19 status=200\n  :status: 200\n"
            "end s2c 1 33-46 end_stream body=9\n");
}

TEST(Http2Decoder, InterimResponsesAndTrailers) {
  const std::string server = Headers(1, LiteralOf(8, "103") + Literal("link", "x")) + Headers(1, LiteralOf(8, "100")) +
                             Headers(1, OkBlock()) + Data(1, "a") + Headers(1, Literal("sum", "1"), kWhole);
  EXPECT_EQ(Says(Headers(1, GetBlock(), kWhole), server),
            "request_head c2s 1 33-45 end_stream body=0\n  :method: GET\n  :scheme: http\n  :path: /\n"
            "interim s2c 1 9-31 status=103\n  :status: 103\n  link: x\n"
            "interim s2c 1 31-45 status=100\n  :status: 100\n"
            "response_head s2c 1 45-55 status=200\n  :status: 200\n"
            "trailers s2c 1 65-81 end_stream body=1\n  sum: 1\n");
}

TEST(Http2Decoder, StreamsAreInterleaved) {
  Wire wire;
  std::string client = ClientStart();
  for (uint32_t id = 1; id <= 199; id += 2) client += Headers(id, GetBlock());
  for (int round = 0; round < 3; ++round) {
    for (uint32_t id = 1; id <= 199; id += 2) client += Data(id, std::string(id, 'x'), round == 2 ? kEndStream : uint8_t{0});
  }
  wire.Feed(kC2s, client);
  EXPECT_EQ(wire.Of(MessageKind::kRequestHead).size(), 100U);
  const auto ends = wire.Of(MessageKind::kEnd);
  ASSERT_EQ(ends.size(), 100U);
  for (const Message* end : ends) EXPECT_EQ(end->body_length, 3 * end->stream_id);
  EXPECT_EQ(wire.decoder().OpenStreams(kC2s), 0U);
}

TEST(Http2Decoder, AHeaderBlockOverSeveralFrames) {
  const std::string block = GetBlock() + Literal("name", "value");
  const std::string client = Frame(FrameType::kHeaders, kEndStream, 1, block.substr(0, 4)) +
                             Frame(FrameType::kContinuation, 0, 1, block.substr(4, 3)) + Frame(FrameType::kContinuation, 0, 1) +
                             Frame(FrameType::kContinuation, kEndHeaders, 1, block.substr(7));
  EXPECT_EQ(Says(client),
            "request_head c2s 1 33-84 end_stream body=0\n  :method: GET\n  :scheme: http\n  :path: /\n  name: value\n");
}

TEST(Http2Decoder, PaddingAndPriorityAreTakenOff) {
  const std::string block = GetBlock();
  const std::string padded = std::string("\x03", 1) + Uint32(0x80000000U) + "\x10" + block + std::string(3, '\0');
  EXPECT_EQ(Says(Frame(FrameType::kHeaders, kEndHeaders | kPadded | kHasPriority, 1, padded) +
                 Data(1, std::string("\x02", 1) + "body" + std::string(2, '\0'), kPadded) +
                 Data(1, std::string("\x00", 1), kPadded | kEndStream)),
            "request_head c2s 1 33-54\n  :method: GET\n  :scheme: http\n  :path: /\n"
            "end c2s 1 70-80 end_stream body=4\n");
  EXPECT_EQ(Says(Data(1,
                      "\x03"
                      "abc",
                      kPadded)),
            "");  // nothing but padding
  EXPECT_EQ(Says(Data(1,
                      "\x04"
                      "abc",
                      kPadded)),
            "error c2s 43 bad_padding\n");
}

TEST(Http2Decoder, AResetEndsBothDirections) {
  EXPECT_EQ(Says(Headers(1, GetBlock()) + Data(1, "abc") + Reset(1, 8)),
            "request_head c2s 1 33-45\n  :method: GET\n  :scheme: http\n  :path: /\n"
            "reset c2s 1 57-70 error=8 body=3\n");
  Wire wire;
  wire.Feed(kC2s, ClientStart() + Headers(1, GetBlock()) + Data(1, "abc"));
  wire.Feed(kS2c, ServerStart() + Headers(1, OkBlock()) + Reset(1, 0));
  EXPECT_TRUE(
      wire.text().ends_with("response_head s2c 1 9-19 status=200\n  :status: 200\n"
                            "end c2s 1 57-57 closed body=3\nreset s2c 1 19-32 error=0 body=0\n"))
      << wire.text();
  EXPECT_EQ(wire.decoder().OpenStreams(kC2s) + wire.decoder().OpenStreams(kS2c), 0U);
}

TEST(Http2Decoder, GoAwayPushPromiseAndWhatSaysNothing) {
  const std::string promise = Uint32(2) + GetBlock();
  const std::string server = Frame(FrameType::kPing, 0, 0, "12345678") + Frame(FrameType::kWindowUpdate, 0, 0, Uint32(1)) +
                             Frame(FrameType::kPriority, 0, 5, "12345") + Frame(static_cast<FrameType>(0xee), 0xff, 7, "any") +
                             Frame(FrameType::kPushPromise, kEndHeaders, 1, promise) + Headers(2, OkBlock(), kWhole) +
                             Frame(FrameType::kGoAway, 0, 0, Uint32(7) + Uint32(11) + "enhance");
  EXPECT_EQ(Says(Headers(1, GetBlock(), kWhole), server),
            "request_head c2s 1 33-45 end_stream body=0\n  :method: GET\n  :scheme: http\n  :path: /\n"
            "push_promise s2c 1 65-81 promised=2\n  :method: GET\n  :scheme: http\n  :path: /\n"
            "response_head s2c 2 81-91 end_stream status=200 body=0\n  :status: 200\n"
            "goaway s2c 0 91-115 last=7 error=11\n");
}

TEST(Http2Decoder, ExtendedConnectIsARequestWithAProtocol) {
  Wire wire;
  const std::string block =
      LiteralOf(2, "CONNECT") + Literal(":protocol", "websocket") + Indexed(7) + LiteralOf(4, "/chat") + LiteralOf(1, "h");
  wire.Feed(kC2s, ClientStart() + Headers(1, block) + Data(1, "frame"));
  wire.Feed(kS2c, ServerStart() + Headers(1, OkBlock()) + Data(1, "frame"));
  ASSERT_EQ(wire.messages().size(), 2U);
  EXPECT_TRUE(wire.messages()[0].complete());
  EXPECT_EQ(wire.messages()[0].protocol(), "websocket");
  EXPECT_EQ(wire.decoder().OpenStreams(kC2s), 1U);  // a tunnel stays open in both directions
  wire.Close(kC2s);
  EXPECT_TRUE(wire.text().ends_with("end c2s 1 97-97 closed body=5\n")) << wire.text();
}

TEST(Http2Decoder, AMalformedBlockMakesNoSpan) {
  const auto ambiguous = [](const std::string& block, bool is_request = true) {
    Wire wire;
    wire.Feed(kC2s, ClientStart() + Headers(1, is_request ? block : GetBlock(), kWhole));
    if (!is_request) wire.Feed(kS2c, ServerStart() + Headers(1, block));
    return wire.messages().back().incomplete == Incomplete::kAmbiguous;
  };
  EXPECT_FALSE(ambiguous(GetBlock()));
  EXPECT_FALSE(ambiguous(LiteralOf(2, "CONNECT") + LiteralOf(1, "h:1")));
  EXPECT_TRUE(ambiguous(LiteralOf(2, "CONNECT") + Indexed(4)));
  EXPECT_TRUE(ambiguous(GetBlock() + Indexed(2)));                                   // twice
  EXPECT_TRUE(ambiguous(Indexed(2) + Indexed(6)));                                   // no path
  EXPECT_TRUE(ambiguous(Indexed(2) + Literal("a", "b") + Indexed(6) + Indexed(4)));  // behind another field
  EXPECT_TRUE(ambiguous(GetBlock() + Literal(":other", "x")));
  EXPECT_TRUE(ambiguous(GetBlock() + Indexed(8)));
  EXPECT_FALSE(ambiguous(OkBlock(), false));
  EXPECT_TRUE(ambiguous(OkBlock() + Indexed(4), false));
  EXPECT_TRUE(ambiguous(LiteralOf(8, "20"), false));
  EXPECT_TRUE(ambiguous(LiteralOf(8, "2000"), false));
  EXPECT_TRUE(ambiguous(LiteralOf(8, "099"), false));
  EXPECT_TRUE(ambiguous(LiteralOf(8, "101"), false));
}

TEST(Http2Decoder, WhatIsNoFrameHereIsRefused) {
  const std::string head = Headers(1, GetBlock(), kEndStream);  // without END_HEADERS
  const std::vector<std::pair<std::string, std::string>> cases = {
      {Data(0, "x"), "no_stream"},
      {Headers(2, GetBlock()), "bad_stream"},
      {Frame(FrameType::kSettings, 0, 1), "stream_on_connection_frame"},
      {Frame(FrameType::kPing, 0, 0, "1234567"), "bad_ping_length"},
      {Frame(FrameType::kSettings, 0, 0, "12345"), "bad_settings_length"},
      {Frame(FrameType::kSettings, kAck, 0, "123456"), "bad_settings_length"},
      {Frame(FrameType::kRstStream, 0, 1, "123"), "bad_rst_stream_length"},
      {Frame(FrameType::kGoAway, 0, 0, "1234567"), "bad_goaway_length"},
      {Frame(FrameType::kWindowUpdate, 0, 0, "12345"), "bad_window_update_length"},
      {Frame(FrameType::kPriority, 0, 1, "1234"), "bad_priority_length"},
      {Frame(FrameType::kPushPromise, kEndHeaders, 1, Uint32(2) + GetBlock()), "push_promise_by_client"},
      {Frame(FrameType::kContinuation, kEndHeaders, 1, GetBlock()), "stray_continuation"},
      {Frame(FrameType::kHeaders, kEndHeaders | kHasPriority, 1, "1234"), "frame_too_short"},
      {Frame(FrameType::kData, kPadded, 1), "frame_too_short"},
  };
  for (const auto& [bytes, reason] : cases) {
    EXPECT_EQ(Says(bytes + "Z"), "error c2s " + std::to_string(33 + std::min<size_t>(bytes.size(), 9)) + " " + reason + "\n");
  }
  EXPECT_NE(Says(head + Data(1, "x") + "Z").find("no_continuation"), std::string::npos);
  EXPECT_NE(Says(head + Frame(FrameType::kContinuation, kEndHeaders, 3) + "Z").find("no_continuation"), std::string::npos);
  Wire wire;
  wire.Feed(kC2s, "GET / HTTP/1.1\r\n");
  EXPECT_EQ(wire.text(), "error c2s 0 bad_preface\n");
  wire = Wire();
  wire.Feed(kS2c, Headers(1, OkBlock()) + "Z");
  EXPECT_TRUE(wire.text().starts_with("error s2c 9 no_settings\n")) << wire.text();
}

TEST(Http2Decoder, AFrameLongerThanTheOtherEndAllowsIsRefused) {
  const std::string longer = FrameHead(FrameType::kData, 0, 1, 16385);
  Wire wire;
  wire.Feed(kC2s, ClientStart() + Headers(1, GetBlock()));
  wire.Feed(kS2c, ServerStart());
  wire.Feed(kC2s, longer + "Z");
  EXPECT_TRUE(wire.text().ends_with("error c2s 54 frame_too_long\n")) << wire.text();
  wire = Wire();
  wire.Feed(kC2s, ClientStart() + Headers(1, GetBlock()));
  wire.Feed(kS2c, Frame(FrameType::kSettings, 0, 0, Setting(5, 20000)));
  wire.Feed(kC2s, longer);
  wire.Gap(kC2s, 16385);
  wire.Feed(kC2s, Data(1, "", kEndStream));
  EXPECT_TRUE(wire.text().ends_with("end_stream body=16385\n")) << wire.text();
}

TEST(Http2Decoder, ABlockThatIsNoneLosesTheDirection) {
  Wire wire;
  wire.Feed(kC2s, ClientStart() + Headers(1, GetBlock() + Indexed(62)) + Headers(3, GetBlock(), kWhole) +
                      Headers(5, GetBlock(), kWhole) + Data(7, "x"));
  EXPECT_EQ(wire.text(),
            "request_head c2s 1 33-46 ambiguous\n  :method: GET\n  :scheme: http\n  :path: /\n"
            "error c2s 46 hpack_bad_index\nresync c2s 46\n"
            "request_head c2s 3 46-58 end_stream body=0\n  :method: GET\n  :scheme: http\n  :path: /\n"
            "request_head c2s 5 58-70 end_stream body=0\n  :method: GET\n  :scheme: http\n  :path: /\n");
  EXPECT_FALSE(wire.decoder().TableIsExact(kC2s));
}

// --- settings -----------------------------------------------------------------------------------------------------------------

TEST(Http2Settings, ATableLimitHoldsFromItsAcknowledgementOn) {
  const std::string ack = Frame(FrameType::kSettings, kAck, 0);
  const auto run = [&](const std::string& server) {
    Wire wire;
    wire.Feed(kC2s, Preface() + Frame(FrameType::kSettings, 0, 0, Setting(1, 8192)) + Headers(1, GetBlock(), kWhole));
    wire.Feed(kS2c, ServerStart() + server + "Z");
    return wire.text();
  };
  const std::string block = Headers(1, SizeUpdate(8192) + OkBlock(), kWhole);
  EXPECT_NE(run(block).find("hpack_size_beyond_limit"), std::string::npos);
  EXPECT_EQ(run(ack + block).find("error"), std::string::npos);
}

TEST(Http2Settings, AnAcknowledgementThatIsToldBeforeItsSettings) {
  Wire wire;
  wire.Feed(kC2s, ClientStart());
  wire.Feed(kS2c, ServerStart() + Frame(FrameType::kSettings, kAck, 0) + Frame(FrameType::kSettings, kAck, 0) +
                      Headers(1, SizeUpdate(8192) + OkBlock(), kWhole));
  EXPECT_EQ(wire.text().find("error"), std::string::npos) << wire.text();
  wire.Feed(kC2s, Frame(FrameType::kSettings, 0, 0, Setting(1, 8192)));
  wire.Feed(kS2c, Headers(3, SizeUpdate(8193) + OkBlock(), kWhole) + "Z");
  EXPECT_NE(wire.text().find("hpack_size_beyond_limit"), std::string::npos);
}

TEST(Http2Settings, MoreUnacknowledgedThanAreKeptMakeTheLimitUnknown) {
  Wire wire;
  std::string client = ClientStart();
  for (size_t i = 0; i <= decoders::http2::kMaxUnacknowledged; ++i) client += Frame(FrameType::kSettings, 0, 0, Setting(1, 100));
  wire.Feed(kC2s, client);
  wire.Feed(kS2c, ServerStart() + Headers(1, SizeUpdate(1 << 20) + OkBlock(), kWhole) + ServerStart());
  EXPECT_EQ(wire.text().find("error"), std::string::npos);
}

TEST(Http2Settings, AnUpgradeBeginsWithStreamOneAndTheSettingsOfItsRequest) {
  // base64url of HEADER_TABLE_SIZE 8192.
  Wire wire(Start::kUpgraded, "AAEAACAA");
  wire.Feed(kS2c, ServerStart() + Headers(1, SizeUpdate(8192) + OkBlock()) + Data(1, "ok", kEndStream));
  wire.Feed(kC2s, ClientStart() + Headers(3, GetBlock(), kWhole));
  EXPECT_EQ(wire.text(),
            "response_head s2c 1 9-22 status=200\n  :status: 200\nend s2c 1 22-33 end_stream body=2\n"
            "request_head c2s 3 33-45 end_stream body=0\n  :method: GET\n  :scheme: http\n  :path: /\n");
  for (const std::string_view settings : {"AAEAAAA", "AA!AACAA", ""}) {
    Wire unknown(Start::kUpgraded, settings);
    unknown.Feed(kS2c, ServerStart() + Headers(1, SizeUpdate(8192) + OkBlock()) + Data(1, "ok", kEndStream));
    EXPECT_EQ(unknown.text().find("error"), std::string::npos) << settings;
  }
}

// --- gaps ---------------------------------------------------------------------------------------------------------------------

TEST(Http2Gaps, InsideDataNothingIsLost) {
  Wire wire;
  wire.Feed(kC2s, ClientStart() + Headers(1, GetBlock()) + FrameHead(FrameType::kData, kEndStream, 1, 10000) + "begin");
  wire.Gap(kC2s, 9990);
  EXPECT_EQ(wire.decoder().DataLeft(kC2s), 5U);
  wire.Feed(kC2s, "ended" + Headers(3, GetBlock(), kWhole));
  EXPECT_EQ(wire.text(),
            "request_head c2s 1 33-45\n  :method: GET\n  :scheme: http\n  :path: /\n"
            "end c2s 1 45-10054 end_stream body=10000\n"
            "request_head c2s 3 10054-10066 end_stream body=0\n  :method: GET\n  :scheme: http\n  :path: /\n");
}

TEST(Http2Gaps, AWholePayloadIsAbsorbedToItsLastByte) {
  Wire wire;
  wire.Feed(kC2s, ClientStart() + Headers(1, GetBlock()) + FrameHead(FrameType::kData, kEndStream, 1, 10000));
  wire.Gap(kC2s, 10000);
  EXPECT_TRUE(wire.text().ends_with("end c2s 1 45-10054 end_stream body=10000\n"));
  EXPECT_TRUE(wire.decoder().Synced(kC2s));
}

TEST(Http2Gaps, BeyondTheFrameTheFramingIsLostAndTheFrameIsNot) {
  Wire wire;
  wire.Feed(kC2s, ClientStart() + Headers(1, GetBlock()) + FrameHead(FrameType::kData, kEndStream, 1, 100));
  wire.Gap(kC2s, 150);
  EXPECT_TRUE(wire.text().ends_with("end c2s 1 45-154 end_stream body=100\nerror c2s 54 gap\n")) << wire.text();
  wire.Feed(kC2s, "rest of something" + Headers(5, GetBlock(), kWhole) + Headers(7, GetBlock(), kWhole));
  EXPECT_NE(wire.text().find("resync c2s 221\nrequest_head c2s 5 221-233 end_stream"), std::string::npos) << wire.text();
}

TEST(Http2Gaps, InsideAHeaderBlockOnlyItsRestIsLost) {
  Wire wire;
  const std::string block = GetBlock() + Literal("one", "1", Indexing::kInsert) + Literal("two", "2", Indexing::kInsert);
  wire.Feed(kC2s, ClientStart() + FrameHead(FrameType::kHeaders, kWhole, 1, block.size()) + block.substr(0, 12));
  wire.Gap(kC2s, 2);
  wire.Feed(kC2s, block.substr(14) + Headers(3, GetBlock() + Indexed(62), kWhole));
  EXPECT_EQ(wire.text(),
            "request_head c2s 1 33-59 gap end_stream body=0 truncated\n  :method: GET\n  :scheme: http\n  :path: /\n  one: 1\n"
            "request_head c2s 3 59-72 end_stream body=0\n  :method: GET\n  :scheme: http\n  :path: /\n  ?: ?\n");
  EXPECT_EQ(wire.messages()[0].head_end, 0U);
}

TEST(Http2Gaps, InsidePaddingOrPriorityNothingOfTheBlockIsLost) {
  const std::string payload = std::string("\x05", 1) + "PRIOR" + GetBlock() + std::string(5, '\0');
  for (size_t from = 1; from < payload.size(); ++from) {
    const bool in_block = from >= 6 && from < 9;
    Wire wire;
    wire.Feed(kC2s, ClientStart() + FrameHead(FrameType::kHeaders, kWhole | kPadded | kHasPriority, 1, payload.size()) +
                        payload.substr(0, from));
    wire.Gap(kC2s, 1);
    wire.Feed(kC2s, payload.substr(from + 1));
    ASSERT_EQ(wire.messages().size(), 1U) << from;
    EXPECT_EQ(wire.messages()[0].incomplete, in_block ? Incomplete::kGap : Incomplete::kNo) << from;
    EXPECT_EQ(wire.decoder().TableIsExact(kC2s), !in_block) << from;
  }
}

TEST(Http2Gaps, AHiddenPadLengthMakesTheBodyInexact) {
  Wire wire;
  wire.Feed(kC2s, ClientStart() + Headers(1, GetBlock()) + FrameHead(FrameType::kData, kEndStream | kPadded, 1, 10));
  wire.Gap(kC2s, 1);
  wire.Feed(kC2s, "123456789");
  EXPECT_TRUE(wire.text().ends_with("end_stream body=9?\n")) << wire.text();
}

TEST(Http2Gaps, ResetsAndSettingsThatWereCut) {
  Wire wire;
  wire.Feed(kC2s, ClientStart() + Headers(1, GetBlock()) + Reset(1, 8).substr(0, 11));
  wire.Gap(kC2s, 2);
  EXPECT_TRUE(wire.text().ends_with("reset c2s 1 45-58 gap error=0 body=0\n")) << wire.text();
  wire.Feed(kC2s, FrameHead(FrameType::kSettings, 0, 0, 6));
  wire.Gap(kC2s, 3);
  wire.Feed(kC2s, "\x01\x02\x03");
  // The limit of the server's table may have been among them.
  wire.Feed(kS2c, ServerStart() + Headers(1, SizeUpdate(1 << 20) + OkBlock(), kWhole) + ServerStart());
  EXPECT_EQ(wire.text().find("error "), std::string::npos) << wire.text();
}

TEST(Http2Gaps, StreamsGoOnBehindALossAndSayThatTheyWereCut) {
  Wire wire;
  wire.Feed(kS2c, ServerStart() + Headers(1, OkBlock()) + Data(1, "abc"));
  wire.Gap(kS2c, 1000);
  wire.Feed(kS2c, Data(1, "de") + Data(3, "f") + Data(1, "g", kEndStream) + Headers(5, OkBlock(), kWhole));
  EXPECT_NE(wire.text().find("end s2c 1 1052-1062 end_stream body=6?\n"), std::string::npos) << wire.text();
}

TEST(Http2Gaps, ACloseEndsWhatIsOpen) {
  Wire wire;
  wire.Feed(kC2s,
            ClientStart() + Headers(1, GetBlock()) + Data(1, "abc") + Headers(3, GetBlock()) + Data(3, "defg").substr(0, 11));
  wire.Close(kC2s);
  EXPECT_TRUE(wire.text().ends_with("end c2s 1 57-57 closed body=3\nend c2s 3 80-80 closed body=2\n")) << wire.text();
  wire = Wire();
  wire.Feed(kC2s, ClientStart() + Headers(1, GetBlock(), kWhole).substr(0, 11));
  wire.Close(kC2s);
  EXPECT_EQ(wire.text(), "request_head c2s 1 33-44 closed end_stream body=0 truncated\n  :method: GET\n  :scheme: http\n");
}

TEST(Http2Gaps, NoPositionOverflows) {
  Wire wire;
  wire.Feed(kC2s, ClientStart());
  wire.Gap(kC2s, SIZE_MAX / 2);
  wire.Gap(kC2s, SIZE_MAX / 2);
  wire.Gap(kC2s, SIZE_MAX / 2);
  EXPECT_TRUE(wire.decoder().Poisoned(kC2s));
  wire.Feed(kC2s, Headers(1, GetBlock(), kWhole) + Headers(3, GetBlock(), kWhole));
  EXPECT_TRUE(wire.messages().empty());
  EXPECT_EQ(wire.decoder().Resync(kC2s, {}), std::nullopt);
}

// --- beginning in the middle --------------------------------------------------------------------------------------------------

TEST(Http2Middle, ARequestIsBelievedWithTheNextFrame) {
  Wire wire(Start::kMiddle);
  wire.Feed(kC2s, "some body" + Headers(5, GetBlock(), kWhole));
  EXPECT_EQ(wire.text(), "");
  wire.Feed(kC2s, FrameHead(FrameType::kPing, 0, 0, 8));
  EXPECT_EQ(wire.text(),
            "resync c2s 9\nrequest_head c2s 5 9-21 end_stream body=0\n  :method: GET\n  :scheme: http\n  :path: /\n");
}

TEST(Http2Middle, OtherFramesAreBelievedByThree) {
  Wire wire(Start::kMiddle);
  wire.Feed(kS2c, Data(3, "abc") + Data(3, "d", kEndStream));
  EXPECT_EQ(wire.text(), "");
  wire.Feed(kS2c, FrameHead(FrameType::kData, 0, 5, 100));
  EXPECT_EQ(wire.text(), "resync s2c 0\nend s2c 3 12-22 end_stream body=0?\n");
}

TEST(Http2Middle, ZerosAreNoFrames) {
  Wire wire(Start::kMiddle);
  std::string zeros(5000, '\0');
  for (size_t i = 8; i < zeros.size(); i += 9) zeros[i] = 1;  // empty DATA of stream 1, again and again
  wire.Feed(kC2s, zeros);
  EXPECT_EQ(wire.text(), "");
}

TEST(Http2Middle, WhatABlockIsWhereItsFirstNameIsUnknown) {
  const std::string head = Headers(1, OkBlock());
  const auto kind = [](const std::string& bytes) {
    Wire wire(Start::kMiddle);
    wire.Feed(kS2c, Headers(101, OkBlock(), kWhole) + bytes + Frame(FrameType::kPing, 0, 0, "12345678"));
    return wire.messages().empty() ? "none" : std::string(decoders::http2::Name(wire.messages().back().kind));
  };
  EXPECT_EQ(kind(Headers(1, Indexed(70))), "response_head");  // trailers end the stream
  EXPECT_EQ(kind(Headers(1, Indexed(70), kWhole)), "unknown_block");
  EXPECT_EQ(kind(Headers(1, Literal("a", "b") + Indexed(70), kWhole)), "trailers");
  EXPECT_EQ(kind(Headers(1, Indexed(70) + Indexed(8), kWhole)), "response_head");
  EXPECT_EQ(kind(head + Headers(1, Indexed(70), kWhole)), "trailers");
  EXPECT_EQ(kind(Headers(1, Indexed(70)) + Headers(1, Indexed(8))), "response_head");  // the first one was interim
}

TEST(Http2Middle, ARequestIsNewByItsNumber) {
  Wire wire(Start::kMiddle);
  wire.Feed(kC2s, Headers(9, GetBlock(), kWhole) + Headers(11, Indexed(70), kWhole) + Headers(7, Indexed(70), kWhole));
  ASSERT_EQ(wire.messages().size(), 3U);
  EXPECT_EQ(wire.messages()[1].kind, MessageKind::kRequestHead);
  EXPECT_EQ(wire.messages()[2].kind, MessageKind::kTrailers);
}

TEST(Http2Middle, AnUnknownStatusIsNoStatus) {
  Wire wire(Start::kMiddle);
  wire.Feed(kS2c, Headers(1, Indexed(70)) + Data(1, "x") + Data(1, "y", kEndStream));
  ASSERT_FALSE(wire.messages().empty());
  EXPECT_EQ(wire.messages()[0].kind, MessageKind::kResponseHead);
  EXPECT_EQ(wire.messages()[0].status, 0);
  EXPECT_TRUE(wire.messages()[0].complete());
}

// Of all 2^72 headers, which share is plausible and says that length.
double ShareOf(Direction dir, uint32_t length) {
  double share = 0;
  for (unsigned type = 0; type < 256; ++type) {
    for (unsigned flags = 0; flags < 256; ++flags) {
      for (const uint32_t stream : {0U, 1U, 2U}) {
        const decoders::http2::FrameHeader header{length, static_cast<FrameType>(type), static_cast<uint8_t>(flags), stream};
        const double streams = stream == 0 ? 0x1p-31 : 0.5;
        if (decoders::http2::IsPlausible(header, dir, 16384))
          share += 0x1p-24 * streams / 2 / 65536;  // half have the reserved bit
      }
    }
  }
  return share;
}

// Uniformly random bytes: the header of resync.h promises less than 2^-22, and less than 2^-35 of one length.
TEST(Http2Middle, FewHeadersArePlausible) {
  for (const Direction dir : {kC2s, kS2c}) {
    constexpr uint32_t kAllLengths = 300;  // of which some are fixed; types without such a one allow the rest too
    double largest = ShareOf(dir, 16380);
    double share = largest * (16384 - kAllLengths);
    for (uint32_t length = 0; length <= kAllLengths; ++length) {
      const double one = ShareOf(dir, length);
      share += one;
      largest = std::max(largest, one);
    }
    EXPECT_LT(share, 0x1p-22) << (dir == kC2s);
    EXPECT_LT(largest, 0x1p-35) << (dir == kC2s);
    std::cout << "plausible: 2^" << std::log2(share) << ", of one length 2^" << std::log2(largest) << "\n";
  }
}

// A call in the middle of a connection, with `unseen` bytes of it that are not there.
bool IsBelieved(Direction dir, const std::string& call, uint64_t unseen = 0) {
  decoders::http2::Decoder decoder;
  decoder.StartInMiddle();
  const bool is_believed = decoder.ResyncAtCall(dir, 0, AsBytes(call), unseen);
  EXPECT_EQ(decoder.Synced(dir), is_believed);
  return is_believed;
}

TEST(Http2Middle, ACallOfWholeFramesIsBelieved) {
  EXPECT_TRUE(IsBelieved(kS2c, Data(3, "abc")));
  EXPECT_TRUE(IsBelieved(kS2c, Data(3, "", kEndStream)));
  EXPECT_TRUE(IsBelieved(kS2c, Data(3, "abc") + Headers(3, Indexed(70), kWhole)));
  EXPECT_TRUE(IsBelieved(kC2s, Headers(3, GetBlock(), 0))) << "CONTINUATION comes with the next call";
  EXPECT_TRUE(IsBelieved(kC2s, Frame(FrameType::kWindowUpdate, 0, 0, Uint32(1))));
  const std::string large = FrameHead(FrameType::kData, 0, 3, 9000) + "12345";
  EXPECT_TRUE(IsBelieved(kS2c, Data(1, "x") + large, 8995));
}

TEST(Http2Middle, OtherCallsAreNotBelieved) {
  const std::string whole = Data(3, "abc") + Data(5, "d");
  EXPECT_TRUE(IsBelieved(kS2c, whole));
  for (size_t size = 0; size < whole.size(); ++size) {
    const bool is_frame = size == Data(3, "abc").size();
    EXPECT_EQ(IsBelieved(kS2c, whole.substr(0, size)), is_frame) << size;
    EXPECT_EQ(IsBelieved(kS2c, whole.substr(0, size), whole.size() - size), size >= whole.size() - 1) << "a header is not there";
  }
  EXPECT_FALSE(IsBelieved(kS2c, whole + '\0'));
  EXPECT_FALSE(IsBelieved(kS2c, whole, 1));
  EXPECT_FALSE(IsBelieved(kS2c, Data(0, "abc")));
  EXPECT_FALSE(IsBelieved(kS2c, Data(0x80000003, "abc"))) << "the reserved bit";
  EXPECT_FALSE(IsBelieved(kC2s, Data(4, "abc"))) << "of a stream that no client opened";
  EXPECT_FALSE(IsBelieved(kS2c, Headers(3, GetBlock(), kWhole))) << "a request, by the server";
  EXPECT_FALSE(IsBelieved(kS2c, Frame(FrameType::kContinuation, kEndHeaders, 3, "abc")));
  EXPECT_FALSE(IsBelieved(kC2s, Headers(3, GetBlock(), 0) + Data(3, "abc"))) << "CONTINUATION must follow";
  EXPECT_FALSE(IsBelieved(kC2s, Frame(FrameType::kPing, 0, 0, "1234567")));
  EXPECT_FALSE(IsBelieved(kC2s, Frame(static_cast<FrameType>(99), 0, 0, "1234567"))) << "unknown types prove nothing";
  EXPECT_FALSE(IsBelieved(kC2s, FrameHead(FrameType::kData, 0, 3, 16385) + "abc", 16382)) << "longer than frames may be";
  EXPECT_FALSE(IsBelieved(kC2s, std::string(18, '\0')));
}

TEST(Http2Middle, ACallIsBelievedBehindWhatOnlyLooksLikeAFrame) {
  Wire wire(Start::kMiddle);
  const std::string before = FrameHead(FrameType::kData, 0, 7, 300) + "of a body";
  const std::string call = Data(3, "abc", kEndStream);
  wire.Feed(kS2c, before);
  EXPECT_FALSE(wire.decoder().Synced(kS2c));
  ASSERT_TRUE(wire.decoder().ResyncAtCall(kS2c, before.size(), AsBytes(call), 0));
  std::vector<Message> out;
  EXPECT_EQ(wire.decoder().Decode(kS2c, AsBytes(call), out).consumed, call.size());
  ASSERT_EQ(out.size(), 1U);
  EXPECT_EQ(out[0].start, before.size());
  EXPECT_EQ(wire.decoder().Position(kS2c), before.size() + call.size());
}

TEST(Http2Middle, APlaceThatIsKnownIsNotLookedForAtACall) {
  Wire wire;
  const std::string call = Data(3, "abc");
  EXPECT_FALSE(wire.decoder().ResyncAtCall(kC2s, 0, AsBytes(call), 0));
  wire.Feed(kC2s, ClientStart() + FrameHead(FrameType::kData, 0, 1, 100));
  EXPECT_FALSE(wire.decoder().ResyncAtCall(kC2s, 0, AsBytes(call), 0));
  wire.Feed(kC2s, call);
  EXPECT_EQ(wire.decoder().DataLeft(kC2s), 88U);
}

TEST(Http2Middle, RandomBytesAreNotBelieved) {
  uint64_t state = 1;
  Wire wire(Start::kMiddle);
  for (int chunk = 0; chunk < 200; ++chunk) {
    std::string bytes(4096, '\0');
    for (char& c : bytes) {
      state = state * 6364136223846793005U + 1442695040888963407U;
      c = static_cast<char>(state >> 56U);
    }
    EXPECT_FALSE(IsBelieved(kC2s, bytes) || IsBelieved(kS2c, bytes));
    wire.Feed(kC2s, bytes);
    wire.Feed(kS2c, bytes);
  }
  EXPECT_EQ(wire.text(), "");
}

TEST(Http2Limits, ABlockBeyondTheLimitIsCut) {
  Wire wire;
  std::string client = ClientStart() + Frame(FrameType::kHeaders, kEndStream, 1, GetBlock());
  for (int i = 0; i < 6; ++i)
    client += Frame(FrameType::kContinuation, 0, 1, Literal("n" + std::to_string(i), std::string(16000, 'v')));
  client += Frame(FrameType::kContinuation, kEndHeaders, 1) + Headers(3, GetBlock(), kWhole);
  wire.Feed(kC2s, client);
  ASSERT_EQ(wire.messages().size(), 2U);
  EXPECT_EQ(wire.messages()[0].incomplete, Incomplete::kGap);
  EXPECT_EQ(wire.messages()[0].fields.fields.size(), 7U);
  EXPECT_TRUE(wire.messages()[0].fields.truncated);
  EXPECT_TRUE(wire.messages()[1].complete());
}

TEST(Http2Limits, BeyondTheStreamsThatAreCountedTheOlderAreForgotten) {
  Wire wire;
  std::string client = ClientStart();
  for (uint32_t i = 0; i <= decoders::http2::kMaxHalfStreams; ++i) client += Headers(2 * i + 1, GetBlock());
  client += Data(1, "x", kEndStream) + Data(2 * decoders::http2::kMaxHalfStreams + 1, "x", kEndStream);
  wire.Feed(kC2s, client);
  const auto ends = wire.Of(MessageKind::kEnd);
  ASSERT_EQ(ends.size(), 2U);
  EXPECT_TRUE(ends[0]->body_length_unknown);
  EXPECT_FALSE(ends[1]->body_length_unknown);
  EXPECT_LE(wire.decoder().OpenStreams(kC2s), decoders::http2::kMaxHalfStreams);
}

TEST(Http2Message, AHeadAbsorbsWhatFollows) {
  Wire wire;
  wire.Feed(kS2c, ServerStart() + Headers(1, OkBlock()) + Data(1, "abc") + Headers(1, Literal("sum", "1"), kWhole));
  ASSERT_EQ(wire.messages().size(), 2U);
  Message head = wire.messages()[0];
  Message later = wire.messages()[1];
  head.Absorb(later);
  EXPECT_EQ(Render(head), "response_head s2c 1 9-47 end_stream status=200 body=3\n  :status: 200\n  +sum: 1");
  EXPECT_EQ(head.Trailer("sum"), "1");
}

}  // namespace
}  // namespace wirespan::testing::h2
