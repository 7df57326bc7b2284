#include "decoders/fastcgi/decoder.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "decoders/fastcgi/resync.h"

namespace wirespan::decoders::fastcgi {

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
      case State::kHeader:
        step = InHeader(s, rest, out);
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
    if (step.status == ParseStatus::kStop) return {ParseStatus::kStop, used, step.reason};
    if (step.status == ParseStatus::kAdvanced) continue;
    if (used > 0) break;  // the next call says it
    return step;
  }
  return {used > 0 ? ParseStatus::kAdvanced : ParseStatus::kNeedMore, used, {}};
}

ParseStep Decoder::InHeader(Side& s, std::string_view bytes, Messages& out) {
  if (s.header.size() == 0 && bytes.size() >= kHeaderBytes && s.header.TakeWhole(bytes, s.direction)) {
    const RecordHeader header = s.header.header();
    if (Refuse(s, header).empty() && stop_reason_.empty()) {
      s.position += kHeaderBytes;
      EnterRecord(s, header, out);
      return {ParseStatus::kAdvanced, kHeaderBytes, {}};
    }
    stop_reason_ = {};  // said again below, at the byte where it is known
    s.header.Begin();
  }
  size_t used = 0;
  while (used < bytes.size()) {
    std::string_view refused;
    if (!s.header.Take(static_cast<uint8_t>(bytes[used]), s.direction)) {
      refused = "bad_record";
    } else if (s.header.done()) {
      refused = Refuse(s, s.header.header());
    }
    if (!stop_reason_.empty()) return {ParseStatus::kStop, used, stop_reason_};
    if (!refused.empty()) {
      if (s.open != nullptr) EndIncomplete(s, Incomplete::kAmbiguous, out);
      Lose(s, refused);
      return {used > 0 ? ParseStatus::kAdvanced : ParseStatus::kInvalid, used, refused};
    }
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
  s.open = pool_ != nullptr ? pool_->Take() : std::make_unique<Message>();
  s.open->direction = s.direction;
  s.open->is_request = s.is_request();
  s.open->request_id = request_id;
  s.open->has_start_line = true;
  s.open->start = start;
  s.head_done = s.head_cut = false;
}

void Decoder::Append(Side& s, Messages& out) {
  s.open->end = std::max(s.open->end, s.open->start);
  out.push_back(std::move(s.open));
}

void Decoder::EndIncomplete(Side& s, Incomplete why, Messages& out) {
  if (s.open->incomplete != Incomplete::kAmbiguous) s.open->incomplete = why;
  s.open->end = s.position;
  if (!s.is_request() && !s.head_done) EndResponseHead(s, false);
  Append(s, out);
}

void Decoder::Lose(Side& s, std::string_view reason) {
  // A client that waits for each answer sends its next request after the whole response: whatever was lost, that one is answered
  // next.
  if (!s.is_request() && unanswered_count_ <= 1) unanswered_count_ = 0;
  aligned_ = false;
  s.reason = reason;
  s.state = State::kLost;
  s.after_request = false;
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
  s.header.Begin();
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
    // What ends a response is seen wherever the last bytes are.
    const bool is_cut = !s.is_request() && s.tail_bytes == kTailBytes && !TailIsEnd(s);
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
  return s.open != nullptr && (s.head_done || s.head_cut || s.state == State::kAdrift) ? s.open.get() : nullptr;
}

std::optional<uint64_t> Decoder::OpenStart(Direction dir) const {
  const Side& s = side(dir);
  if (s.open != nullptr) return s.open->start;
  if (s.state != State::kHeader || s.header.size() < 2) return std::nullopt;
  const bool begins = s.is_request() ? s.header.type() == RecordType::kBeginRequest : !IsManagement(s.header.type());
  if (!begins) return std::nullopt;
  return s.position - s.header.size();
}

uint64_t Decoder::BodyLeft(Direction dir) const {
  const Side& s = side(dir);
  const bool in_body = s.state == State::kContent && (s.use == Use::kBody || s.use == Use::kSkip);
  return in_body ? uint64_t{s.content_left} + s.padding_left : 0;
}

bool Decoder::Synced(Direction dir) const {
  const State state = side(dir).state;
  return state != State::kLost && state != State::kCandidate && state != State::kPoisoned;
}

}  // namespace wirespan::decoders::fastcgi
