// What the decoder says of a stream: one header block, its end, its reset (RFC 9113). Requests and responses are put together
// from these by stream id: keep the head and Absorb what follows in its direction. Bodies are never stored.
#pragma once

#include <cstdint>
#include <string_view>

#include "decoders/decoder.h"
#include "decoders/http2/field_list.h"
#include "decoders/http2/grpc.h"
#include "decoders/message_pool.h"

namespace wirespan::decoders::http2 {

enum class MessageKind : uint8_t {
  kRequestHead,
  kResponseHead,  // final (RFC 9110 15), or of unknown status: then `status` is 0, and a later kResponseHead of the stream
                  // replaces it
  kInterim,       // 1xx: the final one follows
  kTrailers,      // ends its direction of the stream
  kUnknownBlock,  // a block that ends its direction, head or trailers: seen after a loss, its first name unknown
  kEnd,           // END_STREAM on a DATA frame; or, `incomplete`, the direction was closed or the stream reset under it
  kReset,         // RST_STREAM: both directions of the stream are over
  kPushPromise,   // by the server: the fields are the request of the stream `promised_id`, whose response may follow
  kGoAway,        // of the connection: streams beyond `last_stream_id` were and will not be processed
};
std::string_view Name(MessageKind kind);  // "request_head"

struct Message {
  MessageKind kind = MessageKind::kRequestHead;
  Direction direction = Direction::kClientToServer;  // in which it travelled
  // Of a request: kRequestHead, kPushPromise, and what else the client sends on a stream.
  bool is_request = true;
  bool end_stream = false;           // nothing follows in this direction of the stream
  bool body_length_unknown = false;  // `body_length` and `grpc` count only part: a loss, or the stream began before
  bool is_reset = false;             // RST_STREAM: of a kReset, and of what absorbed one or was ended by one
  // `grpc` is of a body that its content-type announced as gRPC's; or, where that is not known, that is framed so from end to end
  // (said with its end only).
  bool is_grpc = false;
  // kGap: part of the block, or what came before the end, was not seen; the fields are the beginning of the block. kClosed: the
  // direction was closed, or the stream reset, before the stream's end. kAmbiguous: a block that readers must refuse (RFC
  // 9113 8.1.1, 8.3; RFC 7541): no span is made of it.
  Incomplete incomplete = Incomplete::kNo;
  uint16_t status = 0;  // kResponseHead, kInterim: 0 where not known
  uint32_t stream_id = 0;
  uint32_t promised_id = 0;     // kPushPromise
  uint32_t last_stream_id = 0;  // kGoAway
  uint32_t error_code = 0;      // is_reset, kGoAway (RFC 9113 7)
  uint64_t start = 0;           // position of the first byte of the first frame
  uint64_t head_end = 0;        // position after the block; 0 where there is none, or part of it was not seen
  uint64_t end = 0;             // position after the last byte of the last frame
  uint64_t body_length = 0;     // bytes of DATA, without padding, in this direction of the stream so far; gaps counted
  GrpcCounts grpc;              // of the same bytes, where is_grpc
  FieldList fields;             // of a block, in order; pseudo-header fields too
  FieldList trailers;           // of a head that absorbed its trailers

  bool complete() const { return incomplete == Incomplete::kNo; }
  // Pseudo-header fields (RFC 9113 8.3, RFC 8441 4): empty where absent or not known.
  std::string_view method() const { return fields.Get(":method"); }
  std::string_view scheme() const { return fields.Get(":scheme"); }
  std::string_view authority() const { return fields.Get(":authority"); }
  std::string_view path() const { return fields.Get(":path"); }
  std::string_view protocol() const { return fields.Get(":protocol"); }
  // Of a field of `fields`.
  std::string_view Name(const Field& field) const { return fields.Name(field); }
  std::string_view Value(const Field& field) const { return fields.Value(field); }
  // Of the block; empty where absent or not known.
  std::string_view Header(std::string_view name) const { return fields.Get(name); }
  // Of the trailers, else of the block: in "trailers-only" responses of gRPC they are one.
  std::string_view Trailer(std::string_view name) const;

  // Makes this head one with a later message of the same stream and direction (kTrailers, kUnknownBlock, kEnd, kReset): its
  // end, body, trailers, and what is missing. Swaps buffers: `later` may be given back to the pool, its content is not to be
  // used.
  void Absorb(Message& later);
  // Back to the empty message; keeps the buffers, which take BufferBytes().
  void Clear();
  size_t BufferBytes() const { return fields.BufferBytes() + trailers.BufferBytes(); }
};

using MessagePool = decoders::MessagePool<Message>;

}  // namespace wirespan::decoders::http2
