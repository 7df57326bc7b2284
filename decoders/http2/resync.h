// Finding a frame boundary again in bytes whose place in the framing is not known. Pure.
//
// A candidate is nine bytes that IsPlausible. It is believed only with what follows: a chain of kChainFrames such headers, each
// where the one before says that its payload ends; or of two where the first is a whole request (response) head, or a header
// block that goes on in a CONTINUATION of the same stream. Uniformly random bytes pass IsPlausible with less than 2^-22 per
// place, so a chain of three with less than 2^-66, one of two frames with less than 2^-44 times what it takes to be a head.
// Bodies are not random: bytes that are HTTP/2 themselves (a capture file, a tunnel) inside a DATA frame whose header was lost
// can be believed, and are found out only where their chain ends: then the direction is lost again. That is what a gap can cost,
// and why a table and the stream ids of before are not trusted behind it.
//
// What a program moved by one call proves as much where it is made of whole frames, from its first byte to its last: most calls
// of most programs are. Then one frame is enough. Its place is not searched for, and its length is that of the call: of uniformly
// random bytes less than 2^-35 are so. The first byte has to be that of the call: the last nine bytes of a SETTINGS frame may be
// the header of an empty DATA.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "decoders/decoder.h"

namespace wirespan::decoders::http2 {

inline constexpr size_t kChainFrames = 3;
// A chain that needs more bytes than this is not believed: the caller has to keep them.
inline constexpr size_t kMaxCandidateBytes = size_t{40} * 1024;

enum class Chain : uint8_t {
  kBroken,  // no frames
  kOpen,    // so far; more bytes are needed
  kBelieved,
};
// Whether frames begin at the first byte.
Chain ChainAt(std::span<const std::byte> bytes, Direction dir, uint32_t max_frame_size);

struct FrameSearch {
  Chain chain = Chain::kBroken;
  size_t offset = 0;  // of the first place where the chain is not broken
};
FrameSearch FindFrames(std::span<const std::byte> bytes, Direction dir, uint32_t max_frame_size);

// Whether `bytes`, and `unseen` more behind them, are whole frames from the first byte to the last: each IsPlausible, each where
// the one before ends, none a CONTINUATION of what is not there, and no head that only the other direction has. Every header has
// to be in `bytes`.
bool AreWholeFrames(std::span<const std::byte> bytes, uint64_t unseen, Direction dir, uint32_t max_frame_size);

// Whether a block is one of HPACK to its last byte and has a pseudo-header field of a request (response) that needs no dynamic
// table: nearly every head has :scheme, or :status 200, as an entry of the static table.
bool LooksLikeHead(std::span<const std::byte> block, bool is_request);

}  // namespace wirespan::decoders::http2
