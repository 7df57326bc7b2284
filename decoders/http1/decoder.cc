// The states up to the end of a head, and what the caller may ask for between. Bodies: body.cc; lost framing: adrift.cc.
#include "decoders/http1/decoder.h"

#include <algorithm>

#include "decoders/http1/block_scan.h"
#include "decoders/http_characters.h"

namespace wirespan::decoders::http1 {

static_assert(decoders::Decoder<http1::Decoder>);

namespace {

std::string_view Text(std::span<const std::byte> bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

ParseStep Advanced(size_t consumed) { return {ParseStatus::kAdvanced, consumed, {}}; }

}  // namespace

ParseStep Decoder::Decode(Direction dir, std::span<const std::byte> bytes, Messages& out) {
  Side& s = side(dir);
  const std::string_view text = Text(bytes);
  size_t used = 0;
  ParseStep step;
  bool frees_other = false;
  while (used < text.size() && s.state != State::kStopped && !frees_other) {
    const bool holds_requests = held_ && !s.is_request;
    step = Step(s, text.substr(used), out);
    used += step.consumed;
    frees_other = holds_requests && !held_;
    if (step.status != ParseStatus::kAdvanced) break;
  }
  if (s.state == State::kStart && stop_reason_.data() != nullptr) s.state = State::kStopped;
  if (s.state == State::kStopped) return {ParseStatus::kStop, used, stop_reason_};
  if (used > 0) return {ParseStatus::kAdvanced, used, {}, frees_other};
  if (s.state == State::kPoisoned) return {ParseStatus::kInvalid, 0, s.reason, frees_other};  // whether or not more bytes come
  return {step.status, 0, step.reason, frees_other};
}

ParseStep Decoder::Step(Side& s, std::string_view bytes, Messages& out) {
  switch (s.state) {
    case State::kStart:
      return AtStart(s, bytes, out);
    case State::kStartLine:
      return InStartLine(s, bytes);
    case State::kFields:
    case State::kTrailer:
      return InFields(s, bytes, out);
    case State::kUnknownBody:
      return InUnknownBody(s, bytes, out);
    case State::kLengthBody:
    case State::kCloseBody:
      return InBody(s, bytes, out);
    case State::kChunkSize:
    case State::kChunkPadding:
    case State::kChunkExtension:
    case State::kChunkLf:
      return InChunkHead(s, bytes, out);
    case State::kChunkData:
    case State::kChunkDataCr:
    case State::kChunkDataLf:
      return InChunkData(s, bytes, out);
    case State::kCandidate:
      return InCandidate(s, bytes, out);
    case State::kAdrift:
      return InAdrift(s, bytes);
    case State::kLost:
    case State::kPoisoned:
      if (stop_reason_.data() != nullptr) s.state = State::kStopped;
      return {ParseStatus::kInvalid, 0, s.reason};
    case State::kStopped:
      break;
  }
  return {ParseStatus::kStop, 0, stop_reason_};
}

ParseStep Decoder::AtStart(Side& s, std::string_view bytes, Messages& out) {
  if (stop_reason_.data() != nullptr) {
    s.state = State::kStopped;
    return {ParseStatus::kStop, 0, stop_reason_};
  }
  if (s.is_request && held_) {
    did_not_wait_ = true;
    if (bytes.size() < kMaxHeldBytes) return {ParseStatus::kNeedMore, 0, {}};
    held_ = false;
  }
  size_t used = 0;
  for (; used < bytes.size() && (s.saw_cr || bytes[used] == '\r' || bytes[used] == '\n'); ++used) {
    if (s.saw_cr && bytes[used] != '\n') break;
    s.saw_cr = bytes[used] == '\r';
  }
  s.position += used;
  if (s.saw_cr && used < bytes.size()) {
    Lose(s, "bare_cr");
    return used > 0 ? Advanced(used) : ParseStep{ParseStatus::kInvalid, 0, s.reason};
  }
  if (used == bytes.size()) return Advanced(used);
  const std::string_view rest = bytes.substr(used);
  BeginMessage(s, out);
  size_t head = 0;
  if (TryPlainHead(s, rest, out, head)) return Advanced(used + head);
  ParseStep step = InStartLine(s, rest);
  step.consumed += used;
  if (step.consumed > 0) step.status = ParseStatus::kAdvanced;
  return step;
}

void Decoder::BeginMessage(Side& s, Messages& out) {
  if (s.is_request) RequestBegins(out);
  s.open = pool_ != nullptr ? pool_->Take() : std::make_unique<Message>();
  s.open->direction = s.is_request ? Direction::kClientToServer : Direction::kServerToClient;
  s.open->is_request = s.is_request;
  s.open->start = s.position;
  s.facts = HeadFacts{};
  s.scan.Begin(s.is_request);
  s.state = State::kStartLine;
}

bool Decoder::TryPlainHead(Side& s, std::string_view bytes, Messages& out, size_t& used) {
  Message& message = *s.open;
  if (ParsePlainHead<SimdBlock>(bytes, s.is_request, s.wanted, message, s.facts, used) != HeadOutcome::kDone) {
    const uint64_t start = message.start;
    const Direction direction = message.direction;
    message.Clear();
    message.start = start, message.direction = direction, message.is_request = s.is_request;
    s.facts = HeadFacts{};
    return false;
  }
  message.has_start_line = true;
  message.head.assign(bytes.data(), used);
  s.position += used;
  EndHead(s, out);
  return true;
}

ParseStep Decoder::InStartLine(Side& s, std::string_view bytes) {
  size_t used = 0;
  const StartLineScan::Outcome outcome = s.scan.Feed(bytes, used);
  std::string& head = s.open->head;
  const size_t room = kMaxHeadBytes - head.size();
  head.append(bytes.substr(0, std::min(used, room)));
  if (used > room) s.open->truncated = true;
  s.position += used;
  if (outcome == StartLineScan::Outcome::kDone) EndStartLine(s);
  if (outcome == StartLineScan::Outcome::kBad) {
    DropOpen(s);
    Lose(s, s.scan.reason());
  }
  if (used > 0) return Advanced(used);
  return {ParseStatus::kInvalid, 0, s.reason};
}

void Decoder::EndStartLine(Side& s) {
  s.scan.Fill(*s.open);
  s.open->has_start_line = true;
  NoteLineEnd(!s.scan.bare_lf(), s.facts);
  s.line_start = static_cast<uint32_t>(s.open->head.size());
  s.spilling = s.spill_cut = false;
  s.state = State::kFields;
}

// A start that Resync thought possible. Its bytes stay with the caller until the line is whole.
ParseStep Decoder::InCandidate(Side& s, std::string_view bytes, Messages& out) {
  if (stop_reason_.data() != nullptr) {
    s.state = State::kStopped;
    return {ParseStatus::kStop, 0, stop_reason_};
  }
  const size_t limit = std::min(bytes.size(), MaxCandidateBytes(s.is_request));
  const size_t known = std::min<size_t>(s.looked_at, limit);
  size_t used = 0;
  const StartLineScan::Outcome outcome = s.scan.Feed(bytes.substr(known, limit - known), used);
  const std::string_view line = bytes.substr(0, known + used);
  if (outcome == StartLineScan::Outcome::kMore && line.size() < MaxCandidateBytes(s.is_request)) {
    s.looked_at = static_cast<uint32_t>(line.size());
    return {ParseStatus::kNeedMore, 0, {}};
  }
  const bool known_method = !s.is_request || IsKnownMethod(line.substr(0, line.find(' ')));
  if (outcome != StartLineScan::Outcome::kDone || !known_method) {
    s.state = State::kLost;
    return {ParseStatus::kInvalid, 0, s.reason};
  }
  const StartLineScan scan = s.scan;
  if (s.is_request) LoseAlignment();  // requests may have been passed over
  BeginMessage(s, out);
  s.scan = scan;
  s.open->head.assign(line);
  s.position += line.size();
  EndStartLine(s);
  return Advanced(line.size());
}

ParseStep Decoder::InFields(Side& s, std::string_view bytes, Messages& out) {
  const bool is_head = s.state == State::kFields;
  const size_t lf = bytes.find('\n');
  const size_t used = lf == std::string_view::npos ? bytes.size() : lf + 1;
  std::string& text = is_head ? s.open->head : s.open->trailer;
  GatherLine(s, text, is_head ? kMaxHeadBytes : kMaxTrailerBytes, bytes.substr(0, used));
  s.position += used;
  if (lf == std::string_view::npos) return Advanced(used);
  if (!EndLine(s, text, is_head ? s.open->fields : s.open->trailers)) return Advanced(used);
  if (is_head) {
    EndHead(s, out);
  } else if (s.facts.torn) {
    Poison(s, "torn_trailer", out);
  } else {
    Complete(s, out);
  }
  return Advanced(used);
}

void Decoder::GatherLine(Side& s, std::string& text, size_t limit, std::string_view piece) {
  if (!s.spilling && piece.size() > limit - text.size()) {
    s.spilling = true;
    s.open->truncated = true;
    const std::string_view begun = std::string_view(text).substr(s.line_start);
    s.spill.assign(begun.substr(0, kMaxSpillBytes));
    s.spill_cut = begun.size() > kMaxSpillBytes;
    text.resize(s.line_start);
  }
  if (!s.spilling) {
    text.append(piece);
    return;
  }
  const size_t room = kMaxSpillBytes - s.spill.size();
  s.spill.append(piece.substr(0, room));
  s.spill_cut = s.spill_cut || piece.size() > room;
}

bool Decoder::EndLine(Side& s, std::string& text, std::vector<FieldRef>& fields) {
  std::string_view line = s.spilling ? std::string_view(s.spill) : std::string_view(text).substr(s.line_start);
  bool crlf = false;
  if (!s.spill_cut) {
    line.remove_suffix(1);
    crlf = line.ends_with('\r');
    if (crlf) line.remove_suffix(1);
  }
  const bool cut = s.spill_cut;
  if (!cut) NoteLineEnd(crlf, s.facts);
  const bool is_empty = line.empty();
  if (!is_empty) {
    const bool is_trailer = s.state == State::kTrailer;
    ReadFieldLine({.text = line,
                   .offset = s.line_start,
                   .store = !s.spilling,
                   .cut = cut,
                   .is_trailer = is_trailer,
                   .wanted = is_trailer ? kAllFields : s.wanted},
                  s.facts, fields, s.open->truncated);
  }
  s.spilling = s.spill_cut = false;
  s.line_start = static_cast<uint32_t>(text.size());
  return is_empty;
}

void Decoder::EndHead(Side& s, Messages& out) {
  s.open->head_end = s.position;
  s.open->name_bits = s.facts.name_bits;
  s.is_request ? EndRequestHead(s, out) : EndResponseHead(s, out);
}

void Decoder::EndRequestHead(Side& s, Messages& out) {
  const std::string_view method = s.open->method();
  s.framing = FramingOf(*s.open, s.facts);
  ExpectAnswer(*s.open);
  if (s.facts.torn) return Poison(s, "torn_head", out);
  if (s.framing == Framing::kAmbiguous) return Poison(s, s.facts.doubt, out);
  // After these the client waits for the answer before it sends anything else (RFC 9110 7.8, 9.3.6).
  if (aligned_ && (s.facts.has_upgrade || method == "CONNECT")) {
    held_ = true;
    did_not_wait_ = false;
  }
  EnterBody(s, out);
}

void Decoder::EndResponseHead(Side& s, Messages& out) {
  Message& message = *s.open;
  const uint16_t status = message.status;
  if (s.facts.torn) return Poison(s, "torn_head", out);
  if (status < 200 && status != 101) return Complete(s, out);
  const Expected expected = BeginAnswer(message, out);
  const bool connected = expected == Expected::kConnect && status < 300 && status != 101;
  if (status == 101 || connected) {
    message.upgrade = true;
    if (!connected && s.facts.names_h2c) {
      successor_ = "http2";
    } else if (!connected && EqualsIgnoringCase(message.Header("upgrade"), "websocket")) {
      successor_ = "websocket";
    }
    Complete(s, out);
    LeaveHttp(connected ? "connect" : "upgrade");
    s.state = State::kStopped;
    return;
  }
  s.framing = FramingOf(message, s.facts);
  // RFC 9112 6.3: these have no body, whatever the framing fields say.
  if (expected == Expected::kHead || status == 204 || status == 304) return Complete(s, out);
  if (s.framing == Framing::kAmbiguous) return Poison(s, s.facts.doubt, out);
  if (expected == Expected::kUnknown && s.framing != Framing::kNone) {
    s.state = State::kUnknownBody;
    return;
  }
  EnterBody(s, out);
}

std::optional<size_t> Decoder::Resync(Direction dir, std::span<const std::byte> bytes) {
  Side& s = side(dir);
  if (s.state == State::kPoisoned || s.state == State::kStopped) return std::nullopt;
  if (s.state != State::kLost) return 0;
  const StartSearch search = FindStart(Text(bytes), s.is_request);
  if (search.outcome == StartOutcome::kNone) return std::nullopt;
  s.position += search.offset;
  s.scan.Begin(s.is_request);
  s.looked_at = 0;
  s.state = State::kCandidate;
  return search.offset;
}

void Decoder::Skip(Direction dir, size_t size) {
  Side& s = side(dir);
  if (s.state == State::kCandidate) s.state = State::kLost;
  if (s.state == State::kUnknownBody) SkipUnknownBody(s, size);
  s.position = AddBounded(s.position, size);
}

bool Decoder::OnGap(Direction dir, size_t size, Messages& out) {
  if (size == 0) return true;
  Side& s = side(dir);
  const bool absorbed = AbsorbGap(s, size, out);
  s.position = AddBounded(s.position, size);
  if (s.position < kMaxPosition || s.state == State::kStopped) return absorbed;
  // No stream is that long: what claims so is not to be believed further.
  if (s.open != nullptr) EndIncomplete(s, Incomplete::kGap, out);
  Lose(s, "position_overflow");
  s.state = State::kPoisoned;
  return false;
}

void Decoder::OnClose(Direction dir, Messages& out) {
  Side& s = side(dir);
  if (s.open != nullptr) {
    const bool ends_so =
        s.state == State::kCloseBody || s.state == State::kUnknownBody || (s.state == State::kLengthBody && s.remaining == 0);
    if (ends_so) {
      Complete(s, out);
    } else if (s.state == State::kAdrift) {
      // The end of every chunked message is an empty line: where other bytes came last, it is not whole.
      const bool is_cut = s.tail_bytes > 2 && !TailEndsWith(s, "\n\r\n") && !TailEndsWith(s, "\n\n");
      EndAdrift(s, is_cut ? Incomplete::kClosed : Incomplete::kNo, out);
    } else {
      EndIncomplete(s, Incomplete::kClosed, out);
    }
  }
  // The other direction goes on: its pairing with what was seen here stays.
  if (s.state == State::kStopped || s.state == State::kPoisoned) return;
  s.reason = "closed";
  s.state = State::kLost;
}

const Message* Decoder::OpenMessage(Direction dir) const {
  const Side& s = side(dir);
  return s.open != nullptr && (s.open->head_end != 0 || s.state == State::kAdrift) ? s.open.get() : nullptr;
}

std::optional<uint64_t> Decoder::OpenStart(Direction dir) const {
  const Side& s = side(dir);
  if (s.open == nullptr) return std::nullopt;
  return s.open->start;
}

bool Decoder::Synced(Direction dir) const {
  const State state = side(dir).state;
  return state != State::kLost && state != State::kCandidate && state != State::kPoisoned;
}

}  // namespace wirespan::decoders::http1
