// fastcgi::Decoder, bytes that were not seen: absorbed inside a record of known length; where they took the header of a record of
// an open message, it goes on until something other than its own framing proves that it ended.
#include <algorithm>

#include "decoders/fastcgi/decoder.h"

namespace wirespan::decoders::fastcgi {

uint64_t Decoder::PassGap(Side& s, uint64_t size, Messages& out) {
  if (s.state == State::kContent) {
    const auto content = static_cast<uint32_t>(std::min<uint64_t>(size, s.content_left));
    if (content > 0) LoseContent(s, content, out);
    const auto padding = static_cast<uint32_t>(std::min<uint64_t>(size - content, s.padding_left));
    s.position = AddBounded(s.position, padding);
    s.padding_left -= padding;
    if (padding > 0 && s.padding_left == 0) EndContent(s, out);
    size -= uint64_t{content} + padding;
  }
  // Behind a whole request there is one thing more that its client must send: the empty record that ends STDIN.
  if (s.open != nullptr || !s.after_request || size != kHeaderBytes - s.header.size()) return size;
  s.after_request = false;
  s.header.Begin();
  return 0;
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
  s.tail.Clear();
  s.place = Place::kAdrift;
  if (s.is_request() && unanswered_count_ == 0) EndAdrift(s, Incomplete::kNo, out);  // the answer to it has begun already
  return true;
}

void Decoder::PassAdrift(Side& s, std::string_view bytes) {
  if (bytes.empty()) return s.tail.Clear();
  s.tail.Take(bytes);
}

// The record that ends such a message stands at the end of the tail, with the message's number.
bool Decoder::TailIsEnd(const Side& s) {
  const std::string_view tail = s.tail.Last(s.is_request() ? kHeaderBytes : kHeaderBytes + kBodyBytes);
  if (tail.empty()) return false;
  HeaderScan scan;
  for (const char c : tail.substr(0, kHeaderBytes)) {
    if (!scan.Take(static_cast<uint8_t>(c), s.direction)) return false;
  }
  const RecordHeader header = scan.header();
  if (header.request_id != s.open->request_id || header.padding != 0) return false;
  if (s.is_request()) return header.type == RecordType::kStdin && header.content_length == 0;
  return header.type == RecordType::kEndRequest;
}

bool Decoder::EndsHere(Direction dir, Messages& out) {
  Side& s = side(dir);
  if (s.place != Place::kAdrift || !TailIsEnd(s)) return false;
  if (s.is_request()) {
    EndAdrift(s, Incomplete::kNo, out);
  } else {
    EndAnswer(s, reinterpret_cast<const uint8_t*>(s.tail.Last(kBodyBytes).data()), out);
  }
  EnterBehindAdrift(s);
  return true;
}

// What ends a response is seen wherever the last bytes are.
Incomplete Decoder::EndAtClose(const Side& s) {
  const bool is_cut = !s.is_request() && !s.tail.Last(kHeaderBytes + kBodyBytes).empty() && !TailIsEnd(s);
  return is_cut ? Incomplete::kClosed : Incomplete::kNo;
}

// Which request the next response answers is known as before.
void Decoder::FinishAdrift(Side& s, Incomplete why, Messages& out) {
  s.open->incomplete = s.head_cut ? Incomplete::kGap : why;
  s.open->end = s.position;
  Append(s, out);
}

}  // namespace wirespan::decoders::fastcgi
