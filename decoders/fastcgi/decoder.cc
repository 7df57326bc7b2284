#include "decoders/fastcgi/decoder.h"

#include <algorithm>
#include <cstring>

namespace wirespan::decoders::fastcgi {

static_assert(decoders::Decoder<Decoder>);

ParseStep Decoder::Inside(Side& s, std::string_view bytes, Messages& out) {
  return s.state == State::kHeader ? InHeader(s, bytes, out) : InContent(s, bytes, out);
}

void Decoder::Enter(Side& s) {
  s.header.Begin();
  s.state = State::kHeader;
}

ParseStep Decoder::InHeader(Side& s, std::string_view bytes, Messages& out) {
  if (s.header.size() == 0 && bytes.size() >= kHeaderBytes && s.header.TakeWhole(bytes, s.direction)) {
    const RecordHeader header = s.header.header();
    if (Doubt(s, header).empty() && !has_left()) {
      s.position += kHeaderBytes;
      EnterRecord(s, header, out);
      return {ParseStatus::kAdvanced, kHeaderBytes, {}};
    }
    Leave({});  // said again below, at the byte where it is known
    s.header.Begin();
  }
  size_t used = 0;
  while (used < bytes.size()) {
    std::string_view refused;
    if (!s.header.Take(static_cast<uint8_t>(bytes[used]), s.direction)) {
      refused = "bad_record";
    } else if (s.header.done()) {
      refused = Doubt(s, s.header.header());
    }
    if (has_left()) return Left(used);
    if (!refused.empty()) return Refuse(s, refused, used, out);
    ++used;
    ++s.position;
    if (!s.header.done()) continue;
    EnterRecord(s, s.header.header(), out);
    break;
  }
  return {ParseStatus::kAdvanced, used, {}};
}

void Decoder::EnterRecord(Side& s, const RecordHeader& header, Messages& out) {
  s.content_left = header.content_length;
  s.padding_left = header.padding;
  s.body_bytes = 0;
  s.state = State::kContent;
  s.use = s.is_request() ? EnterRequestRecord(s, header, out) : EnterResponseRecord(s, header, out);
  if (s.content_left == 0) EndContent(s, out);
}

// The content is over; padding may follow.
void Decoder::EndContent(Side& s, Messages& out) {
  if (s.use == Use::kEnd) EndAnswer(s, s.body_bytes == kBodyBytes ? s.body.data() : nullptr, out);
  s.use = Use::kSkip;
  if (s.padding_left > 0) return;
  s.header.Begin();
  s.state = State::kHeader;
}

ParseStep Decoder::InContent(Side& s, std::string_view bytes, Messages& out) {
  if (s.content_left == 0) {
    const size_t used = std::min<size_t>(bytes.size(), s.padding_left);
    s.position += used;
    s.padding_left -= static_cast<uint32_t>(used);
    if (s.padding_left == 0) EndContent(s, out);
    return {ParseStatus::kAdvanced, used, {}};
  }
  const std::string_view content = bytes.substr(0, s.content_left);
  s.position += content.size();
  s.content_left -= static_cast<uint32_t>(content.size());
  switch (s.use) {
    case Use::kSkip:
      break;
    case Use::kBegin:
    case Use::kEnd:
      std::memcpy(s.body.data() + s.body_bytes, content.data(), content.size());
      s.body_bytes = static_cast<uint8_t>(s.body_bytes + content.size());
      if (s.use == Use::kBegin && s.body_bytes == kBodyBytes) {
        s.open->role = static_cast<Role>(s.body[0] << 8U | s.body[1]);
        s.open->keep_connection = (s.body[2] & kKeepConnection) != 0;
      }
      break;
    case Use::kParameters:
      if (!s.head_cut) parameters_.Feed(content, *s.open);
      break;
    case Use::kBody:
      TakeBody(s, content, out);
      break;
  }
  if (s.content_left == 0) EndContent(s, out);
  return {ParseStatus::kAdvanced, content.size(), {}};
}

// Of STDIN or STDOUT; `position` is behind `bytes`.
void Decoder::TakeBody(Side& s, std::string_view bytes, Messages& out) {
  if (!s.is_request() && !s.head_done && !s.head_cut) {
    const size_t used = head_.Feed(bytes);
    if (!head_.done()) return;
    bytes.remove_prefix(used);
    s.open->head_end = s.position - bytes.size();
    EndResponseHead(s, true);
  }
  CountBody(s, bytes.size(), out);
}

// `position` is behind them, or, of bytes in a gap, will be.
void Decoder::CountBody(Side& s, uint64_t size, Messages& out) {
  Message& message = *s.open;
  const bool is_bounded = s.is_request() && message.has_content_length;
  const uint64_t room = is_bounded ? message.content_length - message.body_length : size;
  message.body_length = AddBounded(message.body_length, std::min(size, room));
  if (is_bounded && size >= room) CompleteRequest(s, s.position - (size - room), out);  // what is beyond is nobody's
}

void Decoder::BeginMessage(Side& s, uint16_t request_id, uint64_t start) {
  Begin(s, start);
  s.open->request_id = request_id;
  s.open->has_start_line = true;
  s.head_done = s.head_cut = false;
}

void Decoder::Append(Side& s, Messages& out) { Hand(s, s.open->end, out); }

void Decoder::EndIncomplete(Side& s, Incomplete why, Messages& out) {
  if (s.open->incomplete != Incomplete::kAmbiguous) s.open->incomplete = why;
  s.open->end = s.position;
  if (!s.is_request() && !s.head_done) EndResponseHead(s, false);
  Append(s, out);
}

void Decoder::Forget(Side& s) {
  // A client that waits for each answer sends its next request after the whole response: whatever was lost, that one is answered
  // next.
  if (!s.is_request() && unanswered_count_ <= 1) unanswered_count_ = 0;
  aligned_ = false;
  s.after_request = false;
}

const Message* Decoder::OpenMessage(Direction dir) const {
  const Side& s = side(dir);
  return s.open != nullptr && (s.head_done || s.head_cut || s.place == Place::kAdrift) ? s.open.get() : nullptr;
}

std::optional<uint64_t> Decoder::OpenStart(Direction dir) const {
  const Side& s = side(dir);
  if (s.open != nullptr) return s.open->start;
  if (s.place != Place::kInside || s.state != State::kHeader || s.header.size() < 2) return std::nullopt;
  const bool begins = s.is_request() ? s.header.type() == RecordType::kBeginRequest : !IsManagement(s.header.type());
  if (!begins) return std::nullopt;
  return s.position - s.header.size();
}

uint64_t Decoder::BodyLeft(Direction dir) const {
  const Side& s = side(dir);
  const bool in_body = s.place == Place::kInside && s.state == State::kContent && (s.use == Use::kBody || s.use == Use::kSkip);
  return in_body ? uint64_t{s.content_left} + s.padding_left : 0;
}

}  // namespace wirespan::decoders::fastcgi
