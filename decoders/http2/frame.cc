#include "decoders/http2/frame.h"

namespace wirespan::decoders::http2 {
namespace {

// The flags that a type has (RFC 9113 6); others must be ignored, but nobody sends them.
uint8_t KnownFlags(FrameType type) {
  switch (type) {
    case FrameType::kData:
      return kEndStream | kPadded;
    case FrameType::kHeaders:
      return kEndStream | kEndHeaders | kPadded | kHasPriority;
    case FrameType::kSettings:
    case FrameType::kPing:
      return kAck;
    case FrameType::kPushPromise:
      return kEndHeaders | kPadded;
    case FrameType::kContinuation:
      return kEndHeaders;
    default:
      return 0;
  }
}

bool IsKnown(FrameType type) {
  return type <= FrameType::kContinuation || type == FrameType::kAltSvc || type == FrameType::kOrigin ||
         type == FrameType::kPriorityUpdate;
}

// The least payload that padding, priority and promised stream need.
uint32_t LeastLength(const FrameHeader& header) {
  uint32_t least = 0;
  if (header.type == FrameType::kPushPromise) least += 4;
  if (header.type == FrameType::kHeaders && header.Has(kHasPriority)) least += 5;
  const bool can_be_padded =
      header.type == FrameType::kData || header.type == FrameType::kHeaders || header.type == FrameType::kPushPromise;
  return can_be_padded && header.Has(kPadded) ? least + 1 : least;
}

std::string_view LengthObjection(const FrameHeader& header) {
  const uint32_t length = header.length;
  switch (header.type) {
    case FrameType::kPriority:  // a stream error only (6.3), but no sender makes another
      return length == 5 ? "" : "bad_priority_length";
    case FrameType::kRstStream:
      return length == 4 ? "" : "bad_rst_stream_length";
    case FrameType::kSettings:
      return length % 6 == 0 && (length == 0 || !header.Has(kAck)) ? "" : "bad_settings_length";
    case FrameType::kPing:
      return length == 8 ? "" : "bad_ping_length";
    case FrameType::kGoAway:
      return length >= 8 ? "" : "bad_goaway_length";
    case FrameType::kWindowUpdate:
      return length == 4 ? "" : "bad_window_update_length";
    default:
      return length >= LeastLength(header) ? "" : "frame_too_short";
  }
}

std::string_view StreamObjection(const FrameHeader& header, Direction dir) {
  const bool is_zero = header.stream_id == 0;
  const bool is_odd = header.stream_id % 2 == 1;
  switch (header.type) {
    case FrameType::kSettings:
    case FrameType::kPing:
    case FrameType::kGoAway:
      return is_zero ? "" : "stream_on_connection_frame";
    case FrameType::kPushPromise:
      if (dir == Direction::kClientToServer) return "push_promise_by_client";
      return is_odd ? "" : "bad_stream";
    case FrameType::kHeaders:
    case FrameType::kContinuation:
    case FrameType::kData:
      if (is_zero) return "no_stream";
      return is_odd || dir == Direction::kServerToClient ? "" : "bad_stream";
    case FrameType::kPriority:
    case FrameType::kRstStream:
      return is_zero ? "no_stream" : "";
    default:
      return "";
  }
}

}  // namespace

uint32_t ReadUint32(std::span<const std::byte> bytes) {
  uint32_t value = 0;
  for (const std::byte b : bytes.first<4>()) value = value << 8U | static_cast<uint8_t>(b);
  return value;
}

FrameHeader ReadFrameHeader(std::span<const std::byte> bytes) {
  const uint32_t id = ReadUint32(bytes.subspan(5));
  return {.length = ReadUint32(bytes) >> 8U,
          .type = static_cast<FrameType>(bytes[3]),
          .flags = static_cast<uint8_t>(bytes[4]),
          .stream_id = id & kMaxStreamId,
          .reserved = id > kMaxStreamId};
}

std::string_view FrameObjection(const FrameHeader& header, Direction dir, uint32_t max_frame_size) {
  if (header.length > max_frame_size) return "frame_too_long";
  const std::string_view stream = StreamObjection(header, dir);
  return stream.empty() ? LengthObjection(header) : stream;
}

bool IsPlausible(const FrameHeader& header, Direction dir, uint32_t max_frame_size) {
  if (!IsKnown(header.type) || header.reserved || (header.flags & ~KnownFlags(header.type)) != 0) return false;
  if (!FrameObjection(header, dir, max_frame_size).empty()) return false;
  switch (header.type) {
    case FrameType::kData:
      return header.length > LeastLength(header) || header.Has(kEndStream);
    case FrameType::kHeaders:
    case FrameType::kContinuation:
      return header.length > LeastLength(header);
    case FrameType::kOrigin:
    case FrameType::kPriorityUpdate:
      return header.stream_id == 0 && header.length >= 4;
    case FrameType::kAltSvc:
      return header.length >= 2;
    default:
      return true;
  }
}

}  // namespace wirespan::decoders::http2
