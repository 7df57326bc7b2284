// What 32 bytes of a head hold, as bit masks (bit i is byte i): by SSE2 where the target has it, by a loop elsewhere. The loop is
// the oracle of the tests. Nothing is read beyond the bytes that are given.
#pragma once

#include <cstdint>
#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace wirespan::decoders::http1 {

inline constexpr size_t kBlockBytes = 32;

struct BlockMasks {
  uint32_t low = 0;  // bytes 0 to 13: NUL, tab, the line ends and other controls
  uint32_t colon = 0;
  uint32_t plain = 0;  // letters, digits and '-': all that nearly every field name is made of
  bool operator==(const BlockMasks&) const = default;
};

// Scan: all masks of 32 bytes; ScanLow: the mask of low bytes alone.
struct ScalarBlock {
  static uint32_t ScanLow(const char* bytes) {
    uint32_t low = 0;
    for (uint32_t i = 0; i < kBlockBytes; ++i) low |= (static_cast<uint8_t>(bytes[i]) <= 13 ? 1U : 0U) << i;
    return low;
  }
  static BlockMasks Scan(const char* bytes) {
    BlockMasks masks;
    for (uint32_t i = 0; i < kBlockBytes; ++i) {
      const auto byte = static_cast<uint8_t>(bytes[i]);
      const auto folded = static_cast<uint8_t>(byte | 0x20U);
      const bool plain = (folded >= 'a' && folded <= 'z') || (byte >= '0' && byte <= '9') || byte == '-';
      masks.low |= (byte <= 13 ? 1U : 0U) << i;
      masks.colon |= (byte == ':' ? 1U : 0U) << i;
      masks.plain |= (plain ? 1U : 0U) << i;
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
  static uint32_t ScanLow(const char* bytes) { return Mask(Low(Load(bytes))) | Mask(Low(Load(bytes + 16))) << 16U; }

 private:
  static __m128i Load(const char* from) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(from)); }
  static __m128i Low(__m128i bytes) { return _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(13)), bytes); }
  static uint32_t Mask(__m128i lanes) { return static_cast<uint32_t>(_mm_movemask_epi8(lanes)); }
  // Lanes whose byte minus `from` is below `count`, unsigned: SSE2 compares equality of an unsigned minimum.
  static __m128i InRange(__m128i bytes, char from, char last_offset) {
    const __m128i moved = _mm_sub_epi8(bytes, _mm_set1_epi8(from));
    return _mm_cmpeq_epi8(_mm_min_epu8(moved, _mm_set1_epi8(last_offset)), moved);
  }
  static BlockMasks ScanHalf(const char* from) {
    const __m128i bytes = Load(from);
    const __m128i letters = InRange(_mm_or_si128(bytes, _mm_set1_epi8(0x20)), 'a', 'z' - 'a');
    const __m128i digits = InRange(bytes, '0', 9);
    const __m128i hyphens = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('-'));
    return {Mask(Low(bytes)), Mask(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(':'))),
            Mask(_mm_or_si128(_mm_or_si128(letters, digits), hyphens))};
  }
};
#else
using SimdBlock = ScalarBlock;
#endif

// The mask of low bytes of up to 32 bytes at the end of a buffer.
template <typename Block>
uint32_t ScanLowTail(const char* bytes, size_t size) {
  if (size >= kBlockBytes) return Block::ScanLow(bytes);
  char copy[kBlockBytes] = {};
  std::memcpy(copy, bytes, size);
  return Block::ScanLow(copy) & ((uint32_t{1} << size) - 1);
}

// The masks of up to 32 bytes at the end of a buffer; bits beyond `size` are clear.
template <typename Block>
BlockMasks ScanTail(const char* bytes, size_t size) {
  if (size >= kBlockBytes) return Block::Scan(bytes);
  char copy[kBlockBytes] = {};
  std::memcpy(copy, bytes, size);
  BlockMasks masks = Block::Scan(copy);
  const uint32_t valid = (uint32_t{1} << size) - 1;
  masks.low &= valid;
  return masks;  // zero bytes set neither `colon` nor `plain`
}

}  // namespace wirespan::decoders::http1
