// ElfMaker: small 64-bit ELF files in memory, as the linkers of Go and C make them, for the tests of what reads them.
#pragma once

#include <elf.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace wirespan::runtime {

class ElfMaker {
 public:
  static constexpr uint64_t kBase = 0x400000;  // file offset 0 is loaded here

  explicit ElfMaker(uint16_t type = ET_EXEC, uint16_t machine = EM_X86_64) {
    header_.e_type = type;
    header_.e_machine = machine;
    bytes_.resize(sizeof(Elf64_Ehdr));
  }

  // A section of these bytes; returns its address in memory.
  uint64_t AddSection(const std::string& name, std::string_view content, uint32_t type = SHT_PROGBITS, uint32_t link = 0) {
    while (bytes_.size() % 16 != 0) bytes_.push_back('\0');
    const uint64_t offset = bytes_.size();
    bytes_.append(content);
    sections_.push_back({name, type, link, offset, content.size()});
    return AddressBase() + offset;
  }
  // Symbols with their values, and the table's strings; `type` is SHT_DYNSYM or SHT_SYMTAB.
  void AddSymbols(uint32_t type, const std::vector<std::pair<std::string, uint64_t>>& symbols, uint16_t section = 1) {
    std::string strings(1, '\0');
    std::vector<Elf64_Sym> table(1);
    for (const auto& [name, value] : symbols) {
      Elf64_Sym symbol{};
      symbol.st_name = static_cast<uint32_t>(strings.size());
      symbol.st_value = value;
      symbol.st_shndx = section;
      strings += name + '\0';
      table.push_back(symbol);
    }
    AddSection(".strings", strings, SHT_STRTAB);
    const auto strings_at = static_cast<uint32_t>(sections_.size());
    AddSection(".symbols", {reinterpret_cast<const char*>(table.data()), table.size() * sizeof(Elf64_Sym)}, type, strings_at);
  }
  void SetTls(uint64_t memory_size, uint64_t alignment) {
    Elf64_Phdr tls{};
    tls.p_type = PT_TLS;
    tls.p_memsz = memory_size;
    tls.p_align = alignment;
    segments_.push_back(tls);
  }
  static std::string Words(const std::vector<uint64_t>& words) {
    return {reinterpret_cast<const char*>(words.data()), words.size() * sizeof(uint64_t)};
  }

  std::string Make() const {
    std::string file = bytes_;
    std::string names(1, '\0');
    std::vector<Elf64_Shdr> headers(1);
    for (const Part& part : sections_) {
      Elf64_Shdr section{};
      section.sh_name = static_cast<uint32_t>(names.size());
      section.sh_type = part.type;
      section.sh_addr = AddressBase() + part.offset;
      section.sh_offset = part.offset;
      section.sh_size = part.size;
      section.sh_link = part.link;
      names += part.name + '\0';
      headers.push_back(section);
    }
    Elf64_Shdr strings{};
    strings.sh_name = static_cast<uint32_t>(names.size());
    names += std::string(".shstrtab") + '\0';
    strings.sh_type = SHT_STRTAB;
    strings.sh_offset = file.size();
    strings.sh_size = names.size();
    file += names;
    headers.push_back(strings);

    Elf64_Ehdr header = header_;
    std::memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_phentsize = sizeof(Elf64_Phdr);
    header.e_shentsize = sizeof(Elf64_Shdr);
    header.e_shoff = file.size();
    header.e_shnum = static_cast<uint16_t>(headers.size());
    header.e_shstrndx = static_cast<uint16_t>(headers.size() - 1);
    file.append(reinterpret_cast<const char*>(headers.data()), headers.size() * sizeof(Elf64_Shdr));
    std::vector<Elf64_Phdr> segments = segments_;
    Elf64_Phdr load{};
    load.p_type = PT_LOAD;
    load.p_vaddr = AddressBase();
    load.p_filesz = load.p_memsz = file.size();
    segments.push_back(load);
    header.e_phoff = file.size();
    header.e_phnum = static_cast<uint16_t>(segments.size());
    file.append(reinterpret_cast<const char*>(segments.data()), segments.size() * sizeof(Elf64_Phdr));
    std::memcpy(file.data(), &header, sizeof header);
    return file;
  }

 private:
  struct Part {
    std::string name;
    uint32_t type;
    uint32_t link;
    uint64_t offset;
    uint64_t size;
  };
  uint64_t AddressBase() const { return header_.e_type == ET_EXEC ? kBase : 0; }

  Elf64_Ehdr header_{};
  std::string bytes_;
  std::vector<Part> sections_;
  std::vector<Elf64_Phdr> segments_;
};

inline std::span<const std::byte> BytesOf(const std::string& file) { return std::as_bytes(std::span(file.data(), file.size())); }

// What Go's linker writes into ".go.buildinfo" from 1.18 on.
inline std::string GoBuildInfo(const std::string& version) {
  std::string content = "\xff Go buildinf:";
  content += '\x08';
  content += '\x02';
  content.resize(32, '\0');
  content += static_cast<char>(version.size());
  return content + version + '\0';
}
inline std::string GoProgram(const std::string& version) {
  ElfMaker maker;
  maker.AddSection(".go.buildinfo", GoBuildInfo(version));
  return maker.Make();
}

}  // namespace wirespan::runtime
