#include "agent/stream/losses.h"

namespace wirespan {

std::string_view LossName(Loss loss) {
  switch (loss) {
    case Loss::kAmbiguousMessage:
      return "ambiguous_message";
    case Loss::kExchangesFull:
      return "exchanges_full";
    case Loss::kPairingLost:
      return "pairing_lost";
    case Loss::kLeftProtocol:
      return "left_protocol";
    case Loss::kUnknownRole:
      return "unknown_role";
    case Loss::kResponseWithoutRequest:
      return "response_without_request";
    case Loss::kRequestCut:
      return "request_cut";
    case Loss::kResponseCut:
      return "response_cut";
    case Loss::kRequestBeforeStart:
      return "request_before_start";
    case Loss::kConnectionsFull:
      return "connections_full";
    case Loss::kConnectionEvicted:
      return "connection_evicted";
    case Loss::kUnknownProtocol:
      return "unknown_protocol";
    case Loss::kOtherProtocol:
      return "other_protocol";
    case Loss::kAmbiguousConnection:
      return "ambiguous_connection";
    case Loss::kPairingConnection:
      return "pairing_connection";
    case Loss::kUnknownConnection:
      return "unknown_connection";
    case Loss::kMalformedEvent:
      return "malformed_event";
    case Loss::kUnknownEvent:
      return "unknown_event";
    case Loss::kLateEvent:
      return "late_event";
    case Loss::kEarlyResponseDropped:
      return "early_response_dropped";
    case Loss::kReorderOverflow:
      return "reorder_overflow";
    case Loss::kStreamOverflow:
      return "stream_overflow";
    case Loss::kStreamGap:
      return "stream_gap";
    case Loss::kNotTheProtocol:
      return "not_the_protocol";
    case Loss::kOverlap:
      return "overlap";
    case Loss::kPositionRaced:
      return "chunk_position_raced";
    case Loss::kPositionJump:
      return "position_jump";
    case Loss::kCount:
      break;
  }
  return {};
}

LossKind KindOf(Loss loss) {
  if (loss <= Loss::kUnknownRole) return LossKind::kExchange;
  if (loss <= Loss::kRequestBeforeStart) return LossKind::kMessage;
  if (loss <= Loss::kUnknownConnection) return LossKind::kConnection;
  if (loss <= Loss::kEarlyResponseDropped) return LossKind::kEvent;
  return LossKind::kBytes;
}

uint64_t Losses::ExchangesLost() const {
  uint64_t sum = 0;
  for (size_t i = 0; i <= static_cast<size_t>(Loss::kUnknownRole); ++i) sum += counts[i];
  return sum;
}

void Losses::Merge(const Losses& other) {
  for (size_t i = 0; i < kLossCount; ++i) counts[i] += other.counts[i];
  events += other.events;
  chunks += other.chunks;
  ignored_chunks += other.ignored_chunks;
  requests_seen += other.requests_seen;
  spans_emitted += other.spans_emitted;
  spans_incomplete += other.spans_incomplete;
  interim_responses += other.interim_responses;
}

}  // namespace wirespan
