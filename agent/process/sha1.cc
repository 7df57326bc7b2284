#include "agent/process/sha1.h"

#include <bit>
#include <cstddef>
#include <string>

namespace wirespan::process {
namespace {

using State = std::array<uint32_t, 5>;

void AbsorbBlock(State& state, const char* block) {
  std::array<uint32_t, 80> w{};
  for (size_t i = 0; i < 64; ++i) w[i / 4] = w[i / 4] << 8U | static_cast<uint8_t>(block[i]);
  for (size_t t = 16; t < 80; ++t) w[t] = std::rotl(w[t - 3] ^ w[t - 8] ^ w[t - 14] ^ w[t - 16], 1);
  auto [a, b, c, d, e] = state;
  for (size_t t = 0; t < 80; ++t) {
    uint32_t f = b ^ c ^ d;
    uint32_t k = t < 40 ? 0x6ed9eba1U : 0xca62c1d6U;
    if (t < 20) {
      f = (b & c) | (~b & d), k = 0x5a827999U;
    } else if (t >= 40 && t < 60) {
      f = (b & c) | (b & d) | (c & d), k = 0x8f1bbcdcU;
    }
    const uint32_t next = std::rotl(a, 5) + f + e + w[t] + k;
    e = d, d = c, c = std::rotl(b, 30), b = a, a = next;
  }
  state[0] += a, state[1] += b, state[2] += c, state[3] += d, state[4] += e;
}

}  // namespace

std::array<uint8_t, 20> Sha1(std::string_view bytes) {
  State state = {0x67452301U, 0xefcdab89U, 0x98badcfeU, 0x10325476U, 0xc3d2e1f0U};
  std::string padded(bytes);
  padded += '\x80';
  while (padded.size() % 64 != 56) padded += '\0';
  const uint64_t bits = uint64_t{bytes.size()} * 8;
  for (int shift = 56; shift >= 0; shift -= 8) padded += static_cast<char>(bits >> static_cast<unsigned>(shift));
  for (size_t i = 0; i < padded.size(); i += 64) AbsorbBlock(state, padded.data() + i);
  std::array<uint8_t, 20> hash{};
  for (size_t i = 0; i < hash.size(); ++i) hash[i] = static_cast<uint8_t>(state[i / 4] >> (24U - 8U * (i % 4)));
  return hash;
}

}  // namespace wirespan::process
