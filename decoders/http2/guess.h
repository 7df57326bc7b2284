// How much first bytes look like HTTP/2. Pure.
#pragma once

#include "decoders/guess.h"

namespace wirespan::decoders::http2 {

// Of one direction. The client's preface is certain, and so is a server's first SETTINGS frame with settings that are known and
// allowed. Of a connection older than the agent, where the bytes begin with a frame, a chain of them as Resync wants it is
// possible, and so are bytes that are one whole head.
Likeness LikenessOf(Direction dir, std::span<const std::byte> bytes);

}  // namespace wirespan::decoders::http2
