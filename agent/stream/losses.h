// Losses: everything that user space counts on the way from a record to a span, by name. One object per shard, written by its
// thread only; readers take a copy between batches. The identity, exact at every moment:
//   requests_seen == spans_emitted + exchanges still open + sum of the losses of kind kExchange.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace wirespan {

enum class LossKind : uint8_t {
  kExchange,    // a request that was seen has no span
  kMessage,     // a message whose exchange cannot be told
  kConnection,  // a connection is not traced (any more)
  kEvent,       // an event was not used
  kBytes,       // a place in a stream where bytes are missing or were given up
};

enum class Loss : uint8_t {
  // kExchange
  kAmbiguousMessage,  // the framing of the request or of its response can be read in two ways
  kExchangesFull,     // more open exchanges, on the connection or in the shard, than the bound
  kPairingLost,       // bytes went missing on a connection that pipelines: which response is whose is not known
  kLeftProtocol,      // the connection left its protocol with this request open
  kUnknownRole,       // neither end's role could be told
  // kMessage
  kResponseWithoutRequest,
  kRequestCut,          // a request of which not even the start line was wholly seen
  kResponseCut,         // a response of which not even the start line was wholly seen, or an interim one whose head was not
  kRequestBeforeStart,  // a request in transit when the connection was first seen
  // kConnection
  kConnectionsFull,      // the table is full of busy connections: this one is not traced
  kConnectionEvicted,    // an idle connection was forgotten for a new one
  kUnknownProtocol,      // no decoder knows its bytes
  kOtherProtocol,        // it left what is decoded: Upgrade, CONNECT, interleaved FastCGI requests
  kAmbiguousConnection,  // an ambiguous message: where later ones begin is not known
  kPairingConnection,    // it pipelines and lost bytes: see kPairingLost
  kUnknownConnection,    // data without an opening: traced, but without addresses
  // kEvent
  kMalformedEvent,
  kUnknownEvent,          // a type this build does not know
  kLateEvent,             // data of a connection that was closed
  kEarlyResponseDropped,  // read before its request was known to be written, beyond the bound
  // kBytes
  kReorderOverflow,  // chunks out of order beyond the window: the hole before them becomes a gap
  kStreamOverflow,   // more undecided bytes than the bound
  kStreamGap,        // a gap that the decoder could not absorb
  kNotTheProtocol,   // bytes the decoder refused
  kOverlap,          // a chunk that overlaps what was read already: trimmed
  kPositionRaced,    // two threads sent at once: which bytes came first is not known, so they count as not seen
  kPositionJump,     // a position out of all bounds: the direction begins anew
  kCount,
};
inline constexpr size_t kLossCount = static_cast<size_t>(Loss::kCount);

std::string_view LossName(Loss loss);  // snake_case, as in the metric `wirespan.losses{reason}`; empty for kCount
LossKind KindOf(Loss loss);

struct Losses {
  std::array<uint64_t, kLossCount> counts{};
  // No losses: what the identity and the summary are made of.
  uint64_t events = 0;          // accepted, of any type
  uint64_t chunks = 0;          // data events among them
  uint64_t ignored_chunks = 0;  // of connections that were switched off
  uint64_t requests_seen = 0;   // requests whose start line was seen, or that an ambiguity made a request of
  uint64_t spans_emitted = 0;
  uint64_t spans_incomplete = 0;   // of these, not ExchangeEnd::kComplete
  uint64_t interim_responses = 0;  // 1xx

  void Add(Loss loss, uint64_t n = 1) { counts[static_cast<size_t>(loss)] += n; }
  uint64_t operator[](Loss loss) const { return counts[static_cast<size_t>(loss)]; }
  uint64_t ExchangesLost() const;  // the sum over kExchange
  void Merge(const Losses& other);
};

}  // namespace wirespan
