#include "decoders/redis/decoder.h"

#include <algorithm>
#include <utility>

#include "decoders/redis/resync.h"

namespace wirespan::decoders::redis {

static_assert(decoders::Decoder<Decoder>);

namespace {

std::string_view Text(std::span<const std::byte> bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

constexpr bool IsInlineCharacter(char c) { return (c >= 0x20 && c < 0x7f) || c == '\t'; }
constexpr bool IsSpace(char c) { return c == ' ' || c == '\t'; }
constexpr bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

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
      case State::kValue:
        step = InValue(s, rest, out);
        break;
      case State::kInline:
        step = InInline(s, rest, out);
        break;
      case State::kAdrift:
        s.position += rest.size();
        step = {ParseStatus::kAdvanced, rest.size(), {}};
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

ParseStep Decoder::InValue(Side& s, std::string_view bytes, Messages& out) {
  if (s.is_request() && !s.scan.begun()) {
    const char c = bytes.front();
    if (c == '\r' || c == '\n') {  // a server takes no notice of an empty line
      ++s.position;
      return {ParseStatus::kAdvanced, 1, {}};
    }
    if (IsLetter(c)) {
      BeginRequest(s, out);
      arguments_.BeginArgument(*s.open);
      s.state = State::kInline;
      return {ParseStatus::kAdvanced, 0, {}};
    }
    if (c != static_cast<char>(Type::kArray)) return Refuse(s, "bad_command", 0, out);
  }
  if (!s.scan.begun()) {
    if (!IsType(bytes.front())) return Refuse(s, "bad_reply", 0, out);
    s.is_request() ? BeginRequest(s, out) : BeginReply(s, static_cast<Type>(bytes.front()));
  }
  const RespStep step = s.scan.Take(bytes);
  s.position += step.used;
  if (step.what == RespStep::What::kBad) return Refuse(s, s.is_request() ? "bad_command" : "bad_reply", step.used, out);
  if (s.is_request()) {
    if (!TakeRequest(s, step, out)) return Refuse(s, "bad_command", step.used, out);
  } else {
    TakeReply(s, step, out);
  }
  return {ParseStatus::kAdvanced, step.used, {}};
}

// What was consumed stays so; what follows is not the protocol.
ParseStep Decoder::Refuse(Side& s, std::string_view reason, size_t used, Messages& out) {
  if (s.open != nullptr) EndIncomplete(s, Incomplete::kAmbiguous, out);
  Lose(s, reason);
  return {used > 0 ? ParseStatus::kAdvanced : ParseStatus::kInvalid, used, reason};
}

// Words up to the end of the line; a quoted word with spaces counts as several, which is of no matter where values are masked.
ParseStep Decoder::InInline(Side& s, std::string_view bytes, Messages& out) {
  size_t used = 0;
  while (used < bytes.size()) {
    const char c = bytes[used];
    const bool ends = c == '\r' || c == '\n';
    if (!ends && !IsInlineCharacter(c)) return Refuse(s, "bad_command", used, out);
    if (s.position - s.open->start >= kMaxLineBytes) return Refuse(s, "bad_command", used, out);
    const bool in_word = s.open->arguments == arguments_.count();
    if (ends || IsSpace(c)) {
      if (in_word) {
        arguments_.EndArgument(*s.open);
        if (arguments_.count() == 1 && !arguments_.name_is_known()) return Refuse(s, "bad_command", used, out);
      }
    } else {
      if (!in_word) {
        arguments_.BeginArgument(*s.open);
        ++s.open->arguments;
      }
      arguments_.Text(std::string_view(&bytes[used], 1), *s.open);
    }
    ++used;
    ++s.position;
    if (!ends) continue;
    s.state = State::kValue;
    ++s.open->arguments;  // counted from 0 so far
    EndRequest(s, Incomplete::kNo, out);
    break;
  }
  return {ParseStatus::kAdvanced, used, {}};
}

void Decoder::BeginMessage(Side& s) {
  s.open = pool_ != nullptr ? pool_->Take() : std::make_unique<Message>();
  s.open->direction = s.direction;
  s.open->is_request = s.is_request();
  s.open->start = s.position;
}

void Decoder::Discard(Side& s) {
  if (pool_ != nullptr) pool_->Give(std::move(s.open));
  s.open.reset();
}

void Decoder::Append(Side& s, Messages& out) {
  s.open->end = std::max(s.position, s.open->start);
  out.push_back(std::move(s.open));
  s.scan.Begin();
}

void Decoder::EndIncomplete(Side& s, Incomplete why, Messages& out) {
  s.is_request() ? EndRequest(s, why, out) : EndReply(s, why, out);
}

void Decoder::Lose(Side& s, std::string_view reason) {
  // A client that waits for each answer sends its next command after the whole reply: whatever was lost, that one is answered
  // next.
  if (!s.is_request() && last_exchange_ - answered_ <= 1) answered_ = last_exchange_;
  aligned_ = false;
  if (s.is_request()) in_transaction_ = false;
  if (s.is_request() || awaited_count_ > 0) has_database_ = false;
  awaited_count_ = 0;
  s.scan.Begin();
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
  s.scan.Begin();
  s.state = State::kValue;
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
    EndAdrift(s, Incomplete::kNo, out);
  } else if (s.open != nullptr) {
    EndIncomplete(s, Incomplete::kClosed, out);
  }
  // The other direction goes on: its pairing with what was seen here stays.
  s.reason = "closed";
  s.state = State::kLost;
}

const Message* Decoder::OpenMessage(Direction dir) const {
  const Side& s = side(dir);
  if (s.open == nullptr) return nullptr;
  const bool is_told = s.is_request() ? s.open->has_start_line : s.open->head_end != 0;
  return is_told || s.state == State::kAdrift ? s.open.get() : nullptr;
}

std::optional<uint64_t> Decoder::OpenStart(Direction dir) const {
  const Side& s = side(dir);
  if (s.open == nullptr) return std::nullopt;
  if (!s.is_request() && (s.open->type == Type::kPush || !HasUnanswered())) return std::nullopt;
  return s.open->start;
}

uint64_t Decoder::BodyLeft(Direction dir) const {
  const Side& s = side(dir);
  return s.state == State::kValue ? s.scan.StringLeft() : 0;
}

bool Decoder::Synced(Direction dir) const {
  const State state = side(dir).state;
  return state != State::kLost && state != State::kCandidate && state != State::kPoisoned;
}

}  // namespace wirespan::decoders::redis
