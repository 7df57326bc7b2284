// redis::Decoder, bytes that were not seen: absorbed inside a string of known length; where they took the framing of what
// follows, the message goes on until something other than its own bytes proves that it ended.
#include <algorithm>

#include "decoders/redis/decoder.h"

namespace wirespan::decoders::redis {

uint64_t Decoder::PassGap(Side& s, uint64_t size, Messages& out) {
  const uint64_t in_string = s.state == State::kValue ? std::min(size, s.scan.StringLeft()) : 0;
  if (in_string > 0) LoseString(s, in_string, out);
  return size - in_string;
}

// `size` bytes of the string in progress, or of its line end.
void Decoder::LoseString(Side& s, uint64_t size, Messages& out) {
  const uint64_t left = s.scan.StringLeft();
  const bool in_content = left > 2;
  const bool ends = size == left;
  const bool is_first = s.scan.depth() == 1 && s.scan.index() == 0;
  const bool done = s.scan.PassString(size);
  s.position = AddBounded(s.position, size);
  if (s.is_request()) {
    if (in_content) arguments_.Lose(*s.open);
    if (ends) arguments_.EndArgument(*s.open);
    if (done) EndRequest(s, Incomplete::kNo, out);
  } else {
    if (in_content && is_first) first_whole_ = false;
    if (in_content && s.open->type == Type::kBulkError) word_ended_ = s.open->truncated = true;
    if (done) EndReply(s, Incomplete::kNo, out);
  }
}

bool Decoder::Drift(Side& s, Messages& /*out*/) {
  if (s.open == nullptr || s.open->incomplete == Incomplete::kAmbiguous) return false;
  // With more commands under way it is not known which message what comes belongs to.
  if (last_exchange_ - answered_ != 1 || s.open->type == Type::kPush) return false;
  if (s.is_request() && (!aligned_ || replies().open != nullptr)) return false;
  s.open->truncated |= s.is_request() || s.open->head_end == 0;
  s.place = Place::kAdrift;
  return true;
}

void Decoder::PassAdrift(Side& /*s*/, std::string_view /*bytes*/) {}
Incomplete Decoder::EndAtClose(const Side& /*s*/) { return Incomplete::kNo; }

// Which command the next reply answers is known as before.
void Decoder::FinishAdrift(Side& s, Incomplete why, Messages& out) {
  const bool is_cut = s.is_request() || s.open->head_end == 0;
  const Incomplete end = is_cut ? Incomplete::kGap : why;
  if (s.is_request()) {
    EndRequest(s, end, out);
  } else {
    EndReply(s, end, out);
  }
}

}  // namespace wirespan::decoders::redis
