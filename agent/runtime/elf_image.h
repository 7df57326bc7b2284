// ElfImage: what finding a runtime needs of a 64-bit little-endian ELF file: sections and symbols by name, bytes by address, the
// TLS segment. The file is hostile and may change while it is read: every size and count is bounded, nothing is trusted, all is
// read by pread into memory of its own. Immutable once opened; one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace wirespan::runtime {

// A file, or bytes in memory (tests). Does not own the descriptor.
class FileBytes {
 public:
  explicit FileBytes(int fd) : fd_(fd) {}
  explicit FileBytes(std::span<const std::byte> bytes) : bytes_(bytes) {}
  // All of `out`, or false.
  bool Read(uint64_t offset, std::span<std::byte> out) const;

 private:
  int fd_ = -1;
  std::span<const std::byte> bytes_;
};

struct ElfSection {
  std::string_view name;  // lives as long as the image
  uint32_t type = 0;
  uint32_t link = 0;
  uint64_t address = 0;
  uint64_t offset = 0;
  uint64_t size = 0;
};

struct ElfSegment {
  uint64_t address = 0;
  uint64_t offset = 0;
  uint64_t file_size = 0;
  uint64_t memory_size = 0;
  uint64_t alignment = 0;
};

class ElfImage {
 public:
  static constexpr size_t kMaxSections = 4096;
  static constexpr size_t kMaxSegments = 256;
  static constexpr size_t kMaxNames = size_t{256} * 1024;       // of sections
  static constexpr size_t kMaxSymbols = size_t{1} << 20U;       // of one table; what lies beyond is not found
  static constexpr size_t kMaxRelocations = size_t{4} << 20U;   // what lies beyond is not found
  static constexpr size_t kMaxSymbolNames = size_t{64} << 20U;  // of one table

  // Absent for what is no ELF file of that kind, or has headers that cannot be.
  static std::optional<ElfImage> Open(const FileBytes& file);
  // The section names refer to the image itself: it moves, but is never copied.
  ElfImage(ElfImage&&) = default;
  ElfImage& operator=(ElfImage&&) = default;

  bool is_x86_64() const { return is_x86_64_; }
  bool is_fixed() const { return is_fixed_; }  // ET_EXEC: loaded at the addresses it names
  const std::vector<ElfSegment>& loads() const { return loads_; }
  const std::optional<ElfSegment>& tls() const { return tls_; }

  const ElfSection* Section(std::string_view name) const;
  // At most `limit` bytes of the section's content; absent where it has none in the file.
  std::optional<std::vector<std::byte>> Content(const ElfSection& section, size_t limit) const;
  // `out` from the address on, as the file has it (no relocation applied); false where it lies in no segment's file part.
  bool ReadAddress(uint64_t address, std::span<std::byte> out) const;
  // The pointer that lies at the address once the file is loaded (less where it is loaded): as the file has it, or as a relative
  // relocation of ".rela.dyn" makes it. Absent where it is neither, or null.
  std::optional<uint64_t> Pointer(uint64_t address) const;
  // The offset in the file of what is loaded at the address.
  std::optional<uint64_t> OffsetOf(uint64_t address) const;
  // Values of the defined symbols in the table of `type` (SHT_DYNSYM or SHT_SYMTAB), one per name; 0: not found.
  std::vector<uint64_t> Symbols(uint32_t type, std::span<const std::string_view> names) const;

 private:
  explicit ElfImage(const FileBytes& file) : file_(file) {}
  bool ReadSegments(uint64_t offset, size_t count);
  bool ReadSections(uint64_t offset, size_t count, size_t names_at);

  FileBytes file_;
  bool is_x86_64_ = false;
  bool is_fixed_ = false;
  std::vector<char> names_;
  std::vector<ElfSection> sections_;
  std::vector<ElfSegment> loads_;
  std::optional<ElfSegment> tls_;
};

}  // namespace wirespan::runtime
