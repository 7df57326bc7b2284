// How much first bytes look like PostgreSQL. Pure.
#pragma once

#include <span>

#include "decoders/guess.h"

namespace wirespan::decoders::postgresql {

// The beginning of a connection is certain; of one that was there before, a Query or a chain of frames is possible.
Likeness LikenessOf(Direction dir, std::span<const std::byte> bytes);

}  // namespace wirespan::decoders::postgresql
