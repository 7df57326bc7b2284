// HTTP/2's frames as the kernel walks them, through BPF_PROG_TEST_RUN: whatever calls and segments they fall into, all of the
// stream is told, and exactly what is no payload of large DATA is copied.
#include <gtest/gtest.h>
#include <sys/uio.h>

#include <algorithm>
#include <cstring>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "tests/bpf/rules_fixture.h"

namespace {

constexpr uint64_t kSock = 200;
constexpr uint32_t kStart = 0xfffff000;  // the position wraps around
constexpr uint32_t kSmallData = 256;
constexpr uint32_t kDataStart = 5;
constexpr uint32_t kPreface = 24;
constexpr uint8_t kData = 0;
constexpr uint8_t kHeaders = 1;
constexpr uint8_t kSettings = 4;
constexpr uint8_t kPing = 6;
constexpr uint8_t kWindowUpdate = 8;
constexpr uint8_t kContinuation = 9;

// Bytes of one direction, and of each whether it has to be copied.
struct Stream {
  std::string bytes;
  std::string copied;

  void Add(std::string_view text, bool is_copied = true) {
    bytes += text;
    copied.append(text.size(), is_copied ? '\1' : '\0');
  }
  void Preface() { Add("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"); }
  void Frame(uint8_t type, uint32_t stream, size_t length, std::mt19937& random) {
    const char header[9] = {static_cast<char>(length >> 16U),
                            static_cast<char>(length >> 8U),
                            static_cast<char>(length),
                            static_cast<char>(type),
                            0,
                            0,
                            static_cast<char>(stream >> 16U),
                            static_cast<char>(stream >> 8U),
                            static_cast<char>(stream)};
    Add({header, sizeof(header)});
    std::string payload(length, '\0');
    for (char& c : payload) c = static_cast<char>(random());
    const bool is_skipped = type == kData && length > kSmallData;
    const size_t kept = is_skipped ? kDataStart : length;
    Add(std::string_view(payload).substr(0, kept));
    Add(std::string_view(payload).substr(kept), false);
  }
  void Any(std::mt19937& random) {
    const auto stream = static_cast<uint32_t>(1 + random() % 1000 * 2);
    const auto size = [&] { return random() % 4 == 0 ? random() % 16385 : random() % 300; };
    switch (random() % 6) {
      case 0:
        return Frame(kWindowUpdate, stream, 4, random);
      case 1:
        return Frame(kPing, 0, 8, random);
      case 2:
        Frame(kHeaders, stream, size(), random);
        return Frame(kContinuation, stream, size(), random);
      case 3:
        return Frame(kHeaders, stream, size(), random);
      default:
        return Frame(kData, stream, size(), random);
    }
  }
};

struct Told {
  uint32_t position;
  uint32_t original_size;
  uint32_t skipped_size;
  uint32_t flags;
  std::string bytes;
};

class BpfFrames : public BpfRules {
 protected:
  void SetUp() override {
    BpfRules::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    ring_fd_ = bpf_map_create(BPF_MAP_TYPE_RINGBUF, nullptr, 0, 0, 1U << 22U, nullptr);
    ASSERT_GE(ring_fd_, 0);
    const uint32_t index = 0;
    ASSERT_EQ(bpf_map_update_elem(bpf_map__fd(skeleton_->maps.rings), &index, &ring_fd_, BPF_ANY), 0);
    ring_.reset(ring_buffer__new(ring_fd_, &Note, this, nullptr));
    ASSERT_NE(ring_, nullptr);
    AddClient(kSock);
    skeleton_->bss->step_budget = 65536;
  }
  void TearDown() override {
    ring_.reset();
    if (ring_fd_ >= 0) close(ring_fd_);
  }

  // One call, out of a buffer or out of segments of `segment` bytes each.
  void Move(std::string_view bytes, uint32_t position, size_t segment = 0, uint32_t flags = 0, uint64_t sock = kSock) {
    std::vector<iovec> segments;
    auto& bss = *skeleton_->bss;
    bss.step_memory = segment == 0 ? 0 : 1;  // enum memory_kind
    bss.step_base = reinterpret_cast<uint64_t>(bytes.data());
    for (size_t at = 0; segment != 0 && at < bytes.size(); at += segment) {
      segments.push_back({const_cast<char*>(bytes.data()) + at, std::min(segment, bytes.size() - at)});
    }
    if (segment != 0) bss.step_base = reinterpret_cast<uint64_t>(segments.data());
    bss.step_segments = segments.size();
    bss.step_wanted = static_cast<uint32_t>(bytes.size());
    bss.step_position = position;
    bss.step_flags = flags;
    Take(kMove, sock);
    ring_buffer__consume(ring_.get());
  }
  uint64_t Lost(uint32_t reason) const {
    uint64_t sum = 0;
    for (size_t row = 0; row < WS_COUNTER_ROWS; ++row) sum += skeleton_->bss->counters[row * WS_COUNTERS + reason];
    return sum;
  }
  // Everything was told, in order; what was copied is what the stream had there. Returns what was copied of each byte.
  std::string Copied(const Stream& stream) {
    std::string copied(stream.bytes.size(), '\0');
    uint32_t next = 0;
    for (const Told& told : told_) {
      EXPECT_EQ(told.position - kStart, next);
      const uint32_t first = next + told.skipped_size;
      next += told.original_size;
      if (first + told.bytes.size() > next || next > stream.bytes.size()) {
        ADD_FAILURE() << "a record of " << told.bytes.size() << " bytes beyond its call";
        return copied;
      }
      EXPECT_EQ(stream.bytes.compare(first, told.bytes.size(), told.bytes), 0) << "at " << first;
      std::fill_n(copied.begin() + first, told.bytes.size(), '\1');
    }
    EXPECT_EQ(next, stream.bytes.size());
    return copied;
  }

  void ExpectCopied(const Stream& stream, const std::string& what = {}) {
    const std::string copied = Copied(stream);
    const auto [at, wanted] = std::mismatch(copied.begin(), copied.end(), stream.copied.begin(), stream.copied.end());
    EXPECT_EQ(at - copied.begin(), std::ssize(copied)) << "the first byte that is, or is not, copied against the rule; " << what;
  }

  std::vector<Told> told_;

 private:
  static int Note(void* context, void* data, size_t /*size*/) {
    const auto* event = static_cast<const ws_data_event*>(data);
    if (event->header.type != WS_EVENT_DATA) return 0;
    static_cast<BpfFrames*>(context)->told_.push_back(
        {event->position, event->original_size, event->skipped_size, event->flags,
         std::string(reinterpret_cast<const char*>(event + 1), event->captured_size)});
    return 0;
  }
  struct RingDeleter {
    void operator()(ring_buffer* ring) const { ring_buffer__free(ring); }
  };
  std::unique_ptr<ring_buffer, RingDeleter> ring_;
  int ring_fd_ = -1;
};

TEST_F(BpfFrames, WhateverCallsTheyFallIntoHeadersAreCopiedAndDataIsNot) {
  uint64_t sock = kSock;
  for (unsigned seed = 1; seed <= 24; ++seed) {
    std::mt19937 random(seed);
    Stream stream;
    stream.Preface();
    stream.Frame(kSettings, 0, 18, random);
    for (int i = 0; i < 60; ++i) stream.Any(random);
    bpf_map_delete_elem(bpf_map__fd(skeleton_->maps.connections), &sock);
    AddClient(kSock);
    told_.clear();
    constexpr size_t kPrefaceStart = 16;  // that one call brings, or the preface is not known
    constexpr size_t kLargest[] = {3, 40, 900, 20'000, 60'000};
    for (size_t at = 0, size = kPrefaceStart; at < stream.bytes.size(); at += size) {
      if (at > 0) size = std::min<size_t>(1 + random() % kLargest[seed % 5], stream.bytes.size() - at);
      Move(std::string_view(stream.bytes).substr(at, size), kStart + static_cast<uint32_t>(at),
           seed % 2 == 0 && at > 0 ? 1 + size / 20 : 0);
    }
    ExpectCopied(stream, "seed " + std::to_string(seed));
    if (HasFailure()) return;
  }
}

TEST_F(BpfFrames, OneRecordHoldsManySmallFrames) {
  std::mt19937 random(1);
  Stream stream;
  stream.Preface();
  for (int i = 0; i < 100; ++i) {
    stream.Frame(kHeaders, 1 + 2 * i, 12, random);
    stream.Frame(kData, 1 + 2 * i, 10, random);
  }
  Move(stream.bytes, kStart);
  ExpectCopied(stream);
  EXPECT_EQ(told_.size(), 1 + stream.bytes.size() / WS_MAX_PAYLOAD);
}

TEST_F(BpfFrames, OnlyTheFirstRecordBeginsTheTurn) {
  std::mt19937 random(1);
  Stream stream;
  stream.Preface();
  for (int i = 0; i < 3; ++i) stream.Frame(kData, 1, 5000, random);
  Move(stream.bytes, kStart, 0, WS_DATA_FIRST_OF_TURN);
  ASSERT_GT(told_.size(), 2U);
  for (size_t i = 0; i < told_.size(); ++i) EXPECT_EQ((told_[i].flags & WS_DATA_FIRST_OF_TURN) != 0, i == 0);
}

TEST_F(BpfFrames, AfterAMissedCallAChainOfFramesIsBelieved) {
  std::mt19937 random(1);
  Stream stream;
  stream.Preface();
  stream.Frame(kHeaders, 1, 30, random);
  Move(stream.bytes, kStart);
  const auto missed = static_cast<uint32_t>(stream.bytes.size() + 777);
  told_.clear();
  const std::string in_a_body(9000, 'x');
  Move(in_a_body, kStart + missed);
  EXPECT_EQ(told_.front().bytes.size(), size_t{WS_MAX_PAYLOAD}) << "not known: the budget copies";
  told_.clear();
  Stream frames;
  frames.Frame(kHeaders, 3, 30, random);
  frames.Frame(kData, 3, 5000, random);
  frames.Frame(kHeaders, 5, 30, random);
  Move(frames.bytes, kStart + missed + 9000);
  size_t copied = 0;
  for (const Told& told : told_) copied += told.bytes.size();
  EXPECT_EQ(copied, static_cast<size_t>(std::count(frames.copied.begin(), frames.copied.end(), '\1')));
}

TEST_F(BpfFrames, ACallThatIsMadeOfFramesIsBelieved) {
  std::mt19937 random(1);
  for (const bool is_whole : {true, false}) {
    Stream stream;
    stream.Preface();
    stream.Frame(kHeaders, 1, 30, random);
    uint64_t sock = kSock;
    bpf_map_delete_elem(bpf_map__fd(skeleton_->maps.connections), &sock);
    AddClient(kSock);
    Move(stream.bytes, kStart);
    told_.clear();
    Stream frames;
    frames.Frame(kHeaders, 3, 30, random);
    frames.Frame(kData, 3, 3000, random);
    const std::string_view bytes = frames.bytes;
    Move(is_whole ? bytes : bytes.substr(0, 2000), kStart + 100'000);
    EXPECT_EQ(told_.front().bytes.size(), is_whole ? 9U + 30 + 9 + kDataStart : 2000U);
  }
}

TEST_F(BpfFrames, AnotherProtocolIsNotWalked) {
  std::mt19937 random(1);
  Stream frames;
  for (int i = 0; i < 3; ++i) frames.Frame(kData, 3, 1000, random);
  Move(frames.bytes, kStart);
  ASSERT_EQ(told_.size(), 1U);
  EXPECT_EQ(told_[0].bytes, frames.bytes) << "nobody said that it is HTTP/2";
}

TEST_F(BpfFrames, WhereTwoThreadsWriteAtOnceNothingIsSkipped) {
  std::mt19937 random(1);
  Stream stream;
  stream.Preface();
  stream.Frame(kData, 1, 3000, random);
  Move(stream.bytes, kStart);
  told_.clear();
  Stream frames;
  for (int i = 0; i < 3; ++i) frames.Frame(kData, 3, 1000, random);
  Move(frames.bytes, kStart + static_cast<uint32_t>(stream.bytes.size()), 0, WS_DATA_POSITION_RACED);
  ASSERT_EQ(told_.size(), 1U);
  EXPECT_EQ(told_[0].bytes, frames.bytes);
}

TEST_F(BpfFrames, WhatIsNoFrameEndsTheWalkAndIsCopied) {
  std::mt19937 random(1);
  Stream stream;
  stream.Preface();
  stream.Frame(kHeaders, 1, 30, random);
  stream.Add(std::string(2000, '\xff'));
  Move(stream.bytes, kStart);
  ExpectCopied(stream);
}

TEST_F(BpfFrames, FramesInManySegmentsAreWalked) {
  for (const size_t segment : {1, 2, 7, 100}) {
    std::mt19937 random(1);
    Stream stream;
    stream.Preface();
    for (int i = 0; i < 10; ++i) {
      stream.Frame(kHeaders, 1 + 2 * i, 12, random);
      stream.Frame(kData, 1 + 2 * i, 300, random);
    }
    uint64_t sock = kSock;
    bpf_map_delete_elem(bpf_map__fd(skeleton_->maps.connections), &sock);
    AddClient(kSock);
    told_.clear();
    Move(std::string_view(stream.bytes).substr(0, kPreface), kStart);
    Move(std::string_view(stream.bytes).substr(kPreface), kStart + kPreface, segment);
    ExpectCopied(stream, "segments of " + std::to_string(segment));
  }
  EXPECT_EQ(Lost(WS_LOSS_IOVEC_LIMIT), 0U);
}

TEST_F(BpfFrames, WhatIsSkippedMayLieInAnyNumberOfSegments) {
  std::mt19937 random(1);
  Stream stream;
  stream.Preface();
  stream.Frame(kData, 1, 2000, random);
  stream.Frame(kHeaders, 3, 12, random);
  Move(std::string_view(stream.bytes).substr(0, kPreface), kStart);
  Move(std::string_view(stream.bytes).substr(kPreface), kStart + kPreface, 2);  // 1000 of them
  ExpectCopied(stream);
}

TEST_F(BpfFrames, ServersThatSpeakFirstAreKnownByTheirSettings) {
  std::mt19937 random(1);
  Stream stream;
  stream.Frame(kSettings, 0, 18, random);
  stream.Frame(kWindowUpdate, 0, 4, random);
  Move(stream.bytes, kStart);
  Stream more;
  more.Frame(kData, 1, 5000, random);
  const auto moved = static_cast<uint32_t>(stream.bytes.size());
  Move(more.bytes, kStart + moved);
  ASSERT_EQ(told_.size(), 3U);
  EXPECT_EQ(told_[1].bytes.size(), 9U + kDataStart);
  EXPECT_EQ(told_[2].bytes, "");
}

// The 101 and the frames behind it may be one call too (RFC 7540 3.2).
TEST_F(BpfFrames, WhatFollowsA101MayBeFrames) {
  std::mt19937 random(1);
  Stream settings;
  settings.Frame(kSettings, 0, 18, random);
  Stream data;
  data.Frame(kData, 1, 5000, random);
  for (const bool is_101 : {true, false}) {
    const uint64_t sock = kSock + 1 + (is_101 ? 1 : 0);
    AddServer(sock);
    uint32_t position = kStart;
    const auto move = [&](const std::string& bytes) {
      Move(bytes, position, 0, 0, sock);
      position += static_cast<uint32_t>(bytes.size());
    };
    move(std::string("HTTP/1.1 ") + (is_101 ? "101 Switching Protocols" : "200 OK") + "\r\nUpgrade: h2c\r\n\r\n");
    move(settings.bytes);
    told_.clear();
    move(data.bytes);
    ASSERT_EQ(told_.size(), 2U);
    EXPECT_EQ(told_[0].bytes.size(), is_101 ? 9U + kDataStart : 4096U);
  }
}

TEST_F(BpfFrames, BytesOfAPayloadThatWereNotSeenCostNoStep) {
  std::mt19937 random(1);
  Stream stream;
  stream.Preface();
  stream.Frame(kData, 1, 9000, random);
  stream.Frame(kHeaders, 3, 500, random);
  const std::string_view bytes = stream.bytes;
  Move(bytes.substr(0, 1000), kStart);
  Move(bytes.substr(7000), kStart + 7000);
  ASSERT_EQ(told_.back().original_size, bytes.size() - 7000);
  EXPECT_EQ(told_.back().bytes, bytes.substr(bytes.size() - 509)) << "the frame behind it is in step";
}

TEST_F(BpfFrames, FramesOfUnknownTypeArePassedOver) {
  std::mt19937 random(1);
  Stream stream;
  stream.Preface();
  stream.Frame(kSettings, 0, 6, random);
  stream.Frame(0xbe, 7, 3, random);
  stream.Frame(kData, 1, 5000, random);
  Move(stream.bytes, kStart);
  ExpectCopied(stream);
}

TEST_F(BpfFrames, OtherProtocolsInManySegmentsAreCopiedToo) {
  Stream stream;
  stream.Add("HTTP/1.1 200 OK\r\n\r\n" + std::string(400, 'x'));
  Move(stream.bytes, kStart, 1);
  ExpectCopied(stream);
  EXPECT_EQ(Lost(WS_LOSS_IOVEC_LIMIT), 0U);
}

TEST_F(BpfFrames, SegmentsBeyondTheLimitAreCounted) {
  const std::string bytes(1500, 'x');
  Move(bytes, kStart, 1);
  uint32_t told = 0;
  for (const Told& piece : told_) told += piece.original_size;
  EXPECT_EQ(told, bytes.size());
  EXPECT_EQ(told_.back().bytes, "");
  EXPECT_EQ(Lost(WS_LOSS_IOVEC_LIMIT), 1U);
}

}  // namespace
