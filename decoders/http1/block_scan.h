// What 32 bytes of a head hold, as bit masks (bit i is byte i): by SSE2 where the target has it, by a loop elsewhere. The loop is
// the oracle of the tests. Nothing is read beyond the bytes that are given.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

#include "decoders/http_characters.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace wirespan::decoders::http1 {

inline constexpr size_t kBlockBytes = 32;

struct BlockMasks {
  uint32_t low = 0;  // bytes 0 to 13: NUL, tab, the line ends and other controls
  uint32_t colon = 0;
  uint32_t plain = 0;  // letters and '-': all that nearly every field name and method is made of
  bool operator==(const BlockMasks&) const = default;
  BlockMasks operator>>(size_t count) const { return {low >> count, colon >> count, plain >> count}; }
};

// Scan: all masks of 32 bytes; ScanLow: the mask of low bytes alone; ScanTarget: that of the bytes that no request target holds
// (kTargetChar).
struct ScalarBlock {
  static uint32_t ScanLow(const char* bytes) {
    uint32_t low = 0;
    for (uint32_t i = 0; i < kBlockBytes; ++i) low |= (static_cast<uint8_t>(bytes[i]) <= 13 ? 1U : 0U) << i;
    return low;
  }
  static uint32_t ScanTarget(const char* bytes) {
    uint32_t ends = 0;
    for (uint32_t i = 0; i < kBlockBytes; ++i) ends |= (Is(kTargetChar, bytes[i]) ? 0U : 1U) << i;
    return ends;
  }
  static BlockMasks Scan(const char* bytes) {
    BlockMasks masks;
    for (uint32_t i = 0; i < kBlockBytes; ++i) {
      const auto byte = static_cast<uint8_t>(bytes[i]);
      masks.low |= (byte <= 13 ? 1U : 0U) << i;
      masks.colon |= (byte == ':' ? 1U : 0U) << i;
      masks.plain |= (IsAlpha(bytes[i]) || byte == '-' ? 1U : 0U) << i;
    }
    return masks;
  }
};

#if defined(__SSE2__)
struct SimdBlock {
  static BlockMasks Scan(const char* bytes) {
    const BlockMasks first = ScanHalf(bytes);
    const BlockMasks second = ScanHalf(bytes + 16);
    return {first.low | second.low << 16U, first.colon | second.colon << 16U, first.plain | second.plain << 16U};
  }
  static uint32_t ScanLow(const char* bytes) {
    return Mask(NotAbove(Load(bytes), 13)) | Mask(NotAbove(Load(bytes + 16), 13)) << 16U;
  }
  static uint32_t ScanTarget(const char* bytes) { return TargetHalf(bytes) | TargetHalf(bytes + 16) << 16U; }

 private:
  static __m128i Load(const char* from) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(from)); }
  static uint32_t Mask(__m128i lanes) { return static_cast<uint32_t>(_mm_movemask_epi8(lanes)); }
  static __m128i Equal(__m128i bytes, char c) { return _mm_cmpeq_epi8(bytes, _mm_set1_epi8(c)); }
  // Unsigned; SSE2 compares signed only.
  static __m128i NotAbove(__m128i bytes, char limit) { return _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(limit)), bytes); }
  static uint32_t TargetHalf(const char* from) {
    const __m128i bytes = Load(from);
    return Mask(_mm_or_si128(NotAbove(bytes, ' '), Equal(bytes, 0x7f)));
  }
  static BlockMasks ScanHalf(const char* from) {
    const __m128i bytes = Load(from);
    // The 26 letters, lower case, become the 26 greatest signed bytes.
    const __m128i top = _mm_add_epi8(_mm_or_si128(bytes, _mm_set1_epi8(0x20)), _mm_set1_epi8(127 - 'z'));
    const __m128i letters = _mm_cmpgt_epi8(top, _mm_set1_epi8(127 - 26));
    return {Mask(NotAbove(bytes, 13)), Mask(Equal(bytes, ':')), Mask(_mm_or_si128(letters, Equal(bytes, '-')))};
  }
};
#else
using SimdBlock = ScalarBlock;
#endif

// The masks at the end of `text`: its last 32 bytes are read, and the masks moved.
template <auto kScan>
auto ScanEnd(std::string_view text, size_t at) {
  const size_t beyond = kBlockBytes - (text.size() - at);
  if (text.size() >= kBlockBytes) return kScan(text.data() + text.size() - kBlockBytes) >> beyond;
  char copy[kBlockBytes] = {};
  std::memcpy(copy + kBlockBytes - text.size(), text.data(), text.size());
  return kScan(copy) >> beyond;
}

// What `kScan` says of the bytes of `text` from `at` on, at most 32; bits beyond the text are clear. `at` < text.size().
template <auto kScan>
inline auto ScanAt(std::string_view text, size_t at) {
  return text.size() - at >= kBlockBytes ? kScan(text.data() + at) : ScanEnd<kScan>(text, at);
}

}  // namespace wirespan::decoders::http1
