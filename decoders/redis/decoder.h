// redis::Decoder: both directions of one Redis connection (RESP2, RESP3, inline commands) to messages. Owned by the connection,
// used by its thread. Everything given is consumed at once, but for a start that Resync only suspects. Values are never stored.
// Commands may follow each other before they are answered; replies come in their order. What the server sends unasked is a
// message of its own (Message::one_way): a RESP3 push, a RESP2 pub/sub message, and all confirmations of a SUBSCRIBE but the
// last.
//
// A message is adrift (InOrderDecoder) where a gap took the framing of its parts; no bytes of its own tell that it ended.
//
// The connection is left (kStop) where answers do not come, or do not stop, any more: CLIENT REPLY OFF or SKIP, MONITOR, SYNC,
// PSYNC; and where more is unanswered than is kept track of.
#pragma once

#include <array>

#include "decoders/in_order_decoder.h"
#include "decoders/redis/arguments.h"
#include "decoders/redis/message.h"
#include "decoders/redis/resp.h"
#include "decoders/redis/resync.h"

namespace wirespan::decoders::redis {

inline constexpr size_t kMaxAwaited = 64;  // unanswered commands whose answer says something of the connection; beyond: kStop

// A direction: in a value or between two, or in an inline command (requests only).
struct DecoderSide : InOrderSide<Message> {
  enum class State : uint8_t { kValue, kInline };
  State state = State::kValue;
  RespScan scan;
};

class Decoder : public InOrderDecoder<Decoder, DecoderSide, Message> {
  using Base = InOrderDecoder<Decoder, DecoderSide, Message>;
  friend Base;

 public:
  // `pool` may be null: then messages are allocated anew.
  explicit Decoder(MessagePool* pool = nullptr) : Base(pool) {}

  // The message in progress once it is known what it asks for, or how it answers; null otherwise. Valid until the next call of a
  // non-const function.
  const Message* OpenMessage(Direction dir) const;
  // Where the message in progress began; nullopt between messages, and in one that the server sends unasked.
  std::optional<uint64_t> OpenStart(Direction dir) const;
  // Bytes still to come of a string; 0 in any other place.
  uint64_t BodyLeft(Direction dir) const;
  // It knows what cannot be seen again: the database, a transaction, subscriptions.
  bool HoldsState() const { return has_database_ || in_transaction_ || subscriptions_ > 0; }
  static bool EndsHere(Direction /*dir*/, Messages& /*out*/) { return false; }

 private:
  using Side = DecoderSide;
  using State = Side::State;
  // An unanswered command whose answer says something of the connection.
  struct Awaited {
    uint64_t exchange = 0;
    Effect effect = Effect::kNone;
    char kind = '\0';      // (un)subscribing: of channels 'S', patterns 'P', shard channels 'H'
    uint32_t replies = 0;  // the same: still to come; 0: until nothing of that kind is subscribed
  };

  bool HasUnanswered() const { return answered_ < last_exchange_; }

  // For InOrderDecoder.
  static constexpr StartMatcher kMatchStart = &redis::MatchStart;
  ParseStep Inside(Side& s, std::string_view bytes, Messages& out);
  static void Enter(Side& s);
  static void PassAdrift(Side& s, std::string_view bytes);
  uint64_t PassGap(Side& s, uint64_t size, Messages& out);
  bool Drift(Side& s, Messages& out);
  static Incomplete EndAtClose(const Side& s);
  void FinishAdrift(Side& s, Incomplete why, Messages& out);
  void EndIncomplete(Side& s, Incomplete why, Messages& out);
  void Forget(Side& s);

  ParseStep InValue(Side& s, std::string_view bytes, Messages& out);
  ParseStep InInline(Side& s, std::string_view bytes, Messages& out);

  void Append(Side& s, Messages& out);

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

  void LoseString(Side& s, uint64_t size, Messages& out);

  Arguments arguments_;  // of the open request

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
