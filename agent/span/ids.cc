#include "agent/span/ids.h"

#include <sys/random.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <utility>

#include "agent/base/flat_table.h"

namespace wirespan::span {
namespace {

// What is hashed begins with what it is, so that no two kinds of input can be the same bytes.
enum class Domain : uint8_t { kTcp = 1, kUnix = 2, kLocal = 3, kSpan = 4, kTrace = 5 };

struct SipState {
  uint64_t v0, v1, v2, v3;
  void Round() {
    v0 += v1, v1 = std::rotl(v1, 13) ^ v0, v0 = std::rotl(v0, 32);
    v2 += v3, v3 = std::rotl(v3, 16) ^ v2;
    v0 += v3, v3 = std::rotl(v3, 21) ^ v0;
    v2 += v1, v1 = std::rotl(v1, 17) ^ v2, v2 = std::rotl(v2, 32);
  }
  uint64_t Fold() const { return v0 ^ v1 ^ v2 ^ v3; }
  void Absorb(uint64_t word) {
    v3 ^= word;
    Round(), Round();
    v0 ^= word;
  }
  // The first and then the second word of the result, after the last word was absorbed.
  uint64_t EndFirst() {
    v2 ^= 0xee;
    for (int i = 0; i < 4; ++i) Round();
    return Fold();
  }
  uint64_t EndSecond() {
    v1 ^= 0xdd;
    for (int i = 0; i < 4; ++i) Round();
    return Fold();
  }
};

static_assert(std::endian::native == std::endian::little);

uint64_t LoadLittle(const uint8_t* bytes) {
  uint64_t word = 0;
  std::memcpy(&word, bytes, sizeof word);
  return word;
}

// A fixed-size message for the hash, written front to back.
class Input {
 public:
  explicit Input(Domain domain) { Byte(static_cast<uint8_t>(domain)); }
  void Byte(uint8_t value) { bytes_[size_++] = value; }
  template <typename T>
  void Number(T value) {
    std::memcpy(bytes_.data() + size_, &value, sizeof value);
    size_ += sizeof value;
  }
  void Bytes(std::span<const uint8_t> bytes) {
    std::copy(bytes.begin(), bytes.end(), bytes_.begin() + static_cast<std::ptrdiff_t>(size_));
    size_ += bytes.size();
  }
  uint64_t Word(size_t i) const { return LoadLittle(bytes_.data() + 8 * i); }
  // Absorbs it all; the bytes behind its end are 0.
  void GoInto(SipState& state) const {
    size_t at = 0;
    for (; at + 8 <= size_; at += 8) state.Absorb(LoadLittle(bytes_.data() + at));
    state.Absorb(LoadLittle(bytes_.data() + at) | static_cast<uint64_t>(size_) << 56U);
  }

 private:
  std::array<uint8_t, 48> bytes_{};  // at most 47 in use
  size_t size_ = 0;
};

constexpr std::array<uint8_t, 12> kMappedPrefix = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

// Every address as IPv6, IPv4 as v4-mapped.
std::array<uint8_t, 16> Canonical(AddressFamily family, const std::array<uint8_t, 16>& address) {
  if (family == AddressFamily::kIpv6) return address;
  std::array<uint8_t, 16> mapped{};
  std::copy(kMappedPrefix.begin(), kMappedPrefix.end(), mapped.begin());
  std::copy_n(address.begin(), 4, mapped.begin() + 12);
  return mapped;
}

SipState Begin(const IdKey& key) {
  const uint64_t k0 = LoadLittle(key.bytes.data());
  const uint64_t k1 = LoadLittle(key.bytes.data() + 8);
  return {k0 ^ 0x736f6d6570736575U, k1 ^ 0x646f72616e646f6dU ^ 0xeeU, k0 ^ 0x6c7967656e657261U, k1 ^ 0x7465646279746573U};
}
// In line, as OfSpan is, so that the state stays in registers.
[[gnu::always_inline]] inline Hash128 End(SipState state) {
  Hash128 hash;
  hash.first = state.EndFirst();
  hash.second = state.EndSecond();
  return hash;
}

trace::JoinKey Known(const Hash128& hash) {
  trace::JoinKey join{hash.first, hash.second};
  if (!join.known()) join.low = 1;
  return join;
}
trace::JoinKey KeyOf(const IdKey& key, const Input& input) {
  SipState state = Begin(key);
  input.GoInto(state);
  return Known(End(state));
}

// Domain, exchange, role, start: 26 bytes, as words.
[[gnu::always_inline]] inline SipState OfSpan(const IdKey& key, Domain domain, const trace::JoinKey& exchange,
                                              ConnectionRole role, uint64_t start_ns) {
  constexpr uint64_t kInputBytes = 1 + 16 + 1 + 8;
  SipState state = Begin(key);
  state.Absorb(static_cast<uint64_t>(domain) | exchange.high << 8U);
  state.Absorb(exchange.high >> 56U | exchange.low << 8U);
  state.Absorb(exchange.low >> 56U | static_cast<uint64_t>(role) << 8U | start_ns << 16U);
  state.Absorb(start_ns >> 48U | kInputBytes << 56U);
  return state;
}

template <size_t kSize>
std::array<uint8_t, kSize> BigEndian(const Hash128& hash) {
  std::array<uint8_t, kSize> id{};
  const uint64_t first = __builtin_bswap64(hash.first);
  const uint64_t second = __builtin_bswap64(hash.second);
  std::memcpy(id.data(), &first, sizeof first);
  if constexpr (kSize > sizeof first) std::memcpy(id.data() + sizeof first, &second, kSize - sizeof first);
  if (id == std::array<uint8_t, kSize>{}) id[kSize - 1] = 1;
  return id;
}

}  // namespace

Result<IdKey> RandomIdKey() {
  IdKey key;
  const ssize_t size = getrandom(key.bytes.data(), key.bytes.size(), 0);
  if (size != static_cast<ssize_t>(key.bytes.size())) return Error::FromErrno("draw the key of trace ids (getrandom)", errno);
  return key;
}

// SipHash (Aumasson, Bernstein 2012), two rounds per word and four at the end, in the variant with 128 bits of output.
Hash128 SipHash128(const IdKey& key, std::span<const uint8_t> bytes) {
  SipState state = Begin(key);
  const size_t whole = bytes.size() / 8 * 8;
  for (size_t i = 0; i < whole; i += 8) state.Absorb(LoadLittle(bytes.data() + i));
  std::array<uint8_t, 8> last{};
  std::copy(bytes.begin() + static_cast<std::ptrdiff_t>(whole), bytes.end(), last.begin());
  state.Absorb(LoadLittle(last.data()) | static_cast<uint64_t>(bytes.size()) << 56U);
  return End(state);
}

// Domain, client, server: 37 bytes, of which the hash has taken 32 when the position comes; 5 are left in `rest_`.
void TcpJoinKeys::Set(const IdKey& key, const Address& address, ConnectionRole role) {
  role_ = role;
  is_set_ = true;
  is_ip_ = address.family == AddressFamily::kIpv4 || address.family == AddressFamily::kIpv6;
  if (!is_ip_ || role == ConnectionRole::kUnknown) return;
  std::array<uint8_t, 16> client = Canonical(address.family, address.local);
  std::array<uint8_t, 16> server = Canonical(address.family, address.peer);
  uint16_t client_port = address.local_port;
  uint16_t server_port = address.peer_port;
  if (role == ConnectionRole::kServer) {
    std::swap(client, server);
    std::swap(client_port, server_port);
  }
  Input input(Domain::kTcp);
  input.Bytes(client);
  input.Number(client_port);
  input.Bytes(server);
  input.Number(server_port);
  SipState state = Begin(key);
  for (size_t word = 0; word < kWholeWords; ++word) state.Absorb(input.Word(word));
  state_ = {state.v0, state.v1, state.v2, state.v3};
  rest_ = input.Word(kWholeWords);
}

trace::JoinKey TcpJoinKeys::At(uint32_t position) const {
  if (!is_ip_ || role_ == ConnectionRole::kUnknown) return {};
  SipState state{state_[0], state_[1], state_[2], state_[3]};
  state.Absorb(rest_ | static_cast<uint64_t>(position) << (8 * kRestBytes));
  constexpr uint64_t kInputBytes = 8 * kWholeWords + kRestBytes + sizeof position;
  state.Absorb(position >> (8 * (8 - kRestBytes)) | kInputBytes << 56U);
  return Known(End(state));
}

trace::JoinKey MakeJoinKey(const IdKey& key, const Address& address, ConnectionRole role, uint32_t position) {
  TcpJoinKeys keys;
  keys.Set(key, address, role);
  return keys.At(position);
}

trace::JoinKey MakeUnixJoinKey(const IdKey& key, ConnectionId own, ConnectionId peer, ConnectionRole role, uint32_t position) {
  const ConnectionId client = role == ConnectionRole::kClient ? own : peer;
  if (client == 0 || role == ConnectionRole::kUnknown) return {};
  Input input(Domain::kUnix);
  input.Number(client);
  input.Number(position);
  return KeyOf(key, input);
}

trace::JoinKey MakeSequenceKey(const IdKey& key, ConnectionRole role, uint32_t position, uint32_t reverse_position) {
  if (role == ConnectionRole::kUnknown) return {};
  // Mixed with the key, for the peer chooses its numbers; cheaper than a hash, for every request has one.
  const uint64_t both = static_cast<uint64_t>(position) << 32U | reverse_position;
  return {both, MixBits(both ^ LoadLittle(key.bytes.data())) | 1U};
}

trace::JoinKey MakeLocalKey(const IdKey& key, Token token, uint32_t index, uint64_t start_ns) {
  Input input(Domain::kLocal);
  input.Number(token);
  input.Number(index);
  input.Number(start_ns);
  return KeyOf(key, input);
}

exporters::SpanId MakeSpanId(const IdKey& key, const trace::JoinKey& exchange, ConnectionRole role, uint64_t start_ns) {
  SipState state = OfSpan(key, Domain::kSpan, exchange, role, start_ns);
  return BigEndian<8>({state.EndFirst(), 0});
}

exporters::TraceId MakeTraceId(const IdKey& key, const trace::JoinKey& exchange, ConnectionRole role, uint64_t start_ns) {
  SipState state = OfSpan(key, Domain::kTrace, exchange, role, start_ns);
  return BigEndian<16>(End(state));
}

}  // namespace wirespan::span
