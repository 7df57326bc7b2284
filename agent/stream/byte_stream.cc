#include "agent/stream/byte_stream.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace wirespan::stream {
namespace {

constexpr uint32_t kFarUnits = 1U << 10U;     // 1 GiB in units of position_high: beyond, the sequence number alone may mislead
constexpr uint32_t kAbsurdUnits = 1U << 30U;  // 2^50 bytes between two events: not believed
constexpr uint32_t kHighShift = 20;

// The position with the low half `low` that is nearest to `expected`.
uint64_t Nearest(uint64_t expected, uint32_t low) {
  const auto distance = static_cast<int32_t>(low - static_cast<uint32_t>(expected));
  return expected + static_cast<uint64_t>(static_cast<int64_t>(distance));
}

}  // namespace

std::unique_ptr<StreamStore> StorePool::Take() {
  ++lent_;
  if (spares_.empty()) return std::make_unique<StreamStore>();
  std::unique_ptr<StreamStore> store = std::move(spares_.back());
  spares_.pop_back();
  return store;
}

void StorePool::Give(std::unique_ptr<StreamStore> store) {
  --lent_;
  if (spares_.size() >= kMaxSpares || store->buffer.capacity() > kMaxKeptBytes) return;
  store->head = store->tail = 0;
  store->records.clear();
  store->pending_count = 0;
  store->pending_bytes = 0;
  spares_.push_back(std::move(store));
}

uint64_t ByteStream::Extend(uint32_t position, uint32_t position_high) const {
  if (!started_) return FirstPosition(position);
  const uint32_t units = position_high - last_high_;
  if (position_high > last_high_ && units >= kFarUnits && units < kAbsurdUnits) {
    return Nearest(high_at_ + (uint64_t{units} << kHighShift), position);
  }
  return Nearest(end_, position);
}

void ByteStream::Restart(uint64_t position, StorePool& pool) {
  if (store_ != nullptr) pool.Give(std::move(store_));
  in_place_ = {};
  position_ = end_ = high_at_ = position;
  last_high_ = 0;
  behind_count = 0;
  started_ = true;
}

void ByteStream::AppendCopy(std::span<const std::byte> bytes, StorePool& pool) {
  if (bytes.empty()) return;
  if (!in_place_.empty()) {
    Copy(in_place_, pool);
    in_place_ = {};
  }
  Copy(bytes, pool);
  end_ += bytes.size();
}

void ByteStream::Copy(std::span<const std::byte> bytes, StorePool& pool) {
  StreamStore& store = Store(pool);
  if (store.head == store.tail) store.head = store.tail = 0;
  const size_t needed = store.tail + bytes.size() + kPaddingBytes;
  if (store.buffer.size() < needed) store.buffer.resize(std::max(needed, 2 * store.buffer.size()));
  std::memcpy(store.buffer.data() + store.tail, bytes.data(), bytes.size());
  store.tail += bytes.size();
  std::memset(store.buffer.data() + store.tail, 0, kPaddingBytes);
}

void ByteStream::Skip(uint64_t size) {
  end_ += size;
  position_ = end_;
}

std::span<const std::byte> ByteStream::StoredHead() const {
  return std::span<const std::byte>(store_->buffer).subspan(store_->head, store_->tail - store_->head);
}

void ByteStream::DropHead() {
  in_place_ = {};
  position_ = end_;
  if (store_ != nullptr) {
    store_->head = store_->tail = 0;
    store_->records.clear();
  }
}

void ByteStream::CloseUndecided(StorePool& pool) {
  if (!in_place_.empty()) {
    Copy(in_place_, pool);
    in_place_ = {};
  }
  if (position_ < end_ && current_ != nullptr) {
    std::vector<ChunkRecord>& records = Store(pool).records;
    if (records.size() == kMaxRecords) records.erase(records.begin() + 1);
    ChunkRecord& record = records.emplace_back(ChunkRecord{current_begin_, current_begin_ + current_->original_size, *current_});
    record.chunk.bytes = {};
  }
  current_ = nullptr;
  if (store_ == nullptr) return;
  std::erase_if(store_->records, [this](const ChunkRecord& r) { return r.end <= position_; });
  if (store_->empty()) pool.Give(std::move(store_));
}

std::optional<Provenance> ByteStream::Remembered(uint64_t position) const {
  for (const ChunkRecord& r : store_->records) {
    if (position >= r.begin && position < r.end) return Provenance{r.begin, r.end, &r.chunk};
  }
  return std::nullopt;
}

bool ByteStream::AddPending(uint64_t begin, const DataChunk& chunk, uint64_t now_ns, StorePool& pool) {
  StreamStore& store = Store(pool);
  if (store.pending_count == kMaxPendingChunks || store.pending_bytes + chunk.bytes.size() > kMaxPendingBytes) return false;
  if (store.pending.size() == store.pending_count) store.pending.emplace_back();
  PendingChunk& slot = store.pending[store.pending_count++];
  slot.begin = begin;
  slot.since_ns = now_ns;
  slot.chunk = chunk;
  slot.bytes.resize(chunk.bytes.size() + kPaddingBytes);
  std::copy(chunk.bytes.begin(), chunk.bytes.end(), slot.bytes.begin());
  slot.chunk.bytes = std::span<const std::byte>(slot.bytes).first(chunk.bytes.size());
  store.pending_bytes += chunk.bytes.size();
  for (size_t i = store.pending_count - 1; i > 0 && store.pending[i].begin < store.pending[i - 1].begin; --i) {
    std::swap(store.pending[i], store.pending[i - 1]);  // moving a vector keeps its buffer, and so the views
  }
  return true;
}

void ByteStream::TakePending(PendingChunk& out, StorePool& pool) {
  StreamStore& store = *store_;
  std::swap(out, store.pending.front());
  std::rotate(store.pending.begin(), store.pending.begin() + 1,
              store.pending.begin() + static_cast<std::ptrdiff_t>(store.pending_count));
  --store.pending_count;
  store.pending_bytes -= out.chunk.bytes.size();
  if (store.empty()) pool.Give(std::move(store_));
}

void ByteStream::DropPending(StorePool& pool) {
  if (store_ == nullptr) return;
  store_->pending_count = 0;
  store_->pending_bytes = 0;
  if (store_->empty()) pool.Give(std::move(store_));
}

StreamStore& ByteStream::Store(StorePool& pool) {
  if (store_ == nullptr) store_ = pool.Take();
  return *store_;
}

}  // namespace wirespan::stream
