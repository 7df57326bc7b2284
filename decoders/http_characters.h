// Character classes of HTTP (RFC 9110 5.6.2, RFC 9112 3.2) and text comparison without regard to case.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace wirespan::decoders {

enum CharacterClass : uint8_t {
  kTokenChar = 1,   // tchar: methods and field names
  kTargetChar = 2,  // VCHAR and obs-text: what a request target may hold where a reader is lenient
  kHexChar = 4,
  kHostChar = 8,  // reg-name without sub-delims, and '_', '~', '%': what names of hosts are made of in practice
};

constexpr std::array<uint8_t, 256> MakeCharacterTable() {
  std::array<uint8_t, 256> table{};
  for (size_t c = 0; c < table.size(); ++c) {
    const bool alpha = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    const bool digit = c >= '0' && c <= '9';
    const bool mark = std::string_view("!#$%&'*+-.^_`|~").find(static_cast<char>(c)) != std::string_view::npos;
    uint8_t classes = 0;
    if (c < 0x80 && (alpha || digit || mark)) classes |= kTokenChar;
    if (c > 0x20 && c != 0x7f) classes |= kTargetChar;
    if (digit || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')) classes |= kHexChar;
    if (alpha || digit || std::string_view("-._~%").find(static_cast<char>(c)) != std::string_view::npos) classes |= kHostChar;
    table[c] = classes;
  }
  return table;
}
inline constexpr std::array<uint8_t, 256> kCharacterTable = MakeCharacterTable();

constexpr bool Is(CharacterClass wanted, char c) { return (kCharacterTable[static_cast<uint8_t>(c)] & wanted) != 0; }
constexpr bool IsBlank(char c) { return c == ' ' || c == '\t'; }
constexpr bool IsDigit(char c) { return c >= '0' && c <= '9'; }
constexpr bool IsAlpha(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
constexpr char ToLower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }
constexpr uint8_t HexValue(char c) { return static_cast<uint8_t>(IsDigit(c) ? c - '0' : ToLower(c) - 'a' + 10); }

constexpr bool EqualsIgnoringCase(std::string_view text, std::string_view lower_case) {
  if (text.size() != lower_case.size()) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (ToLower(text[i]) != lower_case[i]) return false;
  }
  return true;
}

constexpr std::string_view TrimBlanks(std::string_view text) {
  while (!text.empty() && IsBlank(text.front())) text.remove_prefix(1);
  while (!text.empty() && IsBlank(text.back())) text.remove_suffix(1);
  return text;
}

constexpr bool IsToken(std::string_view text) {
  for (const char c : text) {
    if (!Is(kTokenChar, c)) return false;
  }
  return !text.empty();
}

}  // namespace wirespan::decoders
