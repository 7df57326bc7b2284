// postgresql::Decoder, what a client sends: the beginning of a connection, queries, and the extended protocol's preparations and
// executions.
#include <algorithm>
#include <utility>

#include "decoders/postgresql/decoder.h"

namespace wirespan::decoders::postgresql {
namespace {

constexpr std::string_view kLostName = "\x01";  // of no statement that a client would name so
constexpr size_t kMaxIdleRawBytes = size_t{4} * 1024;

}  // namespace

void Decoder::EnterRequestFrame(Side& s, Messages& out) {
  name_cut_ = raw_cut_ = raw_lost_ = false;
  switch (s.type) {
    case 'Q':
    case 'F':
      EndGroup(s, out);
      BeginGroup(s, out);
      raw_.clear();
      s.strings.Begin(s.type == 'Q' ? 1 : 0, 0);
      return;
    case 'P':
      if (has_parse_) EndGroup(s, out);
      BeginGroup(s, out);
      name_.clear();
      raw_.clear();
      s.strings.Begin(2, 0);
      return;
    case 'B':
      BeginGroup(s, out);
      portal_.clear();
      name_.clear();
      s.strings.Begin(2, 0);
      return;
    case 'E':
      BeginGroup(s, out);
      portal_.clear();
      s.strings.Begin(1, 0);
      return;
    case 'D':
      describes_ = true;
      return BeginGroup(s, out);
    case 'C':
      close_what_ = '\0';
      name_.clear();
      s.strings.Begin(1, 1);
      return;
    default:
      return;
  }
}

// The first frame of what may become a request.
void Decoder::BeginGroup(Side& s, Messages& out) {
  if (s.open != nullptr) return;
  Side& reply = replies();
  if (reply.place == Place::kAdrift) EndAdrift(reply, Incomplete::kNo, out);
  if (!aligned_ && owed_first_ == owed_.size() && reply.open == nullptr) aligned_ = true;
  BeginMessage(s, FrameStart(s));
}

// What was sent since the last request is over without an execution.
void Decoder::EndGroup(Side& s, Messages& out) {
  if (s.open == nullptr) return;
  if (!has_parse_) return Discard(s);
  EndRequest(s, RequestKind::kPrepare, parse_end_, out);
}

void Decoder::TakeRequestString(Side& s, std::string_view text, bool ends) {
  const auto name = [&](std::string& to) { name_cut_ |= !AppendBounded(to, text, kMaxNameBytes); };
  const bool is_first = string_index_ == 0;
  switch (s.type) {
    case '\0':  // names and values of parameters by turns
      if (string_index_ % 2 == 0) {
        if (name_.empty() || !text.empty()) AppendBounded(name_, text, kMaxNameBytes);
      } else {
        if (name_ == "database") AppendBounded(database_, text, kMaxNameBytes);
        if (name_ == "user") AppendBounded(user_, text, kMaxNameBytes);
        if (ends) name_.clear();
      }
      break;
    case 'Q':
      raw_cut_ |= !AppendBounded(raw_, text, kMaxRawBytes);
      break;
    case 'P':
      if (is_first) {
        name(name_);
      } else {
        raw_cut_ |= !AppendBounded(raw_, text, kMaxRawBytes);
      }
      break;
    case 'B':
      name(is_first ? portal_ : name_);
      break;
    case 'E':
      name(portal_);
      break;
    case 'C':
      name(name_);
      break;
    default:
      break;
  }
  if (ends) string_index_ ^= 1U;
}

void Decoder::EndRequestFrame(Side& s, Messages& out) {
  switch (s.type) {
    case '\0':
      return EndStartup(s, out);
    case 'Q':
      TakeSql(*s.open);
      return EndRequest(s, RequestKind::kQuery, s.position, out);
    case 'F':
      return EndRequest(s, RequestKind::kFunction, s.position, out);
    case 'P':
      TakeSql(*s.open);
      if (!name_cut_) statements_.Prepare(name_, sql_);
      s.open->statement = name_;
      has_parse_ = true;
      parse_end_ = s.position;
      return;
    case 'B':
      return statements_.Bind(portal_, name_cut_ ? kLostName : std::string_view(name_));
    case 'E':
      TakeStatement(*s.open);
      return EndRequest(s, RequestKind::kExecute, s.position, out);
    case 'H':
      if (has_parse_) EndGroup(s, out);
      return;
    case 'S':
      EndGroup(s, out);
      return Owe(Owed::kSync);
    case 'C':
      return close_what_ == 'S' ? statements_.CloseStatement(name_) : statements_.ClosePortal(name_);
    case 'c':
    case 'f':
      copies_in_ = false;
      return;
    default:
      return;
  }
}

void Decoder::EndStartup(Side& s, Messages& out) {
  const RequestKind kind = s.open->kind;
  if (kind == RequestKind::kStartup) {
    if (database_.empty()) database_ = user_;  // its default
    s.open->database = database_;
  }
  if (kind == RequestKind::kSsl || kind == RequestKind::kGss) ++ssl_answers_;
  if (ssl_answers_ > 1) Leave("too_many_ssl_requests");
  s.open->head_end = s.position;
  Append(s, s.position, out);
}

void Decoder::TakeSql(Message& message) {
  sql::Sanitize(raw_, sql::Dialect::kPostgresql, sql_);
  sql_.truncated |= raw_cut_ || raw_lost_;
  message.text.assign(sql_.text);
  message.summary.assign(sql_.summary);
  message.truncated |= sql_.truncated;
  message.has_start_line = true;
  raw_.clear();
  if (raw_.capacity() > kMaxIdleRawBytes) raw_.shrink_to_fit();
  // What was lost of a text is lost of the request: a larger budget would show it.
  if (raw_lost_) message.incomplete = Incomplete::kGap;
}

// What the portal that is executed stands for.
void Decoder::TakeStatement(Message& message) {
  std::string_view name;
  const Statement* statement = name_cut_ ? nullptr : statements_.OfPortal(portal_, name);
  message.has_start_line = true;
  if (statement == nullptr) {
    message.unknown_statement = true;
    message.statement.assign(name == kLostName ? std::string_view{} : name);
    return;
  }
  message.statement.assign(name);
  message.text.assign(statement->text);
  message.summary.assign(statement->summary);
  message.truncated |= statement->truncated;
}

void Decoder::EndRequest(Side& s, RequestKind kind, uint64_t end, Messages& out) {
  Message& message = *s.open;
  message.kind = kind;
  message.database = database_;
  if (message.complete()) message.head_end = end;
  ++last_exchange_;
  message.exchange = aligned_ ? last_exchange_ : 0;
  switch (kind) {
    case RequestKind::kExecute:
      Owe(Owed::kExecute);
      break;
    case RequestKind::kPrepare:
      Owe(Owed::kPrepare);
      break;
    default:
      Owe(Owed::kQuery);
      break;
  }
  Append(s, end, out);
}

void Decoder::Owe(Owed what) {
  if (owed_.size() - owed_first_ >= kMaxUnanswered) {
    Leave("too_many_unanswered");
    return;
  }
  if (owed_first_ == owed_.size()) {
    owed_.clear();
    owed_first_ = 0;
  } else if (owed_first_ > 0 && owed_.size() == owed_.capacity()) {
    owed_.erase(owed_.begin(), owed_.begin() + static_cast<std::ptrdiff_t>(owed_first_));
    owed_first_ = 0;
  }
  owed_.push_back(what);
  if (what != Owed::kSync) ++owed_replies_;
}

void Decoder::PopOwed() {
  if (owed_[owed_first_] != Owed::kSync) --owed_replies_;
  ++owed_first_;
}

}  // namespace wirespan::decoders::postgresql
