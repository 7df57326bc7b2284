// Where a message begins. Pure.
#pragma once

#include <string_view>

#include "decoders/start_match.h"

namespace wirespan::decoders::postgresql {

// A request: the header of a Query, Parse or Bind of at most 16 MiB, and what may follow it. A reply: the same of a
// RowDescription, CommandComplete or ErrorResponse, or a whole ParseComplete or BindComplete. Messages that begin otherwise are
// not found.
StartMatch MatchStart(std::string_view bytes, Direction dir);

}  // namespace wirespan::decoders::postgresql
