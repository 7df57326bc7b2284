#include "agent/stream/byte_stream.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>

namespace wirespan::stream {
namespace {

std::span<const std::byte> BytesOf(std::string_view text) { return std::as_bytes(std::span(text.data(), text.size())); }
std::string TextOf(std::span<const std::byte> bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

struct Fixture {
  StorePool pool;
  ByteStream stream;

  // A chunk at the stream's end; `eat` bytes of it are consumed.
  void Take(std::string_view text, size_t eat, uint64_t time_ns = 0) {
    DataChunk chunk;
    chunk.time_ns = time_ns;
    chunk.original_size = static_cast<uint32_t>(text.size());
    stream.OpenChunk(stream.end(), chunk);
    stream.Append(BytesOf(text), pool);
    stream.Consume(eat);
    stream.CloseChunk(pool);
  }
};

TEST(ByteStream, WhollyConsumedChunksAreNeverCopied) {
  Fixture f;
  f.stream.Restart(FirstPosition(5), f.pool);
  const std::string_view text = "hello";
  DataChunk chunk;
  chunk.original_size = 5;
  f.stream.OpenChunk(FirstPosition(5), chunk);
  f.stream.Append(BytesOf(text), f.pool);
  EXPECT_EQ(static_cast<const void*>(f.stream.Head().data()), text.data());
  f.stream.Consume(5);
  f.stream.CloseChunk(f.pool);
  EXPECT_EQ(f.pool.lent(), 0U);
  EXPECT_EQ(f.stream.position(), FirstPosition(10));
}

TEST(ByteStream, UndecidedBytesAreKeptWithPaddingAndTheirTimes) {
  Fixture f;
  f.stream.Restart(FirstPosition(0), f.pool);
  f.Take("abc", 1, 10);
  f.Take("def", 0, 20);
  EXPECT_EQ(f.pool.lent(), 1U);
  ASSERT_EQ(TextOf(f.stream.Head()), "bcdef");
  for (size_t i = 0; i < kPaddingBytes; ++i) EXPECT_EQ(f.stream.Head().data()[5 + i], std::byte{0});
  EXPECT_EQ(f.stream.TimeAt(FirstPosition(1))->chunk->time_ns, 10U);
  EXPECT_EQ(f.stream.TimeAt(FirstPosition(3))->chunk->time_ns, 20U);
  EXPECT_FALSE(f.stream.TimeAt(FirstPosition(6)).has_value());
  f.Take("g", 6, 30);
  EXPECT_EQ(f.pool.lent(), 0U);
  EXPECT_FALSE(f.stream.TimeAt(FirstPosition(1)).has_value());
}

TEST(ByteStream, TheFirstOfManyUndecidedChunksKeepsItsTime) {
  Fixture f;
  f.stream.Restart(FirstPosition(0), f.pool);
  for (uint64_t i = 0; i < 100; ++i) f.Take("x", 0, i);
  EXPECT_EQ(f.stream.TimeAt(FirstPosition(0))->chunk->time_ns, 0U);
  EXPECT_EQ(f.stream.TimeAt(FirstPosition(99))->chunk->time_ns, 99U);
  EXPECT_FALSE(f.stream.TimeAt(FirstPosition(50)).has_value());
}

TEST(ByteStream, PositionsWrapAroundInBothDirections) {
  Fixture f;
  f.stream.Restart(FirstPosition(0xfffffff0U), f.pool);
  EXPECT_EQ(f.stream.Extend(0xfffffff0U, 0), FirstPosition(0xfffffff0U));
  EXPECT_EQ(f.stream.Extend(0x10, 0), FirstPosition(0) + 0x100000010U);
  EXPECT_EQ(f.stream.Extend(0xffffff00U, 0), FirstPosition(0xffffff00U));
  f.stream.Skip(0x20);
  EXPECT_EQ(f.stream.Extend(0xfffffff8U, 0), FirstPosition(0xfffffff8U)) << "behind, before the wrap";
}

TEST(ByteStream, GapsBeyondTwoGigabytesAreToldByTheHighPart) {
  for (const uint64_t gap : {uint64_t{1} << 30U, uint64_t{3} << 30U, (uint64_t{7} << 30U) + 12345, uint64_t{40} << 32U}) {
    Fixture f;
    const uint64_t begin = FirstPosition(123);
    f.stream.Restart(begin, f.pool);
    DataChunk chunk;
    chunk.position_high = 2;
    chunk.original_size = 10;
    f.stream.OpenChunk(begin, chunk);
    f.stream.Skip(10);
    f.stream.CloseChunk(f.pool);
    const uint64_t next = begin + 10 + gap;
    for (const uint32_t error : {0U, 1U, 100U}) {  // the high part is approximate
      EXPECT_EQ(f.stream.Extend(static_cast<uint32_t>(next), static_cast<uint32_t>(2 + (gap >> 20U) + error)), next) << gap;
    }
  }
}

TEST(ByteStream, AbsurdHighPartsAreNotBelieved) {
  Fixture f;
  f.stream.Restart(FirstPosition(100), f.pool);
  EXPECT_EQ(f.stream.Extend(150, 0xffffffffU), FirstPosition(150));
}

TEST(ByteStream, PendingChunksComeOutByPositionWithTheirBytes) {
  Fixture f;
  f.stream.Restart(FirstPosition(0), f.pool);
  for (const uint64_t at : {30U, 10U, 20U}) {
    const std::string text = "chunk at " + std::to_string(at);
    DataChunk chunk;
    chunk.bytes = BytesOf(text);
    EXPECT_TRUE(f.stream.AddPending(FirstPosition(0) + at, chunk, at, f.pool));
  }
  PendingChunk out;
  for (const uint64_t at : {10U, 20U, 30U}) {
    ASSERT_TRUE(f.stream.has_pending());
    f.stream.TakePending(out, f.pool);
    EXPECT_EQ(out.begin, FirstPosition(0) + at);
    EXPECT_EQ(TextOf(out.chunk.bytes), "chunk at " + std::to_string(at));
  }
  EXPECT_FALSE(f.stream.has_pending());
  EXPECT_EQ(f.pool.lent(), 0U);
}

TEST(ByteStream, PendingIsBoundedByCountAndBytes) {
  Fixture f;
  f.stream.Restart(FirstPosition(0), f.pool);
  DataChunk chunk;
  for (size_t i = 0; i < kMaxPendingChunks; ++i) EXPECT_TRUE(f.stream.AddPending(i, chunk, 0, f.pool));
  EXPECT_FALSE(f.stream.AddPending(99, chunk, 0, f.pool));
  f.stream.DropPending(f.pool);
  EXPECT_EQ(f.pool.lent(), 0U);
  const std::string big(kMaxPendingBytes / 2 + 1, 'x');
  chunk.bytes = BytesOf(big);
  EXPECT_TRUE(f.stream.AddPending(1, chunk, 0, f.pool));
  EXPECT_FALSE(f.stream.AddPending(2, chunk, 0, f.pool));
}

TEST(StorePool, DoesNotKeepOversizedBuffers) {
  StorePool pool;
  auto store = pool.Take();
  store->buffer.resize(1 << 20);
  pool.Give(std::move(store));
  EXPECT_EQ(pool.Take()->buffer.capacity(), 0U);
}

}  // namespace
}  // namespace wirespan::stream
