#include "agent/runtime/go_functions.h"

#include <elf.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace wirespan::runtime {
namespace {

constexpr uint32_t kMagic118 = 0xfffffff0;
constexpr uint32_t kMagic120 = 0xfffffff1;
constexpr size_t kWindow = size_t{64} * 1024;
constexpr size_t kMaxName = 256;
constexpr size_t kMaxNames = 32;
constexpr uint32_t kNotFound = UINT32_MAX;

// runtime.pcHeader.
struct Header {
  uint32_t magic;
  uint8_t padding[2];
  uint8_t smallest_instruction;
  uint8_t pointer_size;
  uint64_t functions;
  uint64_t files;
  uint64_t text_start;  // not set from 1.26 on
  uint64_t names_at;
  uint64_t units_at;
  uint64_t file_names_at;
  uint64_t counters_at;
  uint64_t entries_at;
};
static_assert(sizeof(Header) == 72);

// runtime.functab: the function's place in the text, and of what is known of it in the table from `entries_at` on. There its
// place comes first, and the offset of its name.
struct Entry {
  uint32_t offset;
  uint32_t details_at;
};
struct Details {
  uint32_t offset;
  uint32_t name_at;
};

// Bytes by address through one window that moves forward.
class Window {
 public:
  Window(const ElfImage& image, uint64_t begin, uint64_t end) : image_(image), end_(end), at_(begin) { bytes_.reserve(kWindow); }

  // A pointer to `size` <= kWindow bytes at `address`, null where the file has none. Addresses that go back are read anew.
  const std::byte* At(uint64_t address, size_t size) {
    if (address > end_ || size > end_ - address) return nullptr;
    if (address < at_ || address + size > at_ + bytes_.size()) {
      at_ = address;
      bytes_.resize(static_cast<size_t>(std::min<uint64_t>(kWindow, end_ - address)));
      if (!image_.ReadAddress(address, bytes_)) {
        bytes_.clear();
        return nullptr;
      }
    }
    return bytes_.data() + (address - at_);
  }
  template <typename T>
  std::optional<T> Read(uint64_t address) {
    const std::byte* bytes = At(address, sizeof(T));
    if (bytes == nullptr) return std::nullopt;
    T value;
    std::memcpy(&value, bytes, sizeof value);
    return value;
  }

 private:
  const ElfImage& image_;
  const uint64_t end_;
  uint64_t at_;
  std::vector<std::byte> bytes_;
};

}  // namespace

std::optional<GoFunctions> GoFunctions::Open(const ElfImage& image) {
  const ElfSection* section = image.Section(".gopclntab");
  if (section == nullptr) section = image.Section(".data.rel.ro.gopclntab");
  if (section == nullptr || section->size < sizeof(Header)) return std::nullopt;
  Header header{};
  if (!image.ReadAddress(section->address, std::as_writable_bytes(std::span(&header, 1)))) return std::nullopt;
  if ((header.magic != kMagic118 && header.magic != kMagic120) || header.pointer_size != 8) return std::nullopt;
  if (header.functions == 0 || header.functions > kMaxFunctions || header.entries_at > section->size ||
      (header.functions + 1) * sizeof(Entry) > section->size - header.entries_at) {
    return std::nullopt;
  }
  if (header.names_at > header.units_at || header.units_at > section->size || header.units_at - header.names_at > kMaxNameBytes) {
    return std::nullopt;
  }
  GoFunctions functions(image);
  functions.table_ = section->address;
  functions.size_ = section->size;
  functions.functions_ = header.functions;
  functions.text_start_ = header.text_start;
  functions.names_at_ = header.names_at;
  functions.names_end_ = header.units_at;
  functions.entries_at_ = header.entries_at;
  return functions;
}

// The names stand one behind the other, each ended by a NUL.
std::vector<uint32_t> GoFunctions::NameOffsets(std::span<const std::string_view> names) const {
  std::vector<uint32_t> offsets(names.size(), kNotFound);
  const uint64_t end = table_ + names_end_;
  Window window(*image_, table_ + names_at_, end);
  for (uint64_t at = table_ + names_at_; at < end;) {
    const auto room = static_cast<size_t>(std::min<uint64_t>(kMaxName, end - at));
    const std::byte* bytes = window.At(at, room);
    if (bytes == nullptr) break;
    const auto* nul = static_cast<const std::byte*>(std::memchr(bytes, 0, room));
    const size_t length = nul == nullptr ? room : static_cast<size_t>(nul - bytes);
    const std::string_view name(reinterpret_cast<const char*>(bytes), length);
    for (size_t i = 0; nul != nullptr && i < names.size(); ++i) {
      if (names[i] == name) offsets[i] = static_cast<uint32_t>(at - table_ - names_at_);
    }
    at += length;
    if (nul != nullptr) {
      ++at;
      continue;
    }
    // A longer one: passed over.
    while (at < end) {
      const std::byte* next = window.At(at, 1);
      if (next == nullptr) return offsets;
      ++at;
      if (*next == std::byte{0}) break;
    }
  }
  return offsets;
}

std::vector<std::optional<GoFunction>> GoFunctions::Find(std::span<const std::string_view> names) const {
  std::vector<std::optional<GoFunction>> found(names.size());
  if (names.size() > kMaxNames) return found;
  const std::vector<uint32_t> name_offsets = NameOffsets(names);
  const uint64_t entries = table_ + entries_at_;
  const uint64_t end = table_ + size_;
  Window table(*image_, entries, end);
  Window details(*image_, entries, end);
  for (uint64_t i = 0; i < functions_; ++i) {
    const std::optional<Entry> entry = table.Read<Entry>(entries + i * sizeof(Entry));
    const std::optional<uint32_t> next = table.Read<uint32_t>(entries + (i + 1) * sizeof(Entry));
    if (!entry || !next) break;
    const std::optional<Details> known = details.Read<Details>(entries + entry->details_at);
    if (!known || known->offset != entry->offset || *next <= entry->offset) continue;
    const auto name = std::find(name_offsets.begin(), name_offsets.end(), known->name_at);
    if (name == name_offsets.end()) continue;
    found[static_cast<size_t>(name - name_offsets.begin())] = GoFunction{entry->offset, *next - entry->offset};
  }
  return found;
}

std::vector<uint64_t> GoFunctions::TextStarts() const {
  std::vector<uint64_t> starts;
  const auto add = [&starts](uint64_t address) {
    if (address != 0 && std::find(starts.begin(), starts.end(), address) == starts.end()) starts.push_back(address);
  };
  add(text_start_);
  constexpr std::array<std::string_view, 1> kName = {"runtime.text"};
  add(image_->Symbols(SHT_SYMTAB, kName)[0]);  // behind C's own start where C is linked in
  if (const ElfSection* text = image_->Section(".text"); text != nullptr) add(text->address);
  return starts;
}

}  // namespace wirespan::runtime
