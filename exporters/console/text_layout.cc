#include "exporters/console/text_layout.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "exporters/utf8.h"

namespace wirespan::exporters::console {
namespace {

struct Range {
  char32_t first;
  char32_t last;
};

// No columns: combining marks, variation selectors.
constexpr std::array kZeroWidth = {Range{0x0300, 0x036F}, Range{0x0483, 0x0489}, Range{0x0591, 0x05BD}, Range{0x0610, 0x061A},
                                   Range{0x064B, 0x065F}, Range{0x0E31, 0x0E31}, Range{0x0E34, 0x0E3A}, Range{0x0E47, 0x0E4E},
                                   Range{0x1AB0, 0x1AFF}, Range{0x1DC0, 0x1DFF}, Range{0x20D0, 0x20FF}, Range{0xFE00, 0xFE0F},
                                   Range{0xFE20, 0xFE2F}};
// Two columns (Unicode East Asian Width W and F, by block).
constexpr std::array kWide = {Range{0x1100, 0x115F},  Range{0x2E80, 0x303E},   Range{0x3041, 0xA4CF},   Range{0xA960, 0xA97F},
                              Range{0xAC00, 0xD7A3},  Range{0xF900, 0xFAFF},   Range{0xFE30, 0xFE6F},   Range{0xFF00, 0xFF60},
                              Range{0xFFE0, 0xFFE6},  Range{0x1F300, 0x1F64F}, Range{0x1F680, 0x1F6FF}, Range{0x1F900, 0x1FAFF},
                              Range{0x20000, 0x3FFFD}};
// Never let through: controls, soft hyphen, zero-width and bidirectional formats, line separators, private and tag characters.
constexpr std::array kUnprintable = {
    Range{0x0000, 0x001F}, Range{0x007F, 0x009F},   Range{0x00AD, 0x00AD},   Range{0x061C, 0x061C}, Range{0x180E, 0x180E},
    Range{0x200B, 0x200F}, Range{0x2028, 0x202E},   Range{0x2060, 0x206F},   Range{0xE000, 0xF8FF}, Range{0xFEFF, 0xFEFF},
    Range{0xFFF0, 0xFFFB}, Range{0xE0000, 0xE0FFF}, Range{0xF0000, 0x10FFFF}};

template <size_t N>
bool IsIn(const std::array<Range, N>& ranges, char32_t c) {
  return std::any_of(ranges.begin(), ranges.end(), [c](const Range& range) { return c >= range.first && c <= range.last; });
}

int WidthOf(char32_t c) {
  if (c < 0x300) return 1;
  if (IsIn(kZeroWidth, c)) return 0;
  return IsIn(kWide, c) ? 2 : 1;
}

}  // namespace

int DisplayWidth(std::string_view text) {
  int width = 0;
  while (!text.empty()) {
    const Utf8Char next = NextUtf8(text);
    width += WidthOf(next.value);
    text.remove_prefix(next.bytes);
  }
  return width;
}

std::string Printable(std::string_view text, bool unicode) {
  std::string out;
  while (!text.empty()) {
    const Utf8Char next = NextUtf8(text);
    const bool ok = next.valid && !IsIn(kUnprintable, next.value) && (unicode || next.value < 0x80);
    out.append(ok ? text.substr(0, next.bytes) : std::string_view("?"));
    text.remove_prefix(next.bytes);
  }
  return out;
}

std::string Clip(std::string_view text, int columns, bool unicode) {
  if (DisplayWidth(text) <= columns) return std::string(text);
  if (columns <= 0) return {};
  std::string out;
  int width = 0;
  while (!text.empty()) {
    const Utf8Char next = NextUtf8(text);
    if (width + WidthOf(next.value) > columns - 1) break;
    width += WidthOf(next.value);
    out.append(text.substr(0, next.bytes));
    text.remove_prefix(next.bytes);
  }
  out += unicode ? "…" : "~";
  return out;
}

std::string PadRight(std::string text, int columns) {
  const int missing = columns - DisplayWidth(text);
  if (missing > 0) text.append(static_cast<size_t>(missing), ' ');
  return text;
}

std::string PadLeft(std::string text, int columns) {
  const int missing = columns - DisplayWidth(text);
  if (missing > 0) text.insert(0, static_cast<size_t>(missing), ' ');
  return text;
}

std::string FormatDuration(uint64_t ns, bool unicode) {
  char buffer[32];
  const auto print = [&](double value, const char* unit) {
    const char* format = value < 9.995 ? "%.2f %s" : value < 99.95 ? "%.1f %s" : "%.0f %s";
    std::snprintf(buffer, sizeof buffer, format, value, unit);
  };
  const auto value = static_cast<double>(ns);
  if (ns < 1'000) {
    std::snprintf(buffer, sizeof buffer, "%d ns", static_cast<int>(ns));
  } else if (ns < 999'500) {
    print(value / 1e3, unicode ? "µs" : "us");
  } else if (ns < 999'500'000) {
    print(value / 1e6, "ms");
  } else if (ns < 99'500'000'000) {
    print(value / 1e9, "s");
  } else {
    const uint64_t seconds = ns / 1'000'000'000 + (ns % 1'000'000'000 >= 500'000'000 ? 1 : 0);
    const auto pair = [&](uint64_t large, const char* large_unit, uint64_t small, const char* small_unit) {
      std::snprintf(buffer, sizeof buffer, "%u%s%02u%s", static_cast<unsigned>(large), large_unit, static_cast<unsigned>(small),
                    small_unit);
    };
    if (seconds < 6'000) {
      pair(seconds / 60, "m", seconds % 60, "s");
    } else if (seconds < 360'000) {
      pair(seconds / 3'600, "h", seconds / 60 % 60, "m");
    } else {
      std::snprintf(buffer, sizeof buffer, "%u d", static_cast<unsigned>(seconds / 86'400));
    }
  }
  return buffer;
}

std::string FormatTimeOfDay(uint64_t unix_ns) {
  const uint64_t ms = unix_ns / 1'000'000 % 86'400'000;
  const auto part = [ms](uint64_t unit, uint64_t count) { return static_cast<unsigned>(ms / unit % count); };
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, "%02u:%02u:%02u.%03u", part(3'600'000, 24), part(60'000, 60), part(1'000, 60),
                part(1, 1000));
  return buffer;
}

}  // namespace wirespan::exporters::console
