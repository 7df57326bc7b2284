#include "exporters/utf8.h"

namespace wirespan::exporters {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

uint8_t At(std::string_view text, size_t i) { return i < text.size() ? static_cast<uint8_t>(text[i]) : uint8_t{0}; }

bool IsContinuation(uint8_t byte) { return (byte & 0xC0) == 0x80; }

}  // namespace

Utf8Char NextUtf8(std::string_view text) {
  const uint8_t lead = At(text, 0);
  if (lead < 0x80) return {lead, 1, true};
  size_t need = 0;
  uint8_t low = 0x80;  // bounds of the second byte (Unicode table 3-7)
  uint8_t high = 0xBF;
  if (lead >= 0xC2 && lead <= 0xDF) {
    need = 1;
  } else if (lead >= 0xE0 && lead <= 0xEF) {
    need = 2;
    if (lead == 0xE0) low = 0xA0;
    if (lead == 0xED) high = 0x9F;
  } else if (lead >= 0xF0 && lead <= 0xF4) {
    need = 3;
    if (lead == 0xF0) low = 0x90;
    if (lead == 0xF4) high = 0x8F;
  } else {
    return {U'\uFFFD', 1, false};
  }
  const uint8_t second = At(text, 1);
  if (second < low || second > high) return {U'\uFFFD', 1, false};
  char32_t value = lead & (0x3F >> need);
  value = value << 6 | (second & 0x3F);
  for (size_t i = 2; i <= need; ++i) {
    const uint8_t next = At(text, i);
    if (!IsContinuation(next)) return {U'\uFFFD', i, false};
    value = value << 6 | (next & 0x3F);
  }
  return {value, need + 1, true};
}

size_t ValidUtf8Prefix(std::string_view text) {
  size_t done = AsciiPrefix(text);
  while (done < text.size()) {
    const Utf8Char next = NextUtf8(text.substr(done));
    if (!next.valid) return done;
    done += next.bytes;
    done += AsciiPrefix(text.substr(done));
  }
  return done;
}

size_t AppendUtf8(std::string_view text, size_t max_bytes, std::string& out) {
  const size_t start = out.size();
  size_t done = 0;
  while (done < text.size()) {
    const size_t room = max_bytes - (out.size() - start);
    std::string_view rest = text.substr(done);
    if (const size_t ascii = AsciiPrefix(rest); ascii > 0) {
      const size_t take = ascii < room ? ascii : room;
      out.append(rest.substr(0, take));
      done += take;
      if (take < ascii) return done;
      continue;
    }
    const Utf8Char next = NextUtf8(rest);
    const std::string_view piece = next.valid ? rest.substr(0, next.bytes) : kReplacement;
    if (piece.size() > room) return done;
    out.append(piece);
    done += next.bytes;
  }
  return done;
}

}  // namespace wirespan::exporters
