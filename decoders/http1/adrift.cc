// Messages whose framing a gap took: they go on until something other than their own bytes proves that they ended.
#include <algorithm>

#include "decoders/http1/decoder.h"
#include "decoders/http_characters.h"

namespace wirespan::decoders::http1 {
namespace {

constexpr size_t kTailBytes = sizeof(uint64_t);
constexpr std::string_view kLastChunk = "\r\n0\r\n\r\n";  // with the end of the chunk before it (RFC 9112 7.1)

}  // namespace

ParseStep Decoder::InAdrift(Side& s, std::string_view bytes) {
  const size_t kept = std::min(bytes.size(), kTailBytes);
  for (const char c : bytes.substr(bytes.size() - kept)) s.tail = s.tail << 8U | static_cast<uint8_t>(c);
  s.tail_bytes = static_cast<uint8_t>(std::min(kTailBytes, s.tail_bytes + kept));
  s.position += bytes.size();
  return {ParseStatus::kAdvanced, bytes.size(), {}};
}

bool Decoder::TailEndsWith(const Side& s, std::string_view end) {
  if (s.tail_bytes < end.size()) return false;
  for (size_t i = 0; i < end.size(); ++i) {
    if (static_cast<char>(s.tail >> (8 * i) & 0xffU) != end[end.size() - 1 - i]) return false;
  }
  return true;
}

bool Decoder::MayDrift(const Side& s) const {
  if (s.open == nullptr) return false;
  const bool in_head = s.state == State::kFields;
  const bool in_chunks = s.state >= State::kChunkSize && s.state <= State::kTrailer;
  if (!in_head && !in_chunks) return false;
  if (in_head && (s.facts.malformed || s.facts.torn || !s.facts.doubt.empty())) return false;
  // Another request is open: which message ends with the turn is not known.
  if (s.is_request) return aligned_ && expected_count_ <= (in_head ? 0U : 1U);
  const Side& request = side(Direction::kClientToServer);
  const bool next_began = request.state == State::kStartLine || request.state == State::kFields;
  return !next_began && expected_count_ <= (in_head ? 1U : 0U);
}

bool Decoder::Drift(Side& s, Messages& out) {
  if (!MayDrift(s)) return false;
  s.tail_bytes = 0;
  if (s.state == State::kFields) {
    CutHead(s, out);
    return true;
  }
  s.open->body_length_unknown = true;
  s.state = State::kAdrift;
  if (s.is_request && expected_count_ == 0) EndAdrift(s, Incomplete::kNo, out);  // the answer to it has begun already
  return true;
}

// What was seen of the head is all that will be known of it; of a response, its status says what it is.
void Decoder::CutHead(Side& s, Messages& out) {
  Message& message = *s.open;
  // obs-fold (RFC 9112 5.2): a field is whole only where the next line is seen to begin otherwise.
  const bool is_folded = s.spilling || message.head.size() == s.line_start || IsBlank(message.head[s.line_start]);
  if (is_folded && s.facts.last_is_stored && !message.fields.empty()) message.fields.pop_back();
  if (!s.spilling) message.head.resize(s.line_start);
  message.truncated = true;
  s.state = State::kAdrift;
  if (s.is_request) return ExpectAnswer(message);
  if (message.status < 200 && message.status != 101) return;
  const Expected expected = BeginAnswer(message, out);
  const bool connected = expected == Expected::kConnect && message.status < 300 && message.status != 101;
  if (message.status != 101 && !connected) return;
  message.upgrade = true;
  EndAdrift(s, Incomplete::kGap, out);
  LeaveHttp(connected ? "connect" : "upgrade");
  s.state = State::kStopped;
}

// After it the direction is kLost. Which request the next response answers is known as before.
void Decoder::EndAdrift(Side& s, Incomplete why, Messages& out) {
  Message& message = *s.open;
  message.incomplete = message.head_end == 0 ? Incomplete::kGap : why;  // part of the head was not seen, however it ended
  if (s.facts.malformed) message.incomplete = Incomplete::kAmbiguous;
  Append(s, out);
  s.reason = "gap";
  s.saw_cr = false;
  s.state = State::kLost;
}

bool Decoder::EndsHere(Direction dir, Messages& out) {
  Side& s = side(dir);
  if (s.state != State::kAdrift || !s.open->chunked || !TailEndsWith(s, kLastChunk)) return false;
  EndAdrift(s, Incomplete::kNo, out);
  return true;
}

void Decoder::EndAdrift(Direction dir, bool is_whole, Messages& out) {
  Side& s = side(dir);
  if (s.state == State::kAdrift) EndAdrift(s, is_whole ? Incomplete::kNo : Incomplete::kGap, out);
}

}  // namespace wirespan::decoders::http1
