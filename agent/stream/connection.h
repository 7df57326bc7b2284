// Connection: one end of a connection: two ByteStreams, the session of its protocol, and the rules that keep both directions in
// step when bytes are missing. Owned by the ConnectionTable, used by the shard's thread; takes no memory of its own while it is
// idle.
//
// | state     | means                                      | leaves it                                                       |
// | --------- | ------------------------------------------ | --------------------------------------------------------------- |
// | kGuessing | the protocol is not known yet              | a request that a decoder knows -> kActive; too many others: kOff |
// | kActive   | a session decodes it                       | at rest for a while -> kResting; another protocol, doubt -> kOff |
// | kResting  | protocol known, nothing open, no session   | the next byte -> kActive                                        |
// | kOff      | not traced any more                        | never                                                           |
//
// Each direction is in step, or waits. In step its bytes are decoded. It waits from the start, and again after a gap that the
// decoder could not absorb or bytes it refused: its bytes are passed over until a point where a message certainly begins.
// - Requests: the first captured byte of a turn (the direction changed), at a boundary of the decoder. All that is open is
//   finished as not seen, and decoding starts anew.
// - Responses: the first byte of the turn that answers that request: same token, not earlier than the request.
// On a connection that pipelines, a turn proves nothing: it is switched off, and its open exchanges are counted.
//
// A session that finds its place by itself (stream::Session::finds_its_place) is given every byte and gap of both directions:
// both are in step from its opening on, chunks wait only for holes before them, and it never rests. Where the server speaks
// first, its bytes may open it.
//
// What the turn's budget cuts off costs no step: a message whose framing a gap took is adrift (stream::Session), and absorbs what
// follows until something proves that it ended: its own last bytes; for a request, the answer to it; for a response, the turn of
// the next request, or of a response to one that was not seen; the close. The positions of the other direction tell whether all
// of it was seen: then bytes that only look like a message at the beginning of a turn are not taken for one.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "agent/stream/byte_stream.h"
#include "agent/stream/losses.h"
#include "agent/stream/session.h"

namespace wirespan::stream {

struct StreamLimits {
  size_t undecided_bytes = size_t{64} * 1024;  // per direction
  uint32_t guesses = 4;                        // turns that may be unlike every protocol before a connection is given up
  size_t unknown_bytes = size_t{1} << 20U;     // in all that may tell neither protocol nor role before it is
  uint64_t hold_ns = 10'000'000;               // how long a chunk waits for the hole before it, or for its request
  uint64_t rest_ns = 1'000'000'000;            // quiet time before a session is given back
  uint32_t cut_head_budget = 64 * 1024;        // bytes per turn asked for where a head was cut, or all frames are needed
};

// What the connections of one shard share. Outlives them.
struct StreamContext {
  StreamLimits limits;
  Losses* losses = nullptr;
  StorePool* stores = nullptr;
  SessionSource* sessions = nullptr;
  ConnectionPolicy* policy = nullptr;
  PendingChunk* scratch = nullptr;  // for a pending chunk while it is delivered
  uint64_t now_ns = 0;              // the latest event or tick
};

class Connection {
 public:
  enum class State : uint8_t { kGuessing, kActive, kResting, kOff };

  ConnectionFacts facts;
  uint64_t last_event_ns = 0;

  State state() const { return state_; }
  const Session* session() const { return session_.get(); }
  const ByteStream& stream(StreamSide side) const { return streams_[static_cast<size_t>(side)]; }
  // Chunks wait for time to pass: the owner calls Tick.
  bool is_waiting() const { return streams_[0].has_pending() || streams_[1].has_pending(); }

  // The protocol is known without a guess (an option). Before the first byte.
  void Assume(decoders::ProtocolId protocol) { hint_ = protocol; }

  void Accept(const DataChunk& chunk, StreamContext& context);
  void EndStream(const StreamEnded& event, StreamContext& context);
  // The connection is over; nothing follows but destruction or reuse by Clear.
  void Close(decoders::ExchangeEnd end, uint64_t now_ns, StreamContext& context);
  // The process that used it is gone: what is open has ended.
  void AbandonOpen(decoders::ExchangeEnd end, uint64_t now_ns);
  // Lets go of chunks that waited long enough.
  void Tick(StreamContext& context);
  // Gives the session back where nothing is open and it was quiet for `rest_ns`.
  void Rest(StreamContext& context);
  // Back to a fresh connection; everything lent is given back.
  void Clear(StreamContext& context);

 private:
  enum class Step : uint8_t { kWaiting, kInStep, kLost };  // kLost: waits for ever (ambiguous)

  decoders::Direction DirectionOf(StreamSide side) const;
  StreamSide SideOf(decoders::Direction dir) const;
  ByteStream& stream(decoders::Direction dir) { return streams_[static_cast<size_t>(SideOf(dir))]; }
  Step& step(decoders::Direction dir) { return steps_[decoders::Index(dir)]; }
  bool PlacesItself() const { return session_ != nullptr && session_->finds_its_place(); }
  bool HasOpen() const { return session_ != nullptr && session_->open_count() > 0; }
  // What it follows by position, or answers, was not told yet.
  bool ComesTooEarly(const DataChunk& chunk) const;
  bool PrecedesAnswer(const DataChunk& chunk) const;   // on a server connection
  bool PrecedesRequest(const DataChunk& chunk) const;  // on a client connection
  // A message of that direction is in progress without its framing.
  bool IsAdrift(decoders::Direction dir) const;
  // Everything that moved in that direction before `chunk`, of the other one, was seen.
  bool SawAll(decoders::Direction dir, const DataChunk& chunk) const;

  bool AcceptInStep(const DataChunk& chunk, StreamContext& context);
  void ReleasePassed(const DataChunk& chunk, StreamContext& context);
  void Place(const DataChunk& chunk, StreamContext& context);
  void Hold(uint64_t begin, const DataChunk& chunk, StreamContext& context);
  void Drain(StreamSide side, bool force, StreamContext& context);
  void ReleaseRead(const DataChunk& chunk, StreamContext& context);
  void DrainBefore(StreamSide side, uint32_t turn, StreamContext& context);
  void DeliverPending(StreamSide side, StreamContext& context);
  void Deliver(uint64_t begin, const DataChunk& chunk, StreamContext& context);
  void Bytes(uint64_t begin, const DataChunk& chunk, StreamContext& context);
  void Missing(StreamSide side, uint64_t size, StreamContext& context);
  void PassOver(decoders::Direction dir, uint64_t size);
  void JumpBack(const DataChunk& chunk, StreamContext& context);

  bool LearnRole(const DataChunk& chunk, StreamContext& context);
  void AtTurn(decoders::Direction dir, const DataChunk& chunk, StreamContext& context);
  void AtRequestTurn(const DataChunk& chunk, StreamContext& context);
  bool MayBeginRequest(const DataChunk& chunk) const;
  void CatchUp(const DataChunk& chunk, StreamContext& context);
  void CatchUpRequestBody(const DataChunk& chunk, StreamContext& context);
  // Bytes up to there were passed over before their call was told.
  bool WasCaughtUp(StreamSide side, uint64_t end) const;
  void AtResponseTurn(const DataChunk& chunk, StreamContext& context);
  void StartAnew(const DataChunk& chunk, StreamContext& context);
  void Guess(StreamContext& context);
  void GuessByServer(const DataChunk& chunk, StreamContext& context);
  void FailGuess(StreamContext& context);
  void DropUnknown(size_t bytes, StreamContext& context);  // that told nothing of what they are
  void Open(decoders::ProtocolId protocol, StreamContext& context);
  void Succeed(StreamContext& context);
  void Adopt(decoders::ProtocolId protocol, std::unique_ptr<Session> session, StreamContext& context);
  void Decode(decoders::Direction dir, StreamContext& context);
  void DecodeHead(decoders::Direction dir, StreamContext& context);  // what the stream holds undecided
  void Judge(decoders::Direction dir, FeedResult result, StreamContext& context);
  void LoseStep(decoders::Direction dir, StreamContext& context);
  // After a message adrift: a direction in which one ended waits, and nothing was lost by that.
  void FollowAdrift();
  void EndAdriftResponse(decoders::ExchangeEnd cut);
  void SwitchOff(Loss reason, StreamContext& context);

  std::array<ByteStream, 2> streams_;  // by StreamSide
  std::unique_ptr<Session> session_;
  Token awaited_token_ = 0;  // of the request at which decoding began anew: its response's first turn bears it too
  uint64_t awaited_since_ns_ = 0;
  size_t unknown_bytes_ = 0;
  uint64_t caught_up_to_ = 0;  // requests: calls up to here may be told after the answer that gave them away
  Step steps_[2] = {Step::kWaiting, Step::kWaiting};  // by decoders::Direction
  State state_ = State::kGuessing;
  decoders::ProtocolId protocol_ = decoders::kUnknownProtocol;
  decoders::ProtocolId hint_ = decoders::kUnknownProtocol;
  uint8_t failed_guesses_ = 0;
  bool candidate_ = false;        // kGuessing: the request direction's head begins at a turn
  bool first_turn_ = false;       // kGuessing: at the first turn of a connection whose opening was seen
  bool awaits_response_ = false;  // awaited_* are valid
  bool heard_server_ = false;     // bytes of the server were told
  bool had_turn_ = false;         // a turn of requests was seen on this connection
  bool has_adrift_ = false;       // false: no message is adrift
  bool asked_budget_ = false;     // for heads or frames; once per connection
};

}  // namespace wirespan::stream
