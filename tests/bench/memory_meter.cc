#include "tests/bench/memory_meter.h"

#include <malloc.h>

#include <atomic>
#include <cstdlib>
#include <new>

namespace {
std::atomic<uint64_t> allocations{0};
std::atomic<int64_t> live_bytes{0};
}  // namespace

// In a translation unit of its own, so that the compiler pairs each new with its delete.
void* operator new(size_t size) {
  void* memory = std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) throw std::bad_alloc();
  allocations.fetch_add(1, std::memory_order_relaxed);
  live_bytes.fetch_add(static_cast<int64_t>(malloc_usable_size(memory)), std::memory_order_relaxed);
  return memory;
}
void operator delete(void* memory) noexcept {
  if (memory != nullptr) live_bytes.fetch_sub(static_cast<int64_t>(malloc_usable_size(memory)), std::memory_order_relaxed);
  std::free(memory);
}
void operator delete(void* memory, size_t /*size*/) noexcept { operator delete(memory); }

namespace wirespan::bench {

uint64_t Allocations() { return allocations.load(std::memory_order_relaxed); }
int64_t LiveBytes() { return live_bytes.load(std::memory_order_relaxed); }

}  // namespace wirespan::bench
