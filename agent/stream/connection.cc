#include "agent/stream/connection.h"

#include <algorithm>
#include <utility>

#include "agent/stream/chunk_looks.h"

namespace wirespan::stream {

using decoders::Direction;
using decoders::ExchangeEnd;

namespace {
constexpr uint8_t kBehindChunks = 4;  // in a row, before the stream is believed to be elsewhere
}  // namespace

Direction Connection::DirectionOf(StreamSide side) const {
  const bool to_server = (facts.role == ConnectionRole::kServer) == (side == StreamSide::kReceive);
  return to_server ? Direction::kClientToServer : Direction::kServerToClient;
}

StreamSide Connection::SideOf(Direction dir) const {
  const bool received = (facts.role == ConnectionRole::kServer) == (dir == Direction::kClientToServer);
  return received ? StreamSide::kReceive : StreamSide::kSend;
}

// A call that writes is told at its end: what it caused may be read by another thread, and told, before.
bool Connection::ComesTooEarly(const DataChunk& chunk) const {
  if (chunk.side != StreamSide::kReceive || PlacesItself()) return false;
  return facts.role == ConnectionRole::kServer ? PrecedesAnswer(chunk) : PrecedesRequest(chunk);
}

// A request that was read when more of the answer to the last one had been written than was told. In a body of known length the
// order does not matter, and what is missing may have been moved by a call that nobody sees (sendfile).
bool Connection::PrecedesAnswer(const DataChunk& chunk) const {
  const ByteStream& answers = stream(StreamSide::kSend);
  if (!chunk.first_of_turn || !answers.started() || !HasOpen()) return false;
  if (steps_[decoders::Index(Direction::kServerToClient)] != Step::kInStep && !awaits_response_) return false;
  const auto missing = static_cast<int32_t>(chunk.reverse_position - static_cast<uint32_t>(answers.end()));
  const bool any_order = steps_[decoders::Index(Direction::kClientToServer)] == Step::kInStep &&
                         session_->BodyLeft(Direction::kServerToClient) >= static_cast<uint64_t>(std::max(missing, 0));
  return missing > 0 && !any_order;
}

// A response to a request that is not known to be written yet.
bool Connection::PrecedesRequest(const DataChunk& chunk) const {
  // The answer to a request that is not known to be written yet, while the response before has no end of its own.
  const bool is_next = IsAdrift(Direction::kServerToClient) && chunk.first_of_turn && !SawAll(Direction::kClientToServer, chunk);
  if (HasOpen() && !stream(StreamSide::kSend).has_pending() && !is_next) return false;
  return chunk.first_of_turn || stream(StreamSide::kReceive).has_pending();
}

void Connection::Accept(const DataChunk& chunk, StreamContext& context) {
  last_event_ns = std::max(last_event_ns, chunk.time_ns);
  if (state_ == State::kOff) {
    ++context.losses->ignored_chunks;
    return;
  }
  if (AcceptInStep(chunk, context)) return;
  if (chunk.position_raced) {
    context.losses->Add(Loss::kPositionRaced);
    return;
  }
  if (chunk.original_size == 0) return;
  facts.tgid = chunk.thread.tgid;
  if (!LearnRole(chunk, context)) return;
  if (chunk.side == StreamSide::kSend && facts.role == ConnectionRole::kClient && !PlacesItself()) {
    // What was read before this request was written answers something else.
    while (stream(StreamSide::kReceive).has_pending() && !HasOpen() && streams_[0].FirstPending().chunk.time_ns < chunk.time_ns &&
           state_ != State::kOff) {
      streams_[0].TakePending(*context.scratch, *context.stores);
      Deliver(context.scratch->begin, context.scratch->chunk, context);
    }
  }
  if (is_waiting()) ReleasePassed(chunk, context);
  if (state_ == State::kOff) return;
  Place(chunk, context);
  if (!is_waiting()) return;
  if (state_ != State::kOff) Drain(StreamSide::kReceive, false, context);
  if (state_ != State::kOff) Drain(StreamSide::kSend, false, context);
}

// The usual case at once: all bytes of a call that follows the last, both directions in step, nothing waits, no message is
// adrift, and what it answers or follows was told. Then none of the rules for anything else has a say, and this does what the
// general way does. False: nothing was done.
bool Connection::AcceptInStep(const DataChunk& chunk, StreamContext& context) {
  const bool in_step = state_ == State::kActive && steps_[0] == Step::kInStep && steps_[1] == Step::kInStep;
  if (!in_step || has_adrift_ || is_waiting() || chunk.position_raced || chunk.original_size == 0) return false;
  if (chunk.skipped_size != 0 || chunk.bytes.size() != chunk.original_size) return false;
  ByteStream& stream = streams_[static_cast<size_t>(chunk.side)];
  if (!stream.started() || PlacesItself()) return false;
  // ComesTooEarly, where the answer takes no position.
  if (chunk.side == StreamSide::kReceive) {
    const bool may_precede = facts.role == ConnectionRole::kServer ? chunk.first_of_turn && HasOpen() : !HasOpen();
    if (may_precede) return false;
  }
  const uint64_t begin = stream.Extend(chunk.position, chunk.position_high);
  if (begin != stream.end() || begin > kLastPosition) return false;
  const Direction dir = DirectionOf(chunk.side);
  if (dir == Direction::kServerToClient) {
    if (chunk.first_of_turn && session_->BodyLeft(Direction::kClientToServer) != 0) return false;  // CatchUpRequestBody
    heard_server_ = true;
  }
  facts.tgid = chunk.thread.tgid;
  stream.behind_count = 0;
  stream.OpenChunk(begin, chunk);
  stream.Append(chunk.bytes, *context.stores);
  Decode(dir, context);
  if (IsAdrift(dir)) Judge(dir, session_->EndCall(dir, stream), context);
  stream.CloseChunk(*context.stores);
  return true;
}

// What a chunk waited for cannot come any more once the turn after its own is over: the connection has gone on without it.
void Connection::ReleasePassed(const DataChunk& chunk, StreamContext& context) {
  if (PlacesItself()) return;
  const StreamSide requests = SideOf(Direction::kClientToServer);
  for (const StreamSide side : {requests, Opposite(requests)}) {
    const ByteStream& s = stream(side);
    if (s.has_pending() && static_cast<int32_t>(chunk.turn - s.FirstPending().chunk.turn) > 1) Drain(side, true, context);
  }
  // Before its next request a client has got the whole answer to the last: what is missing of it was not seen.
  if (chunk.side == requests && chunk.first_of_turn && !ComesTooEarly(chunk)) {
    for (const StreamSide side : {requests, Opposite(requests)}) DrainBefore(side, chunk.turn, context);
  }
}

void Connection::DrainBefore(StreamSide side, uint32_t turn, StreamContext& context) {
  const ByteStream& s = stream(side);
  while (state_ != State::kOff && s.has_pending() && static_cast<int32_t>(turn - s.FirstPending().chunk.turn) > 0) {
    DeliverPending(side, context);
  }
}

// False: neither the kernel nor the bytes tell which end this is.
bool Connection::LearnRole(const DataChunk& chunk, StreamContext& context) {
  if (facts.role != ConnectionRole::kUnknown) return true;
  if (chunk.role != ConnectionRole::kUnknown) {
    facts.role = chunk.role;
    return true;
  }
  const bool is_request = BeginsTurn(chunk) && LooksLikeRequest(chunk);
  const bool is_response = BeginsTurn(chunk) && LooksLikeResponse(chunk);
  if (is_request == is_response) {
    DropUnknown(chunk.bytes.size(), context);
    return false;
  }
  const bool is_server = is_request == (chunk.side == StreamSide::kReceive);
  facts.role = is_server ? ConnectionRole::kServer : ConnectionRole::kClient;
  return true;
}

void Connection::Place(const DataChunk& chunk, StreamContext& context) {
  ByteStream& stream = streams_[static_cast<size_t>(chunk.side)];
  uint64_t begin = stream.Extend(chunk.position, chunk.position_high);
  if (!stream.started() || begin > kLastPosition) {
    if (stream.started()) JumpBack(chunk, context);
    stream.Restart(begin = FirstPosition(chunk.position), *context.stores);
  }
  if (begin + chunk.original_size <= stream.end()) {
    if (WasCaughtUp(chunk.side, begin + chunk.original_size)) return;
    if (++stream.behind_count < kBehindChunks) {
      context.losses->Add(Loss::kOverlap);
      return;
    }
    JumpBack(chunk, context);
    stream.Restart(begin = FirstPosition(chunk.position), *context.stores);
  }
  if (state_ == State::kOff) return;
  stream.behind_count = 0;
  const Direction dir = DirectionOf(chunk.side);
  const bool in_use = state_ == State::kActive ? step(dir) == Step::kInStep : candidate_ && dir == Direction::kClientToServer;
  const bool has_hole = begin > stream.end() && in_use;
  if (facts.role == ConnectionRole::kServer && chunk.side == StreamSide::kSend && is_waiting() && !PlacesItself())
    ReleaseRead(chunk, context);
  if (state_ == State::kOff) return;
  if (has_hole || (stream.has_pending() && begin > stream.end()) || ComesTooEarly(chunk)) {
    Hold(begin, chunk, context);
  } else {
    Deliver(begin, chunk, context);
  }
}

// A server answers what it has read: what a call that writes had read before waits no longer, and what is missing of it was lost.
void Connection::ReleaseRead(const DataChunk& chunk, StreamContext& context) {
  const ByteStream& requests = stream(StreamSide::kReceive);
  const auto was_read = [&](uint64_t begin) {
    return static_cast<int32_t>(chunk.reverse_position - static_cast<uint32_t>(begin)) > 0;
  };
  while (state_ != State::kOff && requests.has_pending() && was_read(requests.FirstPending().begin) &&
         (chunk.first_of_turn || requests.FirstPending().begin <= requests.end())) {
    DrainBefore(StreamSide::kSend, requests.FirstPending().chunk.turn, context);
    if (state_ != State::kOff) DeliverPending(StreamSide::kReceive, context);
  }
}

bool Connection::WasCaughtUp(StreamSide side, uint64_t end) const {
  return DirectionOf(side) == Direction::kClientToServer && end <= caught_up_to_;
}

// The stream is elsewhere than was believed.
void Connection::JumpBack(const DataChunk& chunk, StreamContext& context) {
  caught_up_to_ = 0;
  context.losses->Add(Loss::kPositionJump);
  LoseStep(DirectionOf(chunk.side), context);
}

void Connection::Hold(uint64_t begin, const DataChunk& chunk, StreamContext& context) {
  ByteStream& stream = streams_[static_cast<size_t>(chunk.side)];
  if (stream.AddPending(begin, chunk, context.now_ns, *context.stores)) return;
  const PendingChunk& first = stream.FirstPending();
  const bool early = facts.role == ConnectionRole::kClient && first.begin <= stream.end() && ComesTooEarly(first.chunk);
  context.losses->Add(early ? Loss::kEarlyResponseDropped : Loss::kReorderOverflow);
  Drain(chunk.side, true, context);
  if (state_ == State::kOff) return;
  if (begin + chunk.original_size > stream.end()) Deliver(begin, chunk, context);
}

void Connection::Drain(StreamSide side, bool force, StreamContext& context) {
  // Responses are never hurried past the requests before them.
  if (force && DirectionOf(side) == Direction::kServerToClient) Drain(Opposite(side), true, context);
  ByteStream& stream = streams_[static_cast<size_t>(side)];
  // Nor a server's next request past the rest of the answer before it.
  if (force && facts.role == ConnectionRole::kServer && side == StreamSide::kReceive && stream.has_pending()) {
    DrainBefore(StreamSide::kSend, stream.FirstPending().chunk.turn, context);
  }
  while (stream.has_pending() && state_ != State::kOff) {
    const PendingChunk& first = stream.FirstPending();
    if (!force && (first.begin > stream.end() || ComesTooEarly(first.chunk))) return;
    DeliverPending(side, context);
  }
}

void Connection::DeliverPending(StreamSide side, StreamContext& context) {
  ByteStream& stream = streams_[static_cast<size_t>(side)];
  stream.TakePending(*context.scratch, *context.stores);
  const DataChunk& chunk = context.scratch->chunk;
  if (context.scratch->begin + chunk.original_size <= stream.end()) {
    if (!WasCaughtUp(side, context.scratch->begin + chunk.original_size)) context.losses->Add(Loss::kOverlap);
  } else {
    Deliver(context.scratch->begin, chunk, context);
  }
}

// One call's bytes, in their place: what lies between the stream's end and them was not seen.
void Connection::Deliver(uint64_t begin, const DataChunk& chunk, StreamContext& context) {
  ByteStream& stream = streams_[static_cast<size_t>(chunk.side)];
  stream.OpenChunk(begin, chunk);
  if (begin > stream.end()) Missing(chunk.side, begin - stream.end(), context);
  if (state_ == State::kResting) {
    Open(protocol_, context);
    steps_[0] = steps_[1] = Step::kInStep;  // it rested at a boundary of both directions
  }
  GuessByServer(chunk, context);
  const bool at_turn = begin == stream.end() && BeginsTurn(chunk) && !PlacesItself();
  if (state_ != State::kOff && at_turn) AtTurn(DirectionOf(chunk.side), chunk, context);
  if (state_ != State::kOff) Bytes(begin, chunk, context);
  stream.CloseChunk(*context.stores);
}

void Connection::Bytes(uint64_t begin, const DataChunk& chunk, StreamContext& context) {
  ByteStream& stream = streams_[static_cast<size_t>(chunk.side)];
  const Direction dir = DirectionOf(chunk.side);
  std::span<const std::byte> bytes = chunk.bytes;
  uint64_t first = begin + chunk.skipped_size;
  const uint64_t last = begin + chunk.original_size;
  if (begin < stream.end() && !WasCaughtUp(chunk.side, last)) context.losses->Add(Loss::kOverlap);
  if (first < stream.end()) {
    bytes = bytes.subspan(std::min<uint64_t>(bytes.size(), stream.end() - first));
    first = stream.end();
  }
  if (first > stream.end()) Missing(chunk.side, first - stream.end(), context);
  if (state_ == State::kOff) return;
  const bool guessing = state_ == State::kGuessing && candidate_ && dir == Direction::kClientToServer;
  if (!bytes.empty() && (guessing || (state_ == State::kActive && step(dir) == Step::kInStep))) {
    stream.Append(bytes, *context.stores);
    if (guessing) {
      Guess(context);
    } else {
      Decode(dir, context);
    }
  } else if (!bytes.empty()) {
    if (dir == Direction::kClientToServer && !had_turn_) {
      had_turn_ = true;
      context.losses->Add(Loss::kRequestBeforeStart);
    }
    PassOver(dir, bytes.size());
  }
  if (state_ != State::kOff && last > stream.end()) Missing(chunk.side, last - stream.end(), context);
  if (IsAdrift(dir)) Judge(dir, session_->EndCall(dir, stream), context);
}

// `size` bytes at the end of the stream were not seen.
void Connection::Missing(StreamSide side, uint64_t size, StreamContext& context) {
  ByteStream& stream = streams_[static_cast<size_t>(side)];
  const Direction dir = DirectionOf(side);
  if (state_ == State::kResting) {
    // Whole messages may be among them.
    Open(protocol_, context);
    steps_[0] = steps_[1] = Step::kInStep;
  }
  FeedResult result = FeedResult::kFlowing;
  if (state_ == State::kActive && step(dir) == Step::kInStep) {
    result = session_->Gap(dir, size, stream);
    if (!asked_budget_ && result != FeedResult::kFlowing && session_->head_was_cut()) {
      asked_budget_ = true;
      context.policy->Budget(facts.id, context.limits.cut_head_budget, facts.role);
    }
  } else if (state_ == State::kGuessing && candidate_ && dir == Direction::kClientToServer) {
    FailGuess(context);
    if (state_ == State::kOff) return;
  }
  PassOver(dir, size);
  Judge(dir, result, context);
}

void Connection::PassOver(Direction dir, uint64_t size) {
  stream(dir).DropHead();
  stream(dir).Skip(size);
  if (state_ == State::kGuessing && step(dir) == Step::kInStep) step(dir) = Step::kWaiting;
}

void Connection::SwitchOff(Loss reason, StreamContext& context) {
  context.losses->Add(reason);
  if (session_ != nullptr) context.sessions->Close(std::move(session_));
  for (ByteStream& s : streams_) {
    s.DropHead();
    s.DropPending(*context.stores);
  }
  state_ = State::kOff;
  context.policy->Off(facts.id);
}

void Connection::EndStream(const StreamEnded& event, StreamContext& context) {
  last_event_ns = std::max(last_event_ns, event.time_ns);
  if (state_ == State::kOff || facts.role == ConnectionRole::kUnknown) return;
  Drain(event.side, true, context);
  ByteStream& ended = streams_[static_cast<size_t>(event.side)];
  if (state_ != State::kActive || step(DirectionOf(event.side)) != Step::kInStep || !ended.started()) return;
  const uint64_t end = ended.Extend(event.position, 0);
  if (end > ended.end() && end < kLastPosition) Missing(event.side, end - ended.end(), context);
  const Direction dir = DirectionOf(event.side);
  if (state_ != State::kActive || step(dir) != Step::kInStep) return;
  session_->End(dir, ended, ExchangeEnd::kResponseCut);
  step(dir) = Step::kWaiting;
}

namespace {
// Two ends without a name (socketpair): a process talking to itself or to its children, as event loops do to wake up.
bool IsPair(const ConnectionFacts& facts) {
  return facts.opening_seen && facts.address.family == AddressFamily::kUnix && facts.unix_path.empty();
}
}  // namespace

void Connection::Close(ExchangeEnd end, uint64_t now_ns, StreamContext& context) {
  if (state_ != State::kOff && facts.role != ConnectionRole::kUnknown) {
    const StreamSide requests = SideOf(Direction::kClientToServer);
    Drain(requests, true, context);
    Drain(Opposite(requests), true, context);
  }
  const bool said_something = unknown_bytes_ > 0 || !stream(Direction::kClientToServer).Head().empty();
  if (state_ == State::kGuessing && said_something && !IsPair(facts)) context.losses->Add(Loss::kUnknownProtocol);
  if (session_ == nullptr) return;
  // Only where the connection itself ended has a body that lasts to its end been seen to end.
  if (end == ExchangeEnd::kNoResponse || end == ExchangeEnd::kConnectionReset) {
    const ExchangeEnd cut = end == ExchangeEnd::kNoResponse ? ExchangeEnd::kResponseCut : end;
    for (const Direction dir : {Direction::kClientToServer, Direction::kServerToClient}) {
      if (step(dir) == Step::kInStep) session_->End(dir, stream(dir), cut);
    }
  } else if (end == ExchangeEnd::kProcessExited) {
    EndAdriftResponse(end);
  }
  session_->FinishOpen(end, now_ns);
}

void Connection::AbandonOpen(ExchangeEnd end, uint64_t now_ns) {
  if (!HasOpen()) return;
  EndAdriftResponse(end);
  session_->FinishOpen(end, now_ns);
}

void Connection::Tick(StreamContext& context) {
  const auto is_due = [this, &context](StreamSide side) {
    const ByteStream& s = stream(side);
    return s.has_pending() && context.now_ns - s.FirstPending().since_ns >= context.limits.hold_ns;
  };
  if (!is_waiting()) return;
  const StreamSide requests = SideOf(Direction::kClientToServer);
  const StreamSide responses = Opposite(requests);
  if (is_due(requests) || is_due(responses)) Drain(requests, true, context);
  if (is_due(responses)) Drain(responses, true, context);
}

void Connection::Rest(StreamContext& context) {
  if (state_ != State::kActive || PlacesItself() || HasOpen() || is_waiting() || session_->holds_state() ||
      context.now_ns - last_event_ns < context.limits.rest_ns)
    return;
  bool in_step = true;
  for (const Direction dir : {Direction::kClientToServer, Direction::kServerToClient}) {
    in_step = in_step && step(dir) == Step::kInStep;
    if (step(dir) == Step::kInStep && (!session_->AtBoundary(dir) || !stream(dir).Head().empty())) return;
  }
  context.sessions->Close(std::move(session_));
  state_ = State::kResting;
  if (in_step) return;
  // Where messages begin is not known anyway: the next turn begins anew.
  hint_ = protocol_;
  state_ = State::kGuessing;
  steps_[0] = steps_[1] = Step::kWaiting;
}

void Connection::Clear(StreamContext& context) {
  if (session_ != nullptr) context.sessions->Close(std::move(session_));
  for (ByteStream& s : streams_) s.Restart(0, *context.stores);
  *this = Connection();
}

}  // namespace wirespan::stream
