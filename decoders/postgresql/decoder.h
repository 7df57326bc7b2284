// postgresql::Decoder: both directions of one connection of the frontend/backend protocol 3 to messages. Owned by the connection,
// used by its thread. Everything given is consumed at once, but for a start that Resync only suspects.
//
// A request ends with its Query or FunctionCall; with its Execute; or, where nothing is executed of what was parsed, with the
// Sync, Flush or Parse that follows. A reply begins with the first frame that is not sent unasked, and ends: to a Query with
// ReadyForQuery; to an Execute with CommandComplete, EmptyQueryResponse, PortalSuspended; to a preparation with ParseComplete; to
// either with ErrorResponse, after which the server passes over everything to the next Sync: those requests are answered by its
// ReadyForQuery (Message::skipped).
//
// State of a direction: kUntyped (a frame of the connection's beginning; requests only), kSslAnswer (one byte; replies only),
// kHeader, kContent, kAdrift (in a message without its framing: see Adrift), kLost (unknown: Resync), kCandidate (a start that
// Resync suspects), kPoisoned (beyond all positions). The connection is left (kStop) where it goes on in TLS or GSSAPI.
#pragma once

#include <array>
#include <memory>

#include "decoders/postgresql/frame.h"
#include "decoders/postgresql/message.h"
#include "decoders/postgresql/statements.h"
#include "decoders/postgresql/strings.h"

namespace wirespan::decoders::postgresql {

inline constexpr size_t kMaxUnanswered = 8192;  // requests and Syncs; beyond: kStop

class Decoder {
 public:
  using Message = postgresql::Message;
  using Messages = postgresql::Messages;
  using MessagePool = postgresql::MessagePool;

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

  // The message in progress: a reply behind its first frame; a request only where it is adrift, for it is not known before its
  // end whether it is one. Valid until the next call of a non-const function.
  const Message* OpenMessage(Direction dir) const;
  // Where the message in progress began; nullopt between messages, and in frames that belong to none.
  std::optional<uint64_t> OpenStart(Direction dir) const;
  // Bytes still to come of a frame; 0 in any other place.
  uint64_t BodyLeft(Direction dir) const;
  bool Synced(Direction dir) const;
  bool Poisoned(Direction dir) const { return side(dir).state == State::kPoisoned; }
  // It knows what cannot be seen again: the database, prepared statements.
  bool HoldsState() const { return !database_.empty() || !statements_.empty(); }

  // A message is adrift where a gap took the header of a frame of it. It ends where a call ends with the frame that ends such a
  // message (ReadyForQuery; Sync); a request also where its reply begins; a reply where a request begins, or the connection ends.
  static constexpr bool kMarksEnds = true;
  bool Adrift(Direction dir) const { return side(dir).state == State::kAdrift; }
  bool AnyAdrift() const { return Adrift(Direction::kClientToServer) || Adrift(Direction::kServerToClient); }
  bool EndsHere(Direction dir, Messages& out);
  void EndAdrift(Direction dir, bool is_whole, Messages& out);

 private:
  enum class State : uint8_t { kUntyped, kSslAnswer, kHeader, kContent, kAdrift, kLost, kCandidate, kPoisoned };
  // What the server owes, in order: the replies to requests, and the ReadyForQuery of a Sync.
  enum class Owed : uint8_t { kQuery, kExecute, kPrepare, kSync };

  static constexpr size_t kTailBytes = 6;  // ReadyForQuery

  struct Side {
    Direction direction = Direction::kClientToServer;
    State state = State::kHeader;
    uint64_t position = 0;
    std::unique_ptr<Message> open;
    std::string_view reason{};  // of kLost and kPoisoned; a constant
    std::array<char, 8> header{};
    uint8_t header_bytes = 0;
    char type = '\0';         // of the frame in progress; '\0': it has none
    uint32_t left = 0;        // of its content
    bool first_frame = true;  // of the open message
    Strings strings;
    std::array<char, kTailBytes> tail{};  // kAdrift: the last bytes since the last gap, the latest last
    uint8_t tail_bytes = 0;

    bool is_request() const { return direction == Direction::kClientToServer; }
  };

  const Side& side(Direction dir) const { return sides_[Index(dir)]; }
  Side& side(Direction dir) { return sides_[Index(dir)]; }
  Side& requests() { return side(Direction::kClientToServer); }
  Side& replies() { return side(Direction::kServerToClient); }

  // One state's share of `bytes` (never empty). Each moves `position` by what it consumed.
  ParseStep InHeader(Side& s, std::string_view bytes, Messages& out);
  ParseStep InContent(Side& s, std::string_view bytes, Messages& out);
  ParseStep InSslAnswer(Side& s, std::string_view bytes, Messages& out);
  ParseStep InAdrift(Side& s, std::string_view bytes);
  ParseStep InCandidate(Side& s, std::string_view bytes);
  ParseStep Refuse(Side& s, std::string_view reason, size_t used, Messages& out);
  // False: no frame begins so.
  bool EnterUntyped(Side& s, Messages& out);
  bool EnterTyped(Side& s, Messages& out);
  void EndFrame(Side& s, Messages& out);

  void BeginMessage(Side& s, uint64_t start);
  void Append(Side& s, uint64_t end, Messages& out);
  void Discard(Side& s);
  void EndIncomplete(Side& s, Incomplete why, Messages& out);
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

  bool AbsorbGap(Side& s, uint64_t size, Messages& out);
  void LoseContent(Side& s, uint32_t size, Messages& out);
  bool Drift(Side& s);
  void EndAdrift(Side& s, Incomplete why, Messages& out);
  bool TailIsEnd(const Side& s) const;
  void Lose(Side& s, std::string_view reason);

  std::array<Side, 2> sides_;
  MessagePool* pool_ = nullptr;
  std::string_view stop_reason_{};  // set once the connection is left

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
