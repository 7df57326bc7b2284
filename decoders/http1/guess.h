// How much first bytes look like HTTP/1. Pure.
#pragma once

#include "decoders/guess.h"

namespace wirespan::decoders::http1 {

// Of one direction. A request is certain once its version was seen, possible with a known method and a target; a response is
// certain with "HTTP/1.x NNN". Empty lines before are allowed (RFC 9112 2.2).
Likeness LikenessOf(Direction dir, std::span<const std::byte> bytes);

}  // namespace wirespan::decoders::http1
