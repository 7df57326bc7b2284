// Counts the allocations of a test binary: allocation_counter.cc replaces the global operator new.
#pragma once

#include <cstddef>

namespace wirespan::testing {

// Calls of operator new by any thread since the last reset.
size_t AllocationCount();
void ResetAllocationCount();

}  // namespace wirespan::testing
