#include "decoders/http2/grpc.h"

#include <algorithm>

namespace wirespan::decoders::http2 {
namespace {

constexpr uint8_t kCompressed = 0x01;
constexpr uint8_t kWebTrailers = 0x80;  // gRPC-Web: the trailers are the last message of the body
constexpr std::string_view kStatusName = "grpc-status:";
constexpr uint8_t kValueEnded =
    static_cast<uint8_t>(kStatusName.size()) + 1;  // of GrpcWalker::matched_: blanks behind the digits
constexpr uint8_t kOtherLine = kValueEnded + 1;
constexpr uint8_t kMaxStatusDigits = 3;

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
      if (in_trailers_) {
        for (const std::byte byte : bytes.first(passed)) TakeTrailer(static_cast<char>(byte));
      }
      left_ -= static_cast<uint32_t>(passed);
      bytes = bytes.subspan(passed);
      if (left_ == 0 && in_trailers_) EndTrailerLine();
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
  in_trailers_ = is_trailers && (flags_ & kCompressed) == 0;
  if (is_trailers) return;
  ++messages_;
  bytes_ += length_;
}

// One byte of trailers, "grpc-status: 5" and others, a line each. Names are to be of small letters; not all are.
void GrpcWalker::TakeTrailer(char c) {
  if (c == '\n') return EndTrailerLine();
  if (matched_ < kStatusName.size()) {
    const char small = c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
    matched_ = small == kStatusName[matched_] ? static_cast<uint8_t>(matched_ + 1) : kOtherLine;
  } else if (c == ' ' || c == '\t' || c == '\r') {
    if (digits_ > 0 && matched_ != kOtherLine) matched_ = kValueEnded;
  } else if (matched_ == kStatusName.size() && c >= '0' && c <= '9' && digits_ < kMaxStatusDigits) {
    number_ = static_cast<uint16_t>(number_ * 10 + (c - '0'));
    ++digits_;
  } else {
    matched_ = kOtherLine;
  }
}

void GrpcWalker::EndTrailerLine() {
  const bool is_status = matched_ == kStatusName.size() || matched_ == kValueEnded;
  if (is_status && digits_ > 0 && !web_status_) web_status_ = number_;
  matched_ = digits_ = 0;
  number_ = 0;
}

void GrpcWalker::Gap(uint64_t size) {
  if (size == 0 || lost_) return;
  if (size > left_) {
    lost_ = true;
    return;
  }
  left_ -= static_cast<uint32_t>(size);
  in_trailers_ = false;
}

GrpcCounts GrpcWalker::Counts(bool ended) const {
  return {.messages = messages_,
          .bytes = bytes_,
          .exact = !lost_ && !(ended && (left_ > 0 || prefix_bytes_ > 0)),
          .web_status = web_status_};
}

}  // namespace wirespan::decoders::http2
