// Finding the next message in bytes whose place in the protocol is not known. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "decoders/decoder.h"

namespace wirespan::decoders {

enum class StartMatch : uint8_t {
  kNo,    // no message begins with the bytes
  kMore,  // one may: more bytes are needed
  kYes,
};
using StartMatcher = StartMatch (*)(std::string_view bytes, Direction dir);

// Where the first message begins, or may begin with the last bytes; nullopt: nowhere. `match` says kNo early.
inline std::optional<size_t> FindStart(StartMatcher match, std::string_view bytes, Direction dir) {
  for (size_t at = 0; at < bytes.size(); ++at) {
    if (match(bytes.substr(at), dir) != StartMatch::kNo) return at;
  }
  return std::nullopt;
}

}  // namespace wirespan::decoders
