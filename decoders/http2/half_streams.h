// HalfStreams: what one direction of each open stream needs to be counted: from its head to its END_STREAM. Owned by the
// decoder's side; the connection's thread. A head that ends its direction itself (most requests) never gets here. Open
// addressing: a look-up a frame, no allocation once it is as large as the most streams that were ever open at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "decoders/http2/grpc.h"

namespace wirespan::decoders::http2 {

// Open streams of one direction that are counted. Beyond, the older half is forgotten: what is told of those later says
// body_length_unknown.
inline constexpr size_t kMaxHalfStreams = 4096;

struct HalfStream {
  uint32_t id = 0;              // 0: an empty place
  bool has_final_head = false;  // the request head, or a response head that is not an interim one
  bool status_unknown = false;  // of that response head
  bool body_exact = true;       // no padding was hidden by a gap
  bool grpc_by_body = false;    // the content-type is not known: it is gRPC's body if it is framed so, from end to end
  uint64_t losses = 0;          // of the direction when the head was seen: since then nothing was lost where they are the same
  uint64_t body_length = 0;
  uint64_t last_end = 0;  // position after the last byte of it
  GrpcWalker grpc;
};

class HalfStreams {
 public:
  HalfStream* Find(uint32_t id);
  // The half-stream of that id, which is not there yet.
  HalfStream& Add(uint32_t id);
  // Does nothing where there is none.
  void Remove(uint32_t id);
  size_t size() const { return size_; }
  // Every id, in order.
  void Ids(std::vector<uint32_t>& out) const;
  void Clear();

 private:
  size_t PlaceOf(uint32_t id) const { return (id * 0x9e3779b1U >> 7U) & (places_.size() - 1); }
  void Grow();
  void ForgetOlderHalf();

  std::vector<HalfStream> places_;  // a power of two of them, at most half of them taken
  std::vector<uint32_t> ids_;       // scratch of ForgetOlderHalf
  size_t size_ = 0;
};

}  // namespace wirespan::decoders::http2
