// Which Go made an executable, and where that Go keeps a goroutine's identity. From the section ".go.buildinfo", which stripping
// leaves in place; versions whose offsets were not measured have none. Pure; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "agent/kernel/runtime_layout.h"
#include "agent/runtime/elf_image.h"

namespace wirespan::runtime {

struct GoVersion {
  uint32_t minor = 0;  // 1.<minor>
  bool operator==(const GoVersion&) const = default;
};

// "go1.22.12" as runtime.Version() gives it; absent where the file has none. At most 128 bytes.
std::optional<std::string> GoVersionText(const ElfImage& image);
// Releases only: development builds, betas and builds with experiments may lay out runtime.g in any way.
std::optional<GoVersion> ParseGoVersion(std::string_view text);
// Where the thread pointer is kept, and the offsets of that version; absent where either is not known for sure.
std::optional<kernel::RuntimeLayout> GoLayout(const ElfImage& image);

}  // namespace wirespan::runtime
