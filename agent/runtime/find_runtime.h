// Finds the language runtime of a running process: its executable's build, and the interpreter among its mapped libraries. Reads
// /proc and the files that are mapped, nothing of the process's memory. Hostile input throughout: bounded, total. Any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/kernel/runtime_layout.h"
#include "agent/process/proc_fs.h"
#include "agent/runtime/elf_image.h"

namespace wirespan::runtime {

// One line of /proc/<pid>/maps that maps a file.
struct Mapping {
  uint64_t start = 0;
  uint64_t offset = 0;
  uint64_t inode = 0;
  std::string path;
};

// The file mappings of /proc/<pid>/maps whose path `wanted` accepts, at most 64; lines that cannot be are passed over.
std::vector<Mapping> ParseMappings(std::string_view maps, bool (*wanted)(std::string_view path));
// What the addresses in the image are off by where the mapping put it; absent where the mapping is not of one of its segments.
std::optional<uint64_t> BiasOf(const ElfImage& image, const Mapping& mapping);

struct FoundRuntime {
  std::optional<kernel::RuntimeLayout> layout;
  bool is_final = false;  // nothing else will come: Go, an interpreter, or one whose layout is not known
};
FoundRuntime FindRuntime(const process::ProcFs& proc, uint32_t tgid);

}  // namespace wirespan::runtime
