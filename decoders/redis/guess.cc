#include "decoders/redis/guess.h"

#include "decoders/redis/arguments.h"
#include "decoders/redis/resync.h"

namespace wirespan::decoders::redis {
namespace {

constexpr uint64_t kMaxName = 24;

// Of the first bytes of an array: its first element is a string that may be a command's name.
Likeness OfCommand(std::string_view text) {
  RespScan scan;
  Arguments arguments;
  Message message;
  arguments.Begin();
  while (!text.empty()) {
    const RespStep step = scan.Take(text);
    text.remove_prefix(step.used);
    if (step.what == RespStep::What::kBad) return Likeness::kNo;
    if (step.what == RespStep::What::kBegins) {
      const bool fits = scan.depth() == 0 ? step.type == Type::kArray && !step.done
                                          : step.type == Type::kBulk && step.size > 0 && step.size <= kMaxName;
      if (!fits) return Likeness::kNo;
      if (scan.depth() > 0) arguments.BeginArgument(message);
    }
    for (const char c : step.text) {
      if (c <= ' ' || c >= 0x7f) return Likeness::kNo;
    }
    if (step.what == RespStep::What::kText) arguments.Text(step.text, message);
    if (step.what != RespStep::What::kEnds) continue;
    arguments.EndArgument(message);
    return arguments.name_is_known() ? Likeness::kCertain : Likeness::kPossible;
  }
  return Likeness::kTooShort;
}

}  // namespace

Likeness LikenessOf(Direction dir, std::span<const std::byte> bytes) {
  std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  text = text.substr(0, kMaxGuessBytes);
  if (text.empty()) return Likeness::kTooShort;
  if (dir == Direction::kClientToServer) return OfCommand(text);
  switch (MatchStart(text, dir)) {
    case StartMatch::kYes:
      return Likeness::kPossible;
    case StartMatch::kMore:
      return Likeness::kTooShort;
    case StartMatch::kNo:
      break;
  }
  // Of other replies one byte, or a short line, says nothing yet.
  return IsType(text.front()) ? Likeness::kTooShort : Likeness::kNo;
}

}  // namespace wirespan::decoders::redis
