// Finding the next start line in bytes whose place in the protocol is not known. Pure.
#pragma once

#include <string_view>

#include "decoders/http1/head_parser.h"

namespace wirespan::decoders::http1 {

// Start lines longer than this are not taken for one. A phrase may hold anything, further candidates too: its bound keeps the
// work small.
constexpr size_t MaxCandidateBytes(bool is_request) { return is_request ? size_t{8} * 1024 : 256; }

enum class StartOutcome : uint8_t {
  kNone,       // no start line begins in the bytes
  kCandidate,  // the bytes from `offset` on are the beginning of one, so far; none begins before
  kFound,      // a whole start line stands at `offset`; none begins before
};
struct StartSearch {
  StartOutcome outcome = StartOutcome::kNone;
  size_t offset = 0;
};

// The first start line: of a request "METHOD SP target SP HTTP/1.x" with a known method, of a response "HTTP/1.x SP NNN", each to
// its line end. It need not be at the beginning of a line: a body ends without one.
StartSearch FindStart(std::string_view bytes, bool is_request);

}  // namespace wirespan::decoders::http1
