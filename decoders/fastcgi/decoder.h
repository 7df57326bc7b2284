// fastcgi::Decoder: both directions of one FastCGI connection (FastCGI Specification 1.0) to messages. Owned by the connection,
// used by its thread. Everything given is consumed at once, but for a start that Resync only suspects. Bodies are never stored.
// Requests of a connection may follow each other before they are answered, as long as they are sent, and answered, one after the
// other; a connection on which they are interleaved is left (kStop), for in order is how its responses are paired.
//
// | state of a direction | next bytes are                       | leaves it | | -------------------- |
// ------------------------------------ | --------------------------------------------------------------- | | kHeader | a record's
// header                    | its 8th byte; kInvalid at the offending byte; kStop             | | kContent             | its
// content, then its padding        | content_left + padding_left == 0 -> kHeader                     | | kAdrift              |
// what is left of a message, no framing | what proves that it ended: see Adrift                           | | kLost | unknown:
// after a gap or kInvalid     | Resync                                                          | | kCandidate           |
// perhaps a start that Resync found    | enough bytes to tell -> kHeader; kInvalid                       | | kPoisoned | beyond
// all positions                 | never                                                           |
//
// A request ends with the last byte of the body that CONTENT_LENGTH announces, else with its parameters; or with the record that
// ends its STDIN, an ABORT_REQUEST, or the END_REQUEST of its response. Servers need not read what comes behind that (the empty
// STDIN record, a body they have no use for) before they answer: records of no open request are passed over.
#pragma once

#include <array>
#include <memory>

#include "decoders/fastcgi/head_scan.h"
#include "decoders/fastcgi/message.h"
#include "decoders/fastcgi/record.h"

namespace wirespan::decoders::fastcgi {

inline constexpr size_t kMaxUnanswered = 16;  // requests sent ahead of their responses; beyond: kStop

class Decoder {
 public:
  using Message = fastcgi::Message;
  using Messages = fastcgi::Messages;
  using MessagePool = fastcgi::MessagePool;

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

  // The message in progress once its head is complete, or will never be seen whole; null otherwise. Valid until the next call of
  // a non-const function.
  const Message* OpenMessage(Direction dir) const;
  // Where the message in progress began, from the byte on that tells that one did; nullopt between messages.
  std::optional<uint64_t> OpenStart(Direction dir) const;
  // Bytes still to come of a record of body; 0 in any other place.
  uint64_t BodyLeft(Direction dir) const;
  // False while the direction's place in the protocol is not known: after kInvalid or an unabsorbed gap, until a start was found.
  bool Synced(Direction dir) const;
  // True where the direction can never be decoded again on this connection.
  bool Poisoned(Direction dir) const { return side(dir).state == State::kPoisoned; }

  // A message is adrift where a gap took the header of a record of it. Whatever follows in its direction is passed over as part
  // of it, in O(1), until something proves that it ended: of a request, that the response to it begins; of a response, that a
  // request begins after it; that the direction closes; or one of the two calls below.
  bool Adrift(Direction dir) const { return side(dir).state == State::kAdrift; }
  bool AnyAdrift() const { return Adrift(Direction::kClientToServer) || Adrift(Direction::kServerToClient); }
  // A call of the program ended with the last byte given. True: so did the message adrift, for the record that ends such a
  // message stands there with its number: END_REQUEST, or the empty STDIN. The next record follows: the direction is in step
  // again.
  bool EndsHere(Direction dir, Messages& out);
  // The message adrift is over, as the caller knows from elsewhere. `is_whole` false: part of it was not seen.
  void EndAdrift(Direction dir, bool is_whole, Messages& out);

 private:
  enum class State : uint8_t { kHeader, kContent, kAdrift, kLost, kCandidate, kPoisoned };
  // What becomes of the content of the record in progress.
  enum class Use : uint8_t { kSkip, kBegin, kEnd, kParameters, kBody };

  static constexpr size_t kTailBytes = kHeaderBytes + kBodyBytes;  // END_REQUEST

  struct Side {
    Direction direction = Direction::kClientToServer;
    State state = State::kHeader;
    Use use = Use::kSkip;
    uint64_t position = 0;
    std::unique_ptr<Message> open;
    std::string_view reason{};  // of kLost and kPoisoned; a constant
    HeaderScan header;
    uint32_t content_left = 0;
    uint32_t padding_left = 0;
    std::array<uint8_t, kBodyBytes> body{};  // of BEGIN_REQUEST, END_REQUEST, as far as it came
    uint8_t body_bytes = 0;
    bool head_done = false;                  // of the open message: its parameters, or the response's head, ended
    bool head_cut = false;                   // and part of them was not seen
    bool after_request = false;              // requests: the last one ended before the record that ends its STDIN
    std::array<uint8_t, kTailBytes> tail{};  // kAdrift: the last bytes since the last gap, the latest last
    uint8_t tail_bytes = 0;

    bool is_request() const { return direction == Direction::kClientToServer; }
  };

  const Side& side(Direction dir) const { return sides_[Index(dir)]; }
  Side& side(Direction dir) { return sides_[Index(dir)]; }
  Side& requests() { return side(Direction::kClientToServer); }
  Side& responses() { return side(Direction::kServerToClient); }

  // One state's share of `bytes` (never empty). Each moves `position` by what it consumed.
  ParseStep InHeader(Side& s, std::string_view bytes, Messages& out);
  ParseStep InContent(Side& s, std::string_view bytes, Messages& out);
  ParseStep InAdrift(Side& s, std::string_view bytes);
  ParseStep InCandidate(Side& s, std::string_view bytes);

  // Why the record cannot follow here (kInvalid), or the connection is to be left (`stop_reason_` is set); empty: it can.
  std::string_view Refuse(const Side& s, const RecordHeader& header);
  std::string_view RefuseOfRequest(const Side& s, const RecordHeader& header);
  void EnterRecord(Side& s, const RecordHeader& header, Messages& out);
  Use EnterRequestRecord(Side& s, const RecordHeader& header, Messages& out);
  Use EnterResponseRecord(Side& s, const RecordHeader& header, Messages& out);
  void EndContent(Side& s, Messages& out);
  void TakeBody(Side& s, std::string_view bytes, Messages& out);
  void CountBody(Side& s, uint64_t size, Messages& out);

  void BeginMessage(Side& s, uint16_t request_id, uint64_t start);
  void BeginRequest(Side& s, uint16_t request_id, Messages& out);
  void BeginAnswer(Side& s, uint16_t request_id, Messages& out);
  void EndParameters(Side& s, Messages& out);
  void EndResponseHead(Side& s, bool is_whole);
  // END_REQUEST, of which `body` was seen or, if null, was not.
  void EndAnswer(Side& s, const uint8_t* body, Messages& out);
  void CompleteRequest(Side& s, uint64_t end, Messages& out);
  void EndIncomplete(Side& s, Incomplete why, Messages& out);
  void Append(Side& s, Messages& out);

  bool AbsorbGap(Side& s, uint64_t size, Messages& out);
  void LoseContent(Side& s, uint32_t size, Messages& out);
  // A gap took the framing of the open message. False: it cannot go on without.
  bool Drift(Side& s, Messages& out);
  void EndAdrift(Side& s, Incomplete why, Messages& out);
  bool TailIsEnd(const Side& s) const;
  // Afterwards the direction is kLost, and which request the next response answers is not known.
  void Lose(Side& s, std::string_view reason);

  std::array<Side, 2> sides_;
  MessagePool* pool_ = nullptr;
  std::string_view stop_reason_{};                     // set once the connection is left
  ParameterScan parameters_;                           // of the open request
  ResponseHeadScan head_;                              // of the open response
  std::array<uint16_t, kMaxUnanswered> unanswered_{};  // request ids, oldest first
  size_t unanswered_count_ = 0;
  uint64_t last_exchange_ = 0;
  uint16_t last_request_id_ = 0;  // of the request that began last
  bool aligned_ = true;           // the next response answers the oldest of them
};

}  // namespace wirespan::decoders::fastcgi
