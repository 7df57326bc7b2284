#include "decoders/http2/huffman.h"

#include <algorithm>
#include <array>
#include <cstdint>

namespace wirespan::decoders::http2 {
namespace {

constexpr size_t kSymbols = 257;
constexpr uint16_t kEos = 256;
constexpr unsigned kMinBits = 5;
constexpr unsigned kMaxBits = 30;
constexpr unsigned kFastBits = 9;

// Appendix B: the length of each byte's code, and of EOS. The code is canonical (5.2): these lengths are all of it.
// clang-format off
constexpr std::array<uint8_t, kSymbols> kLengths = {
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28,
    28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
    6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6,
    5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
    13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
    7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
    15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5,
    6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
    20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
    24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
    22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23,
    21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
    19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
    20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
    26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
    30};
// clang-format on

// Codes in order: by length, then by symbol. `limit[n]`: the first code, left-aligned to 32 bits, that is longer than n bits.
struct Canonical {
  std::array<uint16_t, kSymbols> symbols{};
  std::array<uint64_t, kMaxBits + 1> limit{};
  std::array<uint32_t, kMaxBits + 1> first_code{};
  std::array<uint16_t, kMaxBits + 1> first_place{};
};

constexpr Canonical MakeCanonical() {
  Canonical table;
  uint32_t code = 0;
  uint16_t place = 0;
  for (unsigned bits = kMinBits; bits <= kMaxBits; ++bits) {
    code <<= bits == kMinBits ? 0U : 1U;
    table.first_code[bits] = code;
    table.first_place[bits] = place;
    for (size_t symbol = 0; symbol < kSymbols; ++symbol) {
      if (kLengths[symbol] != bits) continue;
      table.symbols[place++] = static_cast<uint16_t>(symbol);
      ++code;
    }
    table.limit[bits] = uint64_t{code} << (32U - bits);
  }
  return table;
}
constexpr Canonical kCanonical = MakeCanonical();
static_assert(kCanonical.limit[kMaxBits] == uint64_t{1} << 32U, "the code is complete");
static_assert(kCanonical.symbols[kSymbols - 1] == kEos);

struct FastEntry {
  uint8_t symbol = 0;
  uint8_t bits = 0;  // 0: longer than kFastBits
};

constexpr std::array<FastEntry, size_t{1} << kFastBits> MakeFast() {
  std::array<FastEntry, size_t{1} << kFastBits> table{};
  for (unsigned bits = kMinBits; bits <= kFastBits; ++bits) {
    const size_t count = kCanonical.first_place[bits + 1] - kCanonical.first_place[bits];
    for (size_t i = 0; i < count; ++i) {
      const size_t begin = (kCanonical.first_code[bits] + i) << (kFastBits - bits);
      for (size_t at = begin; at < begin + (size_t{1} << (kFastBits - bits)); ++at) {
        table[at] = {static_cast<uint8_t>(kCanonical.symbols[kCanonical.first_place[bits] + i]), static_cast<uint8_t>(bits)};
      }
    }
  }
  return table;
}
constexpr std::array<FastEntry, size_t{1} << kFastBits> kFast = MakeFast();

struct Symbol {
  uint16_t symbol;
  unsigned bits;
};

// The symbol that 32 bits begin with.
Symbol Read(uint32_t window) {
  const FastEntry fast = kFast[window >> (32U - kFastBits)];
  if (fast.bits != 0) return {fast.symbol, fast.bits};
  unsigned bits = kFastBits + 1;
  while (window >= kCanonical.limit[bits]) ++bits;  // ends: limit[kMaxBits] is beyond any window
  const uint32_t code = window >> (32U - bits);
  return {kCanonical.symbols[kCanonical.first_place[bits] + (code - kCanonical.first_code[bits])], bits};
}

}  // namespace

std::optional<size_t> DecodeHuffman(std::span<const std::byte> bytes, size_t max_kept, std::string& out) {
  const size_t before = out.size();
  out.resize(before + std::min(max_kept, bytes.size() * 8 / kMinBits));
  char* const begin = out.data() + before;
  const size_t room = out.size() - before;
  uint64_t buffer = 0;  // the next bits, left-aligned, zeros behind them
  unsigned count = 0;   // how many of them there are
  size_t at = 0;
  size_t length = 0;
  const auto put = [&](uint16_t symbol) {
    if (length < room) begin[length] = static_cast<char>(symbol);
    ++length;
  };
  while (true) {
    for (; count <= 56 && at < bytes.size(); ++at, count += 8)
      buffer |= uint64_t{static_cast<uint8_t>(bytes[at])} << (56U - count);
    while (count >= kFastBits) {
      const FastEntry fast = kFast[buffer >> (64U - kFastBits)];
      if (fast.bits == 0) break;
      put(fast.symbol);
      buffer <<= fast.bits;
      count -= fast.bits;
    }
    if (count < kMaxBits && at < bytes.size()) continue;
    // Padding is the beginning of EOS: ones. Filled up with ones, what is left reads as EOS, longer than what there is.
    const uint64_t filled = count < 64 ? buffer | (~uint64_t{0} >> count) : buffer;
    const Symbol next = Read(static_cast<uint32_t>(filled >> 32U));
    const bool is_padding = next.bits > count && next.symbol == kEos && count < 8;
    if (is_padding) break;
    if (next.bits > count || next.symbol == kEos) return std::nullopt;
    put(next.symbol);
    buffer <<= next.bits;
    count -= next.bits;
  }
  out.resize(before + std::min(length, room));
  return length;
}

}  // namespace wirespan::decoders::http2
