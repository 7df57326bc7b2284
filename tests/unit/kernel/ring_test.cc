#include "agent/kernel/ring.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

namespace wirespan::kernel {
namespace {

// A ring in plain memory, written as the kernel writes it; of the second copy of the data area `overlap` bytes are mapped.
class FakeRing {
 public:
  explicit FakeRing(size_t overlap = kSize) : overlap_(overlap), data_(kSize + overlap) {}

  RingReader Reader() { return RingReader({&consumer_, &producer_, data_.data(), kSize, data_.size()}); }
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

  static constexpr size_t kSize = 4096;
  static constexpr uint32_t kBusy = 1U << 31U;
  static constexpr uint32_t kDiscarded = 1U << 30U;

 private:
  void Write(uint64_t at, const void* from, size_t size) {
    for (size_t i = 0; i < size; ++i) {
      const size_t offset = (at + i) % kSize;
      const std::byte byte = static_cast<const std::byte*>(from)[i];
      data_[offset] = byte;
      if (offset < overlap_) data_[kSize + offset] = byte;
    }
  }

  size_t overlap_;
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
TEST(Ring, RecordsOverTheEndAreWholeWhateverIsMappedOfTheSecondCopy) {
  for (const size_t overlap : {FakeRing::kSize, size_t{64}, size_t{8}, size_t{0}}) {
    FakeRing ring(overlap);
    RingReader reader = ring.Reader();
    for (size_t i = 0; i < 2000; ++i) {
      const std::string first(i % 1500, static_cast<char>('a' + i % 26));
      const std::string second(i * 7 % 900, static_cast<char>('A' + i % 26));
      ring.Put(first), ring.Put(second);
      ASSERT_EQ(All(reader), (std::vector<std::string>{first, second})) << i << " " << overlap;
    }
  }
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
