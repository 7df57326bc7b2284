// Ring: the reading end of one BPF ring buffer (kernel/bpf/ringbuf.c: a consumer page, a producer page, and the data area twice,
// so that a record which runs over its end lies in one piece). Every mapped page counts as resident, once more than the kernel
// counts it: so a part of the data area is mapped, and moves along as it is read. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "agent/base/result.h"

namespace wirespan::kernel {

// The data area of a ring, twice in a row, as far as it is shown.
class RingData {
 public:
  // `bytes` begins `start` bytes behind the area's beginning.
  struct Window {
    size_t start = 0;
    std::span<const std::byte> bytes;
  };
  virtual ~RingData() = default;
  // A window that holds at least `size` bytes from `offset` on; the one before ends. Empty: it cannot be had now, or lies
  // outside.
  virtual Window Show(size_t offset, size_t size) = 0;
};

struct RingPositions {
  uint64_t* consumer = nullptr;        // ours to write
  const uint64_t* producer = nullptr;  // the kernel's
};

class RingReader {
 public:
  // `size` of the data area, a power of two. `data` outlives the reader.
  RingReader(const RingPositions& positions, size_t size, RingData& data) : positions_(positions), size_(size), data_(data) {}

  // Hands every record to `visit(std::span<const std::byte>)` that was there when the call began, up to one that is still being
  // written, or that cannot be shown now; returns how many. The view is valid during the visit. The kernel gets their room back
  // as it goes on.
  template <typename Visit>
  size_t Consume(Visit&& visit) {
    const uint64_t end = __atomic_load_n(positions_.producer, __ATOMIC_ACQUIRE);
    uint64_t at = *positions_.consumer;
    uint64_t given_back = at;
    size_t count = 0;
    while (at < end) {
      const size_t offset = at & (size_ - 1);
      const std::byte* start = At(offset, kHeaderBytes);
      if (start == nullptr) break;
      const uint32_t header = __atomic_load_n(reinterpret_cast<const uint32_t*>(start), __ATOMIC_ACQUIRE);
      if ((header & kBusy) != 0) break;
      const size_t size = header & kSizeMask;
      if ((header & kDiscarded) == 0) {
        start = At(offset, kHeaderBytes + size);
        if (start == nullptr) break;
        visit(std::span(start + kHeaderBytes, size));
        ++count;
      }
      at += (size + kHeaderBytes + 7) & ~size_t{7};
      if (at - given_back < kGiveBackBytes) continue;
      __atomic_store_n(positions_.consumer, at, __ATOMIC_RELEASE);
      given_back = at;
    }
    if (at != given_back) __atomic_store_n(positions_.consumer, at, __ATOMIC_RELEASE);
    return count;
  }
  // Bytes that wait, headers too. Any thread.
  uint64_t waiting() const {
    const uint64_t consumer = __atomic_load_n(positions_.consumer, __ATOMIC_ACQUIRE);
    return __atomic_load_n(positions_.producer, __ATOMIC_ACQUIRE) - consumer;
  }

 private:
  static constexpr uint32_t kBusy = 1U << 31U;  // BPF_RINGBUF_BUSY_BIT, _DISCARD_BIT (linux/bpf.h)
  static constexpr uint32_t kDiscarded = 1U << 30U;
  static constexpr uint32_t kSizeMask = kDiscarded - 1;
  static constexpr size_t kHeaderBytes = 8;  // BPF_RINGBUF_HDR_SZ
  static constexpr uint64_t kGiveBackBytes = uint64_t{64} << 10U;

  // `size` bytes from `offset` on, in one piece; null: not now.
  const std::byte* At(size_t offset, size_t size) {
    if (offset < window_.start || offset - window_.start + size > window_.bytes.size()) {
      window_ = data_.Show(offset, size);
      if (window_.bytes.empty()) return nullptr;
    }
    return window_.bytes.data() + (offset - window_.start);
  }

  RingPositions positions_;
  size_t size_;
  RingData& data_;
  RingData::Window window_;
};

// A ring of the kernel.
class Ring final : private RingData {
 public:
  // `map_fd`: of a BPF_MAP_TYPE_RINGBUF; not owned, and it stays open as long as the ring.
  static Result<std::unique_ptr<Ring>> Open(int map_fd);
  ~Ring() override;
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

  RingReader& reader() { return reader_; }
  const RingReader& reader() const { return reader_; }

 private:
  Ring(int map_fd, void* consumer, void* producer, size_t page, size_t size);
  Window Show(size_t offset, size_t size) override;
  void Hide();

  const int map_fd_;
  void* const consumer_;
  void* const producer_;
  const size_t page_;
  const size_t size_;
  void* window_ = nullptr;
  size_t window_bytes_ = 0;
  RingReader reader_;
};

}  // namespace wirespan::kernel
