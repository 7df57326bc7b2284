// HPACK (RFC 7541): the code, the tables, what is refused, and what is known where not everything was seen.
#include <gtest/gtest.h>
#include <nghttp2/nghttp2.h>

#include "decoders/http2/hpack.h"
#include "decoders/http2/hpack_integer.h"
#include "decoders/http2/huffman.h"
#include "tests/unit/decoders/http2_harness.h"

namespace wirespan::testing::h2 {
namespace {

using decoders::http2::DecodeHuffman;
using decoders::http2::Field;
using decoders::http2::FieldList;
using decoders::http2::HpackDecoder;

// The fields as "name: value" lines, "?" where not known; an error as its reason.
std::string Decode(HpackDecoder& decoder, std::string_view block, bool is_cut = false) {
  FieldList list;
  const std::string_view error = decoder.Decode(AsBytes(block), is_cut, list);
  if (!error.empty()) return std::string(error);
  std::string text;
  for (const Field& field : list.fields) {
    text.append(field.name_known ? list.Name(field) : "?").append(": ").append(field.value_known ? list.Value(field) : "?");
    text.append(field.sensitive ? "!" : "").append(field.truncated ? "~" : "").append("\n");
  }
  return text;
}

HpackDecoder InMiddle() {
  HpackDecoder decoder;
  decoder.SetLimit(std::nullopt);
  decoder.Lose();
  return decoder;
}

std::string FromHex(std::string_view hex) {
  std::string bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  }
  return bytes;
}

// The value of "x: VALUE" as nghttp2 encodes it; empty where it prefers the plain form.
std::string NghttpHuffman(std::string text) {
  nghttp2_hd_deflater* deflater = nullptr;
  EXPECT_EQ(nghttp2_hd_deflate_new(&deflater, 0), 0);
  std::array<uint8_t, 8192> block;
  std::string name = "x";
  const nghttp2_nv nv{reinterpret_cast<uint8_t*>(name.data()), reinterpret_cast<uint8_t*>(text.data()), 1, text.size(), 0};
  const ssize_t size = nghttp2_hd_deflate_hd(deflater, block.data(), block.size(), &nv, 1);
  nghttp2_hd_deflate_del(deflater);
  EXPECT_GT(size, 0);
  std::string_view bytes(reinterpret_cast<const char*>(block.data()), static_cast<size_t>(size));
  size_t at = 0;
  while ((static_cast<uint8_t>(bytes[at]) & 0xe0U) == 0x20) ++at;
  at += 3;  // literal, length of the name, the name (a single letter is never shorter when coded)
  std::span<const std::byte> rest = AsBytes(bytes.substr(at));
  const bool is_coded = (static_cast<uint8_t>(rest[0]) & 0x80U) != 0;
  uint32_t length = 0;
  EXPECT_EQ(decoders::http2::ReadInteger(rest, 7, length), decoders::http2::IntegerRead::kDone);
  EXPECT_EQ(rest.size(), length);
  return is_coded ? std::string(bytes.substr(bytes.size() - length)) : "";
}

TEST(Http2Huffman, EverySymbolDecodesAsAnotherImplementationEncodesIt) {
  size_t coded = 0;
  for (int symbol = 0; symbol < 256; ++symbol) {
    for (size_t shift = 0; shift < 8; ++shift) {  // each alignment of the symbol
      const std::string text = std::string(100 + shift, 'a') + static_cast<char>(symbol) + "0";
      const std::string code = NghttpHuffman(text);
      ASSERT_FALSE(code.empty());
      std::string decoded;
      ASSERT_EQ(DecodeHuffman(AsBytes(code), 1000, decoded), text.size());
      ASSERT_EQ(decoded, text) << symbol;
      ++coded;
    }
  }
  EXPECT_EQ(coded, 2048U);
}

TEST(Http2Huffman, WrongPaddingAndEosAreRefused) {
  std::string out;
  EXPECT_EQ(DecodeHuffman({}, 10, out), size_t{0});
  EXPECT_EQ(DecodeHuffman(AsBytes("\x1f"), 10, out), size_t{1});                 // "a", then 111
  EXPECT_EQ(DecodeHuffman(AsBytes("\x1e"), 10, out), std::nullopt);              // "a", then 110
  EXPECT_EQ(DecodeHuffman(AsBytes("\x1f\xff"), 10, out), std::nullopt);          // 11 ones
  EXPECT_EQ(DecodeHuffman(AsBytes("\xff"), 10, out), std::nullopt);              // 8 ones
  EXPECT_EQ(DecodeHuffman(AsBytes("\xff\xff\xff\xff"), 10, out), std::nullopt);  // EOS and more
  EXPECT_EQ(DecodeHuffman(AsBytes("\xff\xff\xff\xfc"), 10, out), std::nullopt);
}

TEST(Http2Huffman, WhatIsBeyondTheLimitIsCountedOnly) {
  std::string out;
  EXPECT_EQ(DecodeHuffman(AsBytes(NghttpHuffman(std::string(1000, 'e'))), 10, out), size_t{1000});
  EXPECT_EQ(out, std::string(10, 'e'));
}

// RFC 7541 C.4 and C.6.
TEST(Http2Hpack, TheExamplesOfTheSpecification) {
  HpackDecoder requests;
  EXPECT_EQ(Decode(requests, FromHex("828684418cf1e3c2e5f23a6ba0ab90f4ff")),
            ":method: GET\n:scheme: http\n:path: /\n:authority: www.example.com\n");
  EXPECT_EQ(Decode(requests, FromHex("828684be5886a8eb10649cbf")),
            ":method: GET\n:scheme: http\n:path: /\n:authority: www.example.com\ncache-control: no-cache\n");
  EXPECT_EQ(Decode(requests, FromHex("828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf")),
            ":method: GET\n:scheme: https\n:path: /index.html\n:authority: www.example.com\ncustom-key: custom-value\n");
  HpackDecoder responses;  // with a table of 256 bytes, so that entries are evicted
  responses.SetLimit(256);
  ASSERT_EQ(Decode(responses, SizeUpdate(256)), "");
  EXPECT_EQ(
      Decode(responses,
             FromHex(
                 "488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8e9ae82ae43d3")),
      ":status: 302\ncache-control: private\ndate: Mon, 21 Oct 2013 20:13:21 GMT\nlocation: https://www.example.com\n");
  EXPECT_EQ(Decode(responses, FromHex("4883640effc1c0bf")),
            ":status: 307\ncache-control: private\ndate: Mon, 21 Oct 2013 20:13:21 GMT\nlocation: https://www.example.com\n");
  EXPECT_EQ(Decode(responses, Indexed(66)), "hpack_bad_index");  // ":status: 302" was evicted
}

TEST(Http2Hpack, WhatIsNoBlockIsRefused) {
  const auto refused = [](const std::string& block) {
    HpackDecoder decoder;
    return Decode(decoder, block);
  };
  EXPECT_EQ(refused(Indexed(0)), "hpack_bad_index");
  EXPECT_EQ(refused(Indexed(62)), "hpack_bad_index");
  EXPECT_EQ(refused(LiteralOf(62, "v")), "hpack_bad_index");
  EXPECT_EQ(refused(Indexed(2) + SizeUpdate(0)), "hpack_late_size_update");
  EXPECT_EQ(refused(SizeUpdate(4097)), "hpack_size_beyond_limit");
  EXPECT_EQ(refused("\xff\x80\x80\x80\x80\x80\x01"), "hpack_integer_too_large");
  EXPECT_EQ(refused("\xff\xff\xff\xff\xff\x1f"), "hpack_integer_too_large");
  EXPECT_EQ(refused(Literal("name", "value").substr(0, 8)), "hpack_block_too_short");
  EXPECT_EQ(refused("\xff"), "hpack_block_too_short");
  EXPECT_EQ(refused(std::string("\x00\x81\xff\x00", 4)), "hpack_bad_huffman");
}

TEST(Http2Hpack, AfterAnErrorTheTableIsUnknown) {
  HpackDecoder decoder;
  EXPECT_EQ(Decode(decoder, Literal("a", "1", Indexing::kInsert)), "a: 1\n");
  EXPECT_EQ(Decode(decoder, Literal("b", "2", Indexing::kInsert) + Indexed(0)), "hpack_bad_index");
  EXPECT_FALSE(decoder.table().IsExact());
  EXPECT_EQ(Decode(decoder, Indexed(62) + Indexed(2)), "?: ?\n:method: GET\n");
}

TEST(Http2Hpack, SensitiveFieldsAreMarkedAndNotInserted) {
  HpackDecoder decoder;
  EXPECT_EQ(Decode(decoder, LiteralOf(23, "secret", Indexing::kNever) + Literal("a", "b")), "authorization: secret!\na: b\n");
  EXPECT_EQ(decoder.table().KnownEntries(), 0U);
}

TEST(Http2Hpack, AnEntryLargerThanTheTableEmptiesIt) {
  HpackDecoder decoder;
  ASSERT_EQ(Decode(decoder, SizeUpdate(64) + Literal("a", "1", Indexing::kInsert)), "a: 1\n");
  EXPECT_EQ(decoder.table().KnownEntries(), 1U);
  ASSERT_EQ(Decode(decoder, Literal("a", std::string(32, 'x'), Indexing::kInsert)).size(), 36U);
  EXPECT_EQ(decoder.table().KnownEntries(), 0U);
  EXPECT_EQ(Decode(decoder, Indexed(62)), "hpack_bad_index");
}

TEST(Http2Hpack, ANameMayComeFromTheEntryThatItsInsertionEvicts) {
  HpackDecoder decoder;
  ASSERT_EQ(Decode(decoder, SizeUpdate(40) + Literal("name", "1", Indexing::kInsert)), "name: 1\n");
  EXPECT_EQ(Decode(decoder, LiteralOf(62, "2", Indexing::kInsert) + Indexed(62)), "name: 2\nname: 2\n");
}

TEST(Http2Hpack, LongValuesAreCutButCountWhole) {
  HpackDecoder decoder;
  const std::string value(decoders::http2::kMaxValueBytes + 1, 'v');
  decoder.SetLimit(1 << 20);
  const std::string kept = "n: " + value.substr(1) + "~\n";
  EXPECT_EQ(Decode(decoder, SizeUpdate(1 << 20) + Literal("n", value, Indexing::kInsert)), kept);
  EXPECT_EQ(Decode(decoder, Indexed(62)), kept);
  const std::string name(decoders::http2::kMaxNameBytes + 1, 'n');
  EXPECT_EQ(Decode(decoder, Literal(name, "1", Indexing::kInsert)), name.substr(1) + ": 1~\n");
  EXPECT_EQ(Decode(decoder, LiteralOf(62, "2")), name.substr(1) + ": 2~\n");
  // Two such values and 32 fill a table of that size exactly; one byte less holds only one.
  HpackDecoder exact;
  const auto entry = static_cast<uint32_t>(value.size() + 33);
  exact.SetLimit(1 << 20);
  ASSERT_NE(Decode(exact, SizeUpdate(2 * entry) + Literal("n", value, Indexing::kInsert)), "");
  ASSERT_NE(Decode(exact, Literal("m", value, Indexing::kInsert)), "");
  EXPECT_EQ(exact.table().KnownEntries(), 2U);
  ASSERT_EQ(Decode(exact, SizeUpdate(2 * entry - 1)), "");
  EXPECT_EQ(exact.table().KnownEntries(), 1U);
}

TEST(Http2Hpack, FieldsBeyondTheLimitsAreLeftOutAndSaidToBe) {
  HpackDecoder decoder;
  std::string block;
  for (size_t i = 0; i <= decoders::http2::kMaxFields; ++i) block += Indexed(2);
  FieldList list;
  EXPECT_EQ(decoder.Decode(AsBytes(block), false, list), "");
  EXPECT_EQ(list.fields.size(), decoders::http2::kMaxFields);
  EXPECT_TRUE(list.truncated);
  // A small block that would unpack to much: 4 KiB a byte.
  list.Clear();
  block = Literal("n", std::string(4000, 'v'), Indexing::kInsert) + std::string(200, '\xbe');
  EXPECT_EQ(decoder.Decode(AsBytes(block), false, list), "");
  EXPECT_LE(list.text.size(), decoders::http2::kMaxTextBytes);
  EXPECT_TRUE(list.truncated);
}

TEST(Http2HpackUnknown, TheNewestInsertionsAreKnownAndOlderOnesAreNot) {
  HpackDecoder decoder = InMiddle();
  EXPECT_EQ(Decode(decoder, Indexed(62) + Indexed(2)), "?: ?\n:method: GET\n");
  EXPECT_EQ(Decode(decoder, Literal("a", "1", Indexing::kInsert) + Literal("b", "2", Indexing::kInsert)), "a: 1\nb: 2\n");
  EXPECT_EQ(Decode(decoder, Indexed(62) + Indexed(63) + Indexed(64) + Indexed(100)), "b: 2\na: 1\n?: ?\n?: ?\n");
  EXPECT_EQ(Decode(decoder, LiteralOf(63, "3") + LiteralOf(64, "4")), "a: 3\n?: 4\n");
}

TEST(Http2HpackUnknown, AnUnknownNameStaysUnknownInWhatIsInsertedWithIt) {
  HpackDecoder decoder = InMiddle();
  EXPECT_EQ(Decode(decoder, LiteralOf(70, "v", Indexing::kInsert)), "?: v\n");
  EXPECT_EQ(Decode(decoder, Indexed(62) + LiteralOf(62, "w", Indexing::kInsert) + Indexed(63)), "?: v\n?: w\n?: v\n");
}

TEST(Http2HpackUnknown, ASizeUpdateToZeroMakesItExact) {
  HpackDecoder decoder = InMiddle();
  EXPECT_EQ(Decode(decoder, SizeUpdate(0) + SizeUpdate(4096) + Literal("a", "1", Indexing::kInsert)), "a: 1\n");
  EXPECT_TRUE(decoder.table().IsExact());
  EXPECT_EQ(Decode(decoder, Indexed(63)), "hpack_bad_index");
}

TEST(Http2HpackUnknown, ASizeUpdateThatTheKnownEntriesFillMakesItExact) {
  HpackDecoder decoder = InMiddle();
  // Two entries of 34 bytes: 68. 31 more cannot hold another, 32 can.
  EXPECT_EQ(Decode(decoder, Literal("a", "1", Indexing::kInsert) + Literal("b", "2", Indexing::kInsert)), "a: 1\nb: 2\n");
  EXPECT_EQ(Decode(decoder, SizeUpdate(100) + Indexed(64)), "?: ?\n");
  EXPECT_FALSE(decoder.table().IsExact());
  EXPECT_EQ(Decode(decoder, SizeUpdate(99) + Indexed(63)), "a: 1\n");
  EXPECT_TRUE(decoder.table().IsExact());
  EXPECT_EQ(Decode(decoder, Indexed(64)), "hpack_bad_index");
}

TEST(Http2HpackUnknown, InsertionsThatFillTheTableMakeItExact) {
  HpackDecoder decoder = InMiddle();
  EXPECT_EQ(Decode(decoder, SizeUpdate(128)), "");  // now the size is known, the content is not
  for (int i = 0; i < 3; ++i) {
    EXPECT_FALSE(decoder.table().IsExact());
    EXPECT_EQ(Decode(decoder, Literal("a", "1", Indexing::kInsert)), "a: 1\n");
  }
  EXPECT_TRUE(decoder.table().IsExact());  // 102 of 128
}

// The size of an entry whose name is not known has a lower bound only: with a long name the entry before it may be gone.
TEST(Http2HpackUnknown, AnEntryOfUnknownNameCountsAtItsLeast) {
  HpackDecoder decoder = InMiddle();
  ASSERT_EQ(Decode(decoder, SizeUpdate(100) + LiteralOf(70, "v", Indexing::kInsert)), "hpack_bad_index");  // no 9 entries in 100
  decoder = InMiddle();
  ASSERT_EQ(Decode(decoder, SizeUpdate(100) + LiteralOf(62, "v", Indexing::kInsert)), "?: v\n");  // 33 at least
  ASSERT_EQ(Decode(decoder, Literal("a", "1", Indexing::kInsert)), "a: 1\n");                     // 67 at least
  EXPECT_FALSE(decoder.table().IsExact());
  ASSERT_EQ(Decode(decoder, Literal("bb", "1", Indexing::kInsert)), "bb: 1\n");  // 102: the oldest is gone
  EXPECT_TRUE(decoder.table().IsExact());
  EXPECT_EQ(decoder.table().KnownEntries(), 2U);
}

TEST(Http2HpackUnknown, ACutBlockKeepsWhatIsBeforeTheCutAndLosesTheTable) {
  HpackDecoder decoder;
  ASSERT_EQ(Decode(decoder, Literal("a", "1", Indexing::kInsert)), "a: 1\n");
  const std::string block = Indexed(62) + Literal("b", "2", Indexing::kInsert) + Literal("c", "33333", Indexing::kInsert);
  EXPECT_EQ(Decode(decoder, block.substr(0, block.size() - 2), true), "a: 1\nb: 2\n");
  EXPECT_FALSE(decoder.table().IsExact());
  EXPECT_EQ(Decode(decoder, Indexed(62) + Indexed(63)), "?: ?\n?: ?\n");
  // The block's size updates were seen, so 4096 still holds, and entries that fill it prove that nothing unknown is left.
  ASSERT_NE(Decode(decoder, Literal("f", std::string(4040, 'x'), Indexing::kInsert)), "");
  EXPECT_TRUE(decoder.table().IsExact());
}

TEST(Http2HpackUnknown, ACutBeforeTheFirstFieldMayHideASizeUpdate) {
  HpackDecoder decoder;
  ASSERT_EQ(Decode(decoder, SizeUpdate(100)), "");
  EXPECT_EQ(Decode(decoder, "", true), "");
  ASSERT_NE(Decode(decoder, Literal("f", std::string(60, 'x'), Indexing::kInsert)), "");
  EXPECT_FALSE(decoder.table().IsExact());  // the limit, 4096, bounds it now
  ASSERT_NE(Decode(decoder, Literal("f", std::string(3950, 'x'), Indexing::kInsert)), "");
  EXPECT_TRUE(decoder.table().IsExact());
}

TEST(Http2HpackUnknown, AnIndexThatNoTableReachesIsRefused) {
  HpackDecoder decoder = InMiddle();
  EXPECT_EQ(Decode(decoder, Indexed(61 + 16 * 1024 * 1024 / 32)), "?: ?\n");
  EXPECT_EQ(Decode(decoder, Indexed(62 + 16 * 1024 * 1024 / 32)), "hpack_bad_index");
}

TEST(Http2HpackUnknown, EntriesBeyondTheCapBecomeUnknownAndNotWrong) {
  HpackDecoder decoder;
  decoder.SetLimit(1 << 20);
  ASSERT_EQ(Decode(decoder, SizeUpdate(1 << 20)), "");
  for (int i = 0; i < 3000; ++i) ASSERT_NE(Decode(decoder, Literal("name", std::to_string(i), Indexing::kInsert)), "");
  EXPECT_FALSE(decoder.table().IsExact());
  EXPECT_EQ(Decode(decoder, Indexed(62) + Indexed(62 + 1000) + Indexed(62 + 2999)), "name: 2999\nname: 1999\n?: ?\n");
  EXPECT_LE(decoder.table().Capacity(), 4 * decoders::http2::kMaxTableBytes);
}

}  // namespace
}  // namespace wirespan::testing::h2
