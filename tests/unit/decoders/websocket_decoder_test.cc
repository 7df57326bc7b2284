// websocket::Decoder: the rules of RFC 6455 and 7692, each limit, each kind of damage; and how first bytes look.
#include <gtest/gtest.h>

#include "decoders/websocket/guess.h"
#include "tests/unit/decoders/memory.h"
#include "tests/unit/decoders/websocket_wire.h"

namespace wirespan::testing {
namespace {

using decoders::Likeness;
using decoders::websocket::BeginsWithFrame;
using decoders::websocket::Decoder;
using decoders::websocket::LikenessOf;

std::string Decoded(Direction dir, std::string_view bytes) {
  WebSocketWire wire;
  wire.Feed(dir, bytes);
  return wire.text();
}

TEST(WebSocketDecoder, ExamplesOfTheSpecification) {  // RFC 6455 5.7
  EXPECT_EQ(Decoded(kS2c, "\x81\x05\x48\x65\x6c\x6c\x6f"), "message s2c 0-7 complete text 5\n");
  EXPECT_EQ(Decoded(kC2s, "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"), "message c2s 0-11 complete text 5\n");
  EXPECT_EQ(Decoded(kS2c, "\x01\x03Hel\x80\x02lo"), "message s2c 0-9 complete text 5 frames=2\n");
  EXPECT_EQ(Decoded(kS2c, "\x89\x05Hello"), "message s2c 0-7 complete ping 5\n");
  EXPECT_EQ(Decoded(kC2s, "\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"), "message c2s 0-11 complete pong 5\n");
}

TEST(WebSocketDecoder, LengthsOfSevenSixteenAndSixtyFourBits) {
  const std::vector<std::pair<size_t, size_t>> sizes_and_headers = {{0, 2}, {125, 2}, {126, 4}, {65535, 4}, {65536, 10}};
  for (const auto& [size, header] : sizes_and_headers) {
    const std::string frame = FrameOf(kS2c, {.opcode = 2, .payload = std::string(size, '\xff')});
    EXPECT_EQ(frame.size(), header + size);
    EXPECT_EQ(Decoded(kS2c, frame),
              "message s2c 0-" + std::to_string(frame.size()) + " complete binary " + std::to_string(size) + "\n");
  }
}

TEST(WebSocketDecoder, LengthsThatAreNotMinimalOrTooLongAreRefused) {
  EXPECT_EQ(Decoded(kS2c, UnmaskedFrame({.payload = std::string(125, 'a'), .length_bytes = 2})),
            "error s2c 3 length_not_minimal\n");
  EXPECT_EQ(Decoded(kS2c, UnmaskedFrame({.payload = std::string(65535, 'a'), .length_bytes = 8})),
            "error s2c 9 length_not_minimal\n");
  EXPECT_EQ(Decoded(kS2c, std::string_view("\x82\x7f\x80\0\0\0\0\0\0\0", 10)), "error s2c 7 frame_too_long\n");
  EXPECT_EQ(Decoded(kS2c, std::string_view("\x82\x7f\0\0\x02\0\0\0\0\0", 10)), "error s2c 9 frame_too_long\n");
}

TEST(WebSocketDecoder, HeadersThatNoneCanSend) {
  for (const char first : {'\x83', '\x87', '\x8b', '\x8f'}) {
    EXPECT_EQ(Decoded(kS2c, std::string(1, first)), "error s2c 0 reserved_opcode\n");
  }
  for (const char first : {'\xa1', '\x91', '\xc0', '\xc9'}) {
    EXPECT_EQ(Decoded(kS2c, std::string(1, first)), "error s2c 0 reserved_bits\n");
  }
  EXPECT_EQ(Decoded(kS2c, "\x09"), "error s2c 0 fragmented_control\n");
  EXPECT_EQ(Decoded(kS2c, "\x89\x7e"), "error s2c 1 long_control\n");
}

TEST(WebSocketDecoder, ControlFramesLieBetweenFragments) {
  const std::string bytes = FrameOf(kC2s, {.payload = "a", .final = false}) + FrameOf(kC2s, {.opcode = 9, .payload = "b"}) +
                            FrameOf(kC2s, {.opcode = 0, .payload = "cd", .final = false}) + FrameOf(kC2s, {.opcode = 10}) +
                            FrameOf(kC2s, {.opcode = 0, .payload = "e"});
  EXPECT_EQ(Decoded(kC2s, bytes),
            "message c2s 7-14 complete ping 1\n"
            "message c2s 22-28 complete pong 0\n"
            "message c2s 0-35 complete text 4 frames=3\n");
}

TEST(WebSocketDecoder, Rsv1IsCompressionOfTheFirstFrame) {
  EXPECT_EQ(Decoded(kS2c, UnmaskedFrame({.payload = "xy", .final = false, .rsv1 = true}) +
                              UnmaskedFrame({.opcode = 0, .payload = "z"})),
            "message s2c 0-7 complete text 3 frames=2 compressed\n");
  EXPECT_EQ(Decoded(kS2c, UnmaskedFrame({.payload = "xy", .final = false}) +
                              UnmaskedFrame({.opcode = 0, .payload = "z", .rsv1 = true})),
            "message s2c 0-4 ambiguous text 2\nerror s2c 4 reserved_bits\n");
}

TEST(WebSocketDecoder, TheCodeAndReasonOfAClose) {
  EXPECT_EQ(Decoded(kC2s, CloseFrame(kC2s, 1001, "going")), "message c2s 0-13 complete close 7 code=1001 going\n");
  EXPECT_EQ(Decoded(kS2c, UnmaskedFrame({.opcode = 8})), "message s2c 0-2 complete close 0 code=1005\n");
  EXPECT_EQ(Decoded(kS2c, UnmaskedFrame({.opcode = 8, .payload = "x"})), "message s2c 0-3 complete close 1 fault=bad_close\n");
  for (const uint16_t code :
       {uint16_t{999}, uint16_t{1004}, uint16_t{1005}, uint16_t{1006}, uint16_t{1015}, uint16_t{2999}, uint16_t{5000}}) {
    EXPECT_NE(Decoded(kS2c, CloseFrame(kS2c, code)).find("fault=bad_close"), std::string::npos) << code;
  }
  for (const uint16_t code : {uint16_t{1000}, uint16_t{1003}, uint16_t{1007}, uint16_t{1014}, uint16_t{3000}, uint16_t{4999}}) {
    EXPECT_EQ(Decoded(kS2c, CloseFrame(kS2c, code)).find("fault"), std::string::npos) << code;
  }
}

TEST(WebSocketDecoder, FaultsThatLeaveTheFramingSound) {
  EXPECT_EQ(Decoded(kC2s, UnmaskedFrame({.payload = "a"})), "message c2s 0-3 complete text 1 fault=unmasked_client\n");
  EXPECT_EQ(Decoded(kS2c, MaskedFrame({.opcode = 9})), "message s2c 0-6 complete ping 0 fault=masked_server\n");
  EXPECT_EQ(Decoded(kS2c, UnmaskedFrame({.opcode = 0, .payload = "a"})),
            "message s2c 0-3 complete continuation 1 fault=continuation_without_start\n");
  EXPECT_EQ(Decoded(kS2c, UnmaskedFrame({.payload = "a", .final = false}) + UnmaskedFrame({.opcode = 2, .payload = "b"})),
            "message s2c 0-3 ambiguous text 1 fault=message_within_message\n"
            "message s2c 3-6 complete binary 1\n");
  EXPECT_EQ(Decoded(kS2c, CloseFrame(kS2c, 1000) + UnmaskedFrame({.payload = "a"})),
            "message s2c 0-4 complete close 2 code=1000\n"
            "message s2c 4-7 complete text 1 fault=after_close\n");
}

TEST(WebSocketDecoder, AGapInsideAPayloadCostsNothing) {
  WebSocketWire wire;
  wire.Feed(kS2c, std::string_view(UnmaskedFrame({.opcode = 2, .payload = std::string(1000, 'p')})).substr(0, 50));
  wire.Gap(kS2c, 954);
  wire.Feed(kS2c, UnmaskedFrame({.payload = "a"}));
  EXPECT_EQ(wire.text(), "message s2c 0-1004 complete binary 1000\nmessage s2c 1004-1007 complete text 1\n");
}

TEST(WebSocketDecoder, AGapInACloseTakesItsCode) {
  WebSocketWire wire;
  wire.Feed(kS2c, CloseFrame(kS2c, 1000, "bye").substr(0, 3));
  wire.Gap(kS2c, 4);
  EXPECT_EQ(wire.text(), "message s2c 0-7 complete close 5\n");
}

TEST(WebSocketDecoder, AGapBeyondAFrameLosesThePlaceUntilAFrameIsKnownToBegin) {
  Decoder decoder;
  std::vector<Decoder::Message> out;
  decoder.Decode(kS2c, AsBytes(UnmaskedFrame({.payload = "abc", .final = false})), out);
  EXPECT_FALSE(decoder.OnGap(kS2c, 10, out));
  ASSERT_EQ(out.size(), 1U);
  EXPECT_EQ(out[0].incomplete, decoders::Incomplete::kGap);
  EXPECT_FALSE(decoder.Synced(kS2c));
  EXPECT_EQ(Decoder::Resync(kS2c, AsBytes(UnmaskedFrame({.payload = "x"}))), std::nullopt);
  decoder.StartAt(kS2c);
  out.clear();
  decoder.Decode(kS2c, AsBytes(UnmaskedFrame({.opcode = 0, .payload = "d"}) + UnmaskedFrame({.payload = "e"})), out);
  ASSERT_EQ(out.size(), 2U);
  EXPECT_EQ(Render(out[0]), "message s2c 15-18 gap continuation 1");
  EXPECT_EQ(Render(out[1]), "message s2c 18-21 complete text 1");
}

TEST(WebSocketDecoder, AClosedDirectionCutsItsMessage) {
  WebSocketWire wire;
  wire.Feed(kC2s, FrameOf(kC2s, {.payload = "abc"}).substr(0, 7));
  wire.Close(kC2s);
  EXPECT_EQ(wire.text(), "message c2s 0-7 closed text 3\n");
}

TEST(WebSocketDecoder, WarmItAllocatesNothing) {
  Decoder decoder;
  std::vector<Decoder::Message> out;
  const std::string bytes = FrameOf(kC2s, {.payload = std::string(300, 'a'), .final = false}) +
                            FrameOf(kC2s, {.opcode = 9, .payload = "p"}) + FrameOf(kC2s, {.opcode = 0, .payload = "b"});
  const auto feed = [&](size_t piece) {
    for (size_t at = 0; at < bytes.size(); at += piece)
      decoder.Decode(kC2s, AsBytes(std::string_view(bytes).substr(at, piece)), out);
    EXPECT_EQ(out.size(), 2U);
    out.clear();
  };
  feed(5);
  const size_t before = AllocationCount();
  for (int i = 0; i < 1000; ++i) feed(i % 2 == 0 ? 5 : 4096);
  EXPECT_EQ(AllocationCount() - before, 0U);
}

TEST(WebSocketDecoder, NothingBeyondTheInputIsRead) {
  GuardedBytes guarded;
  std::vector<Decoder::Message> out;
  const std::string frames[2] = {FrameOf(kC2s, {.payload = std::string(200, 'a')}) + CloseFrame(kC2s, 1000, "r"),
                                 FrameOf(kS2c, {.payload = std::string(200, 'a')}) + CloseFrame(kS2c, 1000, "r")};
  for (const Direction dir : {kC2s, kS2c}) {
    const std::string_view wire = frames[decoders::Index(dir)];
    for (size_t size = 0; size <= wire.size(); ++size) {
      const std::string_view bytes = guarded.Put(wire.substr(0, size));
      Decoder decoder;
      decoder.Decode(dir, AsBytes(bytes), out);
      LikenessOf(dir, AsBytes(bytes));
      BeginsWithFrame(dir, AsBytes(bytes), wire.size());
    }
  }
}

TEST(WebSocketGuess, WholeMaskedFramesOfAClient) {
  const std::string text = FrameOf(kC2s, {.payload = "{\"a\":\"\xc3\xa4\"}"});
  EXPECT_EQ(LikenessOf(kC2s, AsBytes(text)), Likeness::kPossible);
  EXPECT_EQ(LikenessOf(kC2s, AsBytes(text + FrameOf(kC2s, {.opcode = 2, .payload = "\xff\xff"}))), Likeness::kPossible);
  EXPECT_EQ(LikenessOf(kC2s, AsBytes(std::string_view(text).substr(0, text.size() - 1))), Likeness::kTooShort);
  EXPECT_EQ(LikenessOf(kC2s, {}), Likeness::kTooShort);
  EXPECT_EQ(LikenessOf(kC2s, AsBytes(UnmaskedFrame({.payload = "a"}))), Likeness::kNo);
  EXPECT_EQ(LikenessOf(kC2s, AsBytes(FrameOf(kC2s, {.payload = "\xff\xfe"}))), Likeness::kNo);
  EXPECT_EQ(LikenessOf(kC2s, AsBytes(FrameOf(kC2s, {.opcode = 0, .payload = "a"}))), Likeness::kTooShort);
  EXPECT_EQ(LikenessOf(kC2s, AsBytes("GET / HTTP/1.1\r\n")), Likeness::kNo);
  EXPECT_LE(LikenessOf(kS2c, AsBytes(UnmaskedFrame({.payload = "a"}))), Likeness::kTooShort);
}

TEST(WebSocketGuess, ACallThatBeginsWithAFrame) {
  const std::string two = UnmaskedFrame({.payload = "ab"}) + UnmaskedFrame({.opcode = 2, .payload = "cde"});
  EXPECT_TRUE(BeginsWithFrame(kS2c, AsBytes(two), two.size()));
  EXPECT_FALSE(BeginsWithFrame(kS2c, AsBytes(two), two.size() - 1)) << "a short frame that the call cuts";
  EXPECT_FALSE(BeginsWithFrame(kS2c, AsBytes(std::string_view(two).substr(2)), two.size() - 2));
  const std::string large = UnmaskedFrame({.opcode = 2, .payload = std::string(70000, '\x81')});
  EXPECT_TRUE(BeginsWithFrame(kS2c, AsBytes(std::string_view(large).substr(0, 4096)), 16384));
  EXPECT_TRUE(BeginsWithFrame(kS2c, AsBytes(std::string_view(large).substr(0, 4096)), large.size()));
  EXPECT_FALSE(BeginsWithFrame(kC2s, AsBytes(std::string_view(large).substr(0, 4096)), 16384)) << "not masked";
  EXPECT_FALSE(BeginsWithFrame(kS2c, AsBytes(std::string_view("\x81", 1)), 1));
}

}  // namespace
}  // namespace wirespan::testing
