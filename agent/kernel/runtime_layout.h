// Where a language runtime keeps the identity of what runs on a thread, in one process: what the kernel half needs to read it
// (map `runtimes` of bpf/shared/config.h). Found by agent/runtime; a plain value.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace wirespan::kernel {

// A place in a file that the process runs, where one of the kernel half's programs is called each time it is passed.
struct RuntimeProbe {
  enum class Kind : uint8_t { kGoroutineStart, kGoRoundTrip, kContextCopied, kContextFreed };
  Kind kind = Kind::kGoroutineStart;
  std::string file;      // below /proc/<pid>
  uint64_t offset = 0;   // in the file
  bool returns = false;  // called when the function that begins there returns
  bool operator==(const RuntimeProbe&) const = default;
};

// More often than that the probes of what is started and copied are not worth what they take: some 4 % of a processor.
inline constexpr uint64_t kMostBirthsPerSecond = 40'000;

struct RuntimeLayout {
  enum class Kind : uint8_t { kGo = 1, kPython = 2 };
  Kind kind = Kind::kGo;
  // Go: offsets in runtime.g of m, goid (0: not known, nothing is read), parentGoid (0: not there), and of the pointer to g from
  // the thread pointer.
  int32_t base_offset = 0;
  uint32_t machine_offset = 0;
  uint32_t id_offset = 0;
  uint32_t parent_offset = 0;
  // CPython: of the first thread state in the interpreter state; of the next, its thread and its context in a thread state; of
  // the type in an object; and two addresses: of the pointer to the main interpreter, of the type of contexts.
  uint32_t threads_offset = 0;
  uint32_t next_offset = 0;
  uint32_t thread_id_offset = 0;
  uint32_t context_offset = 0;
  uint32_t type_offset = 0;
  uint64_t interpreter_address = 0;
  uint64_t context_type = 0;
  std::vector<RuntimeProbe> probes;
  bool operator==(const RuntimeLayout&) const = default;
};

}  // namespace wirespan::kernel
