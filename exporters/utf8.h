// UTF-8 as RFC 3629 has it (no surrogates, no overlong forms, nothing past U+10FFFF). Every string that leaves the agent passes
// here, since a receiver may refuse a whole batch for one bad byte. Pure functions.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace wirespan::exporters {

// Length of the longest prefix of ASCII alone; by words, the last of which may overlap the one before.
inline size_t AsciiPrefix(std::string_view text) {
  constexpr uint64_t kHighBits = 0x8080808080808080U;
  static_assert(std::endian::native == std::endian::little);
  const auto first_high = [](uint64_t bits) { return static_cast<size_t>(std::countr_zero(bits)) / 8; };
  uint64_t word = 0;
  size_t at = 0;
  for (; at + sizeof word <= text.size(); at += sizeof word) {
    std::memcpy(&word, text.data() + at, sizeof word);
    if (const uint64_t high = word & kHighBits; high != 0) return at + first_high(high);
  }
  if (at == text.size()) return at;
  if (text.size() >= sizeof word) {
    at = text.size() - sizeof word;
    std::memcpy(&word, text.data() + at, sizeof word);
    const uint64_t high = word & kHighBits;
    return high == 0 ? text.size() : at + first_high(high);
  }
  while (at < text.size() && static_cast<uint8_t>(text[at]) < 0x80) ++at;
  return at;
}

// Length of the longest prefix that is valid; `text.size()`: all of it.
size_t ValidUtf8Prefix(std::string_view text);
inline bool IsValidUtf8(std::string_view text) {
  return AsciiPrefix(text) == text.size() || ValidUtf8Prefix(text) == text.size();
}

// Appends at most `max_bytes` bytes of `text` to `out`, cut between characters; each maximal run that cannot be a character
// becomes U+FFFD. Returns how many bytes of `text` that covers.
size_t AppendUtf8(std::string_view text, size_t max_bytes, std::string& out);

// The next character of valid or invalid text, and how many bytes it takes (>= 1); U+FFFD for what is not one. `text` not empty.
struct Utf8Char {
  char32_t value;
  size_t bytes;
  bool valid;
};
Utf8Char NextUtf8(std::string_view text);

}  // namespace wirespan::exporters
