// Connection, turns and decoding: where a request or a response may begin, what is handed to the session, what becomes of a
// direction that lost its place.
#include <algorithm>
#include <utility>

#include "agent/stream/chunk_looks.h"
#include "agent/stream/connection.h"

namespace wirespan::stream {

using decoders::Direction;
using decoders::ExchangeEnd;

void Connection::AtTurn(Direction dir, const DataChunk& chunk, StreamContext& context) {
  if (dir == Direction::kClientToServer) {
    AtRequestTurn(chunk, context);
  } else {
    AtResponseTurn(chunk, context);
  }
}

void Connection::AtRequestTurn(const DataChunk& chunk, StreamContext& context) {
  if (state_ == State::kGuessing) {
    DropUnknown(stream(Direction::kClientToServer).Head().size(), context);
    if (state_ == State::kOff) return;
    stream(Direction::kClientToServer).DropHead();
    candidate_ = true;
    first_turn_ = !had_turn_ && facts.opening_seen && !facts.preexisting;
    StartAnew(chunk, context);
    if (hint_ != decoders::kUnknownProtocol) Open(hint_, context);
    return;
  }
  if (!MayBeginRequest(chunk)) return;
  if (IsAdrift(Direction::kServerToClient)) {
    session_->EndAdrift(Direction::kServerToClient, !session_->pipelined());
  } else {
    CatchUp(chunk, context);
    if (state_ == State::kOff) return;
  }
  if (session_->pipelined()) {
    session_->DropOpen(Loss::kPairingLost);
    SwitchOff(Loss::kPairingConnection, context);
    return;
  }
  session_->FinishOpen(ExchangeEnd::kResponseNotSeen, context.now_ns);
  session_->Restart();
  has_adrift_ = false;
  StartAnew(chunk, context);
  step(Direction::kClientToServer) = Step::kInStep;
}

// Whether a turn of requests is where decoding must begin anew.
bool Connection::MayBeginRequest(const DataChunk& chunk) const {
  const Step requests = steps_[decoders::Index(Direction::kClientToServer)];
  const Step responses = steps_[decoders::Index(Direction::kServerToClient)];
  if (requests == Step::kLost) return false;
  const bool ends_response = IsAdrift(Direction::kServerToClient);
  if (IsAdrift(Direction::kClientToServer)) {
    // Its body goes on, as after an interim response, unless the answer to it went by unseen.
    return !SawAll(Direction::kServerToClient, chunk) && MayBeRequest(chunk);
  }
  if (requests == Step::kInStep) {
    if (responses == Step::kInStep && !ends_response) return false;
    // Not a new request: the body of one that was told to go on, or the rest of one whose head came in two turns.
    return session_->AtBoundary(Direction::kClientToServer);
  }
  // The rest of a body that is being answered already: a client that does not pipeline waits for the end of the answer.
  if (ends_response) return MayBeRequest(chunk);
  const bool is_answering = responses == Step::kInStep && !session_->AtBoundary(Direction::kServerToClient);
  return !is_answering || !SawAll(Direction::kServerToClient, chunk);
}

// Bytes of the answer that no call was seen to move: by their number they may be the rest of it.
void Connection::CatchUp(const DataChunk& chunk, StreamContext& context) {
  const ByteStream& responses = stream(Direction::kServerToClient);
  if (step(Direction::kServerToClient) != Step::kInStep || !responses.started()) return;
  const uint64_t end = responses.Extend(chunk.reverse_position, 0);
  if (end > responses.end() && end < kLastPosition) {
    Missing(SideOf(Direction::kServerToClient), end - responses.end(), context);
  }
}

// The same of a request's body, when its answer begins. Only of a body whose length is known: a call of another thread that is
// still to be told brings nothing that is needed.
void Connection::CatchUpRequestBody(const DataChunk& chunk, StreamContext& context) {
  const ByteStream& requests = stream(Direction::kClientToServer);
  if (state_ != State::kActive || step(Direction::kClientToServer) != Step::kInStep) return;
  const uint64_t left = session_->BodyLeft(Direction::kClientToServer);
  if (left == 0) return;
  const uint64_t end = requests.Extend(chunk.reverse_position, 0);
  if (end <= requests.end() || end - requests.end() > left) return;
  caught_up_to_ = end;
  Missing(SideOf(Direction::kClientToServer), end - requests.end(), context);
}

// Responses wait for the turn that answers this one; on a new connection it is known where they begin.
void Connection::StartAnew(const DataChunk& chunk, StreamContext& context) {
  ByteStream& responses = stream(Direction::kServerToClient);
  awaited_token_ = chunk.exchange;
  awaited_since_ns_ = chunk.time_ns;
  awaits_response_ = true;
  responses.DropHead();
  step(Direction::kServerToClient) = Step::kWaiting;
  if (!had_turn_ && chunk.turn <= 1 && !responses.started()) {
    responses.Restart(FirstPosition(chunk.reverse_position), *context.stores);
    step(Direction::kServerToClient) = Step::kInStep;
  }
  had_turn_ = true;
}

void Connection::AtResponseTurn(const DataChunk& chunk, StreamContext& context) {
  CatchUpRequestBody(chunk, context);
  if (IsAdrift(Direction::kServerToClient)) {
    // It goes on where all that the client sent meanwhile was seen, and no request. Else it has ended, and this answers another.
    const bool in_request =
        step(Direction::kClientToServer) == Step::kInStep && !session_->AtBoundary(Direction::kClientToServer);
    if (in_request || SawAll(Direction::kClientToServer, chunk)) return;
    session_->EndAdrift(Direction::kServerToClient, !session_->pipelined());
    FollowAdrift();
  }
  if (step(Direction::kServerToClient) != Step::kWaiting) return;
  // Where the next request waits for this, told late, it bears that one's token.
  const ByteStream& requests = stream(StreamSide::kReceive);
  const bool is_late = facts.role == ConnectionRole::kServer && requests.has_pending() &&
                       requests.FirstPending().begin == requests.end() && SawAll(Direction::kClientToServer, chunk);
  if (state_ == State::kActive && awaits_response_ && HasOpen() && (chunk.exchange == awaited_token_ || is_late) &&
      chunk.time_ns >= awaited_since_ns_) {
    step(Direction::kServerToClient) = Step::kInStep;
    awaits_response_ = false;
    return;
  }
  if (LooksLikeResponse(chunk)) context.losses->Add(Loss::kResponseWithoutRequest);
}

void Connection::Guess(StreamContext& context) {
  const std::span<const std::byte> head = stream(Direction::kClientToServer).Head();
  const decoders::Guess guess = decoders::GuessProtocol(head, {});
  if (guess.likeness == decoders::Likeness::kTooShort &&
      head.size() <= std::min(decoders::kMaxGuessBytes, context.limits.undecided_bytes)) {
    return;
  }
  if (guess.likeness < decoders::Likeness::kPossible) {
    FailGuess(context);
    return;
  }
  Open(guess.protocol, context);
  Decode(Direction::kClientToServer, context);
}

// A server whose protocol lets it speak first may be told before its client is.
void Connection::GuessByServer(const DataChunk& chunk, StreamContext& context) {
  if (DirectionOf(chunk.side) != Direction::kServerToClient || std::exchange(heard_server_, true)) return;
  if (state_ != State::kGuessing || had_turn_ || !facts.opening_seen || facts.preexisting || chunk.skipped_size != 0) return;
  const decoders::Guess guess = decoders::GuessProtocol({}, chunk.bytes);
  if (guess.likeness < decoders::Likeness::kPossible) return;  // an empty SETTINGS frame is no more than that
  std::unique_ptr<Session> session = context.sessions->Open(guess.protocol, facts);
  if (!session->finds_its_place()) return context.sessions->Close(std::move(session));
  step(Direction::kServerToClient) = Step::kInStep;
  Adopt(guess.protocol, std::move(session), context);
}

void Connection::FailGuess(StreamContext& context) {
  candidate_ = false;
  DropUnknown(stream(Direction::kClientToServer).Head().size(), context);
  if (state_ == State::kOff) return;
  stream(Direction::kClientToServer).DropHead();
  if (first_turn_ || ++failed_guesses_ >= context.limits.guesses) SwitchOff(Loss::kUnknownProtocol, context);
}

// Counted as a connection that nothing is known of, when it closes or has had too many.
void Connection::DropUnknown(size_t bytes, StreamContext& context) {
  unknown_bytes_ += bytes;
  if (unknown_bytes_ > context.limits.unknown_bytes) SwitchOff(Loss::kUnknownProtocol, context);
}

void Connection::Open(decoders::ProtocolId protocol, StreamContext& context) {
  Adopt(protocol, context.sessions->Open(protocol, facts), context);
}

void Connection::Adopt(decoders::ProtocolId protocol, std::unique_ptr<Session> session, StreamContext& context) {
  protocol_ = protocol;
  session_ = std::move(session);
  candidate_ = has_adrift_ = false;
  unknown_bytes_ = 0;
  state_ = State::kActive;
  step(Direction::kClientToServer) = Step::kInStep;
  AskForBudget(context);
  if (!PlacesItself()) return;
  // What the server may have said before is gone.
  if (std::exchange(step(Direction::kServerToClient), Step::kInStep) != Step::kInStep) session_->Lose(Direction::kServerToClient);
  had_turn_ = true;
}

// Of a protocol whose turns hold more than the default budget would tell, once.
void Connection::AskForBudget(StreamContext& context) {
  const uint32_t budget = context.limits.cut_head_budget;
  if (session_->speaks_at_will()) {
    asked_budget_ = true;
    context.policy->Budget(facts.id, context.limits.endless_budget, facts.role);
  } else if (PlacesItself() && !std::exchange(asked_budget_, true)) {
    context.policy->Frames(facts.id, budget, facts.role);
  } else if (session_->many_per_turn() && !std::exchange(asked_budget_, true)) {
    context.policy->Budget(facts.id, budget, facts.role);
  }
}

void Connection::Decode(Direction dir, StreamContext& context) {
  ByteStream& bytes = stream(dir);
  FeedResult result = session_->Feed(dir, bytes);
  while (result == FeedResult::kFreed) {
    DecodeHead(Opposite(dir), context);
    if (state_ != State::kActive || step(dir) != Step::kInStep) return;
    result = session_->Feed(dir, bytes);
  }
  Judge(dir, result, context);
  if (state_ != State::kActive) return;
  if (bytes.Head().size() > context.limits.undecided_bytes) {
    context.losses->Add(Loss::kStreamOverflow);
    LoseStep(dir, context);
  }
  if (dir == Direction::kClientToServer || PlacesItself()) return;
  // A request may have waited for an answer that cannot be decoded any more.
  DecodeHead(Direction::kClientToServer, context);
  if (state_ == State::kActive && step(Direction::kClientToServer) == Step::kLost && !HasOpen()) {
    SwitchOff(Loss::kAmbiguousConnection, context);
  }
}

void Connection::DecodeHead(Direction dir, StreamContext& context) {
  if (step(dir) == Step::kInStep && !stream(dir).Head().empty()) Decode(dir, context);
}

void Connection::Judge(Direction dir, FeedResult result, StreamContext& context) {
  switch (result) {
    case FeedResult::kFlowing:
    case FeedResult::kFreed:
      return;
    case FeedResult::kAdrift:
      FollowAdrift();
      return;
    case FeedResult::kBroken:
      if (!PlacesItself()) return LoseStep(dir, context);
      session_->FinishOpen(ExchangeEnd::kResponseNotSeen, context.now_ns);
      SwitchOff(Loss::kUnknownProtocol, context);
      return;
    case FeedResult::kAmbiguous:
      // The response to the one request before an ambiguous one is still right. With more, it is not known where the second
      // begins.
      step(dir) = Step::kLost;
      stream(dir).DropHead();
      if (dir == Direction::kClientToServer && session_->open_count() > 2) session_->DropOpen(Loss::kPairingLost);
      if (dir == Direction::kClientToServer && HasOpen() && step(Direction::kServerToClient) == Step::kInStep) return;
      session_->FinishOpen(ExchangeEnd::kResponseNotSeen, context.now_ns);
      SwitchOff(Loss::kAmbiguousConnection, context);
      return;
    case FeedResult::kLeft:
      if (session_->successor() != decoders::kUnknownProtocol) return Succeed(context);
      session_->DropOpen(Loss::kLeftProtocol);
      SwitchOff(Loss::kOtherProtocol, context);
      return;
  }
}

// What either direction holds already is the next protocol's.
void Connection::Succeed(StreamContext& context) {
  std::unique_ptr<Session> before = std::move(session_);
  const decoders::ProtocolId next = before->successor();
  std::unique_ptr<Session> session = context.sessions->Open(next, facts);
  session->Inherit(*before);
  if (step(Direction::kClientToServer) != Step::kInStep) session->Lose(Direction::kClientToServer);
  context.sessions->Close(std::move(before));
  asked_budget_ = false;  // for another protocol
  Adopt(next, std::move(session), context);
  for (const Direction dir : {Direction::kClientToServer, Direction::kServerToClient}) DecodeHead(dir, context);
}

void Connection::LoseStep(Direction dir, StreamContext& context) {
  stream(dir).DropHead();
  if (PlacesItself()) return session_->Lose(dir);
  step(dir) = Step::kWaiting;
  candidate_ = false;
  if (dir == Direction::kServerToClient) {
    awaits_response_ = false;
    return;
  }
  if (session_ == nullptr) return;
  if (session_->open_count() > 1) {
    // Without all requests the decoder cannot tell the responses to several from one another.
    session_->DropOpen(Loss::kPairingLost);
    SwitchOff(Loss::kPairingConnection, context);
    return;
  }
  if (session_->had_request()) return;
  if (++failed_guesses_ >= context.limits.guesses) SwitchOff(Loss::kUnknownProtocol, context);
}

bool Connection::IsAdrift(Direction dir) const {
  return has_adrift_ && state_ == State::kActive && steps_[decoders::Index(dir)] == Step::kInStep && session_->Adrift(dir);
}

bool Connection::SawAll(Direction dir, const DataChunk& chunk) const {
  const ByteStream& other = streams_[static_cast<size_t>(SideOf(dir))];
  return other.started() && static_cast<uint32_t>(other.end()) == chunk.reverse_position;
}

void Connection::FollowAdrift() {
  has_adrift_ = false;
  for (const Direction dir : {Direction::kClientToServer, Direction::kServerToClient}) {
    if (step(dir) != Step::kInStep) continue;
    has_adrift_ |= session_->Adrift(dir);
    if (session_->InStep(dir)) continue;
    stream(dir).DropHead();
    step(dir) = Step::kWaiting;
    if (dir == Direction::kServerToClient) awaits_response_ = false;
  }
}

// The process that used the connection is gone: a response adrift is over, as at a close.
void Connection::EndAdriftResponse(ExchangeEnd cut) {
  if (!IsAdrift(Direction::kServerToClient)) return;
  session_->End(Direction::kServerToClient, stream(Direction::kServerToClient), cut);
  FollowAdrift();
}

}  // namespace wirespan::stream
