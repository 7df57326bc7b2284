// Where in a Go executable the kernel's programs are to be called (bpf/probes/goroutines.bpf.c). A place is believed only if the
// code there is what the compiler makes of it; else it has none. Pure; any thread.
#pragma once

#include <optional>
#include <vector>

#include "agent/kernel/runtime_layout.h"
#include "agent/runtime/elf_image.h"

namespace wirespan::runtime {

std::vector<kernel::RuntimeProbe> GoProbes(const ElfImage& image);

// The offset of the one call (E8) of the function at `callee` in the code of a function that begins at `address`; absent where
// there is none, or several.
std::optional<uint64_t> OnlyCallOf(std::span<const std::byte> code, uint64_t address, uint64_t callee);
// The offset behind the check of the stack that a function of Go begins with: there its arguments are still in the registers, and
// a function that is begun anew on a larger stack passes once. Absent where the code begins otherwise.
std::optional<uint64_t> BehindStackCheck(std::span<const std::byte> code);

}  // namespace wirespan::runtime
