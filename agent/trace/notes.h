// AssemblyNotes: what the assembler and the resolver noted on their way, by name: no losses, but what an operator asks about when
// links are fewer than expected (docs/linking.md explains each). Plain values; any thread.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "agent/trace/assembler.h"

namespace wirespan::trace {

struct AssemblyNote {
  std::string_view name;  // "juggled"
  uint64_t count = 0;
};

inline constexpr size_t kAssemblyNoteCount = 21;
// Every counter of both that is neither a span, a drop, nor a link; zeros too, always in the same order.
std::array<AssemblyNote, kAssemblyNoteCount> NotesOf(const AssemblerCounters& assembler, const ResolverCounters& resolver);

}  // namespace wirespan::trace
