// Counters: the map `counters` of the BPF object (bpf/maps/maps.bpf.h), mapped. To read it is no system call: while one looks a
// map up, the kernel runs no kprobe or tracepoint program on that processor, and one that is due meanwhile is missed
// (kernel/trace/bpf_trace.c, trace_call_bpf; bpf_disable_instrumentation). Any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "agent/base/result.h"

namespace wirespan::kernel {

class Counters {
 public:
  // Of how many processors the map has rows.
  static uint32_t Rows();
  // `map_fd`: not owned; it may be closed afterwards.
  static Result<std::unique_ptr<Counters>> Map(int map_fd);
  ~Counters();
  Counters(const Counters&) = delete;
  Counters& operator=(const Counters&) = delete;

  // Of all processors; `counter` < WS_COUNTERS.
  uint64_t Sum(uint32_t counter) const;

 private:
  Counters(void* memory, size_t bytes) : memory_(memory), bytes_(bytes) {}

  void* const memory_;
  const size_t bytes_;
};

}  // namespace wirespan::kernel
