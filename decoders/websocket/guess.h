// First bytes -> WebSocket or not, for connections whose upgrade was not seen. Pure.
#pragma once

#include <cstddef>
#include <span>

#include "decoders/guess.h"

namespace wirespan::decoders::websocket {

// kPossible: the client's bytes are whole masked frames to their very end, one of them a whole message or the beginning of one,
// and what text there is, is text. The server's bytes alone prove nothing.
Likeness LikenessOf(Direction dir, std::span<const std::byte> bytes);

// Whether a call's bytes begin with a frame: its frames, one behind the other, end where the call does; or the last is longer
// than that and says so by a length of several bytes. `bytes`: what was seen from its beginning on; `size`: bytes of the call.
bool BeginsWithFrame(Direction dir, std::span<const std::byte> bytes, uint64_t size);

}  // namespace wirespan::decoders::websocket
