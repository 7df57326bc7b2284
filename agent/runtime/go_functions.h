// Functions of a Go executable by name, from the table that the runtime itself uses (".gopclntab", cmd/link/internal/ld/pcln.go,
// runtime/symtab.go): stripping leaves it in place. Formats of Go 1.18 and 1.20. The file is hostile: bounded, total; a small
// window of it is in memory at a time. Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "agent/runtime/elf_image.h"

namespace wirespan::runtime {

struct GoFunction {
  uint32_t offset = 0;  // of its first byte, from the beginning of the program's text
  uint32_t size = 0;    // up to the next function
  bool operator==(const GoFunction&) const = default;
};

class GoFunctions {
 public:
  static constexpr uint64_t kMaxFunctions = uint64_t{4} << 20U;
  static constexpr uint64_t kMaxNameBytes = uint64_t{256} << 20U;

  // Absent where there is no table, or one of another format.
  static std::optional<GoFunctions> Open(const ElfImage& image);

  // One per name, absent where there is none of that name. At most 32 names.
  std::vector<std::optional<GoFunction>> Find(std::span<const std::string_view> names) const;
  // Addresses at which the text may begin, the likeliest first: it is not in the table of every build.
  std::vector<uint64_t> TextStarts() const;

 private:
  explicit GoFunctions(const ElfImage& image) : image_(&image) {}
  std::vector<uint32_t> NameOffsets(std::span<const std::string_view> names) const;

  const ElfImage* image_;
  uint64_t table_ = 0;  // address of the table, and its size
  uint64_t size_ = 0;
  uint64_t functions_ = 0;
  uint64_t text_start_ = 0;  // as the table has it; 0: not there
  uint64_t names_at_ = 0;    // these from the beginning of the table
  uint64_t names_end_ = 0;
  uint64_t entries_at_ = 0;
};

}  // namespace wirespan::runtime
