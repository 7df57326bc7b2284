// MultiplexedSession: a connection's session for one entry of decoders/registry.h whose messages carry a stream's number and
// whose framing says its own lengths (HTTP/2). Beside ProtocolSession, for protocols that answer in order. Shard's thread.
//
// Exchanges are paired by their stream alone, whatever the order in which the two directions are told. A response that is told
// before its request waits for it: requests come in the order of their ids, so that it waits in vain as soon as a later one was
// seen.
//
// A direction that lost its place looks for it by itself (finds_its_place): the connection gives all its bytes and gaps, and
// takes no turn for a beginning. What was open meanwhile is in doubt: an end may have gone by unseen. A part in doubt that does
// not end is said to be not seen, never to be cut.
//
// Beside the contract of decoders/decoder.h the decoder must offer StartInMiddle, ResyncAtCall, Synced, Poisoned, OpenStart and
// the type MessagePool; the message what decoders/http2/message.h has, its kinds above all.
#pragma once

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "agent/match/matcher.h"
#include "agent/match/stream_table.h"
#include "agent/pipeline/handover.h"
#include "agent/pipeline/session_output.h"
#include "agent/stream/session.h"
#include "decoders/registry.h"

namespace wirespan::pipeline {

// What is kept with the open exchange of a stream beside its messages.
struct StreamExtra : ExchangeExtra {
  std::array<uint32_t, 2> losses{};  // how often each direction had lost its place when the exchange began
  bool has_request = false;          // false: it is the response only, and no exchange that is counted
  bool response_told = false;        // ResponseStarted was said, or is not to be

  void Clear() {
    ExchangeExtra::Clear();
    losses = {};
    has_request = response_told = false;
  }
};

template <typename Protocol>
struct MultiplexedMemory {
  using Decoder = typename Protocol::Decoder;
  using Message = typename Decoder::Message;
  using Open = match::OpenExchange<match::Exchange<Message>, StreamExtra>;

  explicit MultiplexedMemory(size_t max_open) : exchanges(max_open) {}
  size_t open_exchanges() const { return exchanges.open() - early_responses; }

  typename Decoder::MessagePool messages;
  match::ExchangePool<Open> exchanges;
  size_t early_responses = 0;    // taken from `exchanges`, without a request
  std::vector<Message> decoded;  // of the call in progress
};

template <typename Protocol>
class MultiplexedSession final : public stream::Session {
 public:
  using Memory = MultiplexedMemory<Protocol>;
  using Decoder = typename Memory::Decoder;
  using Message = typename Memory::Message;
  using Kind = decltype(Message::kind);
  using Open = typename Memory::Open;
  using Direction = decoders::Direction;
  using ExchangeEnd = decoders::ExchangeEnd;

  // Bytes that may be searched for frames on a connection that has had no request, before it is not believed to be this protocol.
  static constexpr uint64_t kMaxSearchedBytes = uint64_t{1} << 20U;
  static constexpr size_t kRememberedResets = 256;

  MultiplexedSession(const ShardServices& services, Memory& memory)
      : output_(services), memory_(&memory), decoder_(&memory.messages) {}

  // For the next connection. `facts` outlives the session's use.
  void Reset(const stream::ConnectionFacts& facts) {
    output_.Reset(facts);
    had_request_ = false;
    Restart();
  }

  void Inherit(const stream::Session& before) override;
  stream::FeedResult Feed(Direction dir, stream::ByteStream& stream) override;
  stream::FeedResult Gap(Direction dir, uint64_t size, const stream::ByteStream& stream) override;
  stream::FeedResult EndCall(Direction /*dir*/, const stream::ByteStream& /*stream*/) override {
    return stream::FeedResult::kFlowing;
  }
  void EndAdrift(Direction /*dir*/, bool /*is_whole*/) override {}
  void End(Direction dir, const stream::ByteStream& stream, ExchangeEnd cut) override;
  void Restart() override;
  void Lose(Direction dir) override;
  void FinishOpen(ExchangeEnd end, uint64_t now_ns) override;
  void DropOpen(Loss reason) override;
  void TellOpen(uint64_t now_ns, uint64_t after_ns) override;

  size_t open_count() const override { return table_.size(); }
  bool had_request() const override { return had_request_; }
  bool pipelined() const override { return false; }  // several at once are nothing that could be confused
  bool AtBoundary(Direction dir) const override { return decoder_.Synced(dir) && !decoder_.OpenStart(dir).has_value(); }
  uint64_t BodyLeft(Direction /*dir*/) const override { return 0; }
  bool Adrift(Direction /*dir*/) const override { return false; }
  bool InStep(Direction /*dir*/) const override { return true; }
  bool head_was_cut() const override { return false; }
  bool finds_its_place() const override { return true; }
  decoders::ProtocolId protocol() const override { return decoders::IdOf<Protocol>(); }

 private:
  // When and by whom a message's bytes were moved.
  struct Noted {
    match::MessageFacts facts;
    RequestMarks marks;
    DataChunk chunk;  // of the first byte, without its bytes
    bool is_known = false;
  };
  struct Side {
    bool in_step = true;    // false: it is looking for its place
    uint32_t losses = 0;    // how often it lost it; a beginning that was not seen counts
    uint64_t searched = 0;  // bytes, since it was lost
    bool open = false;      // a frame, or a block of several, is in progress: `first` is of its first byte
    uint64_t start = 0;     // decoder position
    Noted first;
  };
  using Origin = uint64_t;  // stream position - decoder position

  Side& side(Direction dir) { return sides_[decoders::Index(dir)]; }
  Origin OriginOf(Direction dir, const stream::ByteStream& stream) const { return stream.position() - decoder_.Position(dir); }

  void Begin(Direction dir, std::span<const std::byte> head);
  bool FindPlace(Direction dir, stream::ByteStream& stream);
  void FindPlaceAtCall(Direction dir, stream::ByteStream& stream);
  void LosePlace(Direction dir, Loss reason);
  bool IsGivenUp(Direction dir);

  // Where messages begin and end in time.
  void NoteOpen(Direction dir, Origin origin, const stream::ByteStream& stream);
  void NoteFirst(Direction dir, uint64_t position, const stream::ByteStream& stream, Noted& noted) const;
  void NoteMessage(const Message& message, Origin origin, const stream::ByteStream& stream);

  // What messages say. True: the message was moved into its exchange.
  void TakeMessages(Direction dir, Origin origin, const stream::ByteStream& stream, ExchangeEnd cut);
  bool TakeMessage(Message& message, bool is_own, ExchangeEnd cut);
  bool TakeRequest(Message& message, uint32_t id);
  void BeginExchange(Open& open, const Message& head, uint32_t id);
  bool TakeResponse(Message& message, ExchangeEnd cut);
  bool TakeLater(Message& message, bool is_own, ExchangeEnd cut);
  bool TakeReset(Message& message, Open& open);
  void TakeGoAway(const Message& message);
  void NoteEnd(match::MessageFacts& facts) const;  // by noted_
  void TellResponse(Open& open);
  void DropPassed(uint32_t id);
  bool WasReset(uint32_t id) const { return std::find(resets_.begin(), resets_.end(), id) != resets_.end(); }

  // Exchanges.
  Open* Add(uint32_t id);
  bool MakeRoom();
  bool InDoubt(const Open& open, Direction dir) const {
    const size_t at = decoders::Index(dir);
    return open.extra.losses[at] != sides_[at].losses;
  }
  // Streams may be open that table_ does not hold, for as long as the connection lives: when such a one ends is not seen.
  bool MayHide() const { return hides_ || sides_[decoders::Index(Direction::kClientToServer)].losses > 0; }
  void FinishIfOver(uint32_t id, Open& open, ExchangeEnd cut);
  void FinishUnended(uint32_t id, ExchangeEnd end, uint64_t now_ns);
  ExchangeEnd EndOf(const Open& open, ExchangeEnd cut) const;
  void Finish(uint32_t id, ExchangeEnd end, uint64_t ended_ns);
  void GiveBack(uint32_t id);
  Losses& losses() { return output_.losses(); }

  SessionOutput output_;
  Memory* memory_;
  Decoder decoder_;
  match::StreamTable<Open> table_;
  std::array<Side, 2> sides_;
  Noted noted_;  // of the message being taken
  Token last_token_ = 0;
  uint32_t next_index_ = 0;
  uint32_t highest_request_ = 0;  // id
  uint32_t next_to_tell_ = 0;     // the lowest id of a stream that TellOpen has still to look at
  // Streams that were reset: what the server sent them before it knew, or sends after all (gRPC's C core repeats trailers), is no
  // loss. The latest; 0: none.
  std::array<uint32_t, kRememberedResets> resets_{};
  uint32_t next_reset_ = 0;
  std::array<uint32_t, 2> processed_{UINT32_MAX, UINT32_MAX};  // by who opened them: streams beyond are refused (GOAWAY)
  bool begun_ = false;
  bool missed_server_ = false;  // Lose was said of the server's direction before anything was given
  bool hides_ = false;          // a stream was seen that is not held
  bool had_request_ = false;
};

}  // namespace wirespan::pipeline

#include "agent/pipeline/multiplexed_session_impl.h"  // IWYU pragma: export
