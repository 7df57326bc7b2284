#include "agent/runtime/elf_image.h"

#include <elf.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace wirespan::runtime {
namespace {

constexpr uint64_t kMaxOffset = uint64_t{1} << 62U;

// `name` is the NUL-terminated string at `at`.
bool IsNameAt(std::span<const char> names, uint64_t at, std::string_view name) {
  if (at >= names.size() || names.size() - at <= name.size()) return false;
  return std::memcmp(names.data() + at, name.data(), name.size()) == 0 && names[at + name.size()] == '\0';
}

}  // namespace

bool FileBytes::Read(uint64_t offset, std::span<std::byte> out) const {
  if (offset > kMaxOffset) return false;
  if (fd_ < 0) {
    if (offset > bytes_.size() || bytes_.size() - offset < out.size()) return false;
    std::copy_n(bytes_.begin() + static_cast<ptrdiff_t>(offset), out.size(), out.begin());
    return true;
  }
  while (!out.empty()) {
    const ssize_t size = ::pread(fd_, out.data(), out.size(), static_cast<off_t>(offset));
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return false;
    offset += static_cast<uint64_t>(size);
    out = out.subspan(static_cast<size_t>(size));
  }
  return true;
}

std::optional<ElfImage> ElfImage::Open(const FileBytes& file) {
  Elf64_Ehdr header{};
  if (!file.Read(0, std::as_writable_bytes(std::span(&header, 1)))) return std::nullopt;
  if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_ident[EI_CLASS] != ELFCLASS64 ||
      header.e_ident[EI_DATA] != ELFDATA2LSB || (header.e_type != ET_EXEC && header.e_type != ET_DYN)) {
    return std::nullopt;
  }
  ElfImage image(file);
  image.is_x86_64_ = header.e_machine == EM_X86_64;
  image.is_fixed_ = header.e_type == ET_EXEC;
  if (header.e_phentsize != sizeof(Elf64_Phdr) || !image.ReadSegments(header.e_phoff, header.e_phnum)) return std::nullopt;
  // A file without section headers has nothing that is looked for, but is no fault.
  if (header.e_shentsize == sizeof(Elf64_Shdr) && !image.ReadSections(header.e_shoff, header.e_shnum, header.e_shstrndx)) {
    return std::nullopt;
  }
  return image;
}

bool ElfImage::ReadSegments(uint64_t offset, size_t count) {
  std::vector<Elf64_Phdr> headers(std::min(count, kMaxSegments));
  if (!file_.Read(offset, std::as_writable_bytes(std::span(headers)))) return false;
  for (const Elf64_Phdr& header : headers) {
    const ElfSegment segment{header.p_vaddr, header.p_offset, header.p_filesz, header.p_memsz, header.p_align};
    if (header.p_type == PT_LOAD) loads_.push_back(segment);
    if (header.p_type == PT_TLS) tls_ = segment;
  }
  return true;
}

bool ElfImage::ReadSections(uint64_t offset, size_t count, size_t names_at) {
  if (count == 0) return true;
  std::vector<Elf64_Shdr> headers(std::min(count, kMaxSections));
  if (names_at >= headers.size() || !file_.Read(offset, std::as_writable_bytes(std::span(headers)))) return false;
  const Elf64_Shdr& names = headers[names_at];
  names_.resize(std::min<uint64_t>(names.sh_size, kMaxNames));
  if (!file_.Read(names.sh_offset, std::as_writable_bytes(std::span(names_)))) return false;
  for (const Elf64_Shdr& header : headers) {
    ElfSection section{{}, header.sh_type, header.sh_link, header.sh_addr, header.sh_offset, header.sh_size};
    if (header.sh_name < names_.size()) {
      const std::string_view rest(names_.data() + header.sh_name, names_.size() - header.sh_name);
      section.name = rest.substr(0, rest.find('\0'));
    }
    sections_.push_back(section);
  }
  return true;
}

const ElfSection* ElfImage::Section(std::string_view name) const {
  const auto found = std::find_if(sections_.begin(), sections_.end(), [&](const ElfSection& s) { return s.name == name; });
  return found == sections_.end() ? nullptr : &*found;
}

std::optional<std::vector<std::byte>> ElfImage::Content(const ElfSection& section, size_t limit) const {
  if (section.type == SHT_NOBITS) return std::nullopt;
  std::vector<std::byte> content(std::min<uint64_t>(section.size, limit));
  if (!file_.Read(section.offset, content)) return std::nullopt;
  return content;
}

bool ElfImage::ReadAddress(uint64_t address, std::span<std::byte> out) const {
  for (const ElfSegment& load : loads_) {
    if (address < load.address) continue;
    const uint64_t inside = address - load.address;
    if (inside > load.file_size || load.file_size - inside < out.size()) continue;
    if (load.offset > kMaxOffset || inside > kMaxOffset) continue;
    return file_.Read(load.offset + inside, out);
  }
  return false;
}

std::optional<uint64_t> ElfImage::Pointer(uint64_t address) const {
  uint64_t value = 0;
  if (!ReadAddress(address, std::as_writable_bytes(std::span(&value, 1)))) return std::nullopt;
  if (value != 0) return value;
  const ElfSection* section = Section(".rela.dyn");
  if (section == nullptr || section->type != SHT_RELA) return std::nullopt;
  constexpr size_t kBlock = 1024;
  const size_t count = std::min<uint64_t>(section->size / sizeof(Elf64_Rela), kMaxRelocations);
  std::vector<Elf64_Rela> block(std::min(kBlock, count));
  for (size_t at = 0; at < count; at += block.size()) {
    block.resize(std::min(kBlock, count - at));
    if (!file_.Read(section->offset + at * sizeof(Elf64_Rela), std::as_writable_bytes(std::span(block)))) break;
    for (const Elf64_Rela& relocation : block) {
      if (relocation.r_offset != address) continue;
      if (ELF64_R_TYPE(relocation.r_info) != R_X86_64_RELATIVE || relocation.r_addend <= 0) return std::nullopt;
      return static_cast<uint64_t>(relocation.r_addend);
    }
  }
  return std::nullopt;
}

std::optional<uint64_t> ElfImage::OffsetOf(uint64_t address) const {
  for (const ElfSegment& load : loads_) {
    if (address >= load.address && address - load.address < load.file_size) return address - load.address + load.offset;
  }
  return std::nullopt;
}

std::vector<uint64_t> ElfImage::Symbols(uint32_t type, std::span<const std::string_view> names) const {
  std::vector<uint64_t> values(names.size());
  const auto table = std::find_if(sections_.begin(), sections_.end(), [&](const ElfSection& s) { return s.type == type; });
  if (table == sections_.end() || table->link >= sections_.size()) return values;
  const ElfSection& strings = sections_[table->link];
  if (strings.size > kMaxSymbolNames || strings.type != SHT_STRTAB) return values;
  std::vector<char> text(strings.size);
  if (!file_.Read(strings.offset, std::as_writable_bytes(std::span(text)))) return values;

  constexpr size_t kBlock = 1024;
  const size_t count = std::min<uint64_t>(table->size / sizeof(Elf64_Sym), kMaxSymbols);
  std::vector<Elf64_Sym> block(std::min(kBlock, count));
  for (size_t at = 0; at < count; at += block.size()) {
    block.resize(std::min(kBlock, count - at));
    if (!file_.Read(table->offset + at * sizeof(Elf64_Sym), std::as_writable_bytes(std::span(block)))) break;
    for (const Elf64_Sym& symbol : block) {
      if (symbol.st_shndx == SHN_UNDEF) continue;
      for (size_t i = 0; i < names.size(); ++i) {
        if (values[i] == 0 && IsNameAt(text, symbol.st_name, names[i])) values[i] = symbol.st_value;
      }
    }
  }
  return values;
}

}  // namespace wirespan::runtime
