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

// ScanLow: bytes 0 to 13, which are NUL, tab, the line ends and other controls; ScanPlain: letters and '-', all that nearly every
// field name and method is made of, up to the first other byte (beyond it, any bits); ScanPlainWhole: those anywhere; ScanTarget:
// bytes that no request target holds (kTargetChar).
struct ScalarBlock {
  static uint32_t ScanLow(const char* bytes) {
    return MaskOf(bytes, [](char c) { return static_cast<uint8_t>(c) <= 13; });
  }
  static uint32_t ScanPlain(const char* bytes) {
    return MaskOf(bytes, [](char c) { return IsAlpha(c) || c == '-'; });
  }
  static uint32_t ScanPlainWhole(const char* bytes) { return ScanPlain(bytes); }
  static uint32_t ScanTarget(const char* bytes) {
    return MaskOf(bytes, [](char c) { return !Is(kTargetChar, c); });
  }

 private:
  template <typename IsMeant>
  static uint32_t MaskOf(const char* bytes, IsMeant is_meant) {
    uint32_t mask = 0;
    for (uint32_t i = 0; i < kBlockBytes; ++i) mask |= (is_meant(bytes[i]) ? 1U : 0U) << i;
    return mask;
  }
};

#if defined(__SSE2__)
struct SimdBlock {
  static uint32_t ScanLow(const char* bytes) {
    return Mask(NotAbove(Load(bytes), 13)) | Mask(NotAbove(Load(bytes + 16), 13)) << 16U;
  }
  static uint32_t ScanPlain(const char* bytes) {
    const uint32_t first = PlainHalf(bytes);
    return first == 0xffff ? first | PlainHalf(bytes + 16) << 16U : first;
  }
  static uint32_t ScanPlainWhole(const char* bytes) { return PlainHalf(bytes) | PlainHalf(bytes + 16) << 16U; }
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
  static uint32_t PlainHalf(const char* from) {
    const __m128i bytes = Load(from);
    // The 26 letters, lower case, become the 26 greatest signed bytes.
    const __m128i top = _mm_add_epi8(_mm_or_si128(bytes, _mm_set1_epi8(0x20)), _mm_set1_epi8(127 - 'z'));
    return Mask(_mm_or_si128(_mm_cmpgt_epi8(top, _mm_set1_epi8(127 - 26)), Equal(bytes, '-')));
  }
};
#else
using SimdBlock = ScalarBlock;
#endif

// What `kScan` says of the bytes of `text` from `at` on, at most 32; bits beyond the text are clear. `at` < text.size(). Near the
// end of a text the last whole block of it is looked at, and of a text shorter than that a copy.
template <auto kScan>
inline uint32_t ScanAt(std::string_view text, size_t at) {
  const size_t left = text.size() - at;
  if (left >= kBlockBytes) [[likely]]
    return kScan(text.data() + at);
  if (text.size() >= kBlockBytes) return kScan(text.data() + text.size() - kBlockBytes) >> (kBlockBytes - left);
  char copy[kBlockBytes] = {};
  std::memcpy(copy, text.data() + at, left);
  return kScan(copy) & ((1U << left) - 1);
}
// The same of ScanPlain, whose masks mean nothing beyond the first other byte: from a place before `at` they may end too soon.
template <typename Block>
inline uint32_t ScanPlainAt(std::string_view text, size_t at) {
  return text.size() - at >= kBlockBytes ? Block::ScanPlain(text.data() + at) : ScanAt<Block::ScanPlainWhole>(text, at);
}

}  // namespace wirespan::decoders::http1
