// HPACK and HTTP/2 on what a seeded generator makes: against nghttp2, at any split, interleaved, damaged.
#include <gtest/gtest.h>

#include <random>

#include "tests/unit/decoders/hpack_oracle.h"
#include "tests/unit/decoders/http2_harness.h"

namespace wirespan::testing::h2 {
namespace {

class Generator {
 public:
  explicit Generator(uint64_t seed) : random_(seed) {}
  size_t Below(size_t limit) { return static_cast<size_t>(random_() % limit); }
  bool OneIn(size_t n) { return Below(n) == 0; }
  std::string Bytes(size_t size) {
    std::string bytes(size, '\0');
    for (char& c : bytes) c = static_cast<char>(random_());
    return bytes;
  }

 private:
  std::mt19937_64 random_;
};

TEST(Http2HpackProperties, AnyBytesDecodeAsAnotherImplementationDecodesThem) {
  size_t fields = 0;
  for (uint64_t seed = 0; seed < 3000; ++seed) {
    Generator generator(seed);
    std::string input;
    for (int block = 0; block < 6; ++block) {
      std::string bytes;
      for (size_t count = generator.Below(6); count > 0; --count) {
        switch (generator.Below(6)) {
          case 0:
            bytes += Indexed(static_cast<uint32_t>(generator.Below(66)));
            break;
          case 1:
            bytes += Literal("n" + std::to_string(generator.Below(4)), generator.Bytes(generator.Below(9)), Indexing::kInsert);
            break;
          case 2:
            bytes += LiteralOf(static_cast<uint32_t>(generator.Below(66) + 1), "v", Indexing::kInsert);
            break;
          case 3:
            bytes += generator.OneIn(4) ? SizeUpdate(static_cast<uint32_t>(generator.Below(300))) : "";
            break;
          case 4:
            bytes += Literal("name", "value", Indexing::kNever);
            break;
          default:
            bytes += generator.OneIn(8) ? generator.Bytes(generator.Below(20)) : Indexed(2);
        }
      }
      input += static_cast<char>(bytes.size() / 256);
      input += static_cast<char>(bytes.size() % 256);
      input += bytes;
      fields += bytes.size();
    }
    ASSERT_EQ(CompareInflaters(input), "") << "seed " << seed;
  }
  EXPECT_GT(fields, 50000U);
}

TEST(Http2HpackProperties, WhatIsKnownOfATableThatWasNotSeenIsNeverWrong) {
  Seen seen;
  for (uint64_t seed = 0; seed < 1500; ++seed) {
    Generator generator(seed);
    ASSERT_EQ(CheckUnknownTables(generator.Bytes(600), &seen), "") << "seed " << seed;
  }
  std::cout << seen.blocks << " blocks, " << seen.known << " fields known, " << seen.unknown << " not; the table became exact "
            << seen.exact << " times\n";
  EXPECT_GT(seen.unknown, 1000U);
  EXPECT_GT(seen.known, 10 * seen.unknown);
  EXPECT_GT(seen.exact, 500U);
}

}  // namespace
}  // namespace wirespan::testing::h2
