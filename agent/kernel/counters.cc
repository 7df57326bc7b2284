#include "agent/kernel/counters.h"

#include <bpf/libbpf.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>

#include "bpf/shared/config.h"

namespace wirespan::kernel {

uint32_t Counters::Rows() {
  const int cpus = libbpf_num_possible_cpus();
  return cpus > 0 ? static_cast<uint32_t>(cpus) : 1;
}

Result<std::unique_ptr<Counters>> Counters::Map(int map_fd) {
  const auto page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  const size_t bytes = (size_t{Rows()} * WS_COUNTERS * sizeof(uint64_t) + page - 1) & ~(page - 1);
  void* memory = ::mmap(nullptr, bytes, PROT_READ, MAP_SHARED, map_fd, 0);
  if (memory == MAP_FAILED) return Error::FromErrno("map the counters", errno);
  return std::unique_ptr<Counters>(new Counters(memory, bytes));
}

Counters::~Counters() { ::munmap(memory_, bytes_); }

uint64_t Counters::Sum(uint32_t counter) const {
  const auto* counts = static_cast<const uint64_t*>(memory_);
  uint64_t sum = 0;
  for (size_t row = 0; row < Rows(); ++row) sum += __atomic_load_n(&counts[row * WS_COUNTERS + counter], __ATOMIC_RELAXED);
  return sum;
}

}  // namespace wirespan::kernel
