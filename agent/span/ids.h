// Ids of exchanges, spans and traces: keyed hashes (SipHash-2-4 with 128 bits) of what both ends of a connection see, so that no
// table is needed to agree on them, a replay gives the same ids, and nobody without the key can choose them. Pure; any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "agent/base/result.h"
#include "agent/kernel/event.h"
#include "agent/trace/fact.h"
#include "exporters/span.h"

namespace wirespan::span {

// Drawn once per run from the kernel's generator, and kept in recordings.
struct IdKey {
  std::array<uint8_t, 16> bytes{};
  bool operator==(const IdKey&) const = default;
};
Result<IdKey> RandomIdKey();

struct Hash128 {
  uint64_t first = 0;  // little-endian words of the reference implementation's output
  uint64_t second = 0;
  bool operator==(const Hash128&) const = default;
};
Hash128 SipHash128(const IdKey& key, std::span<const uint8_t> bytes);

// Names an exchange alike at both ends of a TCP connection: client address and port, server address and port, sequence number of
// the request's first byte. `address` is as the end in `role` sees it; v4-mapped IPv6 and IPv4 are the same. Not known() where
// the family is not IP or the role is unknown.
trace::JoinKey MakeJoinKey(const IdKey& key, const Address& address, ConnectionRole role, uint32_t position);
// MakeJoinKey for one connection: all but the position is hashed once. Kept with the connection.
class TcpJoinKeys {
 public:
  void Set(const IdKey& key, const Address& address, ConnectionRole role);
  void Clear() { is_set_ = false; }
  bool IsSetFor(ConnectionRole role) const { return is_set_ && role_ == role; }
  // After Set.
  trace::JoinKey At(uint32_t position) const;

 private:
  static constexpr size_t kWholeWords = 4;
  static constexpr size_t kRestBytes = 5;
  std::array<uint64_t, 4> state_{};
  uint64_t rest_ = 0;
  ConnectionRole role_ = ConnectionRole::kUnknown;
  bool is_set_ = false;
  bool is_ip_ = false;
};
// The same for a unix stream socket: the inode of the client's end and the position in its stream. The client knows no inode of
// the other end where it wrote before it was accepted. Not known() at a server without a peer.
trace::JoinKey MakeUnixJoinKey(const IdKey& key, ConnectionId own, ConnectionId peer, ConnectionRole role, uint32_t position);
// Names an exchange alike at both ends of a TCP connection whatever addresses each end sees: by the sequence numbers of both
// directions at the request's first byte. 64 bits tell it apart; it is for joining only, never for ids.
trace::JoinKey MakeSequenceKey(const IdKey& key, ConnectionRole role, uint32_t position, uint32_t reverse_position);
// For an exchange that joins with nothing (its peer or its request is not known): a key to make ids of, unlike any join key.
trace::JoinKey MakeLocalKey(const IdKey& key, Token token, uint32_t index, uint64_t start_ns);

// `start_ns` (boot time of the first byte: RequestSeen::time_ns, SpanFinished::start_ns) keeps ids apart where a sequence number
// comes round again, after 4 GiB on one connection. Never zero. Client and server span of one exchange differ.
exporters::SpanId MakeSpanId(const IdKey& key, const trace::JoinKey& exchange, ConnectionRole role, uint64_t start_ns);
// The id of a trace whose root is that exchange's span; all 16 bytes are uniformly distributed (W3C random flag 0x02 may be set).
exporters::TraceId MakeTraceId(const IdKey& key, const trace::JoinKey& exchange, ConnectionRole role, uint64_t start_ns);

}  // namespace wirespan::span
