#include "decoders/postgresql/decoder.h"

#include <algorithm>

namespace wirespan::decoders::postgresql {

static_assert(decoders::Decoder<Decoder>);

ParseStep Decoder::Inside(Side& s, std::string_view bytes, Messages& out) {
  switch (s.state) {
    case State::kUntyped:
    case State::kHeader:
      return InHeader(s, bytes, out);
    case State::kSslAnswer:
      return InSslAnswer(s, bytes, out);
    case State::kContent:
      break;
  }
  return InContent(s, bytes, out);
}

void Decoder::Enter(Side& s) {
  s.header_bytes = 0;
  s.state = State::kHeader;
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
  if (answer != 'N') Leave(answer == 'S' ? "tls" : "gss");
  return {ParseStatus::kAdvanced, 1, {}};
}

void Decoder::BeginMessage(Side& s, uint64_t start) {
  Begin(s, start);
  s.first_frame = true;
}

void Decoder::Append(Side& s, uint64_t end, Messages& out) {
  Hand(s, end, out);
  if (s.is_request()) has_parse_ = false;
}

void Decoder::Discard(Side& s) {
  GiveBack(s);
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

void Decoder::Forget(Side& s) {
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
}

const Message* Decoder::OpenMessage(Direction dir) const {
  const Side& s = side(dir);
  if (s.open == nullptr || s.open->one_way) return nullptr;
  if (s.place == Place::kAdrift) return s.open.get();
  return !s.is_request() && s.open->head_end != 0 ? s.open.get() : nullptr;
}

std::optional<uint64_t> Decoder::OpenStart(Direction dir) const {
  const Side& s = side(dir);
  return s.open != nullptr && !s.open->one_way ? std::optional(s.open->start) : std::nullopt;
}

uint64_t Decoder::BodyLeft(Direction dir) const {
  const Side& s = side(dir);
  return s.place == Place::kInside && s.state == State::kContent ? s.left : 0;
}

}  // namespace wirespan::decoders::postgresql
