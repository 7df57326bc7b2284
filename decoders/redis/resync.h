// Where a message begins. Pure.
#pragma once

#include <string_view>

#include "decoders/start_match.h"

namespace wirespan::decoders::redis {

// A command: the header of an array, and of a string in it. A reply: an array or map and the type of its first element, "+OK", an
// error with a first word in capitals, a whole integer. Replies that begin otherwise are not found.
StartMatch MatchStart(std::string_view bytes, Direction dir);

}  // namespace wirespan::decoders::redis
