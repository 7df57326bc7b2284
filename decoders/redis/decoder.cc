#include "decoders/redis/decoder.h"

namespace wirespan::decoders::redis {

static_assert(decoders::Decoder<Decoder>);

namespace {

constexpr bool IsInlineCharacter(char c) { return (c >= 0x20 && c < 0x7f) || c == '\t'; }
constexpr bool IsSpace(char c) { return c == ' ' || c == '\t'; }
constexpr bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

}  // namespace

ParseStep Decoder::Inside(Side& s, std::string_view bytes, Messages& out) {
  return s.state == State::kValue ? InValue(s, bytes, out) : InInline(s, bytes, out);
}

void Decoder::Enter(Side& s) {
  s.scan.Begin();
  s.state = State::kValue;
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

void Decoder::Append(Side& s, Messages& out) {
  Hand(s, s.position, out);
  s.scan.Begin();
}

void Decoder::EndIncomplete(Side& s, Incomplete why, Messages& out) {
  s.is_request() ? EndRequest(s, why, out) : EndReply(s, why, out);
}

void Decoder::Forget(Side& s) {
  // A client that waits for each answer sends its next command after the whole reply: whatever was lost, that one is answered
  // next.
  if (!s.is_request() && last_exchange_ - answered_ <= 1) answered_ = last_exchange_;
  aligned_ = false;
  if (s.is_request()) in_transaction_ = false;
  if (s.is_request() || awaited_count_ > 0) has_database_ = false;
  awaited_count_ = 0;
  s.scan.Begin();
}

const Message* Decoder::OpenMessage(Direction dir) const {
  const Side& s = side(dir);
  if (s.open == nullptr) return nullptr;
  const bool is_told = s.is_request() ? s.open->has_start_line : s.open->head_end != 0;
  return is_told || s.place == Place::kAdrift ? s.open.get() : nullptr;
}

std::optional<uint64_t> Decoder::OpenStart(Direction dir) const {
  const Side& s = side(dir);
  if (s.open == nullptr) return std::nullopt;
  if (!s.is_request() && (s.open->type == Type::kPush || !HasUnanswered())) return std::nullopt;
  return s.open->start;
}

uint64_t Decoder::BodyLeft(Direction dir) const {
  const Side& s = side(dir);
  return s.place == Place::kInside && s.state == State::kValue ? s.scan.StringLeft() : 0;
}

}  // namespace wirespan::decoders::redis
