#include "agent/kernel/ring.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

namespace wirespan::kernel {
namespace {

// A ring in plain memory, written as the kernel writes it, of which `shown` bytes beyond what is asked for are shown at a time.
class FakeRing final : public RingData {
 public:
  explicit FakeRing(size_t shown = 2 * kSize) : shown_(shown), data_(2 * kSize) {}

  RingReader Reader() { return RingReader({&consumer_, &producer_}, kSize, *this); }
  Window Show(size_t offset, size_t size) override {
    ++shows;
    EXPECT_LT(offset, kSize);
    EXPECT_LE(offset + size, 2 * kSize);
    if (refuses) return {};
    const size_t start = offset & ~size_t{63};
    const size_t end = std::min(2 * kSize, offset + size + shown_);
    return {start, std::span<const std::byte>(data_).subspan(start, end - start)};
  }
  void Put(const std::string& text, uint32_t flags = 0) {
    const uint32_t header[2] = {static_cast<uint32_t>(text.size()) | flags, 0};
    Write(producer_, header, sizeof(header));
    Write(producer_ + sizeof(header), text.data(), text.size());
    last_ = producer_;
    producer_ += (sizeof(header) + text.size() + 7) & ~size_t{7};
    ASSERT_LE(producer_ - consumer_, kSize);
  }
  void Submit() {  // the last record, put as busy
    data_[(last_ % kSize) + 3] &= std::byte{0x7F};
  }
  uint64_t consumer() const { return consumer_; }
  uint64_t producer() const { return producer_; }

  bool refuses = false;
  size_t shows = 0;

  static constexpr size_t kSize = 4096;
  static constexpr uint32_t kBusy = 1U << 31U;
  static constexpr uint32_t kDiscarded = 1U << 30U;

 private:
  void Write(uint64_t at, const void* from, size_t size) {
    for (size_t i = 0; i < size; ++i) {
      const size_t offset = (at + i) % kSize;
      const std::byte byte = static_cast<const std::byte*>(from)[i];
      data_[offset] = byte;
      data_[kSize + offset] = byte;
    }
  }

  size_t shown_;
  uint64_t consumer_ = 0;
  uint64_t producer_ = 0;
  uint64_t last_ = 0;
  std::vector<std::byte> data_;
};

std::vector<std::string> All(RingReader& reader) {
  std::vector<std::string> texts;
  const size_t count = reader.Consume([&](std::span<const std::byte> record) {
    texts.emplace_back(reinterpret_cast<const char*>(record.data()), record.size());
  });
  EXPECT_EQ(count, texts.size());
  return texts;
}

TEST(Ring, HandsOutRecordsInOrderAndGivesTheirRoomBack) {
  FakeRing ring;
  RingReader reader = ring.Reader();
  EXPECT_TRUE(All(reader).empty());
  ring.Put("one"), ring.Put(""), ring.Put("sixteen bytes...");
  EXPECT_EQ(reader.waiting(), ring.producer());
  EXPECT_EQ(All(reader), (std::vector<std::string>{"one", "", "sixteen bytes..."}));
  EXPECT_EQ(ring.consumer(), ring.producer());
  EXPECT_EQ(reader.waiting(), 0U);
}

TEST(Ring, DiscardedRecordsArePassedOver) {
  FakeRing ring;
  RingReader reader = ring.Reader();
  ring.Put("no", FakeRing::kDiscarded), ring.Put("yes");
  EXPECT_EQ(All(reader), std::vector<std::string>{"yes"});
  EXPECT_EQ(ring.consumer(), ring.producer());
}

TEST(Ring, StopsAtARecordThatIsBeingWritten) {
  FakeRing ring;
  RingReader reader = ring.Reader();
  ring.Put("done"), ring.Put("not yet", FakeRing::kBusy);
  EXPECT_EQ(All(reader), std::vector<std::string>{"done"});
  EXPECT_TRUE(All(reader).empty());
  ring.Submit();
  EXPECT_EQ(All(reader), std::vector<std::string>{"not yet"});
}

// Many times round, with every length: each record comes whole however it lies across the end.
TEST(Ring, RecordsOverTheEndAreWholeHoweverMuchIsShownAtATime) {
  for (const size_t shown : {2 * FakeRing::kSize, size_t{1000}, size_t{64}, size_t{8}, size_t{0}}) {
    FakeRing ring(shown);
    RingReader reader = ring.Reader();
    for (size_t i = 0; i < 2000; ++i) {
      const std::string first(i % 1500, static_cast<char>('a' + i % 26));
      const std::string second(i * 7 % 900, static_cast<char>('A' + i % 26));
      ring.Put(first), ring.Put(second);
      ASSERT_EQ(All(reader), (std::vector<std::string>{first, second})) << i << " " << shown;
    }
  }
}

TEST(Ring, TheWindowMovesOnlyWhereARecordLiesBeyondIt) {
  FakeRing ring(1000);
  RingReader reader = ring.Reader();
  for (int i = 0; i < 20; ++i) ring.Put("sixteen bytes...");
  EXPECT_EQ(All(reader).size(), 20U);
  EXPECT_EQ(ring.shows, 1U);
}

TEST(Ring, WhatCannotBeShownNowStaysForTheNextCall) {
  FakeRing ring(0);
  RingReader reader = ring.Reader();
  ring.Put("first");
  EXPECT_EQ(All(reader), std::vector<std::string>{"first"});
  ring.Put("second");
  ring.refuses = true;
  EXPECT_TRUE(All(reader).empty());
  EXPECT_TRUE(All(reader).empty());
  EXPECT_LT(ring.consumer(), ring.producer());
  ring.refuses = false;
  EXPECT_EQ(All(reader), std::vector<std::string>{"second"});
  EXPECT_EQ(ring.consumer(), ring.producer());
}

TEST(Ring, WhatComesDuringTheVisitIsTheNextCalls) {
  FakeRing ring;
  RingReader reader = ring.Reader();
  ring.Put("first");
  EXPECT_EQ(reader.Consume([&](std::span<const std::byte>) { ring.Put("second"); }), 1U);
  EXPECT_EQ(All(reader), std::vector<std::string>{"second"});
}

}  // namespace
}  // namespace wirespan::kernel
