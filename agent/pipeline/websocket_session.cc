#include "agent/pipeline/websocket_session.h"

#include <algorithm>
#include <utility>

#include "decoders/websocket/guess.h"

namespace wirespan::pipeline {

using decoders::Direction;
using decoders::ExchangeEnd;
using decoders::websocket::Counts;
using stream::ByteStream;
using stream::FeedResult;

WebSocketSession::~WebSocketSession() {
  if (open_ != nullptr) memory_->conversations.Give(std::move(open_));
}

void WebSocketSession::Reset(const stream::ConnectionFacts& facts) {
  output_.Reset(facts);
  decoder_ = decoders::websocket::Decoder();
  if (open_ != nullptr) memory_->conversations.Give(std::move(open_));
  for (Side& side : sides_) side.has_first = false;
  join_ = {};
  token_ = 0;
  refusals_ = 0;
  begun_ = was_handed_over_ = false;
}

void WebSocketSession::Inherit(const stream::Session& before) {
  const auto* handover = before.handover() != nullptr ? std::get_if<WebSocketHandover>(&before.handover()->what) : nullptr;
  if (handover == nullptr) return;
  was_handed_over_ = true;
  Begin(handover->time_ns, handover->token, handover->tgid);
  if (open_ != nullptr) {
    open_->exchange.request.upgrade = handover->upgrade;
    open_->exchange.request.upgrade_seen = true;
  }
  Tell(handover->next_request, handover->join);
}

void WebSocketSession::Begin(uint64_t time_ns, Token token, uint32_t tgid) {
  begun_ = true;
  token_ = token;
  ++output_.losses().requests_seen;
  open_ = memory_->conversations.Take();
  if (open_ == nullptr) {
    output_.losses().Add(Loss::kExchangesFull);
    return;
  }
  match::MessageFacts& facts = open_->exchange.request_facts;
  facts.first_byte_ns = facts.last_byte_ns = time_ns;
  facts.token = token;
  facts.index = trace::kContinuedIndex;
  facts.seen = true;
  open_->extra.tgid = tgid;
}

// Both ends of the connection know it by the position of the client's first byte after the upgrade.
void WebSocketSession::Tell(uint64_t position, const trace::JoinKey& within) {
  if (open_ == nullptr) return;
  join_ = output_.JoinKeyOf(position);
  open_->extra.join = join_;
  output_.TellContinued(open_->exchange.request_facts, open_->extra, within, open_->exchange.request_facts.first_byte_ns);
}

Counts& WebSocketSession::counts(Direction dir) {
  return open_ != nullptr ? open_->exchange.request.sides[decoders::Index(dir)] : overflow_;
}

FeedResult WebSocketSession::Feed(Direction dir, ByteStream& stream) {
  if (!begun_) {
    const auto from = stream.TimeAt(stream.position());
    if (from) {
      match::MessageFacts first;
      SessionOutput::NoteFirst(*from->chunk, first);
      Begin(first.first_byte_ns, first.token, output_.connection().tgid);
      Tell(stream.position(), {});
    }
  }
  if (!decoder_.Synced(dir) && !FindPlace(dir, stream)) {
    PassOver(dir, stream);
    return FeedResult::kFlowing;
  }
  while (!stream.Head().empty()) {
    const uint64_t origin = stream.position() - decoder_.Position(dir);
    memory_->decoded.clear();
    const decoders::ParseStep step = decoder_.Decode(dir, stream.Head(), memory_->decoded);
    TakeMessages(dir, stream, origin);
    if (step.status == decoders::ParseStatus::kInvalid) return Refuse(dir, stream);
    if (step.consumed == 0) return FeedResult::kFlowing;  // not within the contract; never loop on it
    stream.Consume(step.consumed);
  }
  return FeedResult::kFlowing;
}

void WebSocketSession::PassOver(Direction dir, ByteStream& stream) {
  const size_t size = stream.Head().size();
  counts(dir).unseen = decoders::AddBounded(counts(dir).unseen, size);
  decoder_.Skip(dir, size);
  stream.Consume(size);
}

FeedResult WebSocketSession::Refuse(Direction dir, ByteStream& stream) {
  ++counts(dir).faults;
  output_.losses().Add(Loss::kNotTheProtocol);
  PassOver(dir, stream);
  if (was_handed_over_ || ++refusals_ < kMaxRefusals) return FeedResult::kFlowing;
  DropOpen(Loss::kLeftProtocol);  // nothing is told of what was only taken for it
  return FeedResult::kBroken;
}

// A call of which the last byte ends a frame begins with one too, as far as can be told.
bool WebSocketSession::FindPlace(Direction dir, const ByteStream& stream) {
  const auto from = stream.TimeAt(stream.position());
  if (!from || from->begin != stream.position()) return false;
  if (!decoders::websocket::BeginsWithFrame(dir, stream.Head(), from->chunk->original_size)) return false;
  decoder_.StartAt(dir);
  return true;
}

FeedResult WebSocketSession::Gap(Direction dir, uint64_t size, const ByteStream& stream) {
  const uint64_t origin = stream.position() - decoder_.Position(dir);
  const uint64_t before = decoder_.Position(dir);
  memory_->decoded.clear();
  const bool was_synced = decoder_.Synced(dir);
  const bool absorbed = decoder_.OnGap(dir, size, memory_->decoded);
  TakeMessages(dir, stream, origin);
  if (absorbed) return FeedResult::kFlowing;
  if (was_synced) output_.losses().Add(Loss::kStreamGap);
  counts(dir).unseen = decoders::AddBounded(counts(dir).unseen, decoder_.Position(dir) - before);
  return FeedResult::kFlowing;
}

void WebSocketSession::TakeMessages(Direction dir, const ByteStream& stream, uint64_t origin) {
  for (Message& message : memory_->decoded) {
    if (open_ != nullptr) open_->exchange.request.Add(message);
    if (output_.services().config->websocket_messages && open_ != nullptr) TellMessage(message, stream, origin);
    if (message.is_data()) sides_[decoders::Index(dir)].has_first = false;
  }
  memory_->decoded.clear();
  if (output_.services().config->websocket_messages) NoteFirst(dir, stream, origin);
}

// A frame goes on beyond these bytes: when it began is known only now.
void WebSocketSession::NoteFirst(Direction dir, const ByteStream& stream, uint64_t origin) {
  Side& side = sides_[decoders::Index(dir)];
  const std::optional<uint64_t> start = decoder_.OpenMessageStart(dir);
  if (!start || (side.has_first && side.start == *start)) return;
  const auto from = stream.TimeAt(origin + *start);
  if (!from) return;
  side.has_first = true;
  side.start = *start;
  side.first = *from->chunk;
  side.first.bytes = {};
}

void WebSocketSession::TellMessage(Message& message, const ByteStream& stream, uint64_t origin) {
  const auto last = stream.TimeAt(origin + message.end - 1);
  if (!last || message.end == message.start) return;
  const Side& side = sides_[decoders::Index(message.direction)];
  const bool has_first = side.has_first && side.start == message.start;
  const auto at = has_first ? std::nullopt : stream.TimeAt(origin + message.start);
  auto& told = memory_->told;
  told.Clear();
  match::MessageFacts& facts = told.exchange.request_facts;
  SessionOutput::NoteFirst(has_first ? side.first : at ? *at->chunk : *last->chunk, facts);
  SessionOutput::NoteLast(*last->chunk, facts);
  facts.seen = true;
  facts.token = token_;
  facts.index = output_.NextPart();
  told.extra.tgid = open_->extra.tgid;
  told.exchange.request = std::move(message);
  ++output_.losses().requests_seen;
  output_.TellContinued(facts, told.extra, join_, facts.last_byte_ns);
  output_.Finish(told, 0);
}

void WebSocketSession::End(Direction dir, const ByteStream& stream, ExchangeEnd /*cut*/) {
  const uint64_t origin = stream.position() - decoder_.Position(dir);
  memory_->decoded.clear();
  decoder_.OnClose(dir, memory_->decoded);
  TakeMessages(dir, stream, origin);
}

void WebSocketSession::Lose(Direction dir) {
  memory_->decoded.clear();
  decoder_.OnClose(dir, memory_->decoded);
  for (const Message& message : memory_->decoded) {
    if (open_ != nullptr) open_->exchange.request.Add(message);
  }
  memory_->decoded.clear();
}

// The end of the connection is the conversation's, however it came; without the upgrade its beginning was not seen.
void WebSocketSession::FinishOpen(ExchangeEnd end, uint64_t now_ns) {
  if (open_ == nullptr) return;
  const bool was_closed = open_->exchange.request.sides[0].closed && open_->exchange.request.sides[1].closed;
  if (end == ExchangeEnd::kNoResponse || end == ExchangeEnd::kResponseNotSeen ||
      (was_closed && end != ExchangeEnd::kAgentStopped))
    end = was_handed_over_ ? ExchangeEnd::kComplete : ExchangeEnd::kRequestNotSeen;
  open_->exchange.end = end;
  output_.Finish(*open_, now_ns);
  memory_->conversations.Give(std::move(open_));
}

void WebSocketSession::TellOpen(uint64_t now_ns, uint64_t after_ns) {
  if (open_ == nullptr || open_->extra.told_open || now_ns < open_->exchange.request_facts.first_byte_ns + after_ns) return;
  output_.TellOpen(*open_, now_ns, after_ns);
}

void WebSocketSession::DropOpen(Loss reason) {
  if (open_ == nullptr) return;
  output_.losses().Add(reason);
  memory_->conversations.Give(std::move(open_));
}

}  // namespace wirespan::pipeline
