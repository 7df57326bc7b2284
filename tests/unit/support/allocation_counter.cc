#include "tests/unit/support/allocation_counter.h"

#include <atomic>
#include <cstdlib>
#include <new>

namespace {
std::atomic<size_t> allocations{0};
}  // namespace

// In a translation unit of its own, so that the compiler pairs each new with its delete.
void* operator new(size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t /*size*/) noexcept { std::free(memory); }

namespace wirespan::testing {

size_t AllocationCount() { return allocations.load(std::memory_order_relaxed); }
void ResetAllocationCount() { allocations.store(0, std::memory_order_relaxed); }

}  // namespace wirespan::testing
