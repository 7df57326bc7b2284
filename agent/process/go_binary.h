// Whether an executable was made by Go's linker, from its ELF section names. The file is hostile: every read is bounded. Any
// thread.
#pragma once

#include <string>

namespace wirespan::process {

// Opens `path` (for a running process its /proc/<pid>/exe, which needs no path in its mount namespace). False for what is no
// 64-bit little-endian ELF file, is unreadable, or has no ".go.buildinfo" section.
bool IsGoExecutable(const std::string& path);

}  // namespace wirespan::process
