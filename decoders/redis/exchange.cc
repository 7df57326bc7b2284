// redis::Decoder, what commands and replies mean: what they do to the connection, and which reply answers which command.
#include <algorithm>
#include <utility>

#include "decoders/redis/decoder.h"

namespace wirespan::decoders::redis {
namespace {

using What = RespStep::What;

// The first element of a confirmation of (un)subscribing.
struct Confirmation {
  char kind = '\0';  // as Awaited::kind; '\0': it is none
  bool unsubscribes = false;
};

Confirmation ConfirmationOf(std::string_view first) {
  constexpr std::string_view kSuffix = "subscribe";
  if (!first.ends_with(kSuffix)) return {};
  first.remove_suffix(kSuffix.size());
  const bool unsubscribes = first.ends_with("un");
  if (unsubscribes) first.remove_suffix(2);
  if (first.empty()) return {'S', unsubscribes};
  if (first == "p") return {'P', unsubscribes};
  return first == "s" ? Confirmation{'H', unsubscribes} : Confirmation{};
}

char KindOf(std::string_view command) {
  return command.front() == 'P' ? 'P' : command.starts_with("SS") || command.starts_with("SUN") ? 'H' : 'S';
}

}  // namespace

void Decoder::BeginRequest(Side& s, Messages& out) {
  Side& reply = replies();
  if (reply.place == Place::kAdrift) EndAdrift(reply, Incomplete::kNo, out);
  if (!aligned_ && !HasUnanswered() && reply.open == nullptr) aligned_ = true;
  Begin(s, s.position);
  ++last_exchange_;
  s.open->exchange = aligned_ ? last_exchange_ : 0;
  arguments_.Begin();
}

bool Decoder::TakeRequest(Side& s, const RespStep& step, Messages& out) {
  if (step.what == What::kBegins && s.scan.depth() == 0) {
    s.open->arguments = step.size;
    if (!step.done) return true;
    // An empty command is none: a server takes no notice of it.
    --last_exchange_;
    GiveBack(s);
    s.scan.Begin();
    return true;
  }
  switch (step.what) {
    case What::kBegins:
      if (step.type != Type::kBulk) return false;
      arguments_.BeginArgument(*s.open);
      break;
    case What::kText:
      arguments_.Text(step.text, *s.open);
      break;
    case What::kEnds:
      arguments_.EndArgument(*s.open);
      if (step.done) EndRequest(s, Incomplete::kNo, out);
      break;
    case What::kMore:
    case What::kBad:
      break;
  }
  return true;
}

void Decoder::EndRequest(Side& s, Incomplete why, Messages& out) {
  Message& message = *s.open;
  message.incomplete = why;
  if (has_database_) message.database = database_, message.has_database = true;
  if (why == Incomplete::kNo) {
    message.head_end = s.position;
    TakeTransaction(message);
    TakeEffect(message);
  }
  Append(s, out);
}

void Decoder::TakeTransaction(Message& message) {
  switch (arguments_.effect()) {
    case Effect::kMulti:
      in_transaction_ = true;
      queued_ = queued_name_size_ = 0;
      return;
    case Effect::kExec:
      message.is_transaction = std::exchange(in_transaction_, false);
      if (!message.is_transaction) return;
      message.batch_size = queued_;
      message.batch_name.assign(queued_name_.data(), queued_name_size_);
      return;
    case Effect::kDiscard:
      // What was queued, a SELECT among it, does not happen.
      if (std::exchange(in_transaction_, false)) has_database_ = false;
      return;
    default:
      break;
  }
  if (!in_transaction_) return;
  const std::string_view name = message.name;
  if (++queued_ == 1) {
    queued_name_size_ = static_cast<uint8_t>(name.copy(queued_name_.data(), queued_name_.size()));
  } else if (name != std::string_view(queued_name_.data(), queued_name_size_)) {
    queued_name_size_ = 0;
  }
}

void Decoder::TakeEffect(Message& message) {
  const Effect effect = arguments_.effect();
  switch (effect) {
    case Effect::kSelect:
      has_database_ = arguments_.FirstNumber(database_) && !in_transaction_;
      return Await(message, effect);
    case Effect::kSubscribe:
    case Effect::kUnsubscribe:
      return Await(message, effect);
    case Effect::kReset:
      has_database_ = true;
      database_ = 0;
      in_transaction_ = false;
      subscriptions_ = patterns_ = 0;
      return;
    case Effect::kReply:
      if (arguments_.Are("REPLY", "OFF") || arguments_.Are("REPLY", "SKIP")) Leave("client_reply");
      return;
    case Effect::kLeave:
      Leave(arguments_.name() == "MONITOR" ? "monitor" : "replication");
      return;
    case Effect::kNone:
    case Effect::kMulti:
    case Effect::kExec:
    case Effect::kDiscard:
      return;
  }
}

void Decoder::Await(const Message& message, Effect effect) {
  if (awaited_count_ == kMaxAwaited) {
    Leave("too_many_unanswered");
    return;
  }
  Awaited& awaited = awaited_[awaited_count_++];
  awaited = {last_exchange_, effect, '\0', 0};
  if (effect == Effect::kSelect) return;
  awaited.kind = KindOf(arguments_.name());
  awaited.replies = static_cast<uint32_t>(std::min<uint64_t>(message.arguments - 1, UINT32_MAX));
}

void Decoder::BeginReply(Side& s, Type type) {
  Begin(s, s.position);
  if (type != Type::kAttribute) s.open->type = type;
  first_size_ = 0;
  first_whole_ = true;
  third_ = 0;
  word_ended_ = false;
}

void Decoder::TakeReply(Side& s, const RespStep& step, Messages& out) {
  Message& message = *s.open;
  if (step.what == What::kBegins && s.scan.depth() == 0 && step.type != Type::kAttribute) {
    message.type = step.type;
    message.elements = IsAggregate(step.type) ? step.size : 0;
    const bool is_line = !IsAggregate(step.type) && step.type != Type::kBulk && step.type != Type::kNull &&
                         step.type != Type::kBulkError && step.type != Type::kVerbatim;
    if (!is_line) message.head_end = s.position;
    if (requests().place == Place::kAdrift && step.type != Type::kPush) EndAdrift(requests(), Incomplete::kNo, out);
  }
  if (step.what == What::kText) TakeReplyText(s, step.text);
  if (step.done) EndReply(s, Incomplete::kNo, out);
}

void Decoder::TakeReplyText(Side& s, std::string_view text) {
  Message& message = *s.open;
  if (message.is_error() && s.scan.depth() == 0) {
    const size_t space = text.find(' ');
    const size_t room = kMaxNameBytes - message.name.size();
    if (!word_ended_) message.name.append(text.substr(0, std::min(space, room)));
    word_ended_ |= space != std::string_view::npos;
    return;
  }
  if (s.scan.depth() != 1 || !IsAggregate(message.type)) return;
  if (s.scan.index() == 0) {
    const std::string_view kept = text.substr(0, first_.size() - first_size_);
    first_size_ = static_cast<uint8_t>(first_size_ + kept.copy(first_.data() + first_size_, kept.size()));
    first_whole_ &= kept.size() == text.size();
  } else if (s.scan.index() == 2) {
    for (const char c : text)  // all of it, however it is cut
      third_ = third_ < (uint64_t{1} << 56U) && c >= '0' && c <= '9' ? third_ * 10 + static_cast<uint64_t>(c - '0') : 0;
  }
}

// An answer, or, of what may not be one, a part of one.
void Decoder::EndReply(Side& s, Incomplete why, Messages& out) {
  Message& message = *s.open;
  message.incomplete = why;
  if (why == Incomplete::kNo && message.head_end == 0) message.head_end = s.position;
  Awaited* awaited = awaited_count_ > 0 && awaited_[0].exchange == answered_ + 1 ? &awaited_[0] : nullptr;
  message.one_way = !IsFinal(message, awaited);
  if (!message.one_way && HasUnanswered()) {
    ++answered_;
    if (aligned_) message.exchange = answered_;
    if (awaited != nullptr) {
      const bool failed = message.is_error() || why != Incomplete::kNo;
      if (awaited->effect == Effect::kSelect && failed) has_database_ = false;
      std::move(awaited_.begin() + 1, awaited_.begin() + static_cast<std::ptrdiff_t>(awaited_count_), awaited_.begin());
      --awaited_count_;
    }
  }
  Append(s, out);
}

bool Decoder::IsFinal(const Message& message, Awaited* awaited) {
  const std::string_view first = first_whole_ ? std::string_view(first_.data(), first_size_) : std::string_view{};
  const Confirmation confirmation = ConfirmationOf(first);
  const bool is_push = message.type == Type::kPush;
  if (message.complete() && message.elements == 3 && confirmation.kind != '\0' && (is_push || message.type == Type::kArray)) {
    const bool is_awaited = awaited != nullptr && awaited->kind == confirmation.kind &&
                            (awaited->effect == Effect::kUnsubscribe) == confirmation.unsubscribes;
    if (is_push || is_awaited || subscriptions_ > 0) {
      CountSubscription(confirmation.kind, confirmation.unsubscribes);
      return is_awaited && IsFinalConfirmation(*awaited);
    }
  }
  if (is_push) return false;
  const bool is_published =
      (message.elements == 3 && (first == "message" || first == "smessage")) || (message.elements == 4 && first == "pmessage");
  return message.type != Type::kArray || !is_published || (subscriptions_ == 0 && HasUnanswered());
}

// The count that a confirmation carries is of channels and patterns together; shard channels have one of their own.
void Decoder::CountSubscription(char kind, bool unsubscribes) {
  if (kind == 'H') return;
  if (kind == 'P' && !unsubscribes && third_ > subscriptions_) ++patterns_;
  if (kind == 'P' && unsubscribes && third_ < subscriptions_ && patterns_ > 0) --patterns_;
  subscriptions_ = third_;
}

bool Decoder::IsFinalConfirmation(Awaited& awaited) const {
  if (awaited.replies > 0) return --awaited.replies == 0;
  switch (awaited.kind) {
    case 'S':
      return third_ == patterns_ || third_ == 0;
    case 'P':
      return patterns_ == 0;
    default:
      return third_ == 0;
  }
}

}  // namespace wirespan::decoders::redis
