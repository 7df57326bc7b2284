// What a benchmark's process allocates: memory_meter.cc replaces the global operator new and delete. Any thread.
#pragma once

#include <cstddef>
#include <cstdint>

namespace wirespan::bench {

uint64_t Allocations();  // calls of operator new so far
int64_t LiveBytes();     // allocated by it and not given back, as the allocator rounds them up

}  // namespace wirespan::bench
