// http1::Decoder: both directions of one HTTP/1.0 or 1.1 connection (RFC 9112, RFC 9110) to messages. Owned by the connection, used
// by its thread. Everything given is consumed at once, whatever its size: the caller buffers nothing but the tail of a Resync and the
// bytes that a client sent while its upgrade or CONNECT was not answered yet (then Decode says kNeedMore). Bodies are never stored.
//
// | state of a direction | next bytes are                          | leaves it                                                   |
// | kStart               | empty lines, then a start line          | first byte of a start line; kStop, kNeedMore (held)         |
// | kStartLine           | the rest of the start line              | its LF; kInvalid at the offending byte                      |
// | kFields, kTrailer    | field lines                             | the empty line                                              |
// | kUnknownBody         | a body or, to HEAD, the next response   | enough bytes to tell (request not seen)                     |
// | kLengthBody          | body bytes, `remaining_` of them        | remaining_ == 0                                             |
// | kChunk*              | chunk-size line, data, CRLF             | size 0 -> kTrailer                                          |
// | kCloseBody           | body bytes to the end of the direction  | OnClose                                                     |
// | kLost                | unknown: a gap or kInvalid came before  | Resync                                                      |
// | kCandidate           | perhaps a start line that Resync found  | its LF -> kFields; kInvalid                                 |
// | kPoisoned            | unknown: the framing was ambiguous      | never: any later "message" could be the body of that one    |
// | kStopped             | another protocol                        | never                                                       |
#pragma once

#include <array>
#include <memory>
#include <string>

#include "decoders/http1/head_parser.h"
#include "decoders/http1/message.h"
#include "decoders/http1/message_pool.h"

namespace wirespan::decoders::http1 {

inline constexpr size_t kMaxPipelined = 64;          // requests whose methods are remembered; beyond: the methods are unknown
inline constexpr size_t kMaxHeldBytes = 16 * 1024;   // sent after an unanswered upgrade; beyond: decoded as HTTP
inline constexpr size_t kMaxCandidateBytes = 8 * 1024;  // of a start line that Resync accepts

class Decoder {
 public:
  using Message = http1::Message;

  // `pool` may be null: then messages are allocated anew.
  explicit Decoder(MessagePool* pool = nullptr) : pool_(pool) {}
  Decoder(Decoder&&) = default;
  Decoder& operator=(Decoder&&) = default;
  ~Decoder();

  // The contract of decoders/decoder.h.
  ParseStep Decode(Direction dir, std::span<const std::byte> bytes, std::vector<Message>& out);
  std::optional<size_t> Resync(Direction dir, std::span<const std::byte> bytes);
  bool OnGap(Direction dir, size_t size, std::vector<Message>& out);
  void OnClose(Direction dir, std::vector<Message>& out);
  void Skip(Direction dir, size_t size);
  uint64_t Position(Direction dir) const { return side(dir).position; }

  // The message in progress once its head is complete; null otherwise. Valid until the next call of a non-const function.
  const Message* OpenMessage(Direction dir) const;
  // Where the message in progress began, even if only one byte of it was seen; nullopt between messages.
  std::optional<uint64_t> OpenStart(Direction dir) const;
  // False while the direction's place in the protocol is not known: after kInvalid or an unabsorbed gap, until a start was found.
  bool Synced(Direction dir) const;
  // True where the direction can never be decoded again on this connection (kPoisoned): Resync always answers nullopt.
  bool Poisoned(Direction dir) const { return side(dir).state == State::kPoisoned; }
  // Requests whose final response has not begun; 0 where that is not known.
  size_t Unanswered() const { return aligned_ ? expected_count_ : 0; }

 private:
  enum class State : uint8_t {
    kStart, kStartLine, kFields, kUnknownBody, kLengthBody, kChunkSize, kChunkExtension, kChunkLf, kChunkData, kChunkDataCr,
    kChunkDataLf, kTrailer, kCloseBody, kLost, kCandidate, kPoisoned, kStopped,
  };

  struct Side {
    uint64_t position = 0;
    uint64_t remaining = 0;     // of a body or chunk
    std::unique_ptr<Message> open;
    std::string spill;          // a field line beyond the stored head, up to kMaxSpillBytes
    std::string_view reason{};  // why kInvalid; a constant
    HeadFacts facts;
    StartLineScan scan;
    uint32_t line_start = 0;    // of the line being gathered, in open->head or ->trailer
    uint32_t resume = 0;        // kCandidate, kUnknownBody: bytes already looked at
    State state = State::kStart;
    uint8_t digits = 0;         // of a chunk size
    bool saw_cr = false;        // the last byte was a CR that must be followed by LF
    bool spilling = false;      // the line being gathered is in `spill`
    bool spill_cut = false;     // and longer than that
    bool request_unknown = false;  // responses: which request it answers is not known
  };

  // What a final response answers.
  enum class Expected : uint8_t { kOrdinary, kHead, kConnect, kUnknown };

  const Side& side(Direction dir) const { return sides_[Index(dir)]; }
  Side& side(Direction dir) { return sides_[Index(dir)]; }

  ParseStep Step(Direction dir, std::string_view bytes, std::vector<Message>& out);
  ParseStep AtStart(Direction dir, std::string_view bytes, std::vector<Message>& out);
  ParseStep InStartLine(Direction dir, std::string_view bytes);
  ParseStep InCandidate(Direction dir, std::string_view bytes);
  ParseStep InFields(Direction dir, std::string_view bytes, std::vector<Message>& out);
  ParseStep InUnknownBody(Direction dir, std::string_view bytes, std::vector<Message>& out);
  ParseStep InLengthBody(Direction dir, std::string_view bytes, std::vector<Message>& out);
  ParseStep InChunkSize(Direction dir, std::string_view bytes, std::vector<Message>& out);
  ParseStep InChunkData(Direction dir, std::string_view bytes);
  ParseStep WholeHead(Direction dir, std::string_view bytes, std::vector<Message>& out);

  void BeginMessage(Direction dir, uint64_t start);
  void BeginStartLine(Direction dir);
  void EndHead(Direction dir, std::vector<Message>& out);
  void EndRequestHead(Side& s, std::vector<Message>& out);
  void EndResponseHead(Side& s, std::vector<Message>& out);
  void EnterBody(Direction dir, Framing framing, std::vector<Message>& out);
  void GatherLine(Side& s, std::string& text, size_t limit, std::string_view piece);
  void EndLine(Side& s, std::string& text, std::vector<FieldRef>& fields, bool is_trailer, bool& is_empty);
  void Complete(Direction dir, std::vector<Message>& out);
  void EndIncomplete(Direction dir, Incomplete why, std::vector<Message>& out);
  void Append(Side& s, std::vector<Message>& out);
  void Poison(Direction dir, std::string_view reason, std::vector<Message>& out);
  void Lose(Direction dir, std::string_view reason);
  ParseStep Stopped() const { return {ParseStatus::kStop, 0, stop_reason_}; }

  void Expect(Expected what);
  Expected NextExpected();
  void LoseAlignment();

  std::array<Side, 2> sides_;
  MessagePool* pool_ = nullptr;
  std::string_view stop_reason_{};  // set once the connection left HTTP
  // The methods of the unanswered requests, oldest in bit 0; exact while aligned_.
  uint64_t expected_head_ = 0;
  uint64_t expected_connect_ = 0;
  uint32_t expected_count_ = 0;
  bool aligned_ = true;   // every request since the start, or since a safe point, was seen
  bool held_ = false;     // the client asked to leave HTTP; its next bytes wait for the answer
};

}  // namespace wirespan::decoders::http1
