// postgresql::Decoder: both directions of one connection of the frontend/backend protocol 3 to messages. Owned by the connection,
// used by its thread. Everything given is consumed at once, but for a start that Resync only suspects.
//
// A request ends with its Query or FunctionCall; with its Execute; or, where nothing is executed of what was parsed, with the
// Sync, Flush or Parse that follows. A reply begins with the first frame that is not sent unasked, and ends: to a Query with
// ReadyForQuery; to an Execute with CommandComplete, EmptyQueryResponse, PortalSuspended; to a preparation with ParseComplete; to
// either with ErrorResponse, after which the server passes over everything to the next Sync: those requests are answered by its
// ReadyForQuery (Message::skipped).
//
// A message is adrift (InOrderDecoder) where a gap took the header of a frame of it. It also ends where a call ends with the
// frame that ends such a message (ReadyForQuery; Sync). The connection is left (kStop) where it goes on in TLS or GSSAPI.
#pragma once

#include <array>

#include "decoders/in_order_decoder.h"
#include "decoders/postgresql/frame.h"
#include "decoders/postgresql/message.h"
#include "decoders/postgresql/resync.h"
#include "decoders/postgresql/statements.h"
#include "decoders/postgresql/strings.h"
#include "decoders/tail.h"

namespace wirespan::decoders::postgresql {

inline constexpr size_t kMaxUnanswered = 8192;  // requests and Syncs; beyond: kStop

inline constexpr size_t kReadyBytes = 6;  // ReadyForQuery

// A direction: in a frame of the connection's beginning (requests only), before an answer of one byte (replies only), in the
// header or the content of a frame.
struct DecoderSide : InOrderSide<Message> {
  enum class State : uint8_t { kUntyped, kSslAnswer, kHeader, kContent };
  State state = State::kHeader;
  std::array<char, 8> header{};
  uint8_t header_bytes = 0;
  char type = '\0';         // of the frame in progress; '\0': it has none
  uint32_t left = 0;        // of its content
  bool first_frame = true;  // of the open message
  Strings strings;
  Tail<kReadyBytes> tail;  // kAdrift: since the last gap
};

class Decoder : public InOrderDecoder<Decoder, DecoderSide, Message> {
  using Base = InOrderDecoder<Decoder, DecoderSide, Message>;
  friend Base;

 public:
  // `pool` may be null: then messages are allocated anew.
  explicit Decoder(MessagePool* pool = nullptr) : Base(pool) {}

  // The message in progress: a reply behind its first frame; a request only where it is adrift, for it is not known before its
  // end whether it is one. Valid until the next call of a non-const function.
  const Message* OpenMessage(Direction dir) const;
  // Where the message in progress began; nullopt between messages, and in frames that belong to none.
  std::optional<uint64_t> OpenStart(Direction dir) const;
  // Bytes still to come of a frame; 0 in any other place.
  uint64_t BodyLeft(Direction dir) const;
  // It knows what cannot be seen again: the database, prepared statements.
  bool HoldsState() const { return !database_.empty() || !statements_.empty(); }
  static constexpr bool kMarksEnds = true;
  // A call of the program ended with the last byte given. True: so did the message adrift, and what follows begins the next.
  bool EndsHere(Direction dir, Messages& out);

 private:
  using Side = DecoderSide;
  using State = Side::State;
  // What the server owes, in order: the replies to requests, and the ReadyForQuery of a Sync.
  enum class Owed : uint8_t { kQuery, kExecute, kPrepare, kSync };

  // For InOrderDecoder.
  static constexpr StartMatcher kMatchStart = &postgresql::MatchStart;
  ParseStep Inside(Side& s, std::string_view bytes, Messages& out);
  static void Enter(Side& s);
  static void PassAdrift(Side& s, std::string_view bytes);
  uint64_t PassGap(Side& s, uint64_t size, Messages& out);
  bool Drift(Side& s, Messages& out);
  static Incomplete EndAtClose(const Side& s);
  void FinishAdrift(Side& s, Incomplete why, Messages& out);
  void EndIncomplete(Side& s, Incomplete why, Messages& out);
  void Forget(Side& s);

  ParseStep InHeader(Side& s, std::string_view bytes, Messages& out);
  ParseStep InContent(Side& s, std::string_view bytes, Messages& out);
  ParseStep InSslAnswer(Side& s, std::string_view bytes, Messages& out);
  // False: no frame begins so.
  bool EnterUntyped(Side& s, Messages& out);
  bool EnterTyped(Side& s, Messages& out);
  void EndFrame(Side& s, Messages& out);

  void BeginMessage(Side& s, uint64_t start);
  void Append(Side& s, uint64_t end, Messages& out);
  void Discard(Side& s);
  uint64_t FrameStart(const Side& s) const { return s.position - s.header_bytes; }

  void EnterRequestFrame(Side& s, Messages& out);
  void TakeRequestString(Side& s, std::string_view text, bool ends);
  void EndRequestFrame(Side& s, Messages& out);
  void EndStartup(Side& s, Messages& out);
  void TakeSql(Message& message);
  void TakeStatement(Message& message);
  void BeginGroup(Side& s, Messages& out);
  void EndGroup(Side& s, Messages& out);
  void EndRequest(Side& s, RequestKind kind, uint64_t end, Messages& out);
  void Owe(Owed what);

  void EnterReplyFrame(Side& s, Messages& out);
  void TakeReplyString(Side& s, std::string_view text, bool ends);
  void EndReplyFrame(Side& s, Messages& out);
  void EndReply(Side& s, Incomplete why, Messages& out);
  void EndReady(Side& s, Messages& out);
  bool OwesReply() const { return owed_first_ < owed_.size() && owed_[owed_first_] != Owed::kSync; }
  void PopOwed();

  void LoseContent(Side& s, uint32_t size, Messages& out);
  static bool TailIsEnd(const Side& s);

  // Of the frame of requests in progress.
  std::string name_;  // its statement; of Startup, a parameter's name
  std::string portal_;
  std::string raw_;   // SQL as sent
  std::string user_;  // of Startup
  sql::Sanitized sql_;
  uint8_t string_index_ = 0;
  bool name_cut_ = false;
  bool raw_cut_ = false;    // by its bound
  bool raw_lost_ = false;   // to a gap
  char close_what_ = '\0';  // Close: statement or portal
  // Of the open request.
  bool has_parse_ = false;
  uint64_t parse_end_ = 0;

  char field_ = '\0';               // of an error or notice: the field in progress; '\0': its type is next
  uint8_t string_index_reply_ = 0;  // of the SQLSTATE: its bytes so far
  bool copies_in_ = false;          // the client sends COPY data: nothing of it is a request
  bool describes_ = false;          // the client asked for a description, which has not come
  uint8_t ssl_answers_ = 0;         // owed before anything else

  std::vector<Owed> owed_;  // from owed_first_ on
  size_t owed_first_ = 0;
  size_t owed_replies_ = 0;  // of them no Syncs
  uint64_t last_exchange_ = 0;
  uint64_t answered_ = 0;
  bool aligned_ = true;  // the next reply answers answered_ + 1

  Statements statements_;
  std::string database_;
};

}  // namespace wirespan::decoders::postgresql
