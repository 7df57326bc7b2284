// How much first bytes look like FastCGI. Pure.
#pragma once

#include "decoders/guess.h"

namespace wirespan::decoders::fastcgi {

// Of one direction. A request is certain with its whole BEGIN_REQUEST, possible with the header of that; the empty STDIN records
// that a server reads late, of the request before, may stand in front. A response is certain with the beginning of a header field
// in STDOUT, possible with the header of any record that one may begin with.
Likeness LikenessOf(Direction dir, std::span<const std::byte> bytes);

}  // namespace wirespan::decoders::fastcgi
