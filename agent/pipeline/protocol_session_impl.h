// Definitions of ProtocolSession's members; include protocol_session.h.
#pragma once

#include "agent/pipeline/protocol_session.h"
#include "agent/span/carriers.h"
#include "decoders/http1/message.h"

namespace wirespan::pipeline {

template <typename Protocol>
stream::FeedResult ProtocolSession<Protocol>::Feed(Direction dir, stream::ByteStream& stream) {
  using decoders::ParseStatus;
  const bool adrift = decoder_.AnyAdrift();  // only a gap sets one adrift
  while (true) {
    const std::span<const std::byte> head = stream.Head();
    if (head.empty()) return adrift ? stream::FeedResult::kAdrift : stream::FeedResult::kFlowing;
    const Origin origin = OriginOf(dir, stream);
    memory_->decoded.clear();
    const decoders::ParseStep step = decoder_.Decode(dir, head, memory_->decoded);
    const size_t consumed = step.consumed < head.size() ? step.consumed : head.size();
    TakeMessages(dir, origin, stream, ExchangeEnd::kResponseCut);
    NoteOpen(dir, origin, stream, stream.end() - 1);
    stream.Consume(consumed);
    if (std::exchange(unmatched_, false)) return stream::FeedResult::kBroken;
    switch (step.status) {
      case ParseStatus::kAdvanced:
        if (consumed == 0) return stream::FeedResult::kFlowing;              // not within the contract; never loop on it
        if (step.frees_other && !adrift) return stream::FeedResult::kFreed;  // a direction adrift holds nothing
        break;
      case ParseStatus::kNeedMore:
        return adrift ? stream::FeedResult::kAdrift : stream::FeedResult::kFlowing;
      case ParseStatus::kStop:
        return stream::FeedResult::kLeft;
      case ParseStatus::kInvalid:
        if (decoder_.Poisoned(dir)) return stream::FeedResult::kAmbiguous;
        losses().Add(Loss::kNotTheProtocol);
        return stream::FeedResult::kBroken;
    }
  }
}

template <typename Protocol>
stream::FeedResult ProtocolSession<Protocol>::Gap(Direction dir, uint64_t size, const stream::ByteStream& stream) {
  const Origin origin = OriginOf(dir, stream);
  memory_->decoded.clear();
  // Undecided bytes before the gap cannot be told from it any more.
  const bool was_adrift = decoder_.AnyAdrift();
  const bool had_cut = head_was_cut_;
  bool absorbed = decoder_.OnGap(dir, stream.Head().size() + size, memory_->decoded);
  if (!MarksEnds<Decoder>() && matcher_.pipelined() && decoder_.Adrift(dir)) {  // no turn would prove its end
    decoder_.EndAdrift(dir, false, memory_->decoded);
    absorbed = false;
  }
  TakeMessages(dir, origin, stream, ExchangeEnd::kResponseNotSeen);
  NoteOpen(dir, origin, stream, stream.end() + size - 1);
  if (std::exchange(unmatched_, false)) return stream::FeedResult::kBroken;
  const bool is_cut = head_was_cut_ && !had_cut;  // a head may lose bytes and keep its framing: the caller is to know of it too
  const bool adrift = was_adrift || is_cut || decoder_.AnyAdrift() || !decoder_.Synced(dir);
  if (absorbed) return adrift ? stream::FeedResult::kAdrift : stream::FeedResult::kFlowing;
  if (decoder_.Poisoned(dir)) return stream::FeedResult::kAmbiguous;
  losses().Add(Loss::kStreamGap);
  return stream::FeedResult::kBroken;
}

template <typename Protocol>
stream::FeedResult ProtocolSession<Protocol>::EndCall(Direction dir, const stream::ByteStream& stream) {
  const Origin origin = OriginOf(dir, stream);
  memory_->decoded.clear();
  if (!decoder_.EndsHere(dir, memory_->decoded)) return stream::FeedResult::kFlowing;
  TakeMessages(dir, origin, stream, ExchangeEnd::kResponseCut);
  return std::exchange(unmatched_, false) ? stream::FeedResult::kBroken : stream::FeedResult::kAdrift;
}

template <typename Protocol>
void ProtocolSession<Protocol>::EndAdrift(Direction dir, bool is_whole) {
  memory_->decoded.clear();
  decoder_.EndAdrift(dir, is_whole, memory_->decoded);
  for (size_t i = 0; i < memory_->decoded.size(); ++i) TakeMessage(memory_->decoded.box(i), ExchangeEnd::kResponseCut);
  memory_->decoded.clear();
}

template <typename Protocol>
void ProtocolSession<Protocol>::End(Direction dir, const stream::ByteStream& stream, ExchangeEnd cut) {
  const Origin origin = OriginOf(dir, stream);
  memory_->decoded.clear();
  decoder_.OnClose(dir, memory_->decoded);
  TakeMessages(dir, origin, stream, cut);
}

inline constexpr uint64_t kCarrierFieldBits = [] {
  uint64_t bits = 0;
  for (const std::string_view name : span::kCarrierFieldNames) bits |= decoders::http1::NameBit(name);
  return bits;
}();

template <typename Protocol>
void ProtocolSession<Protocol>::Restart() {
  decoder_ = Decoder(&memory_->messages);
  if constexpr (requires { decoder_.KeepFieldsOfSpans(0); }) decoder_.KeepFieldsOfSpans(kCarrierFieldBits);
  unmatched_ = false;
  matcher_.Restart();
  for (Side& s : sides_) s.open = s.head_seen = false;
}

template <typename Protocol>
void ProtocolSession<Protocol>::TakeMessages(Direction dir, Origin origin, const stream::ByteStream& stream, ExchangeEnd cut) {
  for (size_t i = 0; i < memory_->decoded.size(); ++i) {
    std::unique_ptr<Message>& box = memory_->decoded.box(i);
    const Message& message = *box;
    if (IsOneWay(message)) {
      memory_->messages.Give(std::move(box));
      continue;
    }
    // Of a message adrift in the other direction, which ended by what was decoded here, all is noted.
    if (message.direction == dir) {
      Side& s = side(dir);
      if (!s.open || s.start != message.start) BeginSide(dir, message.start, origin, stream);
      if (message.end > message.start) NoteLast(s, origin + message.end - 1, stream);
    }
    TakeMessage(box, cut);
  }
  memory_->decoded.clear();
}

template <typename Protocol>
void ProtocolSession<Protocol>::TakeMessage(std::unique_ptr<Message>& message, ExchangeEnd cut) {
  Side& s = side(message->direction);
  head_was_cut_ |= message->head_end == 0 && message->incomplete == decoders::Incomplete::kGap;
  message->is_request ? TakeRequest(message) : TakeResponse(message, cut);
  s.open = s.head_seen = false;
  if (message != nullptr) memory_->messages.Give(std::move(message));
}

// A message that goes on beyond these bytes: when it began, and, as soon as that is known, what it asks for.
template <typename Protocol>
void ProtocolSession<Protocol>::NoteOpen(Direction dir, Origin origin, const stream::ByteStream& stream, uint64_t last) {
  const std::optional<uint64_t> start = decoder_.OpenStart(dir);
  if (!start) return;
  Side& s = side(dir);
  if (!s.open || s.start != *start) BeginSide(dir, *start, origin, stream);
  NoteLast(s, last, stream);
  const Message* head = decoder_.OpenMessage(dir);
  if (head == nullptr || s.head_seen) return;
  s.head_seen = true;
  head_was_cut_ |= head->head_end == 0;
  if (dir == Direction::kClientToServer) BeginRequest(*head, true);
}

template <typename Protocol>
void ProtocolSession<Protocol>::BeginSide(Direction dir, uint64_t start, Origin origin, const stream::ByteStream& stream) {
  Side& s = side(dir);
  s.open = true;
  s.head_seen = false;
  s.start = start;
  s.noted = 0;
  s.facts = {};
  s.facts.position = origin + start;
  std::optional<stream::Provenance> from = stream.TimeAt(origin + start);
  if (!from) from = stream.TimeAt(stream.end() - 1);  // its chunk was forgotten among many: the latest is not too early
  if (!from) return;
  const DataChunk& chunk = *from->chunk;
  SessionOutput::NoteFirst(chunk, s.facts);
  s.next_index = s.facts.token == s.last_token ? s.next_index + 1 : 0;
  s.last_token = s.facts.token;
  s.facts.index = s.next_index;
  if (dir == Direction::kServerToClient) {
    s.expected = matcher_.Expects(s.facts.first_byte_ns);
    StartResponse(chunk);
    return;
  }
  output_.NoteMarks(chunk, s.facts.position, s.marks);
}

template <typename Protocol>
void ProtocolSession<Protocol>::NoteLast(Side& s, uint64_t position, const stream::ByteStream& stream) {
  if (s.noted == position) return;  // by a call that is forgotten now
  s.noted = position;
  const std::optional<stream::Provenance> from = stream.TimeAt(position);
  s.facts.last_byte_seen = from.has_value();
  if (!from) return;
  SessionOutput::NoteLast(*from->chunk, s.facts);
}

// The response's first byte on a server connection, once per exchange: interim responses count.
template <typename Protocol>
void ProtocolSession<Protocol>::StartResponse(const DataChunk& chunk) {
  const Open* open = matcher_.Oldest();
  if (output_.connection().role != ConnectionRole::kServer || open == nullptr) return;
  const Token token = open->exchange.request_facts.token;
  if (token == last_started_ || chunk.time_ns < open->exchange.request_facts.first_byte_ns) return;
  last_started_ = token;
  output_.TellResponse(chunk, token);
}

template <typename Protocol>
void ProtocolSession<Protocol>::BeginRequest(const Message& head, bool is_told) {
  Side& s = side(Direction::kClientToServer);
  had_request_ = true;
  ++losses().requests_seen;
  Open* open = matcher_.Begin(s.facts);
  if (open == nullptr) {
    losses().Add(Loss::kExchangesFull);
    return;
  }
  open->extra.tgid = s.facts.first.tgid;
  open->extra.join = output_.JoinKeyOf(s.facts.position);
  open->extra.has_incoming =
      span::ParseTraceContext(head, *output_.services().contexts, open->extra.incoming) == span::ContextReject::kNone;
  if (is_told) output_.TellRequest(s.marks, s.facts, open->extra);
}

// Leaves null where the message became its exchange's; so does TakeResponse.
template <typename Protocol>
void ProtocolSession<Protocol>::TakeRequest(std::unique_ptr<Message>& message) {
  Side& s = side(Direction::kClientToServer);
  const bool ambiguous = message->incomplete == decoders::Incomplete::kAmbiguous;
  if (!s.head_seen) {
    if (!IsTold(*message) && !ambiguous) return losses().Add(Loss::kRequestCut);
    BeginRequest(*message, !ambiguous);
  }
  Open* open = matcher_.Newest();
  if (open != nullptr) {
    match::MessageFacts& facts = open->exchange.request_facts;
    facts = s.facts;
    facts.seen = true;
    open->ambiguous |= ambiguous;
    open->exchange.request = std::move(message);
  }
  if (matcher_.CompleteNewest()) Finish(EndOf(matcher_.Oldest()->exchange, ExchangeEnd::kComplete), 0);
}

template <typename Protocol>
void ProtocolSession<Protocol>::TakeResponse(std::unique_ptr<Message>& message, ExchangeEnd cut) {
  const Side& s = side(Direction::kServerToClient);
  const bool ambiguous = message->incomplete == decoders::Incomplete::kAmbiguous;
  if (message->complete() && IsInterim(*message)) {
    ++losses().interim_responses;
    return;
  }
  if (!ambiguous && (!IsTold(*message) || IsInterim(*message))) {
    losses().Add(Loss::kResponseCut);
    if (Open* open = matcher_.Oldest(); open != nullptr && s.expected && !open->response_complete) {
      open->extra.response_began = true;
      open->extra.cut = cut;
    }
    return;
  }
  const match::MatchResult result = s.expected ? matcher_.Answer(message, s.facts) : match::MatchResult::kUnmatched;
  if (result == match::MatchResult::kUnmatched) {
    losses().Add(Loss::kResponseWithoutRequest);
    unmatched_ = true;
  }
  if (result == match::MatchResult::kUnmatched || result == match::MatchResult::kNotKept) return;
  Open& open = *matcher_.Oldest();
  open.ambiguous |= ambiguous;
  open.extra.cut = cut;
  if constexpr (requires { decoder_.Successor(); }) {
    if (!decoder_.Successor().empty() && HandOver(result)) [[unlikely]]
      return;
  }
  if (result == match::MatchResult::kReady) Finish(EndOf(open.exchange, cut), 0);
}

// The answer of the oldest exchange may be the upgrade to the decoder's successor. True: the exchange itself goes on there, and
// is none of this session's any more.
template <typename Protocol>
bool ProtocolSession<Protocol>::HandOver(match::MatchResult result) {
  if constexpr (requires { decoder_.Successor(); }) {
    const Open& open = *matcher_.Oldest();
    const Message* request = open.exchange.request.get();  // null: it goes on, which ends here
    if (!open.exchange.response->upgrade || request == nullptr) return false;
    if (decoder_.Successor() == decoders::WebSocket::kName) {
      handover_ = std::make_unique<Handover>(Handover{WebSocketHandoverOf(open)});
      return false;
    }
    if (result != match::MatchResult::kReady || open.ambiguous || matcher_.size() != 1) return false;
    Http2Handover handover;
    FillHandover(*request, open.exchange.request_facts, open.extra, handover);
    handover_ = std::make_unique<Handover>(Handover{std::move(handover)});
    GiveBack(matcher_.TakeOldest());
    return true;
  }
  return false;
}

template <typename Protocol>
WebSocketHandover ProtocolSession<Protocol>::WebSocketHandoverOf(const Open& open) {
  const Message& request = *open.exchange.request;
  const Message& response = *open.exchange.response;
  const auto kept = [](std::string_view text) { return text.substr(0, decoders::websocket::kMaxUpgradeBytes); };
  WebSocketHandover handover;
  handover.upgrade.target = kept(request.target());
  handover.upgrade.host = kept(request.Header("host"));
  handover.upgrade.subprotocol = kept(response.Header("sec-websocket-protocol"));
  const std::string_view extensions = response.Header("sec-websocket-extensions");
  handover.upgrade.compresses = extensions.find("permessage-deflate") != std::string_view::npos;
  const match::MessageFacts& facts = open.exchange.request_facts;
  handover.token = facts.token;
  handover.join = open.extra.join;
  handover.time_ns = open.exchange.response_facts.last_byte_ns;
  handover.next_request = facts.position + (request.end - request.start);
  handover.tgid = open.extra.tgid;
  return handover;
}

// How an exchange ended whose messages are both there.
template <typename Protocol>
decoders::ExchangeEnd ProtocolSession<Protocol>::EndOf(const match::HeldExchange<Message>& exchange, ExchangeEnd cut) const {
  using decoders::Incomplete;
  const Message& request = exchange.Of(exchange.request);
  const Message& response = exchange.Of(exchange.response);
  if (response.incomplete == Incomplete::kGap) return ExchangeEnd::kResponseNotSeen;
  if (response.incomplete == Incomplete::kClosed) return cut == ExchangeEnd::kComplete ? ExchangeEnd::kResponseCut : cut;
  if constexpr (requires { response.close_delimited || response.body_length_unknown; }) {
    // A body that the close should end, ended by a reset, is not known to be whole (RFC 9112 8).
    const bool by_close = response.close_delimited || response.body_length_unknown;
    if (by_close && cut == ExchangeEnd::kConnectionReset) return cut;
  }
  if (request.incomplete == Incomplete::kGap) return ExchangeEnd::kRequestNotSeen;
  return ExchangeEnd::kComplete;
}

// The oldest exchange is over.
template <typename Protocol>
void ProtocolSession<Protocol>::Finish(ExchangeEnd end, uint64_t ended_ns) {
  std::unique_ptr<Open> open = matcher_.TakeOldest();
  open->exchange.end = end;
  output_.Finish(*open, ended_ns);
  GiveBack(std::move(open));
}

template <typename Protocol>
void ProtocolSession<Protocol>::GiveBack(std::unique_ptr<Open> open) {
  memory_->messages.Give(std::move(open->exchange.request));
  memory_->messages.Give(std::move(open->exchange.response));
  matcher_.Give(std::move(open));
}

// What was seen of a message in progress, which the decoder keeps.
template <typename Protocol>
auto ProtocolSession<Protocol>::CopyOfOpen(const Message& message) -> std::unique_ptr<Message> {
  std::unique_ptr<Message> copy = memory_->messages.Take();
  *copy = message;
  copy->incomplete = decoders::Incomplete::kClosed;
  return copy;
}

// A response whose head was seen, but not its end, tells its status.
template <typename Protocol>
void ProtocolSession<Protocol>::AdoptOpenResponse() {
  Open* open = matcher_.Oldest();
  const Message* response = decoder_.OpenMessage(Direction::kServerToClient);
  Side& s = side(Direction::kServerToClient);
  if (open == nullptr || open->response_complete || response == nullptr || !s.open || !s.expected || IsInterim(*response)) return;
  open->exchange.response = CopyOfOpen(*response);
  open->exchange.response_facts = s.facts;
  open->exchange.response_facts.seen = true;
}

// The request in progress, if there is one, is known by its head.
template <typename Protocol>
void ProtocolSession<Protocol>::AdoptOpenRequest() {
  Open* newest = matcher_.Newest();
  if (newest == nullptr || newest->request_complete) return;
  const Message* request = decoder_.OpenMessage(Direction::kClientToServer);
  if (request == nullptr) return;
  newest->exchange.request = CopyOfOpen(*request);
}

// Only the oldest exchange may have its answer in progress. What is adopted is taken back: the messages are yet to come.
template <typename Protocol>
void ProtocolSession<Protocol>::TellOpen(uint64_t now_ns, uint64_t after_ns) {
  Open* open = matcher_.Oldest();
  if (open == nullptr || open->extra.told_open || now_ns < open->exchange.request_facts.first_byte_ns + after_ns) return;
  if (open->response_complete) return;
  AdoptOpenResponse();
  if (!open->request_complete) AdoptOpenRequest();
  output_.TellOpen(*open, now_ns, after_ns);
  memory_->messages.Give(std::move(open->exchange.response));
  if (!open->request_complete) memory_->messages.Give(std::move(open->exchange.request));
  open->exchange.response_facts = {};
}

template <typename Protocol>
void ProtocolSession<Protocol>::FinishOpen(ExchangeEnd end, uint64_t now_ns) {
  AdoptOpenResponse();
  AdoptOpenRequest();
  while (!matcher_.empty()) {
    const Open& open = *matcher_.Oldest();
    if (open.response_complete) {
      Finish(EndOf(open.exchange, open.extra.cut), 0);
    } else {
      Finish(open.extra.response_began && end == ExchangeEnd::kNoResponse ? open.extra.cut : end, now_ns);
    }
  }
}

template <typename Protocol>
void ProtocolSession<Protocol>::DropOpen(Loss reason) {
  handover_.reset();
  while (!matcher_.empty()) {
    losses().Add(reason);
    GiveBack(matcher_.TakeOldest());
  }
}

}  // namespace wirespan::pipeline
