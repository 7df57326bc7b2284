// WebSocketSession: a connection's session after its upgrade to WebSocket: counts the messages of both directions, and tells one
// span when the connection is over; if asked to, one of each message too. Shard's thread.
//
// It finds its place by itself (finds_its_place): neither direction waits for the other, and after a gap that took a frame's
// header a direction goes on at a call whose frames end with it. Without a handover it was guessed: the upgrade was not seen.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "agent/match/matcher.h"
#include "agent/pipeline/handover.h"
#include "agent/pipeline/session_output.h"
#include "agent/stream/session.h"
#include "decoders/registry.h"

namespace wirespan::pipeline {

struct WebSocketMemory {
  using Message = decoders::websocket::Message;
  using Open = match::OpenExchange<match::Exchange<decoders::websocket::Conversation>, ExchangeExtra>;

  explicit WebSocketMemory(size_t max_open) : conversations(max_open) {}
  size_t open_exchanges() const { return conversations.open(); }

  match::ExchangePool<Open> conversations;
  match::OpenExchange<match::Exchange<Message>, ExchangeExtra> told;  // the message whose span is built
  std::vector<Message> decoded;                                       // of the call in progress
};

class WebSocketSession final : public stream::Session {
 public:
  using Memory = WebSocketMemory;
  using Message = Memory::Message;
  using Direction = decoders::Direction;
  using ExchangeEnd = decoders::ExchangeEnd;

  // Refused bytes, on a connection that was guessed, before it is not believed any more.
  static constexpr uint32_t kMaxRefusals = 2;

  WebSocketSession(const ShardServices& services, Memory& memory) : output_(services), memory_(&memory) {}
  ~WebSocketSession() override;
  WebSocketSession(const WebSocketSession&) = delete;
  WebSocketSession& operator=(const WebSocketSession&) = delete;

  // For the next connection. `facts` outlives the session's use.
  void Reset(const stream::ConnectionFacts& facts);

  void Inherit(const stream::Session& before) override;
  stream::FeedResult Feed(Direction dir, stream::ByteStream& stream) override;
  stream::FeedResult Gap(Direction dir, uint64_t size, const stream::ByteStream& stream) override;
  stream::FeedResult EndCall(Direction /*dir*/, const stream::ByteStream& /*stream*/) override {
    return stream::FeedResult::kFlowing;
  }
  void EndAdrift(Direction /*dir*/, bool /*is_whole*/) override {}
  void End(Direction dir, const stream::ByteStream& stream, ExchangeEnd cut) override;
  void Restart() override {}
  void Lose(Direction dir) override;
  void FinishOpen(ExchangeEnd end, uint64_t now_ns) override;
  void DropOpen(Loss reason) override;
  void TellOpen(uint64_t now_ns, uint64_t after_ns) override;

  size_t open_count() const override { return open_ != nullptr ? 1 : 0; }
  bool had_request() const override { return begun_; }
  bool pipelined() const override { return false; }
  bool AtBoundary(Direction dir) const override { return decoder_.Synced(dir) && !decoder_.OpenStart(dir).has_value(); }
  uint64_t BodyLeft(Direction /*dir*/) const override { return 0; }
  bool Adrift(Direction /*dir*/) const override { return false; }
  bool InStep(Direction /*dir*/) const override { return true; }
  bool head_was_cut() const override { return false; }
  bool finds_its_place() const override { return true; }
  bool speaks_at_will() const override { return true; }
  decoders::ProtocolId protocol() const override { return decoders::IdOf<decoders::WebSocket>(); }

 private:
  // A message in progress in one direction.
  struct Side {
    bool has_first = false;  // `first` is of the first frame of the message in progress
    uint64_t start = 0;      // decoder position of it
    DataChunk first;         // without its bytes
  };

  void Begin(uint64_t time_ns, Token token, uint32_t tgid);
  void Tell(uint64_t position, const trace::JoinKey& within);
  bool FindPlace(Direction dir, const stream::ByteStream& stream);
  void PassOver(Direction dir, stream::ByteStream& stream);
  stream::FeedResult Refuse(Direction dir, stream::ByteStream& stream);
  void TakeMessages(Direction dir, const stream::ByteStream& stream, uint64_t origin);
  void NoteFirst(Direction dir, const stream::ByteStream& stream, uint64_t origin);
  void TellMessage(Message& message, const stream::ByteStream& stream, uint64_t origin);
  decoders::websocket::Counts& counts(Direction dir);

  SessionOutput output_;
  Memory* memory_;
  decoders::websocket::Decoder decoder_;
  std::unique_ptr<Memory::Open> open_;      // null: not begun, over, or beyond the bound
  decoders::websocket::Counts overflow_{};  // of a conversation that is not kept
  std::array<Side, 2> sides_;
  trace::JoinKey join_;  // of the conversation
  Token token_ = 0;
  uint32_t refusals_ = 0;
  bool begun_ = false;
  bool was_handed_over_ = false;
};

}  // namespace wirespan::pipeline
