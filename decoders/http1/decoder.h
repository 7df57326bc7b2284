// http1::Decoder: both directions of one HTTP/1.0 or 1.1 connection (RFC 9112, RFC 9110) to messages. Owned by the connection,
// used by its thread. Everything given is consumed at once, whatever its size: the caller buffers nothing but the tail of a
// Resync and the bytes that a client sent while its upgrade or CONNECT was not answered yet (then Decode says kNeedMore). Bodies
// are never stored.
//
// | state of a direction | next bytes are                         | leaves it                                               |
// | -------------------- | -------------------------------------- | ------------------------------------------------------- |
// | kStart               | empty lines, then a start line         | first byte of a start line; held: kNeedMore; kStop      |
// | kStartLine           | the rest of the start line             | its LF; kInvalid at the offending byte                  |
// | kFields, kTrailer    | field lines                            | the empty line                                          |
// | kUnknownBody         | a body or, to HEAD, the next response  | enough bytes to tell (the request was not seen)         |
// | kLengthBody          | body bytes, `remaining` of them        | remaining == 0                                          |
// | kChunk...            | chunk-size line, data, CRLF            | size 0 -> kTrailer                                      |
// | kCloseBody           | body bytes to the direction's end      | OnClose                                                 |
// | kAdrift              | what is left of a message, no framing  | what proves that it ended: see Adrift                   |
// | kLost                | unknown: after a gap or kInvalid       | Resync                                                  |
// | kCandidate           | perhaps a start line that Resync found | its LF -> kFields; kInvalid                             |
// | kPoisoned            | unknown: the framing was ambiguous     | never: what follows could be the body of that message   |
// | kStopped             | another protocol                       | never                                                   |
#pragma once

#include <array>
#include <memory>
#include <string>

#include "decoders/http1/head_parser.h"
#include "decoders/http1/message.h"
#include "decoders/http1/resync.h"

namespace wirespan::decoders::http1 {

inline constexpr size_t kMaxPipelined = 64;                 // unanswered requests whose kind is remembered; beyond: it is unknown
inline constexpr size_t kMaxHeldBytes = size_t{16} * 1024;  // sent after an unanswered upgrade; beyond: decoded as HTTP

class Decoder {
 public:
  using Message = http1::Message;
  using Messages = http1::Messages;
  using MessagePool = http1::MessagePool;

  // `pool` may be null: then messages are allocated anew.
  explicit Decoder(MessagePool* pool = nullptr) : pool_(pool) { sides_[Index(Direction::kServerToClient)].is_request = false; }
  Decoder(Decoder&&) = default;
  Decoder& operator=(Decoder&&) = default;
  ~Decoder() = default;

  // From now on heads keep only the fields that spans are made of (kRequestFieldsOfSpans), and of requests those of `also`, by
  // NameBit. Before the first byte.
  void KeepFieldsOfSpans(uint64_t also) {
    side(Direction::kClientToServer).wanted = kRequestFieldsOfSpans | also;
    side(Direction::kServerToClient).wanted = kResponseFieldsOfSpans;
  }

  // The contract of decoders/decoder.h.
  ParseStep Decode(Direction dir, std::span<const std::byte> bytes, Messages& out);
  std::optional<size_t> Resync(Direction dir, std::span<const std::byte> bytes);
  bool OnGap(Direction dir, size_t size, Messages& out);
  void OnClose(Direction dir, Messages& out);
  void Skip(Direction dir, size_t size);
  uint64_t Position(Direction dir) const { return side(dir).position; }

  // The message in progress once its head is complete, or adrift; null otherwise. Valid until the next call of a non-const
  // function.
  const Message* OpenMessage(Direction dir) const;
  // Where the message in progress began, even if only one byte of it was seen; nullopt between messages.
  std::optional<uint64_t> OpenStart(Direction dir) const;
  // Bytes still to come of a body whose length its head tells; 0 in any other place.
  uint64_t BodyLeft(Direction dir) const { return side(dir).state == State::kLengthBody ? side(dir).remaining : 0; }
  // False while the direction's place in the protocol is not known: after kInvalid or an unabsorbed gap, until a start was found.
  bool Synced(Direction dir) const;
  // True where the direction can never be decoded again on this connection (kPoisoned): Resync always answers nullopt.
  bool Poisoned(Direction dir) const { return side(dir).state == State::kPoisoned; }

  // A message is adrift where a gap took its framing: in a head, behind the start line, or over the end of a chunk. Whatever
  // follows in its direction is passed over as part of it, in O(1), until something proves that it ended: the final response to
  // it begins, a request begins after it, the direction closes, or one of the two calls below. Then the direction needs Resync.
  // Not where several requests are open at once: there a turn proves nothing, and the gap ends the message at once.
  bool Adrift(Direction dir) const { return side(dir).state == State::kAdrift; }
  bool AnyAdrift() const { return Adrift(Direction::kClientToServer) || Adrift(Direction::kServerToClient); }
  // A call of the program ended with the last byte given. True: so did the message adrift, for the end of a chunked body stands
  // there. A body may hold such bytes too: what follows in the same turn is not to be believed.
  bool EndsHere(Direction dir, Messages& out);
  // The message adrift is over, as the caller knows from elsewhere. `is_whole` false: part of it was not seen.
  void EndAdrift(Direction dir, bool is_whole, Messages& out);

  // After kStop: the name of the protocol that goes on, where there is a decoder for it (decoders/registry.h); else empty.
  std::string_view Successor() const { return successor_; }

  // Requests whose final response has not begun; 0 where that is not known.
  size_t Unanswered() const { return aligned_ ? expected_count_ : 0; }

 private:
  enum class State : uint8_t {
    kStart,
    kStartLine,
    kFields,
    kUnknownBody,
    kLengthBody,
    kChunkSize,
    kChunkPadding,
    kChunkExtension,
    kChunkLf,
    kChunkData,
    kChunkDataCr,
    kChunkDataLf,
    kTrailer,
    kCloseBody,
    kAdrift,
    kLost,
    kCandidate,
    kPoisoned,
    kStopped,
  };

  struct Side {
    uint64_t position = 0;
    uint64_t remaining = 0;        // of a body or chunk
    uint64_t wanted = kAllFields;  // fields of a head
    uint64_t tail = 0;             // kAdrift: the last bytes since the last gap, the latest lowest
    std::unique_ptr<Message> open;
    std::string spill;          // a field line that is not stored, up to kMaxSpillBytes
    std::string_view reason{};  // of kLost and kPoisoned; a constant
    HeadFacts facts;
    StartLineScan scan;
    uint32_t line_start = 0;  // of the line being gathered, in open->head or ->trailer
    uint32_t looked_at = 0;   // kCandidate: bytes the scan has had
    State state = State::kStart;
    Framing framing = Framing::kNone;
    uint8_t chunk_digits = 0;
    uint8_t tail_bytes = 0;  // of `tail`, at most 8
    bool saw_cr = false;     // kStart: a CR that must be followed by LF
    bool spilling = false;   // the line being gathered is in `spill`
    bool spill_cut = false;  // and is longer than that
    bool is_request = true;
  };

  // What a final response answers.
  enum class Expected : uint8_t { kOrdinary, kHead, kConnect, kUnknown };

  const Side& side(Direction dir) const { return sides_[Index(dir)]; }
  Side& side(Direction dir) { return sides_[Index(dir)]; }

  // One state's share of `bytes` (never empty). Each moves `position` by what it consumed.
  ParseStep Step(Side& s, std::string_view bytes, Messages& out);
  ParseStep AtStart(Side& s, std::string_view bytes, Messages& out);
  ParseStep InStartLine(Side& s, std::string_view bytes);
  ParseStep InCandidate(Side& s, std::string_view bytes, Messages& out);
  ParseStep InFields(Side& s, std::string_view bytes, Messages& out);
  ParseStep InUnknownBody(Side& s, std::string_view bytes, Messages& out);
  void SkipUnknownBody(Side& s, size_t size);
  ParseStep InBody(Side& s, std::string_view bytes, Messages& out);
  ParseStep InChunkHead(Side& s, std::string_view bytes, Messages& out);
  ParseStep InChunkData(Side& s, std::string_view bytes, Messages& out);
  ParseStep InAdrift(Side& s, std::string_view bytes);
  bool TryPlainHead(Side& s, std::string_view bytes, Messages& out, size_t& used);

  void BeginMessage(Side& s, Messages& out);
  void EndStartLine(Side& s);
  void GatherLine(Side& s, std::string& text, size_t limit, std::string_view piece);
  // True: the line that was gathered is the empty one.
  bool EndLine(Side& s, std::string& text, std::vector<FieldRef>& fields);
  void EndHead(Side& s, Messages& out);
  void EndRequestHead(Side& s, Messages& out);
  void EndResponseHead(Side& s, Messages& out);
  void EnterBody(Side& s, Messages& out);
  void EnterChunk(Side& s);
  bool TakeChunkHeadByte(Side& s, char c);
  bool AbsorbGap(Side& s, size_t size, Messages& out);
  // A gap took the framing of the open message. False: it cannot go on without.
  bool Drift(Side& s, Messages& out);
  bool MayDrift(const Side& s) const;
  void CutHead(Side& s, Messages& out);
  void EndAdrift(Side& s, Incomplete why, Messages& out);
  static bool TailEndsWith(const Side& s, std::string_view end);
  void Complete(Side& s, Messages& out);
  void EndIncomplete(Side& s, Incomplete why, Messages& out);
  void Append(Side& s, Messages& out);
  void DropOpen(Side& s);
  // After these the direction is kPoisoned, kLost.
  void Poison(Side& s, std::string_view reason, Messages& out);
  void Lose(Side& s, std::string_view reason);
  void LeaveHttp(std::string_view reason) { stop_reason_ = reason; }

  void RequestBegins(Messages& out);
  // `exchange` becomes the number of the request, of the request that the response answers.
  void ExpectAnswer(Message& request);
  // The final response `answer` begins; what it answers. A request adrift has ended with that.
  Expected BeginAnswer(Message& answer, Messages& out);
  void Expect(Expected what, uint64_t& exchange);
  Expected NextExpected(uint64_t& exchange);
  void LoseAlignment();

  std::array<Side, 2> sides_;
  MessagePool* pool_ = nullptr;
  std::string_view stop_reason_{};  // set once the connection left HTTP
  std::string_view successor_{};
  // The unanswered requests; of the oldest `expected_kinds_`, from bit 0 on, which are HEAD and which CONNECT.
  uint64_t expected_head_ = 0;
  uint64_t expected_connect_ = 0;
  uint32_t expected_kinds_ = 0;
  uint32_t expected_count_ = 0;
  uint64_t last_exchange_ = 0;
  bool aligned_ = true;        // the next final response answers the oldest of them
  bool held_ = false;          // the client asked to leave HTTP; its next bytes wait for the answer
  bool did_not_wait_ = false;  // held_: and there are such bytes
};

}  // namespace wirespan::decoders::http1
