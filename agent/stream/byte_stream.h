// ByteStream: one direction of a connection as bytes in order, by 64-bit position, with gaps. Owned by its Connection, used by
// the shard's thread. Bytes are viewed where they lie (the ring) and copied only where they must outlive their event: undecided
// bytes and chunks that came too early. What is copied lives in a StreamStore lent by the shard's pool and given back when it is
// empty, so that an idle stream is this object alone. Bytes are never invented and never given twice.
//
// Positions: the low 32 bits are TCP's sequence number; the first chunk of a stream begins at 2^32 + its sequence number.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "agent/kernel/event.h"

namespace wirespan::stream {

// Copied bytes are followed by this many readable ones, for readers that load a vector at a time.
inline constexpr size_t kPaddingBytes = 32;
inline constexpr size_t kMaxRecords = 16;       // chunks remembered of undecided bytes; the middle ones go first
inline constexpr size_t kMaxPendingChunks = 8;  // chunks held, out of order or too early
inline constexpr size_t kMaxPendingBytes = size_t{64} * 1024;

// Where a stream begins whose first chunk has this sequence number.
constexpr uint64_t FirstPosition(uint32_t position) { return (uint64_t{1} << 32U) + position; }

// The event that bytes came with. `chunk.bytes` is empty: they are gone.
struct ChunkRecord {
  uint64_t begin = 0;  // the call's first byte
  uint64_t end = 0;    // after its last
  DataChunk chunk;
};

struct PendingChunk {
  uint64_t begin = 0;
  uint64_t since_ns = 0;  // the shard's time when it was put here
  DataChunk chunk;        // its bytes are in `bytes`
  std::vector<std::byte> bytes;
};

struct StreamStore {
  std::vector<std::byte> buffer;  // undecided bytes from `head` on, then kPaddingBytes zeros
  size_t head = 0;
  size_t tail = 0;
  std::vector<ChunkRecord> records;
  std::vector<PendingChunk> pending;  // by position; the first `pending_count` are in use
  size_t pending_count = 0;
  size_t pending_bytes = 0;

  bool empty() const { return head == tail && pending_count == 0; }
};

// Spare stores of one shard.
class StorePool {
 public:
  std::unique_ptr<StreamStore> Take();
  void Give(std::unique_ptr<StreamStore> store);  // keeps at most kMaxSpares, and no oversized buffers
  size_t lent() const { return lent_; }

 private:
  static constexpr size_t kMaxSpares = 64;
  static constexpr size_t kMaxKeptBytes = size_t{64} * 1024;
  std::vector<std::unique_ptr<StreamStore>> spares_;
  size_t lent_ = 0;
};

// Where bytes came from. The pointer lives until the next non-const call.
struct Provenance {
  uint64_t begin = 0;
  uint64_t end = 0;
  const DataChunk* chunk = nullptr;
};

class ByteStream {
 public:
  bool started() const { return started_; }
  uint64_t position() const { return position_; }  // of Head()'s first byte
  uint64_t end() const { return end_; }            // after the last byte given or told of

  // The 64-bit position of a chunk's first byte: nearest to end(), or to where `position_high` says more than 1 GiB has moved.
  uint64_t Extend(uint32_t position, uint32_t position_high) const;
  // Begins, or begins anew, at `position`; undecided and pending bytes are dropped.
  void Restart(uint64_t position, StorePool& pool);

  // `chunk`, whose call began at `begin`, is the current one until CloseChunk: its bytes and times can be asked for.
  void OpenChunk(uint64_t begin, const DataChunk& chunk) {
    current_ = &chunk;
    current_begin_ = begin;
    if (chunk.position_high < last_high_) return;
    last_high_ = chunk.position_high;
    high_at_ = begin;
  }
  // `bytes` of the open chunk follow end(). Views them where Head() is empty, else copies.
  void Append(std::span<const std::byte> bytes, StorePool& pool) {
    if (position_ == end_ && !bytes.empty()) {
      in_place_ = bytes;
      end_ += bytes.size();
    } else {
      AppendCopy(bytes, pool);
    }
  }
  // `size` bytes at end() were not seen. Head() must be empty.
  void Skip(uint64_t size);
  std::span<const std::byte> Head() const {
    if (!in_place_.empty()) return in_place_;
    return position_ == end_ || store_ == nullptr ? std::span<const std::byte>() : StoredHead();
  }
  void Consume(size_t size) {
    position_ += size;
    if (!in_place_.empty()) {
      in_place_ = in_place_.subspan(size);
    } else if (store_ != nullptr) {
      store_->head += size;
    }
  }
  // The undecided bytes are given up; position() becomes end().
  void DropHead();
  // Copies what is undecided, remembers its chunk, gives the store back where it is empty.
  void CloseChunk(StorePool& pool) {
    if (store_ != nullptr || position_ != end_) CloseUndecided(pool);
    current_ = nullptr;
    in_place_ = {};
  }

  // The chunk that the byte at `position` came with, or that told of it; nullopt: a gap between chunks, or forgotten.
  std::optional<Provenance> TimeAt(uint64_t position) const {
    if (current_ != nullptr && position >= current_begin_ && position - current_begin_ < current_->original_size) {
      return Provenance{current_begin_, current_begin_ + current_->original_size, current_};
    }
    return store_ == nullptr ? std::nullopt : Remembered(position);
  }

  // Chunks that cannot be used yet, by position. False: no room.
  bool AddPending(uint64_t begin, const DataChunk& chunk, uint64_t now_ns, StorePool& pool);
  bool has_pending() const { return store_ != nullptr && store_->pending_count > 0; }
  const PendingChunk& FirstPending() const { return store_->pending.front(); }
  // Moves the first one out; swapping keeps both buffers alive.
  void TakePending(PendingChunk& out, StorePool& pool);
  void DropPending(StorePool& pool);

  // Counts chunks that lie behind the stream, one after another; a chunk that does not resets it.
  uint8_t behind_count = 0;

 private:
  StreamStore& Store(StorePool& pool);
  void Copy(std::span<const std::byte> bytes, StorePool& pool);
  void AppendCopy(std::span<const std::byte> bytes, StorePool& pool);
  void CloseUndecided(StorePool& pool);
  std::span<const std::byte> StoredHead() const;
  std::optional<Provenance> Remembered(uint64_t position) const;  // store_ is there

  uint64_t position_ = 0;
  uint64_t end_ = 0;
  uint64_t high_at_ = 0;  // the position that last_high_ was told at
  std::span<const std::byte> in_place_;
  const DataChunk* current_ = nullptr;
  uint64_t current_begin_ = 0;
  std::unique_ptr<StreamStore> store_;
  uint32_t last_high_ = 0;
  bool started_ = false;
};

}  // namespace wirespan::stream
