// Bodies, the end of messages, gaps that framing absorbs, and which request a response answers (RFC 9112 6.3, 7.1, 9.3).
#include <algorithm>

#include "decoders/http1/decoder.h"
#include "decoders/http_characters.h"

namespace wirespan::decoders::http1 {
namespace {

ParseStep Advanced(size_t consumed) { return {ParseStatus::kAdvanced, consumed, {}}; }

constexpr std::string_view kPattern = "HTTP/1.d ddd";

// How far `bytes` go along with "HTTP/1.x NNN"; `whole`: all of it.
size_t MatchStatusLine(std::string_view bytes, bool& whole) {
  size_t i = 0;
  for (; i < bytes.size() && i < kPattern.size(); ++i) {
    const bool matches = kPattern[i] == 'd' ? IsDigit(bytes[i]) : bytes[i] == kPattern[i];
    if (!matches) break;
  }
  whole = i == kPattern.size();
  return i;
}

}  // namespace

void Decoder::EnterBody(Side& s, Messages& out) {
  Message& message = *s.open;
  switch (s.framing) {
    case Framing::kNone:
      return Complete(s, out);
    case Framing::kLength:
      s.remaining = s.facts.content_length;
      s.state = State::kLengthBody;
      return;
    case Framing::kChunked:
      message.chunked = true;
      EnterChunk(s);
      return;
    case Framing::kClose:
      message.close_delimited = true;
      s.state = State::kCloseBody;
      return;
    case Framing::kAmbiguous:
      break;
  }
}

// The request was not seen. Had it been HEAD, no body follows: the next bytes, if any, are the next response.
ParseStep Decoder::InUnknownBody(Side& s, std::string_view bytes, Messages& out) {
  bool whole = false;
  const size_t matched = MatchStatusLine(bytes, whole);
  if (whole) {
    Complete(s, out);
    return AtStart(s, bytes, out);
  }
  if (matched == bytes.size()) return {ParseStatus::kNeedMore, 0, {}};
  EnterBody(s, out);
  return Step(s, bytes, out);
}

// The caller drops bytes that could have been the next response's: a gap or the end came after them. They count as body.
void Decoder::SkipUnknownBody(Side& s, size_t size) {
  if (s.framing == Framing::kChunked) return;  // their first byte is no chunk size; what comes next says so
  const bool has_length = s.framing == Framing::kLength;
  s.remaining = s.facts.content_length;
  const uint64_t inside = has_length ? std::min<uint64_t>(size, s.remaining) : size;
  s.remaining -= has_length ? inside : s.remaining;
  s.open->body_length += inside;
  s.open->close_delimited = !has_length;
  s.state = has_length ? State::kLengthBody : State::kCloseBody;
}

ParseStep Decoder::InBody(Side& s, std::string_view bytes, Messages& out) {
  if (s.state == State::kLengthBody && s.remaining == 0) {  // SkipUnknownBody took the last of it
    Complete(s, out);
    return AtStart(s, bytes, out);
  }
  const bool has_length = s.state == State::kLengthBody;
  const size_t used = has_length ? static_cast<size_t>(std::min<uint64_t>(bytes.size(), s.remaining)) : bytes.size();
  s.position += used;
  s.open->body_length += used;
  if (has_length) {
    s.remaining -= used;
    if (s.remaining == 0) Complete(s, out);
  }
  return Advanced(used);
}

void Decoder::EnterChunk(Side& s) {
  s.remaining = 0;
  s.chunk_digits = 0;
  s.state = State::kChunkSize;
}

// chunk-size [ chunk-ext ] CRLF. White space after the size is padding that old servers write. False: not that.
bool Decoder::TakeChunkHeadByte(Side& s, char c) {
  switch (s.state) {
    case State::kChunkSize:
      if (Is(kHexChar, c)) {
        if (++s.chunk_digits > kMaxChunkSizeDigits || s.remaining > kMaxBodyBytes / 16) return false;
        s.remaining = s.remaining * 16 + HexValue(c);
        return true;
      }
      if (s.chunk_digits == 0) return false;
      [[fallthrough]];
    case State::kChunkPadding:
      if (c == '\r') return s.state = State::kChunkLf, true;
      if (c == ';') return s.state = State::kChunkExtension, true;
      return s.state = State::kChunkPadding, IsBlank(c);
    case State::kChunkExtension:
      if (c == '\r') return s.state = State::kChunkLf, true;
      return c == '\t' || static_cast<uint8_t>(c) >= 0x20;
    default:
      break;  // kChunkLf
  }
  return c == '\n';
}

ParseStep Decoder::InChunkHead(Side& s, std::string_view bytes, Messages& out) {
  size_t used = 0;
  while (used < bytes.size()) {
    const bool at_end = s.state == State::kChunkLf;
    const bool valid = TakeChunkHeadByte(s, bytes[used]);
    ++used, ++s.position;
    if (!valid) {
      Poison(s, "bad_chunk_size", out);
      break;
    }
    if (!at_end) continue;
    s.state = s.remaining > 0 ? State::kChunkData : State::kTrailer;
    if (s.state == State::kTrailer) {
      s.line_start = 0;
      s.spilling = s.spill_cut = false;
      s.facts.any_line = s.facts.last_is_framing = s.facts.last_is_stored = false;
      s.facts.stored = 0;
    }
    break;
  }
  return Advanced(used);
}

ParseStep Decoder::InChunkData(Side& s, std::string_view bytes, Messages& out) {
  if (s.state == State::kChunkData) {
    const auto used = static_cast<size_t>(std::min<uint64_t>(bytes.size(), s.remaining));
    s.position += used;
    s.remaining -= used;
    s.open->body_length += used;
    if (s.remaining == 0) s.state = State::kChunkDataCr;
    return Advanced(used);
  }
  const bool is_cr = s.state == State::kChunkDataCr;
  ++s.position;
  if (bytes.front() != (is_cr ? '\r' : '\n')) {
    Poison(s, "bad_chunk_end", out);
  } else if (is_cr) {
    s.state = State::kChunkDataLf;
  } else {
    EnterChunk(s);
  }
  return Advanced(1);
}

bool Decoder::AbsorbGap(Side& s, size_t size, Messages& out) {
  if (s.state == State::kStopped) return true;
  if (s.state == State::kPoisoned) return false;
  if (s.state == State::kUnknownBody) EnterBody(s, out);
  const uint64_t start = s.position;
  switch (s.state) {
    case State::kAdrift:
      s.tail_bytes = 0;
      return true;
    case State::kCloseBody:
      s.open->body_length = AddBounded(s.open->body_length, size);
      return true;
    case State::kChunkData:
      if (size > s.remaining) break;
      s.open->body_length += size;
      s.remaining -= size;
      if (s.remaining == 0) s.state = State::kChunkDataCr;
      return true;
    case State::kLengthBody: {
      // The message ends inside the gap, at a known place; what follows it there is lost.
      const uint64_t inside = std::min<uint64_t>(size, s.remaining);
      s.open->body_length += inside;
      s.remaining -= inside;
      if (s.remaining > 0) return true;
      s.position += inside;
      Complete(s, out);
      s.position = start;
      if (inside == size) return true;
      break;
    }
    default:
      break;
  }
  if (Drift(s, out)) return true;
  if (s.open != nullptr) EndIncomplete(s, Incomplete::kGap, out);
  Lose(s, "gap");
  return false;
}

void Decoder::Append(Side& s, Messages& out) {
  Message& message = *s.open;
  message.has_content_length = s.facts.has_content_length;
  message.end = s.position;
  out.push_back(std::move(s.open));
}

void Decoder::DropOpen(Side& s) {
  if (pool_ != nullptr) pool_->Give(std::move(s.open));
  s.open.reset();
}

void Decoder::Complete(Side& s, Messages& out) {
  if (s.facts.malformed) s.open->incomplete = Incomplete::kAmbiguous;
  Append(s, out);
  s.state = State::kStart;
  s.saw_cr = false;
}

void Decoder::EndIncomplete(Side& s, Incomplete why, Messages& out) {
  const bool doubtful = s.facts.malformed || s.facts.torn || !s.facts.doubt.empty();
  if (s.state == State::kStartLine) s.scan.Fill(*s.open);
  // A final response whose head was cut answers its request all the same.
  if (!s.is_request && s.open->head_end == 0 && s.state != State::kAdrift && s.open->status >= 200) BeginAnswer(*s.open, out);
  s.open->incomplete = doubtful ? Incomplete::kAmbiguous : why;
  Append(s, out);
}

void Decoder::Poison(Side& s, std::string_view reason, Messages& out) {
  s.open->incomplete = Incomplete::kAmbiguous;
  Append(s, out);
  LoseAlignment();
  s.reason = reason;
  s.state = State::kPoisoned;
}

void Decoder::Lose(Side& s, std::string_view reason) {
  // A client that does not pipeline sends its next request after the whole response: whatever was lost, that one is answered
  // next. Requests that wait behind an upgrade were sent before its answer.
  const bool is_next_answered = !s.is_request && expected_count_ <= 1 && !(held_ && did_not_wait_);
  LoseAlignment();
  if (is_next_answered) expected_count_ = expected_kinds_ = 0;
  s.reason = reason;
  s.saw_cr = false;
  s.state = State::kLost;
}

void Decoder::RequestBegins(Messages& out) {
  Side& response = side(Direction::kServerToClient);
  if (response.state == State::kAdrift) EndAdrift(response, Incomplete::kNo, out);
  const bool between = response.open == nullptr || response.state == State::kUnknownBody;
  if (!aligned_ && expected_count_ == 0 && between) aligned_ = true;
}

void Decoder::ExpectAnswer(Message& request) {
  const std::string_view method = request.method();
  Expect(method == "HEAD" ? Expected::kHead : method == "CONNECT" ? Expected::kConnect : Expected::kOrdinary, request.exchange);
}

Decoder::Expected Decoder::BeginAnswer(Message& answer, Messages& out) {
  const Expected expected = NextExpected(answer.exchange);
  Side& request = side(Direction::kClientToServer);
  if (request.state == State::kAdrift) EndAdrift(request, Incomplete::kNo, out);
  return expected;
}

void Decoder::Expect(Expected what, uint64_t& exchange) {
  exchange = ++last_exchange_;
  if (expected_kinds_ == expected_count_ && expected_kinds_ < kMaxPipelined) {
    const uint64_t bit = uint64_t{1} << expected_kinds_++;
    expected_head_ = what == Expected::kHead ? expected_head_ | bit : expected_head_ & ~bit;
    expected_connect_ = what == Expected::kConnect ? expected_connect_ | bit : expected_connect_ & ~bit;
  }
  if (expected_count_ < UINT32_MAX) ++expected_count_;
}

Decoder::Expected Decoder::NextExpected(uint64_t& exchange) {
  if (expected_count_ == 0) return Expected::kUnknown;
  if (aligned_) exchange = last_exchange_ - expected_count_ + 1;
  if (--expected_count_ == 0) held_ = false;
  if (expected_kinds_ == 0) return Expected::kUnknown;
  const bool head = (expected_head_ & 1U) != 0;
  const bool connect = (expected_connect_ & 1U) != 0;
  --expected_kinds_;
  expected_head_ >>= 1U;
  expected_connect_ >>= 1U;
  if (!aligned_) return Expected::kUnknown;
  return head ? Expected::kHead : connect ? Expected::kConnect : Expected::kOrdinary;
}

void Decoder::LoseAlignment() {
  aligned_ = false;
  held_ = false;
}

}  // namespace wirespan::decoders::http1
