// ProtocolSession: a connection's session for one entry of decoders/registry.h: its decoder, the pairing of its messages, and the
// facts, spans and measurements that come of them. Shard's thread. Protocols that answer in order, like HTTP/1.
//
// Beside the contract of decoders/decoder.h the decoder must offer OpenMessage, OpenStart, Synced, Poisoned, BodyLeft, Adrift,
// AnyAdrift, EndsHere, EndAdrift and the type MessagePool, and the message direction, is_request, incomplete, start, end and
// head_end (decoders/http1/ is the example).
#pragma once

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "agent/match/matcher.h"
#include "agent/pipeline/handover.h"
#include "agent/pipeline/session_output.h"
#include "agent/pipeline/shard_services.h"
#include "agent/stream/session.h"
#include "decoders/registry.h"

namespace wirespan::pipeline {

// A response that is not the last one to its request (RFC 9110 15.2); 101 is.
template <typename Message>
bool IsInterim(const Message& message) {
  if constexpr (requires { message.status; }) return message.status >= 100 && message.status < 200 && message.status != 101;
  return false;
}

// Whether enough of it was seen to say what it asks for, or what it answers with: all of its head, or its start line and then a
// gap.
template <typename Message>
bool IsTold(const Message& message) {
  if (message.head_end != 0) return true;
  if constexpr (requires { message.has_start_line; })
    return message.has_start_line && message.incomplete == decoders::Incomplete::kGap;
  return false;
}

// A message that belongs to no exchange: nothing is told of it.
template <typename Message>
bool IsOneWay(const Message& message) {
  if constexpr (requires { message.one_way; }) return message.one_way;
  return false;
}

// Whether a message adrift of such a protocol ends by bytes that are always sent, and not by turns alone.
template <typename Decoder>
constexpr bool MarksEnds() {
  if constexpr (requires { Decoder::kMarksEnds; }) return Decoder::kMarksEnds;
  return false;
}

template <typename Protocol>
struct ProtocolMemory {
  using Decoder = typename Protocol::Decoder;
  using Message = typename Decoder::Message;
  using Matcher = match::Matcher<Message, ExchangeExtra>;

  explicit ProtocolMemory(size_t max_open) : exchanges(max_open) {}
  size_t open_exchanges() const { return exchanges.open(); }

  typename Decoder::MessagePool messages;
  typename Matcher::Pool exchanges;
  typename Decoder::Messages decoded;  // of the call in progress
};

template <typename Protocol>
class ProtocolSession final : public stream::Session {
 public:
  using Memory = ProtocolMemory<Protocol>;
  using Decoder = typename Memory::Decoder;
  using Message = typename Memory::Message;
  using Open = typename Memory::Matcher::Open;
  using Direction = decoders::Direction;
  using ExchangeEnd = decoders::ExchangeEnd;

  ProtocolSession(const ShardServices& services, Memory& memory)
      : output_(services),
        memory_(&memory),
        decoder_(&memory.messages),
        matcher_(memory.exchanges, services.config->max_open_per_connection) {}

  // For the next connection. `facts` outlives the session's use.
  void Reset(const stream::ConnectionFacts& facts) {
    output_.Reset(facts);
    had_request_ = head_was_cut_ = false;
    last_started_ = 0;
    handover_.reset();
    Restart();
  }

  stream::FeedResult Feed(Direction dir, stream::ByteStream& stream) override;
  stream::FeedResult Gap(Direction dir, uint64_t size, const stream::ByteStream& stream) override;
  stream::FeedResult EndCall(Direction dir, const stream::ByteStream& stream) override;
  void EndAdrift(Direction dir, bool is_whole) override;
  void End(Direction dir, const stream::ByteStream& stream, ExchangeEnd cut) override;
  void Restart() override;
  void FinishOpen(ExchangeEnd end, uint64_t now_ns) override;
  void DropOpen(Loss reason) override;
  void TellOpen(uint64_t now_ns, uint64_t after_ns) override;

  size_t open_count() const override { return matcher_.size(); }
  bool had_request() const override { return had_request_; }
  bool pipelined() const override { return matcher_.pipelined(); }
  bool AtBoundary(Direction dir) const override { return decoder_.Synced(dir) && !decoder_.OpenStart(dir).has_value(); }
  uint64_t BodyLeft(Direction dir) const override { return decoder_.BodyLeft(dir); }
  bool Adrift(Direction dir) const override { return decoder_.Adrift(dir); }
  bool InStep(Direction dir) const override { return decoder_.Synced(dir); }
  bool head_was_cut() const override { return head_was_cut_; }
  bool holds_state() const override {
    if constexpr (requires { decoder_.HoldsState(); }) return decoder_.HoldsState();
    return false;
  }
  bool many_per_turn() const override {
    if constexpr (requires { Protocol::kManyPerTurn; }) return Protocol::kManyPerTurn;
    return false;
  }
  decoders::ProtocolId successor() const override {
    if constexpr (requires { decoder_.Successor(); }) {
      if (handover_ != nullptr) return decoders::ProtocolByName(decoder_.Successor()).value_or(decoders::kUnknownProtocol);
    }
    return decoders::kUnknownProtocol;
  }
  const Handover* handover() const override { return handover_.get(); }
  decoders::ProtocolId protocol() const override { return decoders::IdOf<Protocol>(); }

 private:
  // The message in progress in one direction.
  struct Side {
    bool open = false;       // its first byte was seen: `facts` has the first half
    bool head_seen = false;  // and its head
    bool expected = true;    // responses: a request was open when it began
    uint64_t start = 0;      // decoder position
    uint64_t noted = 0;      // stream position of the byte that `facts` says was the last
    match::MessageFacts facts;
    RequestMarks marks;    // requests
    Token last_token = 0;  // of the message before
    uint32_t next_index = 0;
  };
  using Origin = uint64_t;  // stream position - decoder position

  Side& side(Direction dir) { return sides_[decoders::Index(dir)]; }
  Origin OriginOf(Direction dir, const stream::ByteStream& stream) const { return stream.position() - decoder_.Position(dir); }

  void TakeMessages(Direction dir, Origin origin, const stream::ByteStream& stream, ExchangeEnd cut);
  void TakeMessage(std::unique_ptr<Message>& message, ExchangeEnd cut);
  void NoteOpen(Direction dir, Origin origin, const stream::ByteStream& stream, uint64_t last);
  void BeginSide(Direction dir, uint64_t start, Origin origin, const stream::ByteStream& stream);
  void NoteLast(Side& s, uint64_t position, const stream::ByteStream& stream);
  void TakeRequest(std::unique_ptr<Message>& message);
  void TakeResponse(std::unique_ptr<Message>& message, ExchangeEnd cut);
  void BeginRequest(const Message& head, bool is_told);
  void StartResponse(const DataChunk& chunk);
  bool HandOver(match::MatchResult result);
  static WebSocketHandover WebSocketHandoverOf(const Open& open);
  void Finish(ExchangeEnd end, uint64_t ended_ns);
  ExchangeEnd EndOf(const match::HeldExchange<Message>& exchange, ExchangeEnd cut) const;
  void GiveBack(std::unique_ptr<Open> open);
  std::unique_ptr<Message> CopyOfOpen(const Message& message);
  void AdoptOpenResponse();
  void AdoptOpenRequest();
  Losses& losses() { return output_.losses(); }

  SessionOutput output_;
  Memory* memory_;
  Decoder decoder_;
  typename Memory::Matcher matcher_;
  Side sides_[2];
  std::unique_ptr<Handover> handover_;  // once the connection left for a protocol that is decoded
  Token last_started_ = 0;              // the exchange whose ResponseStarted was told last
  bool had_request_ = false;
  bool head_was_cut_ = false;
  bool unmatched_ = false;  // a response answered nothing that was seen: a request was missed, and pairing in order is over
};

}  // namespace wirespan::pipeline

#include "agent/pipeline/protocol_session_impl.h"  // IWYU pragma: export
