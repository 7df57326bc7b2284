// What the memory tests of the decoders share: bytes with a page without access behind them, and what every decoder of a protocol
// that answers in order must keep: nothing beyond the input is read, a warm one allocates nothing.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/unit/decoders/harness.h"
#include "tests/unit/support/allocation_counter.h"

namespace wirespan::testing {

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

// Every beginning of a request and of a response, right before a page without access: decoded, guessed at, and searched for a
// start. `adrift`: the beginning of a message of each direction that a gap sets adrift; empty: none is looked at.
template <typename Protocol>
void ExpectNothingBeyondTheInputIsRead(std::string_view request, std::string_view response, std::string_view adrift_request = {},
                                       std::string_view adrift_response = {}) {
  using Decoder = typename Protocol::Decoder;
  GuardedBytes guarded;
  typename Decoder::Messages out;
  for (const Direction dir : {kC2s, kS2c}) {
    const std::string_view wire = dir == kC2s ? request : response;
    const std::string_view begun = dir == kC2s ? adrift_request : adrift_response;
    for (size_t size = 0; size <= wire.size(); ++size) {
      Decoder decoder;
      const std::string_view bytes = guarded.Put(wire.substr(0, size));
      const decoders::ParseStep step = decoder.Decode(dir, AsBytes(bytes), out);
      ASSERT_TRUE(step.status == decoders::ParseStatus::kAdvanced || size == 0) << size;
      Protocol::kLikeness(dir, AsBytes(bytes));
      Decoder lost;
      ASSERT_FALSE(lost.OnGap(dir, 1, out));
      const std::optional<size_t> skip = lost.Resync(dir, AsBytes(bytes));
      if (skip) lost.Decode(dir, AsBytes(bytes.substr(*skip)), out);
      if (begun.empty()) continue;
      Decoder adrift;
      if (dir == kS2c) adrift.Decode(kC2s, AsBytes(request), out);
      adrift.Decode(dir, AsBytes(begun), out);
      ASSERT_TRUE(adrift.OnGap(dir, 5000, out));
      ASSERT_TRUE(adrift.Adrift(dir));
      adrift.Decode(dir, AsBytes(bytes), out);
    }
  }
}

// What one decoder allocates in 1000 exchanges, after ten, fed in pieces; each exchange is `messages` messages.
template <typename Protocol>
size_t AllocationsOf(std::string_view request, std::string_view response, size_t piece, size_t messages = 2) {
  using Decoder = typename Protocol::Decoder;
  typename Decoder::MessagePool pool;
  Decoder decoder(&pool);
  typename Decoder::Messages out;
  const auto exchange = [&] {
    for (const Direction dir : {kC2s, kS2c}) {
      const std::string_view wire = dir == kC2s ? request : response;
      for (size_t at = 0; at < wire.size(); at += piece) decoder.Decode(dir, AsBytes(wire.substr(at, piece)), out);
    }
    EXPECT_EQ(out.size(), messages);
    for (size_t i = 0; i < out.size(); ++i) pool.Give(std::move(out.box(i)));
    out.clear();
  };
  for (int warm = 0; warm < 10; ++warm) exchange();
  const size_t before = AllocationCount();
  for (int i = 0; i < 1000; ++i) exchange();
  return AllocationCount() - before;
}

// The same where gaps take the framing of both: the beginnings of a request and of a response, and what is seen of their ends.
// Every second response ends where a call does, if it can be told there.
template <typename Protocol>
size_t AllocationsOfAdrift(std::string_view request, std::string_view request_end, std::string_view response,
                           std::string_view response_end) {
  using Decoder = typename Protocol::Decoder;
  typename Decoder::MessagePool pool;
  Decoder decoder(&pool);
  typename Decoder::Messages out;
  const auto exchange = [&](size_t i) {
    decoder.Decode(kC2s, AsBytes(request), out);
    decoder.OnGap(kC2s, 1000, out);
    decoder.Decode(kC2s, AsBytes(request_end), out);
    decoder.Decode(kS2c, AsBytes(response), out);
    decoder.OnGap(kS2c, 1000, out);
    decoder.Decode(kS2c, AsBytes(response_end), out);
    const bool ended = i % 2 == 0 && decoder.EndsHere(kS2c, out);
    if (!ended) decoder.EndAdrift(kS2c, true, out);
    EXPECT_EQ(out.size(), 2U);
    for (size_t box = 0; box < out.size(); ++box) pool.Give(std::move(out.box(box)));
    out.clear();
    // Both directions search for their next start, and find it where it is given.
    EXPECT_EQ(decoder.Resync(kC2s, AsBytes(request)), size_t{0});
    EXPECT_EQ(decoder.Resync(kS2c, AsBytes(response)), size_t{0});
  };
  for (size_t i = 0; i < 10; ++i) exchange(i);
  const size_t before = AllocationCount();
  for (size_t i = 0; i < 1000; ++i) exchange(i);
  return AllocationCount() - before;
}

}  // namespace wirespan::testing
