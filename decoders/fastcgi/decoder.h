// fastcgi::Decoder: both directions of one FastCGI connection (FastCGI Specification 1.0) to messages. Owned by the connection,
// used by its thread. Everything given is consumed at once, but for a start that Resync only suspects. Bodies are never stored.
// Requests of a connection may follow each other before they are answered, as long as they are sent, and answered, one after the
// other; a connection on which they are interleaved is left (kStop), for in order is how its responses are paired.
//
// A request ends with the last byte of the body that CONTENT_LENGTH announces, else with its parameters; or with the record that
// ends its STDIN, an ABORT_REQUEST, or the END_REQUEST of its response. Servers need not read what comes behind that (the empty
// STDIN record, a body they have no use for) before they answer: records of no open request are passed over.
#pragma once

#include <array>

#include "decoders/fastcgi/head_scan.h"
#include "decoders/fastcgi/message.h"
#include "decoders/fastcgi/record.h"
#include "decoders/fastcgi/resync.h"
#include "decoders/in_order_decoder.h"
#include "decoders/tail.h"

namespace wirespan::decoders::fastcgi {

inline constexpr size_t kMaxUnanswered = 16;  // requests sent ahead of their responses; beyond: kStop

// A direction: in the header of a record, or in its content and padding.
struct DecoderSide : InOrderSide<Message> {
  enum class State : uint8_t { kHeader, kContent };
  // What becomes of the content of the record in progress.
  enum class Use : uint8_t { kSkip, kBegin, kEnd, kParameters, kBody };

  State state = State::kHeader;
  Use use = Use::kSkip;
  HeaderScan header;
  uint32_t content_left = 0;
  uint32_t padding_left = 0;
  std::array<uint8_t, kBodyBytes> body{};  // of BEGIN_REQUEST, END_REQUEST, as far as it came
  uint8_t body_bytes = 0;
  bool head_done = false;                // of the open message: its parameters, or the response's head, ended
  bool head_cut = false;                 // and part of them was not seen
  bool after_request = false;            // requests: the last one ended before the record that ends its STDIN
  Tail<kHeaderBytes + kBodyBytes> tail;  // kAdrift: since the last gap; END_REQUEST fits
};

class Decoder : public InOrderDecoder<Decoder, DecoderSide, Message> {
  using Base = InOrderDecoder<Decoder, DecoderSide, Message>;
  friend Base;

 public:
  // `pool` may be null: then messages are allocated anew.
  explicit Decoder(MessagePool* pool = nullptr) : Base(pool) {}

  // The message in progress once its head is complete, or will never be seen whole; null otherwise. Valid until the next call of
  // a non-const function.
  const Message* OpenMessage(Direction dir) const;
  // Where the message in progress began, from the byte on that tells that one did; nullopt between messages.
  std::optional<uint64_t> OpenStart(Direction dir) const;
  // Bytes still to come of a record of body; 0 in any other place.
  uint64_t BodyLeft(Direction dir) const;
  // A call of the program ended with the last byte given. True: so did the message adrift, for the record that ends such a
  // message stands there with its number: END_REQUEST, or the empty STDIN. The next record follows: the direction is in step
  // again.
  bool EndsHere(Direction dir, Messages& out);

 private:
  using Side = DecoderSide;
  using State = Side::State;
  using Use = Side::Use;

  // For InOrderDecoder.
  static constexpr StartMatcher kMatchStart = &fastcgi::MatchStart;
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

  // Why the record cannot follow here (kInvalid), or the connection is to be left (has_left()); empty: it can.
  std::string_view Doubt(const Side& s, const RecordHeader& header);
  std::string_view DoubtOfRequest(const Side& s, const RecordHeader& header);
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
  void Append(Side& s, Messages& out);

  void LoseContent(Side& s, uint32_t size, Messages& out);
  static bool TailIsEnd(const Side& s);

  ParameterScan parameters_;                           // of the open request
  ResponseHeadScan head_;                              // of the open response
  std::array<uint16_t, kMaxUnanswered> unanswered_{};  // request ids, oldest first
  size_t unanswered_count_ = 0;
  uint64_t last_exchange_ = 0;
  uint16_t last_request_id_ = 0;  // of the request that began last
  bool aligned_ = true;           // the next response answers the oldest of them
};

}  // namespace wirespan::decoders::fastcgi
