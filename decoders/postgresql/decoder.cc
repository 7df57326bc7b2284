#include "decoders/postgresql/decoder.h"

#include <algorithm>
#include <utility>

#include "decoders/postgresql/resync.h"

namespace wirespan::decoders::postgresql {

static_assert(decoders::Decoder<Decoder>);

namespace {

std::string_view Text(std::span<const std::byte> bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

}  // namespace

ParseStep Decoder::Decode(Direction dir, std::span<const std::byte> bytes, Messages& out) {
  Side& s = side(dir);
  if (!stop_reason_.empty()) return {ParseStatus::kStop, 0, stop_reason_};
  const std::string_view text = Text(bytes);
  size_t used = 0;
  while (used < text.size()) {
    const std::string_view rest = text.substr(used);
    ParseStep step;
    switch (s.state) {
      case State::kUntyped:
      case State::kHeader:
        step = InHeader(s, rest, out);
        break;
      case State::kSslAnswer:
        step = InSslAnswer(s, rest, out);
        break;
      case State::kContent:
        step = InContent(s, rest, out);
        break;
      case State::kAdrift:
        step = InAdrift(s, rest);
        break;
      case State::kCandidate:
        step = InCandidate(s, rest);
        break;
      case State::kLost:
      case State::kPoisoned:
        step = {ParseStatus::kInvalid, 0, s.reason};
        break;
    }
    used += step.consumed;
    if (!stop_reason_.empty()) return {ParseStatus::kStop, used, stop_reason_};
    if (step.status == ParseStatus::kAdvanced) continue;
    if (used > 0) break;  // the next call says it
    return step;
  }
  return {used > 0 ? ParseStatus::kAdvanced : ParseStatus::kNeedMore, used, {}};
}

// A frame without a type begins with its length, whose first byte is zero; no type is.
ParseStep Decoder::InHeader(Side& s, std::string_view bytes, Messages& out) {
  if (s.header_bytes == 0) {
    if (!s.is_request() && ssl_answers_ > 0) {
      s.state = State::kSslAnswer;
      return {ParseStatus::kAdvanced, 0, {}};
    }
    s.state = s.is_request() && bytes.front() == '\0' ? State::kUntyped : State::kHeader;
    if (s.state == State::kHeader && !IsType(bytes.front(), s.direction)) return Refuse(s, "bad_frame", 0, out);
  }
  const size_t wanted = s.state == State::kUntyped ? s.header.size() : kHeaderBytes;
  const size_t size = std::min(wanted - s.header_bytes, bytes.size());
  bytes.copy(s.header.data() + s.header_bytes, size);
  s.header_bytes = static_cast<uint8_t>(s.header_bytes + size);
  s.position += size;
  if (s.header_bytes < wanted) return {ParseStatus::kAdvanced, size, {}};
  const bool entered = s.state == State::kUntyped ? EnterUntyped(s, out) : EnterTyped(s, out);
  if (entered) return {ParseStatus::kAdvanced, size, {}};
  --s.position;  // its last byte cannot stand there
  return Refuse(s, "bad_frame", size - 1, out);
}

bool Decoder::EnterUntyped(Side& s, Messages& out) {
  const std::string_view header(s.header.data(), s.header.size());
  const uint32_t length = ReadUint32(header);
  const uint32_t code = ReadUint32(header.substr(4));
  const bool is_startup = code >> 16U == kProtocolMajor;
  const bool is_short = (code == kSslRequest || code == kGssRequest) && length == 8;
  const bool is_cancel = code == kCancelRequest && length >= 16 && length <= 8 + 4 + 256;
  if (length > kMaxStartupBytes || length < 8 || s.open != nullptr || !(is_startup || is_short || is_cancel)) return false;
  BeginMessage(s, FrameStart(s));
  s.open->one_way = true;
  s.open->kind = is_startup            ? RequestKind::kStartup
                 : code == kSslRequest ? RequestKind::kSsl
                 : is_cancel           ? RequestKind::kCancel
                                       : RequestKind::kGss;
  s.type = '\0';
  s.left = length - 8;
  s.state = State::kContent;
  string_index_ = 0;
  name_.clear();
  user_.clear();
  s.strings.Begin(is_startup ? UINT8_MAX : 0, 0);
  if (is_startup) {
    database_.clear();
    statements_.Forget();
  }
  if (s.left == 0) EndFrame(s, out);
  return true;
}

bool Decoder::EnterTyped(Side& s, Messages& out) {
  const uint32_t length = ReadUint32(std::string_view(s.header.data() + 1, 4));
  if (!IsFrame(s.header[0], length, s.direction)) return false;
  s.type = s.header[0];
  s.left = length - 4;
  s.state = State::kContent;
  s.strings.Begin(0, 0);
  string_index_ = s.is_request() ? 0 : string_index_;
  s.is_request() ? EnterRequestFrame(s, out) : EnterReplyFrame(s, out);
  if (s.left == 0) EndFrame(s, out);
  return true;
}

ParseStep Decoder::InContent(Side& s, std::string_view bytes, Messages& out) {
  const std::string_view content = bytes.substr(0, s.left);
  for (std::string_view rest = content; !rest.empty();) {
    std::string_view text;
    bool ends = false;
    const size_t used = s.strings.Take(rest, text, ends);
    if (used == 0) break;
    if (!text.empty() || ends) s.is_request() ? TakeRequestString(s, text, ends) : TakeReplyString(s, text, ends);
    rest.remove_prefix(used);
  }
  if (s.is_request() && s.type == 'C' && close_what_ == '\0') close_what_ = content.front();
  s.position += content.size();
  s.left -= static_cast<uint32_t>(content.size());
  if (s.left == 0) EndFrame(s, out);
  return {ParseStatus::kAdvanced, content.size(), {}};
}

void Decoder::EndFrame(Side& s, Messages& out) {
  s.header_bytes = 0;
  s.state = State::kHeader;
  s.is_request() ? EndRequestFrame(s, out) : EndReplyFrame(s, out);
}

// What a server says to a request for encryption: one byte, or, if it is older than that, an error.
ParseStep Decoder::InSslAnswer(Side& s, std::string_view bytes, Messages& out) {
  --ssl_answers_;
  s.state = State::kHeader;
  const char answer = bytes.front();
  if (answer == 'E') return InHeader(s, bytes, out);
  if (answer != 'N' && answer != 'S' && answer != 'G') return Refuse(s, "bad_ssl_answer", 0, out);
  BeginMessage(s, s.position);
  s.open->one_way = true;
  s.open->type = answer;
  ++s.position;
  s.open->head_end = s.position;
  Append(s, s.position, out);
  if (answer != 'N') stop_reason_ = answer == 'S' ? "tls" : "gss";
  return {ParseStatus::kAdvanced, 1, {}};
}

// What was consumed stays so; what follows is not the protocol.
ParseStep Decoder::Refuse(Side& s, std::string_view reason, size_t used, Messages& out) {
  if (s.open != nullptr) EndIncomplete(s, Incomplete::kAmbiguous, out);
  Lose(s, reason);
  return {used > 0 ? ParseStatus::kAdvanced : ParseStatus::kInvalid, used, reason};
}

void Decoder::BeginMessage(Side& s, uint64_t start) {
  s.open = pool_ != nullptr ? pool_->Take() : std::make_unique<Message>();
  s.open->direction = s.direction;
  s.open->is_request = s.is_request();
  s.open->start = start;
  s.first_frame = true;
}

void Decoder::Append(Side& s, uint64_t end, Messages& out) {
  s.open->end = std::max(end, s.open->start);
  out.push_back(std::move(s.open));
  if (s.is_request()) has_parse_ = false;
}

void Decoder::Discard(Side& s) {
  if (pool_ != nullptr) pool_->Give(std::move(s.open));
  s.open.reset();
  has_parse_ = false;
}

void Decoder::EndIncomplete(Side& s, Incomplete why, Messages& out) {
  if (s.open->one_way) {
    s.open->incomplete = why;
    return Append(s, s.position, out);
  }
  if (!s.is_request()) return EndReply(s, why, out);
  s.open->incomplete = why;
  EndRequest(s, s.type == 'Q' ? RequestKind::kQuery : RequestKind::kExecute, s.position, out);
}

void Decoder::Lose(Side& s, std::string_view reason) {
  if (s.is_request()) {
    // Prepared where it was not seen, or not prepared at all: names mean nothing that is known any more.
    statements_.Forget();
    has_parse_ = false;
  } else {
    // A client that waits for each answer sends its next request after the whole reply: whatever was lost, that one is answered
    // next.
    if (owed_replies_ <= 1) answered_ = last_exchange_;
    owed_.clear();
    owed_first_ = owed_replies_ = 0;
  }
  aligned_ = false;
  ssl_answers_ = 0;
  s.header_bytes = 0;
  s.reason = reason;
  s.state = State::kLost;
}

std::optional<size_t> Decoder::Resync(Direction dir, std::span<const std::byte> bytes) {
  Side& s = side(dir);
  if (s.state == State::kPoisoned || !stop_reason_.empty()) return std::nullopt;
  if (s.state != State::kLost) return 0;
  const std::optional<size_t> offset = FindStart(Text(bytes), dir);
  if (!offset) return std::nullopt;
  s.position += *offset;
  s.state = State::kCandidate;
  return offset;
}

ParseStep Decoder::InCandidate(Side& s, std::string_view bytes) {
  switch (MatchStart(bytes, s.direction)) {
    case StartMatch::kMore:
      return {ParseStatus::kNeedMore, 0, {}};
    case StartMatch::kNo:
      s.state = State::kLost;
      return {ParseStatus::kInvalid, 0, s.reason};
    case StartMatch::kYes:
      break;
  }
  s.header_bytes = 0;
  s.state = State::kHeader;
  return {ParseStatus::kAdvanced, 0, {}};
}

void Decoder::Skip(Direction dir, size_t size) {
  Side& s = side(dir);
  if (s.state == State::kCandidate) s.state = State::kLost;
  s.position = AddBounded(s.position, size);
}

void Decoder::OnClose(Direction dir, Messages& out) {
  Side& s = side(dir);
  if (!stop_reason_.empty() || s.state == State::kPoisoned) return;
  if (s.state == State::kAdrift) {
    const bool is_cut = !s.is_request() && !TailIsEnd(s);
    EndAdrift(s, is_cut ? Incomplete::kClosed : Incomplete::kNo, out);
  } else if (s.open != nullptr) {
    EndIncomplete(s, Incomplete::kClosed, out);
  }
  // The other direction goes on: its pairing with what was seen here stays.
  s.reason = "closed";
  s.state = State::kLost;
}

const Message* Decoder::OpenMessage(Direction dir) const {
  const Side& s = side(dir);
  if (s.open == nullptr || s.open->one_way) return nullptr;
  if (s.state == State::kAdrift) return s.open.get();
  return !s.is_request() && s.open->head_end != 0 ? s.open.get() : nullptr;
}

std::optional<uint64_t> Decoder::OpenStart(Direction dir) const {
  const Side& s = side(dir);
  return s.open != nullptr && !s.open->one_way ? std::optional(s.open->start) : std::nullopt;
}

uint64_t Decoder::BodyLeft(Direction dir) const {
  const Side& s = side(dir);
  return s.state == State::kContent ? s.left : 0;
}

bool Decoder::Synced(Direction dir) const {
  const State state = side(dir).state;
  return state != State::kLost && state != State::kCandidate && state != State::kPoisoned;
}

}  // namespace wirespan::decoders::postgresql
