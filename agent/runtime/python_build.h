// Where an interpreter of CPython keeps its threads and their contexts (contextvars), by the symbols it exports. 3.13 and later
// say some of it themselves (_Py_DebugOffsets). Versions whose offsets are not known have none, nor have builds without the
// global lock. Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "agent/kernel/runtime_layout.h"
#include "agent/runtime/elf_image.h"

namespace wirespan::runtime {

// Of the program or library that holds the interpreter; `bias`: what its addresses are off by in the process; `file`: its name
// below /proc/<pid>. Absent where the image holds no interpreter, or one that is not known.
std::optional<kernel::RuntimeLayout> PythonLayout(const ElfImage& image, uint64_t bias, const std::string& file);

}  // namespace wirespan::runtime
