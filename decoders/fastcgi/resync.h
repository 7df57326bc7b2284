// Where a message begins. Pure.
#pragma once

#include <string_view>

#include "decoders/start_match.h"

namespace wirespan::decoders::fastcgi {

// A request: a whole BEGIN_REQUEST with one of the three roles and no unknown flag (16 bytes). A response: the header of a STDOUT
// record and the beginning of a header field's name (12 bytes); responses that begin otherwise are not found.
StartMatch MatchStart(std::string_view bytes, Direction dir);

}  // namespace wirespan::decoders::fastcgi
