#include "agent/runtime/go_build.h"

#include <elf.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

#include "agent/runtime/go_probes.h"

namespace wirespan::runtime {
namespace {

constexpr size_t kMaxVersion = 128;
constexpr size_t kHeader = 32;  // cmd/link/internal/ld/data.go, buildinfo: magic, pointer size, flags, padding
constexpr std::string_view kMagic = "\xff Go buildinf:";
constexpr uint8_t kBigEndian = 1;
constexpr uint8_t kInline = 2;

// Offsets in runtime.g by minor version, from the DWARF of programs built with each (1.18 to 1.26, the first and the last release
// of each that there was); m is at 48 in all of them. parentGoid came with 1.21.
struct Offsets {
  uint32_t minor, id, parent;
};
constexpr uint32_t kMachineOffset = 48;
constexpr std::array<Offsets, 9> kOffsets = {{{18, 152, 0},
                                              {19, 152, 0},
                                              {20, 152, 0},
                                              {21, 152, 272},
                                              {22, 152, 272},
                                              {23, 160, 280},
                                              {24, 160, 280},
                                              {25, 152, 272},
                                              {26, 152, 280}}};

bool IsText(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
}

// From 1.18: a varint length and the bytes follow the header.
std::optional<std::string> InlineVersion(std::string_view content) {
  std::string_view rest = content.substr(kHeader);
  uint64_t length = 0;
  for (unsigned shift = 0;; shift += 7) {
    if (rest.empty() || shift > 28) return std::nullopt;
    const auto byte = static_cast<uint8_t>(rest.front());
    rest.remove_prefix(1);
    length |= static_cast<uint64_t>(byte & 0x7fU) << shift;
    if ((byte & 0x80U) == 0) break;
  }
  if (length == 0 || length > kMaxVersion || length > rest.size()) return std::nullopt;
  return std::string(rest.substr(0, length));
}

// Before 1.18: the address of a Go string (address, length). Pointers of position-independent files are 0 until relocated.
std::optional<std::string> PointedVersion(const ElfImage& image, std::string_view content) {
  uint64_t at = 0;
  std::array<uint64_t, 2> string{};
  std::memcpy(&at, content.data() + 16, sizeof at);
  if (at == 0 || !image.ReadAddress(at, std::as_writable_bytes(std::span(string)))) return std::nullopt;
  if (string[1] == 0 || string[1] > kMaxVersion) return std::nullopt;
  std::string version(string[1], '\0');
  if (!image.ReadAddress(string[0], std::as_writable_bytes(std::span(version)))) return std::nullopt;
  return version;
}

// Where g lies from the thread pointer: at -8 without a TLS segment (the runtime makes its own), and where the segment holds
// nothing but the one word `runtime.tlsg`. With others' TLS beside it, its symbol tells (x86-64's variant II: the segment ends at
// the thread pointer).
std::optional<int32_t> BaseOffset(const ElfImage& image) {
  constexpr int32_t kOwn = -8;
  if (!image.tls()) return kOwn;
  const ElfSegment& tls = *image.tls();
  if (tls.memory_size == 8 && tls.alignment <= 8) return kOwn;
  constexpr uint64_t kMax = uint64_t{1} << 20U;
  const bool is_power = tls.alignment != 0 && (tls.alignment & (tls.alignment - 1)) == 0;
  if (tls.memory_size > kMax || !is_power || tls.alignment > kMax || tls.address % tls.alignment != 0) return std::nullopt;
  // A symbol whose value is 0 reads as not found: then nothing is known.
  constexpr std::array<std::string_view, 1> kName = {"runtime.tlsg"};
  const uint64_t value = image.Symbols(SHT_SYMTAB, kName)[0];
  if (value == 0 || value % 8 != 0 || value > tls.memory_size - 8) return std::nullopt;
  const uint64_t size = (tls.memory_size + tls.alignment - 1) & ~(tls.alignment - 1);
  return static_cast<int32_t>(static_cast<int64_t>(value) - static_cast<int64_t>(size));
}

}  // namespace

std::optional<std::string> GoVersionText(const ElfImage& image) {
  const ElfSection* section = image.Section(".go.buildinfo");
  if (section == nullptr) return std::nullopt;
  const auto content = image.Content(*section, kHeader + kMaxVersion + 8);
  if (!content || content->size() < kHeader) return std::nullopt;
  const std::string_view text(reinterpret_cast<const char*>(content->data()), content->size());
  if (!text.starts_with(kMagic)) return std::nullopt;
  const auto pointer_size = static_cast<uint8_t>(text[14]);
  const auto flags = static_cast<uint8_t>(text[15]);
  std::optional<std::string> version;
  if ((flags & kInline) != 0) {
    version = InlineVersion(text);
  } else if (pointer_size == 8 && (flags & kBigEndian) == 0) {
    version = PointedVersion(image, text);
  }
  return version && IsText(*version) ? version : std::nullopt;
}

std::optional<GoVersion> ParseGoVersion(std::string_view text) {
  constexpr std::string_view kPrefix = "go1.";
  if (!text.starts_with(kPrefix)) return std::nullopt;
  text.remove_prefix(kPrefix.size());
  GoVersion version;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), version.minor);
  if (error != std::errc() || version.minor > 1000) return std::nullopt;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  if (text.starts_with('.')) {
    uint32_t patch = 0;
    const auto [rest, fault] = std::from_chars(text.data() + 1, text.data() + text.size(), patch);
    if (fault != std::errc()) return std::nullopt;
    text.remove_prefix(static_cast<size_t>(rest - text.data()));
  }
  // What a distributor adds ("-1", " (Red Hat ...)") changes no structure; "rc1" and experiments may.
  if (!text.empty() && text.front() != ' ' && text.front() != '-') return std::nullopt;
  if (const size_t at = text.find("X:"); at != std::string_view::npos && text.substr(at) != "X:boringcrypto") return std::nullopt;
  return version;
}

std::optional<kernel::RuntimeLayout> GoLayout(const ElfImage& image) {
  if (!image.is_x86_64()) return std::nullopt;  // elsewhere g is in a register that is not read
  const std::optional<std::string> text = GoVersionText(image);
  const std::optional<GoVersion> version = text ? ParseGoVersion(*text) : std::nullopt;
  if (!version) return std::nullopt;
  const auto* offsets =
      std::find_if(kOffsets.begin(), kOffsets.end(), [&](const Offsets& row) { return row.minor == version->minor; });
  const std::optional<int32_t> base = offsets == kOffsets.end() ? std::nullopt : BaseOffset(image);
  if (!base) return std::nullopt;
  kernel::RuntimeLayout layout;
  layout.kind = kernel::RuntimeLayout::Kind::kGo;
  layout.base_offset = *base;
  layout.machine_offset = kMachineOffset;
  layout.id_offset = offsets->id;
  layout.parent_offset = offsets->parent;
  layout.probes = GoProbes(image);
  return layout;
}

}  // namespace wirespan::runtime
