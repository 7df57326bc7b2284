// Finding the next message in bytes whose place in the protocol is not known. Pure.
#pragma once

#include <optional>
#include <string_view>

#include "decoders/decoder.h"

namespace wirespan::decoders::redis {

enum class StartMatch : uint8_t {
  kNo,    // no message begins with the bytes
  kMore,  // one may: more bytes are needed
  kYes,
};
// A command: the header of an array, and of a string in it. A reply: an array or map and the type of its first element, "+OK", an
// error with a first word in capitals, a whole integer. Replies that begin otherwise are not found.
StartMatch MatchStart(std::string_view bytes, Direction dir);

// Where the first message begins, or may begin with the last bytes; nullopt: nowhere.
std::optional<size_t> FindStart(std::string_view bytes, Direction dir);

}  // namespace wirespan::decoders::redis
