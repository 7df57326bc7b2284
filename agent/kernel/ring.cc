#include "agent/kernel/ring.h"

#include <bpf/bpf.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace wirespan::kernel {
namespace {

// Of each window, and what it shows beyond: longer than any record of ours, and whole pages of any size. To move it costs some
// 250,000 instructions.
constexpr size_t kWindowBytes = size_t{1} << 20U;
constexpr size_t kOverlapBytes = size_t{64} << 10U;

}  // namespace

Result<std::unique_ptr<Ring>> Ring::Open(int map_fd) {
  bpf_map_info info{};
  uint32_t length = sizeof(info);
  if (bpf_map_get_info_by_fd(map_fd, &info, &length) != 0) return Error::FromErrno("read the size of a ring buffer", errno);
  const auto page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  void* consumer = ::mmap(nullptr, page, PROT_READ | PROT_WRITE, MAP_SHARED, map_fd, 0);
  if (consumer == MAP_FAILED) return Error::FromErrno("map ring buffer", errno);
  void* producer = ::mmap(nullptr, page, PROT_READ, MAP_SHARED, map_fd, static_cast<off_t>(page));
  if (producer == MAP_FAILED) {
    const int error = errno;
    ::munmap(consumer, page);
    return Error::FromErrno("map ring buffer", error);
  }
  std::unique_ptr<Ring> ring(new Ring(map_fd, consumer, producer, page, info.max_entries));
  if (ring->Show(0, 1).bytes.empty()) return Error::FromErrno("map ring buffer", errno);
  return ring;
}

Ring::Ring(int map_fd, void* consumer, void* producer, size_t page, size_t size)
    : map_fd_(map_fd),
      consumer_(consumer),
      producer_(producer),
      page_(page),
      size_(size),
      reader_({static_cast<uint64_t*>(consumer), static_cast<const uint64_t*>(producer)}, size, *this) {}

Ring::~Ring() {
  Hide();
  ::munmap(producer_, page_);
  ::munmap(consumer_, page_);
}

void Ring::Hide() {
  if (window_ != nullptr) ::munmap(window_, window_bytes_);
  window_ = nullptr;
}

RingData::Window Ring::Show(size_t offset, size_t size) {
  if (offset >= size_ || size > 2 * size_ - offset) return {};
  const size_t start = offset & ~(kWindowBytes - 1);
  const size_t usual = std::min(kWindowBytes, size_) + std::min(kOverlapBytes, size_);
  const size_t wanted = (offset - start + size + page_ - 1) & ~(page_ - 1);
  Hide();
  window_bytes_ = std::max(usual, wanted);
  void* window = ::mmap(nullptr, window_bytes_, PROT_READ, MAP_SHARED, map_fd_, static_cast<off_t>(2 * page_ + start));
  if (window == MAP_FAILED) return {};
  window_ = window;
  return {start, {static_cast<const std::byte*>(window), window_bytes_}};
}

}  // namespace wirespan::kernel
