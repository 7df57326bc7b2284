// No byte beyond the input is read (a page without access follows it), a warm decoder allocates nothing, and endless input of any
// kind makes nothing grow.
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "tests/unit/decoders/hpack_oracle.h"
#include "tests/unit/decoders/http2_harness.h"
#include "tests/unit/support/allocation_counter.h"

namespace wirespan::testing::h2 {
namespace {

using decoders::http2::Decoder;
using decoders::http2::kEndHeaders;
using decoders::http2::kEndStream;
using decoders::http2::MessagePool;

constexpr uint8_t kWhole = kEndHeaders | kEndStream;

// Two pages, the second without access; text is put right before it.
class GuardedBytes {
 public:
  GuardedBytes() : page_(static_cast<size_t>(sysconf(_SC_PAGESIZE))) {
    void* memory = mmap(nullptr, 2 * page_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) std::abort();
    base_ = static_cast<char*>(memory);
    if (mprotect(base_ + page_, page_, PROT_NONE) != 0) std::abort();
  }
  ~GuardedBytes() { munmap(base_, 2 * page_); }
  GuardedBytes(const GuardedBytes&) = delete;
  GuardedBytes& operator=(const GuardedBytes&) = delete;

  std::string_view Put(std::string_view text) {
    char* at = base_ + page_ - text.size();
    std::memcpy(at, text.data(), text.size());
    return {at, text.size()};
  }

 private:
  size_t page_;
  char* base_ = nullptr;
};

TEST(Http2Memory, NothingBeyondTheInputIsRead) {
  GuardedBytes guarded;
  Deflater deflater(4096);
  std::vector<Pair> fields = {{":method", "POST"}, {":scheme", "http"}, {":path", "/a"}, {"x-id", "some-value-coded"}};
  const std::string block = deflater.Deflate(fields, std::vector<bool>(4));
  const std::string wire = Frame(FrameType::kHeaders, kEndHeaders, 1, block) + Frame(FrameType::kSettings, 0, 0, Setting(1, 2)) +
                           Frame(FrameType::kRstStream, 0, 1, Uint32(8)) +
                           Frame(FrameType::kData, 8, 3, std::string("\x01x\x00", 3));
  for (size_t size = 1; size <= wire.size(); ++size) {
    for (const Direction dir : {kC2s, kS2c}) {
      Decoder decoder;
      std::vector<Message> out;
      ASSERT_EQ(decoder.Decode(dir, AsBytes(dir == kC2s ? ClientStart() : ServerStart()), out).status,
                decoders::ParseStatus::kAdvanced);
      ASSERT_EQ(decoder.Decode(dir, AsBytes(guarded.Put(std::string_view(wire).substr(0, size))), out).consumed, size);
      Decoder lost;
      lost.StartInMiddle();
      const std::string_view bytes = guarded.Put(std::string_view(wire).substr(0, size));
      if (const auto skip = lost.Resync(dir, AsBytes(bytes)); skip) lost.Decode(dir, AsBytes(bytes.substr(*skip)), out);
    }
  }
}

struct Exchange {
  std::string request;
  std::string response;
};

// gRPC calls as a library encodes them: each inserts some of its fields, so that entries are evicted all the time.
std::vector<Exchange> Calls(size_t count) {
  Deflater client(4096);
  Deflater server(4096);
  std::vector<Exchange> calls;
  for (size_t i = 0; i < count; ++i) {
    const auto stream = static_cast<uint32_t>(2 * i + 1);
    std::vector<Pair> request = {{":method", "POST"},
                                 {":scheme", "http"},
                                 {":path", "/shop.v1.Cart/Add"},
                                 {":authority", "shop:50051"},
                                 {"content-type", "application/grpc"},
                                 {"te", "trailers"},
                                 {"x-request-id", std::to_string(1000000 + i)}};
    std::vector<Pair> head = {
        {":status", "200"}, {"content-type", "application/grpc"}, {"date", std::to_string(1000000 + i / 10)}};
    std::vector<Pair> trailers = {{"grpc-status", "0"}, {"x-took", std::to_string(1000000 + i)}};
    const std::string data = std::string(4, '\0') + '\x03' + "abc";
    Exchange call;
    call.request = Frame(FrameType::kHeaders, kEndHeaders, stream, client.Deflate(request, std::vector<bool>(7))) +
                   Frame(FrameType::kData, kEndStream, stream, data);
    call.response = Frame(FrameType::kHeaders, kEndHeaders, stream, server.Deflate(head, std::vector<bool>(3))) +
                    Frame(FrameType::kData, 0, stream, data);
    call.response += Frame(FrameType::kHeaders, kWhole, stream, server.Deflate(trailers, std::vector<bool>(2)));
    calls.push_back(std::move(call));
  }
  return calls;
}

class Warm {
 public:
  Warm() : decoder_(&pool_) {
    Feed(kC2s, ClientStart(), 4096);
    Feed(kS2c, ServerStart(), 4096);
  }
  void Feed(Direction dir, std::string_view bytes, size_t piece) {
    while (!bytes.empty()) {
      const decoders::ParseStep step = decoder_.Decode(dir, AsBytes(bytes.substr(0, piece)), out_);
      if (step.consumed == 0) break;
      bytes.remove_prefix(step.consumed);
    }
    count_ += out_.size();
    for (Message& message : out_) pool_.Give(std::move(message));
    out_.clear();
  }
  Decoder& decoder() { return decoder_; }
  std::vector<Message>& out() { return out_; }
  size_t count() const { return count_; }

 private:
  MessagePool pool_;
  Decoder decoder_;
  std::vector<Message> out_;
  size_t count_ = 0;
};

TEST(Http2Memory, AWarmDecoderAllocatesNothing) {
  const std::vector<Exchange> calls = Calls(3000);
  for (const size_t piece : {size_t{65536}, size_t{7}}) {
    Warm warm;
    for (size_t i = 0; i < calls.size(); ++i) {
      if (i == 1000) ResetAllocationCount();
      warm.Feed(kC2s, calls[i].request, piece);
      warm.Feed(kS2c, calls[i].response, piece);
    }
    EXPECT_EQ(AllocationCount(), 0U) << piece;
    EXPECT_EQ(warm.count(), calls.size() * 4);
  }
}

TEST(Http2Memory, AWarmDecoderThatLosesFramingAllocatesNothing) {
  const std::vector<Exchange> calls = Calls(2000);
  Warm warm;
  const std::string ping = FrameHead(FrameType::kPing, 0, 0, 8);
  const std::string ping_payload(8, 'p');
  size_t resyncs = 0;
  for (size_t i = 0; i < calls.size(); ++i) {
    if (i == 1000) ResetAllocationCount();
    warm.Feed(kC2s, calls[i].request, 65536);
    warm.Feed(kC2s, ping, 65536);
    warm.decoder().OnGap(kC2s, 100, warm.out());
    resyncs += warm.decoder().Resync(kC2s, AsBytes(calls[i].request)).has_value() ? 1U : 0U;
  }
  EXPECT_EQ(AllocationCount(), 0U);
  EXPECT_EQ(resyncs, calls.size());
}

// Whatever a peer sends without end: once the bounds are reached, nothing is allocated any more.
TEST(Http2Memory, EndlessInputStaysBounded) {
  const std::string many_inserts = [] {
    std::string block = GetBlock();
    for (int i = 0; i < 40; ++i) block += Literal("name-" + std::to_string(i), std::string(40, 'v'), Indexing::kInsert);
    return block;
  }();
  const auto frames = [&](size_t kind, uint32_t i) -> std::string {
    switch (kind) {
      case 0:  // one header block that never ends
        return i == 0 ? Frame(FrameType::kHeaders, 0, 1, GetBlock())
                      : Frame(FrameType::kContinuation, 0, 1, Literal("n", std::string(500, 'v')));
      case 1:  // streams that are opened and never ended
        return Frame(FrameType::kHeaders, kEndHeaders, 2 * i + 1, GetBlock());
      case 2:  // settings that nobody acknowledges
        return Frame(FrameType::kSettings, 0, 0, Setting(1, 1U << 30U));
      case 3:  // a table that is filled again and again
        return Frame(FrameType::kHeaders, kWhole, 2 * i + 1, many_inserts);
      case 4:  // acknowledgements of nothing
        return Frame(FrameType::kSettings, 1, 0);
      default:  // resets of what is not there
        return Frame(FrameType::kRstStream, 0, 2 * i + 1, Uint32(8));
    }
  };
  constexpr uint32_t kFrames = 20000;
  for (size_t kind = 0; kind < 6; ++kind) {
    Warm warm;
    std::vector<std::string> pieces;
    for (uint32_t i = 0; i < kFrames; ++i) pieces.push_back(frames(kind, i));
    for (uint32_t i = 0; i < kFrames; ++i) {
      if (i == kFrames / 2) ResetAllocationCount();
      warm.Feed(kC2s, pieces[i], 65536);
    }
    EXPECT_EQ(AllocationCount(), 0U) << kind;
    EXPECT_LE(warm.decoder().OpenStreams(kC2s), decoders::http2::kMaxHalfStreams);
  }
}

}  // namespace
}  // namespace wirespan::testing::h2
