// How much first bytes look like Redis. Pure.
#pragma once

#include <span>

#include "decoders/guess.h"

namespace wirespan::decoders::redis {

// A command in an array is certain from its name on; inline commands are never guessed, for other protocols have such lines. A
// reply is possible at best.
Likeness LikenessOf(Direction dir, std::span<const std::byte> bytes);

}  // namespace wirespan::decoders::redis
