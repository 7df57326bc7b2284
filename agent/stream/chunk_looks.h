// What a chunk looks like, for the two files of Connection: whether a message may begin with it.
#pragma once

#include <cstdint>

#include "agent/kernel/event.h"
#include "decoders/registry.h"

namespace wirespan::stream {

inline constexpr uint64_t kLastPosition = uint64_t{1} << 62U;

// Bytes of which the first is the first of a turn: where a message may begin.
inline bool BeginsTurn(const DataChunk& chunk) { return chunk.first_of_turn && chunk.skipped_size == 0 && !chunk.bytes.empty(); }
inline bool LooksLikeRequest(const DataChunk& chunk) {
  return decoders::GuessProtocol(chunk.bytes, {}).likeness >= decoders::Likeness::kPossible;
}
inline bool MayBeRequest(const DataChunk& chunk) {
  return decoders::GuessProtocol(chunk.bytes, {}).likeness > decoders::Likeness::kNo;
}
inline bool LooksLikeResponse(const DataChunk& chunk) {
  return decoders::GuessProtocol({}, chunk.bytes).likeness >= decoders::Likeness::kPossible;
}

inline StreamSide Opposite(StreamSide side) { return side == StreamSide::kSend ? StreamSide::kReceive : StreamSide::kSend; }

}  // namespace wirespan::stream
