// Guessing the protocol of a connection from the first bytes of its directions. A port is never proof and is not asked. Pure.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "decoders/decoder.h"

namespace wirespan::decoders {

using ProtocolId = uint8_t;  // place in decoders/registry.h's list, from 1
inline constexpr ProtocolId kUnknownProtocol = 0;

// How much the first bytes of one direction look like a protocol.
enum class Likeness : uint8_t {
  kNo = 0,        // they cannot be it
  kTooShort = 1,  // they can be the beginning of it; more bytes are needed
  kPossible = 2,  // they fit; other protocols could begin so too
  kCertain = 3,   // a signature that no other known protocol has
};

struct Guess {
  ProtocolId protocol = kUnknownProtocol;
  Likeness likeness = Likeness::kNo;  // kTooShort: ask again with more bytes; kNo: of no known protocol
};

// The likeliest protocol. Either direction may be empty (nothing of it was seen yet); bytes begin where the direction begins, or
// anywhere at a message start for a connection older than the agent.
Guess GuessProtocol(std::span<const std::byte> client_to_server, std::span<const std::byte> server_to_client);

// Beyond so many bytes a kTooShort is a kNo.
inline constexpr size_t kMaxGuessBytes = size_t{8} * 1024;

}  // namespace wirespan::decoders
