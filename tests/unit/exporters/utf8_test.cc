#include "exporters/utf8.h"

#include <google/protobuf/stubs/common.h>
#include <gtest/gtest.h>

#include <limits>
#include <random>

namespace wirespan::exporters {
namespace {

std::string Encode(char32_t c) {
  std::string out;
  const auto put = [&out](uint32_t byte) { out += static_cast<char>(byte); };
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xC0 | c >> 6), put(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    put(0xE0 | c >> 12), put(0x80 | (c >> 6 & 0x3F)), put(0x80 | (c & 0x3F));
  } else {
    put(0xF0 | c >> 18), put(0x80 | (c >> 12 & 0x3F)), put(0x80 | (c >> 6 & 0x3F)), put(0x80 | (c & 0x3F));
  }
  return out;
}

TEST(Utf8, EveryCodePointIsReadBackAndSurrogatesAreNot) {
  for (char32_t c = 0; c <= 0x110010; ++c) {
    const std::string text = Encode(c);
    const Utf8Char next = NextUtf8(text);
    const bool valid = c <= 0x10FFFF && (c < 0xD800 || c > 0xDFFF);
    ASSERT_EQ(next.valid, valid) << static_cast<uint32_t>(c);
    ASSERT_EQ(ValidUtf8Prefix(text) == text.size(), valid) << static_cast<uint32_t>(c);
    if (valid) {
      ASSERT_EQ(next.value, c);
      ASSERT_EQ(next.bytes, text.size());
    }
  }
}

TEST(Utf8, AsciiPrefixEndsAtTheFirstOtherByteWhereverItIs) {
  for (size_t size = 0; size <= 40; ++size) {
    std::string text(size, '\x7f');
    ASSERT_EQ(AsciiPrefix(text), size);
    for (size_t place = 0; place < size; ++place) {
      text[place] = '\x80';
      ASSERT_EQ(AsciiPrefix(text), place) << size;
      ASSERT_FALSE(IsValidUtf8(text));
      text[place] = '\0';
      ASSERT_EQ(AsciiPrefix(text), size);
    }
  }
}

TEST(Utf8, AgreesWithProtobufOnRandomBytes) {
  std::mt19937_64 random(1);
  static constexpr uint8_t kBytes[] = {0x00, 0x41, 0x7f, 0x80, 0x9f, 0xa0, 0xbf, 0xc0, 0xc2,
                                       0xdf, 0xe0, 0xed, 0xef, 0xf0, 0xf4, 0xf5, 0xff};
  size_t valid_count = 0;
  for (int round = 0; round < 200'000; ++round) {
    std::string text(random() % 12, '\0');
    for (char& c : text) c = static_cast<char>(kBytes[random() % std::size(kBytes)]);
    const bool valid = google::protobuf::internal::IsStructurallyValidUTF8(text.data(), static_cast<int>(text.size()));
    ASSERT_EQ(ValidUtf8Prefix(text) == text.size(), valid) << testing::PrintToString(text);
    ASSERT_EQ(IsValidUtf8(text), valid);
    valid_count += valid ? 1 : 0;
    std::string clean;
    ASSERT_EQ(AppendUtf8(text, std::numeric_limits<size_t>::max(), clean), text.size());
    ASSERT_EQ(ValidUtf8Prefix(clean), clean.size());
    if (valid) {
      ASSERT_EQ(clean, text);
    }
  }
  EXPECT_GT(valid_count, 1000U);
}

TEST(Utf8, ReplacesMaximalSubparts) {
  const auto clean = [](std::string_view text) {
    std::string out;
    AppendUtf8(text, 1000, out);
    return out;
  };
  EXPECT_EQ(clean("a\xffz"), "a\uFFFDz");
  EXPECT_EQ(clean("\xe2\x82"), "\uFFFD");  // a cut character is one
  EXPECT_EQ(clean("\xe2\x82\x41"), "\uFFFD\x41");
  EXPECT_EQ(clean("\xed\xa0\x80"), "\uFFFD\uFFFD\uFFFD");  // a surrogate is three
  EXPECT_EQ(clean("\xc0\xaf"), "\uFFFD\uFFFD");
}

TEST(Utf8, CutsBetweenCharactersAndSaysHowMuchItTook) {
  for (size_t max = 0; max <= 9; ++max) {
    std::string out;
    const size_t taken = AppendUtf8("a€€é", max, out);
    EXPECT_LE(out.size(), max);
    EXPECT_EQ(out.size(), taken);
    EXPECT_EQ(out, std::string("a€€é").substr(0, taken));
    EXPECT_EQ(ValidUtf8Prefix(out), out.size());
    EXPECT_GE(taken + 3, max);  // no more is left out than the character that did not fit
  }
}

}  // namespace
}  // namespace wirespan::exporters
