// redis::Decoder: both directions of one Redis connection (RESP2, RESP3, inline commands) to messages. Owned by the connection,
// used by its thread. Everything given is consumed at once, but for a start that Resync only suspects. Values are never stored.
// Commands may follow each other before they are answered; replies come in their order. What the server sends unasked is a
// message of its own (Message::one_way): a RESP3 push, a RESP2 pub/sub message, and all confirmations of a SUBSCRIBE but the
// last.
//
// State of a direction: kValue (in a value or between two), kInline (in an inline command; requests only), kAdrift (in a message
// without its framing: see Adrift), kLost (unknown: Resync), kCandidate (a start that Resync suspects), kPoisoned (beyond all
// positions).
//
// The connection is left (kStop) where answers do not come, or do not stop, any more: CLIENT REPLY OFF or SKIP, MONITOR, SYNC,
// PSYNC; and where more is unanswered than is kept track of.
#pragma once

#include <array>
#include <memory>

#include "decoders/redis/arguments.h"
#include "decoders/redis/message.h"
#include "decoders/redis/resp.h"

namespace wirespan::decoders::redis {

inline constexpr size_t kMaxAwaited = 64;  // unanswered commands whose answer says something of the connection; beyond: kStop

class Decoder {
 public:
  using Message = redis::Message;
  using Messages = redis::Messages;
  using MessagePool = redis::MessagePool;

  // `pool` may be null: then messages are allocated anew.
  explicit Decoder(MessagePool* pool = nullptr) : pool_(pool) {
    sides_[Index(Direction::kServerToClient)].direction = Direction::kServerToClient;
  }

  // The contract of decoders/decoder.h.
  ParseStep Decode(Direction dir, std::span<const std::byte> bytes, Messages& out);
  std::optional<size_t> Resync(Direction dir, std::span<const std::byte> bytes);
  bool OnGap(Direction dir, size_t size, Messages& out);
  void OnClose(Direction dir, Messages& out);
  void Skip(Direction dir, size_t size);
  uint64_t Position(Direction dir) const { return side(dir).position; }

  // The message in progress once it is known what it asks for, or how it answers; null otherwise. Valid until the next call of a
  // non-const function.
  const Message* OpenMessage(Direction dir) const;
  // Where the message in progress began; nullopt between messages, and in one that the server sends unasked.
  std::optional<uint64_t> OpenStart(Direction dir) const;
  // Bytes still to come of a string; 0 in any other place.
  uint64_t BodyLeft(Direction dir) const;
  bool Synced(Direction dir) const;
  bool Poisoned(Direction dir) const { return side(dir).state == State::kPoisoned; }
  // It knows what cannot be seen again: the database, a transaction, subscriptions.
  bool HoldsState() const { return has_database_ || in_transaction_ || subscriptions_ > 0; }

  // A message is adrift where a gap took the framing of its parts. It ends where the reply to it begins; where a command follows
  // it; where its direction closes; or by the second call below. No bytes of its own tell.
  bool Adrift(Direction dir) const { return side(dir).state == State::kAdrift; }
  bool AnyAdrift() const { return Adrift(Direction::kClientToServer) || Adrift(Direction::kServerToClient); }
  static bool EndsHere(Direction /*dir*/, Messages& /*out*/) { return false; }
  void EndAdrift(Direction dir, bool is_whole, Messages& out);

 private:
  enum class State : uint8_t { kValue, kInline, kAdrift, kLost, kCandidate, kPoisoned };

  struct Side {
    Direction direction = Direction::kClientToServer;
    State state = State::kValue;
    uint64_t position = 0;
    std::unique_ptr<Message> open;
    std::string_view reason{};  // of kLost and kPoisoned; a constant
    RespScan scan;

    bool is_request() const { return direction == Direction::kClientToServer; }
  };
  // An unanswered command whose answer says something of the connection.
  struct Awaited {
    uint64_t exchange = 0;
    Effect effect = Effect::kNone;
    char kind = '\0';      // (un)subscribing: of channels 'S', patterns 'P', shard channels 'H'
    uint32_t replies = 0;  // the same: still to come; 0: until nothing of that kind is subscribed
  };

  const Side& side(Direction dir) const { return sides_[Index(dir)]; }
  Side& side(Direction dir) { return sides_[Index(dir)]; }
  Side& requests() { return side(Direction::kClientToServer); }
  Side& replies() { return side(Direction::kServerToClient); }
  bool HasUnanswered() const { return answered_ < last_exchange_; }

  // One state's share of `bytes` (never empty). Each moves `position` by what it consumed.
  ParseStep InValue(Side& s, std::string_view bytes, Messages& out);
  ParseStep InInline(Side& s, std::string_view bytes, Messages& out);
  ParseStep InCandidate(Side& s, std::string_view bytes);
  ParseStep Refuse(Side& s, std::string_view reason, size_t used, Messages& out);

  void BeginMessage(Side& s);
  void Append(Side& s, Messages& out);
  void EndIncomplete(Side& s, Incomplete why, Messages& out);
  void Discard(Side& s);

  // False: no command looks so.
  bool TakeRequest(Side& s, const RespStep& step, Messages& out);
  void BeginRequest(Side& s, Messages& out);
  void EndRequest(Side& s, Incomplete why, Messages& out);
  void TakeEffect(Message& message);
  void TakeTransaction(Message& message);
  void Await(const Message& message, Effect effect);

  void TakeReply(Side& s, const RespStep& step, Messages& out);
  void BeginReply(Side& s, Type type);
  void TakeReplyText(Side& s, std::string_view text);
  void EndReply(Side& s, Incomplete why, Messages& out);
  // Whether the reply ends its exchange. `awaited`: what that command's answer says; null: nothing.
  bool IsFinal(const Message& message, Awaited* awaited);
  bool IsFinalConfirmation(Awaited& awaited) const;
  void CountSubscription(char kind, bool unsubscribes);

  bool AbsorbGap(Side& s, uint64_t size, Messages& out);
  void LoseString(Side& s, uint64_t size, Messages& out);
  bool Drift(Side& s) const;
  void EndAdrift(Side& s, Incomplete why, Messages& out);
  void Lose(Side& s, std::string_view reason);

  std::array<Side, 2> sides_;
  MessagePool* pool_ = nullptr;
  std::string_view stop_reason_{};  // set once the connection is left
  Arguments arguments_;             // of the open request

  // Of the open reply, where it is an aggregate: its first element, its third as a number.
  std::array<char, 16> first_{};
  uint8_t first_size_ = 0;
  bool first_whole_ = true;
  bool word_ended_ = false;  // of an error: its first word
  uint64_t third_ = 0;

  std::array<Awaited, kMaxAwaited> awaited_{};  // oldest first
  size_t awaited_count_ = 0;
  uint64_t last_exchange_ = 0;
  uint64_t answered_ = 0;  // exchanges before this one, and it, have their answer
  bool aligned_ = true;    // the next reply answers answered_ + 1

  uint64_t subscriptions_ = 0;  // as the last confirmation counted them
  uint64_t patterns_ = 0;       // of them, as far as this decoder saw them made
  uint32_t database_ = 0;
  bool has_database_ = false;
  bool in_transaction_ = false;
  uint32_t queued_ = 0;
  std::array<char, kMaxNameBytes> queued_name_{};
  uint8_t queued_name_size_ = 0;  // 0: several commands
};

}  // namespace wirespan::decoders::redis
