// Definitions of MultiplexedSession's members; include multiplexed_session.h.
#pragma once

#include "agent/pipeline/multiplexed_session.h"

namespace wirespan::pipeline {

// Streams that the client opens are odd, pushed ones even (RFC 9113 5.1.1).
constexpr bool IsPushed(uint32_t stream_id) { return (stream_id & 1U) == 0; }
// A pushed exchange shares the token of whatever was asked for in that turn, and is never its only one: its index is this, with
// its id. Below those of trace::Continued; only an id of 2^30 and more would have the bit too.
inline constexpr uint32_t kPushedIndex = trace::kContinuedIndex >> 1U;

template <typename Protocol>
void MultiplexedSession<Protocol>::Restart() {
  decoder_ = Decoder(&memory_->messages);
  for (Side& s : sides_) s = Side{};
  last_token_ = 0;
  next_index_ = highest_request_ = next_reset_ = next_to_tell_ = 0;
  resets_ = {};
  processed_ = {UINT32_MAX, UINT32_MAX};
  begun_ = hides_ = missed_server_ = false;
}

// The client's first bytes tell whether the connection is seen from its beginning. Where the server's are decoded first, its
// connection knew them for such.
template <typename Protocol>
void MultiplexedSession<Protocol>::Begin(Direction dir, std::span<const std::byte> head) {
  begun_ = true;
  const bool missed_server = std::exchange(missed_server_, false);
  if (dir == Direction::kServerToClient) return missed_server ? Lose(dir) : void();
  const decoders::Likeness likeness = Protocol::kLikeness(dir, head);
  const bool is_new = output_.connection().opening_seen && !output_.connection().preexisting;
  if (likeness == decoders::Likeness::kCertain || (likeness == decoders::Likeness::kTooShort && is_new)) {
    if (missed_server) Lose(Direction::kServerToClient);
    return;
  }
  decoder_.StartInMiddle();
  for (Side& s : sides_) {
    s.in_step = false;
    ++s.losses;
  }
}

// An upgrade from HTTP/1 (RFC 7540 3.2): its request, which is counted already, is that of the first stream.
template <typename Protocol>
void MultiplexedSession<Protocol>::Inherit(const stream::Session& before) {
  const auto* handover = before.handover() != nullptr ? std::get_if<Http2Handover>(&before.handover()->what) : nullptr;
  if (handover == nullptr) return;
  decoder_.StartUpgraded(handover->settings);
  begun_ = had_request_ = true;
  highest_request_ = handover->request.stream_id;
  last_token_ = handover->request_facts.token;
  next_index_ = handover->request_facts.index;
  Open* open = Add(handover->request.stream_id);
  if (open == nullptr) {
    hides_ = true;
    losses().Add(Loss::kExchangesFull);
    return;
  }
  open->exchange.request = handover->request;
  open->exchange.request_facts = handover->request_facts;
  static_cast<ExchangeExtra&>(open->extra) = handover->extra;
  open->extra.has_request = open->extra.response_told = open->request_complete = true;
}

template <typename Protocol>
stream::FeedResult MultiplexedSession<Protocol>::Feed(Direction dir, stream::ByteStream& stream) {
  using decoders::ParseStatus;
  if (!begun_) Begin(dir, stream.Head());
  if (!decoder_.Synced(dir)) FindPlaceAtCall(dir, stream);
  while (true) {
    const std::span<const std::byte> head = stream.Head();
    if (head.empty()) return stream::FeedResult::kFlowing;
    const Origin origin = OriginOf(dir, stream);
    memory_->decoded.clear();
    const decoders::ParseStep step = decoder_.Decode(dir, head, memory_->decoded);
    const size_t consumed = step.consumed < head.size() ? step.consumed : head.size();
    TakeMessages(dir, origin, stream, ExchangeEnd::kResponseCut);
    NoteOpen(dir, origin, stream);
    stream.Consume(consumed);
    if (consumed > 0 && decoder_.Synced(dir)) side(dir).in_step = true, side(dir).searched = 0;
    switch (step.status) {
      case ParseStatus::kAdvanced:
        if (consumed == 0) return stream::FeedResult::kFlowing;  // not within the contract; never loop on it
        break;
      case ParseStatus::kNeedMore:
        return stream::FeedResult::kFlowing;
      case ParseStatus::kStop:
        return stream::FeedResult::kLeft;
      case ParseStatus::kInvalid:
        LosePlace(dir, Loss::kNotTheProtocol);
        if (!FindPlace(dir, stream)) return IsGivenUp(dir) ? stream::FeedResult::kBroken : stream::FeedResult::kFlowing;
        break;
    }
  }
}

// False: nothing in the stream's head may be it, and all of it was passed over.
template <typename Protocol>
bool MultiplexedSession<Protocol>::FindPlace(Direction dir, stream::ByteStream& stream) {
  const std::span<const std::byte> head = stream.Head();
  const std::optional<size_t> offset = decoder_.Resync(dir, head);
  if (!offset) decoder_.Skip(dir, head.size());
  const size_t passed = offset ? *offset : head.size();
  side(dir).searched += passed;
  stream.Consume(passed);
  return offset.has_value();
}

// Before any search: what came last, as one call, may be made of whole frames. The kernel takes the same for a proof.
template <typename Protocol>
void MultiplexedSession<Protocol>::FindPlaceAtCall(Direction dir, stream::ByteStream& stream) {
  const std::span<const std::byte> head = stream.Head();
  const std::optional<stream::Provenance> from = stream.TimeAt(stream.end() - 1);
  // What lies behind bytes that were not seen need not begin with a header, and the end of a SETTINGS frame looks like one.
  if (!from || from->end < stream.end() || from->chunk->skipped_size != 0) return;
  if (from->begin < stream.position() || from->begin >= stream.end()) return;
  const auto skipped = static_cast<size_t>(from->begin - stream.position());
  if (skipped >= head.size() || !decoder_.ResyncAtCall(dir, skipped, head.subspan(skipped), from->end - stream.end())) return;
  stream.Consume(skipped);
}

template <typename Protocol>
void MultiplexedSession<Protocol>::LosePlace(Direction dir, Loss reason) {
  Side& s = side(dir);
  s.open = false;
  if (!s.in_step) return;
  s.in_step = false;
  ++s.losses;
  losses().Add(reason);
}

template <typename Protocol>
bool MultiplexedSession<Protocol>::IsGivenUp(Direction dir) {
  return decoder_.Poisoned(dir) || (!had_request_ && side(dir).searched > kMaxSearchedBytes);
}

template <typename Protocol>
stream::FeedResult MultiplexedSession<Protocol>::Gap(Direction dir, uint64_t size, const stream::ByteStream& stream) {
  if (!begun_) Begin(dir, {});
  const Origin origin = OriginOf(dir, stream);
  memory_->decoded.clear();
  // Undecided bytes before the gap cannot be told from it any more.
  const bool absorbed = decoder_.OnGap(dir, stream.Head().size() + size, memory_->decoded);
  TakeMessages(dir, origin, stream, ExchangeEnd::kResponseNotSeen);
  if (absorbed) return stream::FeedResult::kFlowing;
  LosePlace(dir, Loss::kStreamGap);
  return decoder_.Poisoned(dir) ? stream::FeedResult::kBroken : stream::FeedResult::kFlowing;
}

template <typename Protocol>
void MultiplexedSession<Protocol>::Lose(Direction dir) {
  constexpr size_t kBeyondAnyFrame = size_t{1} << 25U;  // positions of the decoder need not be those of the stream
  if (!begun_ && dir == Direction::kServerToClient) {   // the client's first bytes tell whether there was anything to lose
    missed_server_ = true;
    return;
  }
  begun_ = true;
  memory_->decoded.clear();
  decoder_.OnGap(dir, kBeyondAnyFrame, memory_->decoded);
  for (Message& message : memory_->decoded) memory_->messages.Give(std::move(message));  // a block that was cut
  memory_->decoded.clear();
  LosePlace(dir, Loss::kStreamGap);
}

template <typename Protocol>
void MultiplexedSession<Protocol>::End(Direction dir, const stream::ByteStream& stream, ExchangeEnd cut) {
  const Origin origin = OriginOf(dir, stream);
  memory_->decoded.clear();
  decoder_.OnClose(dir, memory_->decoded);
  TakeMessages(dir, origin, stream, cut);
}

template <typename Protocol>
void MultiplexedSession<Protocol>::NoteFirst(Direction dir, uint64_t position, const stream::ByteStream& stream,
                                             Noted& noted) const {
  noted.facts = {};
  noted.facts.position = position;
  std::optional<stream::Provenance> from = stream.TimeAt(position);
  if (!from) from = stream.TimeAt(stream.end() - 1);  // its chunk was forgotten among many: the latest is not too early
  noted.is_known = from.has_value();
  if (!from) return;
  noted.chunk = *from->chunk;
  noted.chunk.bytes = {};
  SessionOutput::NoteFirst(noted.chunk, noted.facts);
  if (dir == Direction::kClientToServer) output_.NoteMarks(noted.chunk, position, noted.marks);
}

// What is in progress will be over in another call: when it began is known only now.
template <typename Protocol>
void MultiplexedSession<Protocol>::NoteOpen(Direction dir, Origin origin, const stream::ByteStream& stream) {
  Side& s = side(dir);
  const std::optional<uint64_t> start = decoder_.OpenStart(dir);
  if (start && s.open && s.start == *start) return;
  s.open = start.has_value();
  if (!start) return;
  s.start = *start;
  NoteFirst(dir, origin + *start, stream, s.first);
}

// Into noted_.
template <typename Protocol>
void MultiplexedSession<Protocol>::NoteMessage(const Message& message, Origin origin, const stream::ByteStream& stream) {
  const Side& s = side(message.direction);
  if (s.open && s.start == message.start) {
    noted_ = s.first;
  } else {
    NoteFirst(message.direction, origin + message.start, stream, noted_);
  }
  if (message.end <= message.start) return;
  const std::optional<stream::Provenance> from = stream.TimeAt(origin + message.end - 1);
  noted_.facts.last_byte_seen = from.has_value();
  if (from) SessionOutput::NoteLast(*from->chunk, noted_.facts);
}

template <typename Protocol>
void MultiplexedSession<Protocol>::TakeMessages(Direction dir, Origin origin, const stream::ByteStream& stream, ExchangeEnd cut) {
  for (Message& message : memory_->decoded) {
    const bool is_own = message.direction == dir;
    if (is_own) NoteMessage(message, origin, stream);
    if (!TakeMessage(message, is_own, cut)) memory_->messages.Give(std::move(message));
  }
  memory_->decoded.clear();
}

template <typename Protocol>
bool MultiplexedSession<Protocol>::TakeMessage(Message& message, bool is_own, ExchangeEnd cut) {
  switch (message.kind) {
    case Kind::kRequestHead:
      return TakeRequest(message, message.stream_id);
    case Kind::kPushPromise:
      return TakeRequest(message, message.promised_id);
    case Kind::kResponseHead:
    case Kind::kInterim:
      return TakeResponse(message, cut);
    case Kind::kGoAway:
      TakeGoAway(message);
      return false;
    case Kind::kTrailers:
    case Kind::kUnknownBlock:
    case Kind::kEnd:
    case Kind::kReset:
      return TakeLater(message, is_own, cut);
  }
  return false;
}

template <typename Protocol>
bool MultiplexedSession<Protocol>::TakeRequest(Message& message, uint32_t id) {
  const bool ambiguous = message.incomplete == decoders::Incomplete::kAmbiguous;
  const bool is_told = message.head_end != 0 || !message.method().empty() || !message.path().empty();
  Open* open = table_.Find(id);
  if (open != nullptr && open->extra.has_request) {  // a stream has one
    open->ambiguous = true;
    return false;
  }
  if (id == 0 || (!is_told && !ambiguous)) {
    hides_ = true;
    losses().Add(Loss::kRequestCut);
    return false;
  }
  if (!IsPushed(id)) DropPassed(id);
  had_request_ = true;
  ++losses().requests_seen;
  if (open != nullptr) {
    --memory_->early_responses;
  } else if (open = Add(id); open == nullptr) {
    hides_ = true;
    losses().Add(Loss::kExchangesFull);
    return false;
  }
  open->extra.has_request = true;
  open->ambiguous |= ambiguous;
  BeginExchange(*open, message, id);
  open->request_complete |= message.end_stream || IsPushed(id);
  open->exchange.request = std::move(message);
  if (id > processed_[IsPushed(id) ? 1 : 0]) {
    Finish(id, ExchangeEnd::kNotProcessed, noted_.facts.last_byte_ns);
  } else {
    FinishIfOver(id, *open, open->extra.cut);
  }
  return true;
}

template <typename Protocol>
void MultiplexedSession<Protocol>::BeginExchange(Open& open, const Message& head, uint32_t id) {
  match::MessageFacts& facts = open.exchange.request_facts;
  facts = noted_.facts;
  facts.seen = true;
  if (IsPushed(id)) {
    facts.index = kPushedIndex | id;
  } else {
    facts.index = next_index_ = facts.token == last_token_ ? next_index_ + 1 : 0;
    last_token_ = facts.token;
  }
  open.extra.tgid = facts.first.tgid;
  open.extra.join = output_.JoinKeyOf(facts.position);
  if (IsPushed(id) && open.extra.join.known()) open.extra.join.high ^= facts.index;  // by positions of the other direction
  open.extra.has_incoming =
      span::ParseTraceContext(head, *output_.services().contexts, open.extra.incoming) == span::ContextReject::kNone;
  if (open.ambiguous) return;
  if (IsPushed(id)) noted_.marks = {};  // nobody's call: what its thread had done before says nothing of it
  noted_.marks.multiplexed = true;
  noted_.marks.shares = table_.size() > 1 || MayHide();
  output_.TellRequest(noted_.marks, facts, open.extra);
}

// Responses to requests before `id` that wait for them wait in vain.
template <typename Protocol>
void MultiplexedSession<Protocol>::DropPassed(uint32_t id) {
  highest_request_ = std::max(highest_request_, id);
  if (memory_->early_responses == 0) return;
  for (size_t at = 0; at < table_.size() && table_.IdAt(at) < id;) {
    if (table_.At(at).extra.has_request) {
      ++at;
    } else {
      losses().Add(Loss::kResponseWithoutRequest);
      GiveBack(table_.IdAt(at));
    }
  }
}

// Interim or final; a final one of unknown status is replaced by the next.
template <typename Protocol>
bool MultiplexedSession<Protocol>::TakeResponse(Message& message, ExchangeEnd cut) {
  const uint32_t id = message.stream_id;
  Open* open = table_.Find(id);
  if (message.kind == Kind::kInterim) {
    ++losses().interim_responses;
    if (open != nullptr) TellResponse(*open);
    return false;
  }
  if (open == nullptr) {
    const bool may_come = !IsPushed(id) && id > highest_request_;
    open = may_come ? Add(id) : nullptr;
    if (open == nullptr) {
      if (!WasReset(id)) losses().Add(Loss::kResponseWithoutRequest);
      return false;
    }
    ++memory_->early_responses;
  }
  TellResponse(*open);
  open->ambiguous |= message.incomplete == decoders::Incomplete::kAmbiguous;
  match::MessageFacts& facts = open->exchange.response_facts;
  if (facts.seen && open->exchange.response.status != 0) {  // of two final ones neither is to be believed
    open->ambiguous = true;
    return false;
  }
  const match::MessageFacts first = facts;
  facts = noted_.facts;
  if (first.seen) facts.first_byte_ns = first.first_byte_ns, facts.first = first.first, facts.position = first.position;
  facts.seen = true;
  open->response_complete = message.end_stream;
  std::swap(open->exchange.response, message);
  FinishIfOver(id, *open, cut);
  return !first.seen;
}

// The first byte of a response on a server connection, once per exchange: interim ones count. Of requests that share a token the
// response to the first is told.
template <typename Protocol>
void MultiplexedSession<Protocol>::TellResponse(Open& open) {
  if (std::exchange(open.extra.response_told, true) || !open.extra.has_request || !noted_.is_known) return;
  const match::MessageFacts& request = open.exchange.request_facts;
  if (output_.connection().role != ConnectionRole::kServer || request.index != 0) return;
  if (noted_.facts.first_byte_ns >= request.first_byte_ns) output_.TellResponse(noted_.chunk, request.token);
}

// What follows a head in its direction, and ends it. `is_own` false: the direction ended by a reset that comes next.
template <typename Protocol>
bool MultiplexedSession<Protocol>::TakeLater(Message& message, bool is_own, ExchangeEnd cut) {
  const uint32_t id = message.stream_id;
  Open* open = table_.Find(id);
  const bool may_be_head = message.kind == Kind::kUnknownBlock && !message.is_request;
  if (message.kind == Kind::kReset) resets_[next_reset_++ % kRememberedResets] = id;
  if (open == nullptr) return may_be_head && TakeResponse(message, cut);
  open->extra.cut = cut;
  if (message.kind == Kind::kReset) return TakeReset(message, *open);
  match::MessageFacts& facts = message.is_request ? open->exchange.request_facts : open->exchange.response_facts;
  if (!facts.seen && may_be_head) return TakeResponse(message, cut);
  open->ambiguous |= message.incomplete == decoders::Incomplete::kAmbiguous;
  if (facts.seen) {
    if (is_own && message.end > message.start) NoteEnd(facts);
    (message.is_request ? open->exchange.request : open->exchange.response).Absorb(message);
  }
  (message.is_request ? open->request_complete : open->response_complete) = true;
  if (is_own) FinishIfOver(id, *open, cut);
  return false;
}

template <typename Protocol>
void MultiplexedSession<Protocol>::NoteEnd(match::MessageFacts& facts) const {
  facts.last_byte_ns = noted_.facts.last_byte_ns;
  facts.last = noted_.facts.last;
  facts.last_byte_seen = noted_.facts.last_byte_seen;
  facts.retransmits_last = noted_.facts.retransmits_last;
  facts.srtt_us = noted_.facts.srtt_us;
}

template <typename Protocol>
bool MultiplexedSession<Protocol>::TakeReset(Message& message, Open& open) {
  const uint32_t id = message.stream_id;
  const uint64_t reset_ns = noted_.facts.last_byte_ns;
  bool is_taken = false;
  if (message.is_request) {
    open.exchange.request.Absorb(message);
  } else if (open.exchange.response_facts.seen) {
    open.exchange.response.Absorb(message);
  } else {  // all there is of an answer; no time to a first byte is told of it
    open.exchange.response_facts = noted_.facts;
    open.exchange.response_facts.first_byte_ns = 0;
    open.exchange.response_facts.seen = true;
    open.exchange.response = std::move(message);
    is_taken = true;
  }
  open.request_complete = open.response_complete = true;
  if (open.extra.has_request) Finish(id, EndOf(open, ExchangeEnd::kResponseCut), reset_ns);
  return is_taken;
}

// Requests beyond what the server says it has processed never will be (RFC 9113 6.8); of those under way the caller waits for
// more.
template <typename Protocol>
void MultiplexedSession<Protocol>::TakeGoAway(const Message& message) {
  if (message.incomplete != decoders::Incomplete::kNo) return;
  const bool of_pushed = message.direction == Direction::kClientToServer;
  uint32_t& processed = processed_[of_pushed ? 1 : 0];
  processed = std::min(processed, message.last_stream_id);
  for (size_t at = table_.size(); at > 0 && table_.IdAt(at - 1) > processed; --at) {
    const Open& open = table_.At(at - 1);
    const uint32_t id = table_.IdAt(at - 1);
    if (IsPushed(id) != of_pushed || !open.extra.has_request || open.exchange.response_facts.seen) continue;
    Finish(id, ExchangeEnd::kNotProcessed, noted_.facts.last_byte_ns);
  }
}

// nullptr: the bound is reached.
template <typename Protocol>
typename MultiplexedSession<Protocol>::Open* MultiplexedSession<Protocol>::Add(uint32_t id) {
  if (table_.size() >= output_.services().config->max_open_per_connection && !MakeRoom()) return nullptr;
  std::unique_ptr<Open> taken = memory_->exchanges.Take();
  if (taken == nullptr && MakeRoom()) taken = memory_->exchanges.Take();
  if (taken == nullptr) return nullptr;
  // Where two or more are open all of them know it.
  if (table_.size() == 1) table_.At(0).overlapped = true;
  Open& open = table_.Add(id, std::move(taken));
  open.overlapped = table_.size() > 1;
  for (size_t dir = 0; dir < sides_.size(); ++dir) open.extra.losses[dir] = sides_[dir].losses;
  return &open;
}

// Gives up the oldest that may never end: a response whose request does not come, else an exchange in doubt. False: there is
// none.
template <typename Protocol>
bool MultiplexedSession<Protocol>::MakeRoom() {
  for (size_t at = 0; at < table_.size(); ++at) {
    if (table_.At(at).extra.has_request) continue;
    losses().Add(Loss::kResponseWithoutRequest);
    GiveBack(table_.IdAt(at));
    return true;
  }
  for (size_t at = 0; at < table_.size(); ++at) {
    const Open& open = table_.At(at);
    if (!InDoubt(open, Direction::kClientToServer) && !InDoubt(open, Direction::kServerToClient)) continue;
    hides_ = true;
    FinishUnended(table_.IdAt(at), ExchangeEnd::kResponseNotSeen, noted_.facts.last_byte_ns);
    return true;
  }
  return false;
}

template <typename Protocol>
void MultiplexedSession<Protocol>::FinishIfOver(uint32_t id, Open& open, ExchangeEnd cut) {
  if (!open.extra.has_request || !open.response_complete) return;
  if (!open.request_complete && !InDoubt(open, Direction::kClientToServer)) return;
  if (!open.request_complete && open.exchange.request.complete()) open.exchange.request.incomplete = decoders::Incomplete::kGap;
  Finish(id, EndOf(open, cut), noted_.facts.last_byte_ns);
}

// How an exchange ended whose two parts are over.
template <typename Protocol>
decoders::ExchangeEnd MultiplexedSession<Protocol>::EndOf(const Open& open, ExchangeEnd cut) const {
  using decoders::Incomplete;
  const Message& request = open.exchange.request;
  const Message& response = open.exchange.response;
  const bool is_answered = open.exchange.response_facts.seen && response.complete() && response.end_stream;
  // Describe says `stream_reset` of it.
  if (!is_answered && (request.is_reset || response.is_reset)) return ExchangeEnd::kResponseCut;
  if (!open.exchange.response_facts.seen) return ExchangeEnd::kResponseNotSeen;
  if (response.incomplete == Incomplete::kGap || response.status == 0) return ExchangeEnd::kResponseNotSeen;
  if (response.incomplete == Incomplete::kClosed) {
    if (InDoubt(open, Direction::kServerToClient)) return ExchangeEnd::kResponseNotSeen;
    return cut == ExchangeEnd::kComplete ? ExchangeEnd::kResponseCut : cut;
  }
  const bool is_cut = request.incomplete == Incomplete::kClosed && InDoubt(open, Direction::kClientToServer);
  const bool is_unknown = request.fields.has_unknown && (request.method().empty() || request.path().empty());
  if (request.incomplete == Incomplete::kGap || is_cut || is_unknown) return ExchangeEnd::kRequestNotSeen;
  return ExchangeEnd::kComplete;
}

// An exchange of which no more will be seen.
template <typename Protocol>
void MultiplexedSession<Protocol>::FinishUnended(uint32_t id, ExchangeEnd end, uint64_t now_ns) {
  using decoders::Incomplete;
  Open& open = *table_.Find(id);
  Message& request = open.exchange.request;
  if (!open.request_complete && request.complete()) request.incomplete = Incomplete::kClosed;
  if (open.response_complete) return Finish(id, EndOf(open, open.extra.cut), now_ns);
  const bool by_close = end == ExchangeEnd::kNoResponse;
  if (by_close && InDoubt(open, Direction::kServerToClient)) end = ExchangeEnd::kResponseNotSeen;
  if (open.exchange.response_facts.seen) {
    if (open.exchange.response.complete()) open.exchange.response.incomplete = Incomplete::kClosed;
    if (end == ExchangeEnd::kNoResponse) end = ExchangeEnd::kResponseCut;
  }
  Finish(id, end, now_ns);
}

template <typename Protocol>
void MultiplexedSession<Protocol>::Finish(uint32_t id, ExchangeEnd end, uint64_t ended_ns) {
  Open& open = *table_.Find(id);
  open.exchange.end = end;
  open.extra.shared = open.overlapped || MayHide();
  output_.Finish(open, ended_ns);
  GiveBack(id);
}

template <typename Protocol>
void MultiplexedSession<Protocol>::GiveBack(uint32_t id) {
  std::unique_ptr<Open> open = table_.Take(id);
  if (!open->extra.has_request) --memory_->early_responses;
  // A message that never came has no buffers worth keeping.
  if (open->exchange.request_facts.seen) memory_->messages.Give(std::move(open->exchange.request));
  if (open->exchange.response_facts.seen) memory_->messages.Give(std::move(open->exchange.response));
  memory_->exchanges.Give(std::move(open));
}

template <typename Protocol>
void MultiplexedSession<Protocol>::FinishOpen(ExchangeEnd end, uint64_t now_ns) {
  while (!table_.empty()) {
    const uint32_t id = table_.IdAt(0);
    if (table_.At(0).extra.has_request) {
      FinishUnended(id, end, now_ns);
    } else {
      losses().Add(Loss::kResponseWithoutRequest);
      GiveBack(id);
    }
  }
}

// Streams begin in the order of their numbers: each is looked at once, when it has been open for so long. Pushed ones, which have
// numbers of their own, are not told.
template <typename Protocol>
void MultiplexedSession<Protocol>::TellOpen(uint64_t now_ns, uint64_t after_ns) {
  for (size_t at = table_.RankOf(next_to_tell_); at < table_.size(); ++at) {
    const uint32_t id = table_.IdAt(at);
    if (IsPushed(id)) continue;
    Open& open = table_.At(at);
    // Without its request, which may be told any moment, it has no beginning.
    if (!open.extra.has_request || now_ns < open.exchange.request_facts.first_byte_ns + after_ns) return;
    next_to_tell_ = id + 1;
    if (!open.extra.told_open && !open.response_complete) output_.TellOpen(open, now_ns, after_ns);
  }
}

template <typename Protocol>
void MultiplexedSession<Protocol>::DropOpen(Loss reason) {
  while (!table_.empty()) {
    losses().Add(table_.At(0).extra.has_request ? reason : Loss::kResponseWithoutRequest);
    GiveBack(table_.IdAt(0));
  }
}

}  // namespace wirespan::pipeline
