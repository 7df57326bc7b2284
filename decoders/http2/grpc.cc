#include "decoders/http2/grpc.h"

#include <algorithm>

namespace wirespan::decoders::http2 {
namespace {

constexpr uint8_t kCompressed = 0x01;
constexpr uint8_t kWebTrailers = 0x80;  // gRPC-Web: the trailers are the last message of the body

bool TakePrefix(std::string_view& text, std::string_view lower_case) {
  if (text.size() < lower_case.size()) return false;
  for (size_t i = 0; i < lower_case.size(); ++i) {
    const char c = text[i] >= 'A' && text[i] <= 'Z' ? static_cast<char>(text[i] + ('a' - 'A')) : text[i];
    if (c != lower_case[i]) return false;
  }
  text.remove_prefix(lower_case.size());
  return true;
}

}  // namespace

GrpcKind GrpcKindOf(std::string_view content_type) {
  if (!TakePrefix(content_type, "application/grpc")) return GrpcKind::kNone;
  GrpcKind kind = GrpcKind::kGrpc;
  if (TakePrefix(content_type, "-web")) {
    kind = TakePrefix(content_type, "-text") ? GrpcKind::kGrpcWebText : GrpcKind::kGrpcWeb;
  }
  const bool ends = content_type.empty() || content_type[0] == '+' || content_type[0] == ';' || content_type[0] == ' ';
  return ends ? kind : GrpcKind::kNone;
}

void GrpcWalker::Feed(std::span<const std::byte> bytes) {
  while (!bytes.empty() && !lost_) {
    if (left_ > 0) {
      const size_t passed = std::min<size_t>(left_, bytes.size());
      left_ -= static_cast<uint32_t>(passed);
      bytes = bytes.subspan(passed);
      continue;
    }
    const auto byte = static_cast<uint8_t>(bytes[0]);
    bytes = bytes.subspan(1);
    if (prefix_bytes_ == 0) {
      flags_ = byte;
      length_ = 0;
    } else {
      length_ = length_ << 8U | byte;
    }
    if (prefix_bytes_ < 4) {
      ++prefix_bytes_;
    } else {
      EndPrefix();
    }
  }
}

void GrpcWalker::EndPrefix() {
  prefix_bytes_ = 0;
  const bool is_trailers = kind_ == GrpcKind::kGrpcWeb && (flags_ & ~kCompressed) == kWebTrailers;
  if (!is_trailers && (flags_ & ~kCompressed) != 0) {
    lost_ = true;
    return;
  }
  left_ = length_;
  if (is_trailers) return;
  ++messages_;
  bytes_ += length_;
}

void GrpcWalker::Gap(uint64_t size) {
  if (size == 0 || lost_) return;
  if (size > left_) {
    lost_ = true;
    return;
  }
  left_ -= static_cast<uint32_t>(size);
}

GrpcCounts GrpcWalker::Counts(bool ended) const {
  return {.messages = messages_, .bytes = bytes_, .exact = !lost_ && !(ended && (left_ > 0 || prefix_bytes_ > 0))};
}

}  // namespace wirespan::decoders::http2
