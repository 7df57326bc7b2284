#include "decoders/http1/resync.h"

#include <algorithm>

namespace wirespan::decoders::http1 {
namespace {

constexpr std::string_view kVersionPrefix = "HTTP/1.";
constexpr size_t kNone = std::string_view::npos;

StartOutcome TryStart(std::string_view bytes, bool is_request) {
  StartLineScan scan;
  scan.Begin(is_request);
  size_t used = 0;
  const size_t limit = MaxCandidateBytes(is_request);
  switch (scan.Feed(bytes.substr(0, limit), used)) {
    case StartLineScan::Outcome::kDone:
      return StartOutcome::kFound;
    case StartLineScan::Outcome::kMore:
      return used < limit ? StartOutcome::kCandidate : StartOutcome::kNone;
    case StartLineScan::Outcome::kBad:
      break;
  }
  return StartOutcome::kNone;
}

// The first position >= `from` where a method and its SP stand; kNone: no more. `after` becomes the position after the SP.
size_t NextMethod(std::string_view bytes, size_t from, size_t& after) {
  for (size_t space = bytes.find(' ', from); space != kNone; space = bytes.find(' ', space + 1)) {
    const size_t length = KnownMethodSuffix(bytes.substr(from, space - from));
    if (length == 0) continue;
    after = space + 1;
    return space - length;
  }
  return kNone;
}

// The first position whose rest is the beginning of a known method; bytes.size(): none.
size_t PartialMethod(std::string_view bytes) {
  size_t at = bytes.size() - std::min(bytes.size(), kMaxMethodBytes);
  while (at < bytes.size() && !IsKnownMethodPrefix(bytes.substr(at))) ++at;
  return at;
}

size_t PartialVersion(std::string_view bytes) {
  size_t at = bytes.size() - std::min(bytes.size(), kVersionPrefix.size() - 1);
  while (at < bytes.size() && !kVersionPrefix.starts_with(bytes.substr(at))) ++at;
  return at;
}

}  // namespace

StartSearch FindStart(std::string_view bytes, bool is_request) {
  size_t after = 0;
  size_t at = 0;
  while (true) {
    at = is_request ? NextMethod(bytes, after, after) : bytes.find(kVersionPrefix, after);
    if (at == kNone) break;
    if (!is_request) after = at + 1;
    const StartOutcome outcome = TryStart(bytes.substr(at), is_request);
    if (outcome != StartOutcome::kNone) return {outcome, at};
  }
  at = is_request ? PartialMethod(bytes) : PartialVersion(bytes);
  if (at == bytes.size()) return {};
  return {StartOutcome::kCandidate, at};
}

}  // namespace wirespan::decoders::http1
