// Ring: the reading end of one BPF ring buffer (kernel/bpf/ringbuf.c: a consumer page, a producer page, and the data area twice,
// so that a record which runs over its end lies in one piece). Of the second copy only the beginning is mapped, for every mapped
// page counts as resident; a longer record over the end is put together apart. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "agent/base/result.h"

namespace wirespan::kernel {

// The memory of a ring and how it is walked. `mapped` of the data area may be read from `data` on; at least `size`.
struct RingMemory {
  uint64_t* consumer = nullptr;        // ours to write
  const uint64_t* producer = nullptr;  // the kernel's
  const std::byte* data = nullptr;
  size_t size = 0;  // a power of two
  size_t mapped = 0;
};

class RingReader {
 public:
  explicit RingReader(const RingMemory& memory) : memory_(memory) {}

  // Hands every record to `visit(std::span<const std::byte>)` that was there when the call began, up to one that is still being
  // written; returns how many. The view is valid during the visit. The kernel gets their room back as it goes on.
  template <typename Visit>
  size_t Consume(Visit&& visit) {
    const uint64_t end = __atomic_load_n(memory_.producer, __ATOMIC_ACQUIRE);
    uint64_t at = *memory_.consumer;
    uint64_t given_back = at;
    size_t count = 0;
    while (at < end) {
      const size_t offset = at & (memory_.size - 1);
      const uint32_t header = __atomic_load_n(reinterpret_cast<const uint32_t*>(memory_.data + offset), __ATOMIC_ACQUIRE);
      if ((header & kBusy) != 0) break;
      const size_t size = header & kSizeMask;
      if ((header & kDiscarded) == 0) {
        visit(View(offset + kHeaderBytes, size));
        ++count;
      }
      at += (size + kHeaderBytes + 7) & ~size_t{7};
      if (at - given_back < kGiveBackBytes) continue;
      __atomic_store_n(memory_.consumer, at, __ATOMIC_RELEASE);
      given_back = at;
    }
    if (at != given_back) __atomic_store_n(memory_.consumer, at, __ATOMIC_RELEASE);
    return count;
  }
  // Bytes that wait, headers too. Any thread.
  uint64_t waiting() const {
    const uint64_t consumer = __atomic_load_n(memory_.consumer, __ATOMIC_ACQUIRE);
    return __atomic_load_n(memory_.producer, __ATOMIC_ACQUIRE) - consumer;
  }

 private:
  static constexpr uint32_t kBusy = 1U << 31U;  // BPF_RINGBUF_BUSY_BIT, _DISCARD_BIT (linux/bpf.h)
  static constexpr uint32_t kDiscarded = 1U << 30U;
  static constexpr uint32_t kSizeMask = kDiscarded - 1;
  static constexpr size_t kHeaderBytes = 8;  // BPF_RINGBUF_HDR_SZ
  static constexpr uint64_t kGiveBackBytes = uint64_t{64} << 10U;

  std::span<const std::byte> View(size_t offset, size_t size) {
    if (offset + size <= memory_.mapped) return {memory_.data + offset, size};
    const std::span<const std::byte> first(memory_.data + offset, memory_.size - offset);
    joined_.assign(first.begin(), first.end());
    joined_.insert(joined_.end(), memory_.data, memory_.data + (size - first.size()));
    return joined_;
  }

  RingMemory memory_;
  std::vector<std::byte> joined_;
};

// A ring of the kernel, mapped.
class Ring {
 public:
  // `map_fd`: of a BPF_MAP_TYPE_RINGBUF, not owned; it may be closed afterwards.
  static Result<std::unique_ptr<Ring>> Map(int map_fd);
  ~Ring();
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

  RingReader& reader() { return reader_; }
  const RingReader& reader() const { return reader_; }

 private:
  Ring(void* consumer, void* producer, size_t producer_bytes, size_t page, size_t size);

  void* consumer_;
  void* producer_;
  size_t producer_bytes_;
  size_t page_;
  RingReader reader_;
};

}  // namespace wirespan::kernel
