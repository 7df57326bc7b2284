// The `wirespan doctor` door: what this kernel and these privileges allow, what would be used, and what to change. Attaches every
// way of capturing for a moment, with no process selected: nothing is observed. Main thread.
#pragma once

#include <iosfwd>

#include "agent/kernel/tracer.h"

namespace wirespan::live {

// Exit code 0 where a capture source works, 1 where none does.
int RunDoctor(const kernel::TracerOptions& options, std::ostream& out);

}  // namespace wirespan::live
