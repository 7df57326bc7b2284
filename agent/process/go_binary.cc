#include "agent/process/go_binary.h"

#include <elf.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

#include "agent/base/unique_fd.h"

namespace wirespan::process {
namespace {

constexpr size_t kMaxSections = 4096;
constexpr size_t kMaxNames = size_t{256} * 1024;

bool ReadAt(int fd, void* out, size_t size, uint64_t offset) {
  if (offset > uint64_t{1} << 62U) return false;
  return pread(fd, out, size, static_cast<off_t>(offset)) == static_cast<ssize_t>(size);
}

}  // namespace

bool IsGoExecutable(const std::string& path) {
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  Elf64_Ehdr header{};
  if (!fd.ok() || !ReadAt(fd.get(), &header, sizeof header, 0)) return false;
  if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_ident[EI_CLASS] != ELFCLASS64 ||
      header.e_ident[EI_DATA] != ELFDATA2LSB || header.e_shentsize != sizeof(Elf64_Shdr)) {
    return false;
  }
  const size_t count = std::min<size_t>(header.e_shnum, kMaxSections);
  if (count == 0 || header.e_shstrndx >= count) return false;
  std::vector<Elf64_Shdr> sections(count);
  if (!ReadAt(fd.get(), sections.data(), count * sizeof(Elf64_Shdr), header.e_shoff)) return false;
  const Elf64_Shdr& names_section = sections[header.e_shstrndx];
  std::string names(std::min<uint64_t>(names_section.sh_size, kMaxNames), '\0');
  if (names.empty() || !ReadAt(fd.get(), names.data(), names.size(), names_section.sh_offset)) return false;
  return std::any_of(sections.begin(), sections.end(), [&names](const Elf64_Shdr& section) {
    if (section.sh_name >= names.size()) return false;
    const std::string_view rest = std::string_view(names).substr(section.sh_name);
    return rest.substr(0, rest.find('\0')) == ".go.buildinfo";
  });
}

}  // namespace wirespan::process
