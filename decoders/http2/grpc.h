// Counting the messages of a gRPC stream (gRPC over HTTP/2, "Length-Prefixed-Message": one byte of flags, four of length, then
// the message), in one direction. The prefixes may be split anywhere over DATA frames, and what is behind them need not have been
// seen. gRPC-Web has its trailers in the body, as the last message (PROTOCOL-WEB.md): of these the status is read. Pure; owned by
// a half-stream of the decoder.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace wirespan::decoders::http2 {

// What kind of body a content-type announces. kGrpcWebText is base64 and is not walked.
enum class GrpcKind : uint8_t { kNone, kGrpc, kGrpcWeb, kGrpcWebText };
// application/grpc, application/grpc+proto, application/grpc;..., and the same of -web and -web-text. Case-insensitive.
GrpcKind GrpcKindOf(std::string_view content_type);

struct GrpcCounts {
  uint64_t messages = 0;  // whose prefix was seen whole
  uint64_t bytes = 0;     // that those prefixes announce, prefixes not counted; as sent (perhaps compressed)
  bool exact = true;      // false: a prefix was not seen, or is none, or the stream ended inside a message: there may be more
  std::optional<uint16_t> web_status{};  // the first grpc-status of gRPC-Web's trailers, of up to three digits
  bool operator==(const GrpcCounts&) const = default;
};

class GrpcWalker {
 public:
  GrpcWalker() = default;
  explicit GrpcWalker(GrpcKind kind) : kind_(kind), lost_(kind == GrpcKind::kGrpcWebText) {}

  // The next bytes of DATA; the next `size` bytes of DATA that were not seen. O(1) per byte at worst.
  void Feed(std::span<const std::byte> bytes);
  void Gap(uint64_t size);
  // From here on nothing is known: frames were lost.
  void Lose() { lost_ = true; }

  // So far; `ended`: the stream has no more DATA.
  GrpcCounts Counts(bool ended) const;
  GrpcKind kind() const { return kind_; }

 private:
  void EndPrefix();
  void TakeTrailer(char c);
  void EndTrailerLine();

  uint64_t messages_ = 0;
  uint64_t bytes_ = 0;
  uint32_t left_ = 0;    // of the message being passed over
  uint32_t length_ = 0;  // gathered from the prefix
  uint8_t flags_ = 0;
  uint8_t prefix_bytes_ = 0;  // gathered, at most 4: the fifth ends the prefix
  // gRPC-Web's trailers: how much of a line is the name of the status, the digits behind it, and what they came to.
  uint8_t matched_ = 0;
  uint8_t digits_ = 0;
  uint16_t number_ = 0;
  std::optional<uint16_t> web_status_;
  bool in_trailers_ = false;
  GrpcKind kind_ = GrpcKind::kNone;
  bool lost_ = false;
};

}  // namespace wirespan::decoders::http2
