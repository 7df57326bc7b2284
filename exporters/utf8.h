// UTF-8 as RFC 3629 has it (no surrogates, no overlong forms, nothing past U+10FFFF). Every string that leaves the agent passes
// here, since a receiver may refuse a whole batch for one bad byte. Pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace wirespan::exporters {

// Length of the longest prefix that is valid; `text.size()`: all of it.
size_t ValidUtf8Prefix(std::string_view text);

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
