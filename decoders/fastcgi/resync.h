// Finding the next message in bytes whose place in the protocol is not known. Pure.
#pragma once

#include <optional>
#include <string_view>

#include "decoders/fastcgi/record.h"

namespace wirespan::decoders::fastcgi {

enum class StartMatch : uint8_t {
  kNo,    // no message begins with the bytes
  kMore,  // one may: more bytes are needed
  kYes,
};
// A request: a whole BEGIN_REQUEST with one of the three roles and no unknown flag (16 bytes). A response: the header of a STDOUT
// record and the beginning of a header field's name (12 bytes); responses that begin otherwise are not found.
StartMatch MatchStart(std::string_view bytes, Direction dir);

// Where the first message begins, or may begin with the last bytes; nullopt: nowhere.
std::optional<size_t> FindStart(std::string_view bytes, Direction dir);

}  // namespace wirespan::decoders::fastcgi
