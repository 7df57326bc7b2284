// Integers of HPACK (RFC 7541 5.1). Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace wirespan::decoders::http2 {

inline constexpr unsigned kMaxContinuation = 5;  // bytes of an integer behind its prefix: enough for 32 bits

enum class IntegerRead : uint8_t { kDone, kShort, kBad };  // kBad: beyond 32 bits, or longer than kMaxContinuation

// An integer in the last `prefix_bits` of the first byte and what follows. Takes it off `rest` when it is whole.
inline IntegerRead ReadInteger(std::span<const std::byte>& rest, unsigned prefix_bits, uint32_t& out) {
  if (rest.empty()) return IntegerRead::kShort;
  const uint32_t mask = (1U << prefix_bits) - 1;
  uint64_t value = static_cast<uint8_t>(rest[0]) & mask;
  size_t used = 1;
  if (value == mask) {
    for (unsigned i = 0;; ++i) {
      if (i == kMaxContinuation) return IntegerRead::kBad;
      if (used == rest.size()) return IntegerRead::kShort;
      const auto byte = static_cast<uint8_t>(rest[used++]);
      value += uint64_t{byte & 0x7fU} << (7 * i);
      if (value > UINT32_MAX) return IntegerRead::kBad;
      if ((byte & 0x80U) == 0) break;
    }
  }
  out = static_cast<uint32_t>(value);
  rest = rest.subspan(used);
  return IntegerRead::kDone;
}

}  // namespace wirespan::decoders::http2
