// fastcgi::Decoder, bytes that were not seen: absorbed inside a record of known length; where they took the header of a record of
// an open message, it goes on until something other than its own framing proves that it ended.
#include <algorithm>
#include <cstring>

#include "decoders/fastcgi/decoder.h"

namespace wirespan::decoders::fastcgi {

bool Decoder::OnGap(Direction dir, size_t size, Messages& out) {
  if (size == 0) return true;
  Side& s = side(dir);
  const uint64_t end = AddBounded(s.position, size);
  const bool absorbed = AbsorbGap(s, size, out);
  s.position = end;
  if (end < kMaxPosition || !stop_reason_.empty()) return absorbed;
  // No stream is that long: what claims so is not to be believed further.
  if (s.open != nullptr) EndIncomplete(s, Incomplete::kGap, out);
  Lose(s, "position_overflow");
  s.state = State::kPoisoned;
  return false;
}

bool Decoder::AbsorbGap(Side& s, uint64_t size, Messages& out) {
  if (!stop_reason_.empty()) return true;
  if (s.state == State::kAdrift) {
    s.tail_bytes = 0;
    return true;
  }
  if (s.state == State::kCandidate) s.state = State::kLost;
  if (s.state == State::kLost || s.state == State::kPoisoned) return false;
  if (s.state == State::kContent) {
    const auto content = static_cast<uint32_t>(std::min<uint64_t>(size, s.content_left));
    if (content > 0) LoseContent(s, content, out);
    const auto padding = static_cast<uint32_t>(std::min<uint64_t>(size - content, s.padding_left));
    s.position = AddBounded(s.position, padding);
    s.padding_left -= padding;
    if (padding > 0 && s.padding_left == 0) EndContent(s, out);
    size -= uint64_t{content} + padding;
  }
  if (size == 0) return true;
  // Behind a whole request there is one thing more that its client must send: the empty record that ends STDIN.
  if (s.open == nullptr && s.after_request && size == kHeaderBytes - s.header.size()) {
    s.after_request = false;
    s.header.Begin();
    return true;
  }
  if (Drift(s, out)) return true;
  if (s.open != nullptr) EndIncomplete(s, Incomplete::kGap, out);
  Lose(s, "gap");
  return false;
}

// `size` bytes of the content of the record in progress.
void Decoder::LoseContent(Side& s, uint32_t size, Messages& out) {
  s.position = AddBounded(s.position, size);
  s.content_left -= size;
  const bool in_head = s.use == Use::kParameters || (s.use == Use::kBody && !s.is_request() && !s.head_done);
  if (in_head) {
    s.open->truncated = s.open->body_length_unknown = true;
    if (!s.is_request() && !s.head_cut) EndResponseHead(s, false);
    s.head_cut = true;
  } else if (s.use == Use::kBody) {
    CountBody(s, size, out);
  }
  if (s.content_left == 0) EndContent(s, out);
}

bool Decoder::Drift(Side& s, Messages& out) {
  if (s.open == nullptr || s.open->incomplete == Incomplete::kAmbiguous) return false;
  // With more requests under way it is not known which message what comes belongs to.
  const size_t own = s.is_request() ? 1 : 0;
  if (unanswered_count_ > own || (s.is_request() && !aligned_)) return false;
  if (!s.head_done) {
    s.open->truncated = true;
    if (!s.is_request() && !s.head_cut) EndResponseHead(s, false);
    s.head_cut = true;
  }
  s.open->body_length_unknown = true;
  s.tail_bytes = 0;
  s.state = State::kAdrift;
  if (s.is_request() && unanswered_count_ == 0) EndAdrift(s, Incomplete::kNo, out);  // the answer to it has begun already
  return true;
}

ParseStep Decoder::InAdrift(Side& s, std::string_view bytes) {
  s.position += bytes.size();
  const size_t fresh = std::min(bytes.size(), kTailBytes);
  std::memmove(s.tail.data(), s.tail.data() + fresh, kTailBytes - fresh);
  std::memcpy(s.tail.data() + kTailBytes - fresh, bytes.data() + bytes.size() - fresh, fresh);
  s.tail_bytes = static_cast<uint8_t>(std::min(kTailBytes, s.tail_bytes + fresh));
  return {ParseStatus::kAdvanced, bytes.size(), {}};
}

// The record that ends such a message stands at the end of the tail, with the message's number.
bool Decoder::TailIsEnd(const Side& s) const {
  const size_t size = s.is_request() ? kHeaderBytes : kTailBytes;
  if (s.tail_bytes < size) return false;
  HeaderScan scan;
  for (size_t i = kTailBytes - size; !scan.done(); ++i) {
    if (!scan.Take(s.tail[i], s.direction)) return false;
  }
  const RecordHeader header = scan.header();
  if (header.request_id != s.open->request_id || header.padding != 0) return false;
  if (s.is_request()) return header.type == RecordType::kStdin && header.content_length == 0;
  return header.type == RecordType::kEndRequest;
}

bool Decoder::EndsHere(Direction dir, Messages& out) {
  Side& s = side(dir);
  if (s.state != State::kAdrift || !TailIsEnd(s)) return false;
  if (s.is_request()) {
    EndAdrift(s, Incomplete::kNo, out);
  } else {
    EndAnswer(s, s.tail.data() + kHeaderBytes, out);
  }
  s.header.Begin();
  s.state = State::kHeader;
  return true;
}

void Decoder::EndAdrift(Direction dir, bool is_whole, Messages& out) {
  Side& s = side(dir);
  if (s.state == State::kAdrift) EndAdrift(s, is_whole ? Incomplete::kNo : Incomplete::kGap, out);
}

// Which request the next response answers is known as before.
void Decoder::EndAdrift(Side& s, Incomplete why, Messages& out) {
  s.open->incomplete = s.head_cut ? Incomplete::kGap : why;
  s.open->end = s.position;
  Append(s, out);
  s.reason = "gap";
  s.state = State::kLost;
}

}  // namespace wirespan::decoders::fastcgi
