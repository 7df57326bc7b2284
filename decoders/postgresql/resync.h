// Finding the next message in bytes whose place in the protocol is not known. Pure.
#pragma once

#include <optional>
#include <string_view>

#include "decoders/decoder.h"

namespace wirespan::decoders::postgresql {

enum class StartMatch : uint8_t {
  kNo,    // no message begins with the bytes
  kMore,  // one may: more bytes are needed
  kYes,
};
// A request: the header of a Query, Parse or Bind of at most 16 MiB, and what may follow it. A reply: the same of a
// RowDescription, CommandComplete or ErrorResponse, or a whole ParseComplete or BindComplete. Messages that begin otherwise are
// not found.
StartMatch MatchStart(std::string_view bytes, Direction dir);

// Where the first message begins, or may begin with the last bytes; nullopt: nowhere.
std::optional<size_t> FindStart(std::string_view bytes, Direction dir);

}  // namespace wirespan::decoders::postgresql
