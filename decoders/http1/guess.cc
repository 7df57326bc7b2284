#include "decoders/http1/guess.h"

#include "decoders/http1/head_parser.h"
#include "decoders/http_characters.h"

namespace wirespan::decoders::http1 {
namespace {

// A request line whose version was not reached: what its method and target say.
Likeness OfOpenRequestLine(std::string_view line) {
  const size_t space = line.find(' ');
  if (space == std::string_view::npos) return IsKnownMethodPrefix(line) ? Likeness::kTooShort : Likeness::kNo;
  if (!IsKnownMethod(line.substr(0, space))) return Likeness::kTooShort;
  const std::string_view target = line.substr(space + 1);
  return !target.empty() && (target.front() == '/' || target.front() == '*') ? Likeness::kPossible : Likeness::kTooShort;
}

}  // namespace

Likeness LikenessOf(Direction dir, std::span<const std::byte> bytes) {
  std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  while (!text.empty() && (text.front() == '\r' || text.front() == '\n')) text.remove_prefix(1);
  if (text.empty()) return Likeness::kTooShort;
  const bool is_request = dir == Direction::kClientToServer;
  text = text.substr(0, kMaxGuessBytes);
  StartLineScan scan;
  scan.Begin(is_request);
  size_t used = 0;
  switch (scan.Feed(text, used)) {
    case StartLineScan::Outcome::kDone:
      return Likeness::kCertain;
    case StartLineScan::Outcome::kBad:
      return Likeness::kNo;
    case StartLineScan::Outcome::kMore:
      break;
  }
  if (is_request) return OfOpenRequestLine(text);
  return text.size() > 12 ? Likeness::kCertain : Likeness::kTooShort;  // "HTTP/1.x NNN" and one more byte
}

}  // namespace wirespan::decoders::http1
