#include "agent/kernel/ring.h"

#include <bpf/bpf.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace wirespan::kernel {
namespace {
constexpr size_t kOverlapBytes = size_t{128} << 10U;  // longer than any record of ours
}

Result<std::unique_ptr<Ring>> Ring::Map(int map_fd) {
  bpf_map_info info{};
  uint32_t length = sizeof(info);
  if (bpf_map_get_info_by_fd(map_fd, &info, &length) != 0) return Error::FromErrno("read the size of a ring buffer", errno);
  const auto page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  const size_t size = info.max_entries;
  const size_t producer_bytes = page + size + std::min(size, kOverlapBytes);
  void* consumer = ::mmap(nullptr, page, PROT_READ | PROT_WRITE, MAP_SHARED, map_fd, 0);
  if (consumer == MAP_FAILED) return Error::FromErrno("map ring buffer", errno);
  void* producer = ::mmap(nullptr, producer_bytes, PROT_READ, MAP_SHARED, map_fd, static_cast<off_t>(page));
  if (producer == MAP_FAILED) {
    const int error = errno;
    ::munmap(consumer, page);
    return Error::FromErrno("map ring buffer", error);
  }
  return std::unique_ptr<Ring>(new Ring(consumer, producer, producer_bytes, page, size));
}

Ring::Ring(void* consumer, void* producer, size_t producer_bytes, size_t page, size_t size)
    : consumer_(consumer),
      producer_(producer),
      producer_bytes_(producer_bytes),
      page_(page),
      reader_({static_cast<uint64_t*>(consumer), static_cast<const uint64_t*>(producer),
               static_cast<const std::byte*>(producer) + page, size, producer_bytes - page}) {}

Ring::~Ring() {
  ::munmap(producer_, producer_bytes_);
  ::munmap(consumer_, page_);
}

}  // namespace wirespan::kernel
