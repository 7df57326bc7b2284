#include "decoders/websocket/frame.h"

namespace wirespan::decoders::websocket {

std::string_view Name(Opcode opcode) {
  switch (opcode) {
    case Opcode::kContinuation:
      return "continuation";
    case Opcode::kText:
      return "text";
    case Opcode::kBinary:
      return "binary";
    case Opcode::kClose:
      return "close";
    case Opcode::kPing:
      return "ping";
    case Opcode::kPong:
      return "pong";
  }
  return {};
}

std::string_view HeaderScan::TakeFirst(uint8_t byte) {
  const auto opcode = static_cast<uint8_t>(byte & 0x0fU);
  const bool is_control = opcode >= 8;
  if (opcode > 10 || (opcode > 2 && !is_control)) return "reserved_opcode";
  // RFC 7692 6: RSV1 marks the first frame of a message, and no control frame. No extension of use has the others.
  const bool may_compress = opcode == 1 || opcode == 2;
  if ((byte & 0x30U) != 0 || ((byte & 0x40U) != 0 && !may_compress)) return "reserved_bits";
  if (is_control && (byte & 0x80U) == 0) return "fragmented_control";
  header_.opcode = static_cast<Opcode>(opcode);
  header_.is_final = (byte & 0x80U) != 0;
  header_.compressed = (byte & 0x40U) != 0;
  return {};
}

// The fewest bytes that can say a length say it (RFC 6455 5.2).
std::string_view HeaderScan::TakeLength(uint8_t byte) {
  const uint64_t length = length_ << 8U | byte;
  const bool is_last = size_ + 1 == 2 + length_bytes_;
  if (length > kMaxFrameBytes) return "frame_too_long";
  if (is_last && length < (length_bytes_ == 2 ? 126U : 65536U)) return "length_not_minimal";
  length_ = length;
  if (is_last) header_.length = length;
  return {};
}

std::string_view HeaderScan::Take(uint8_t byte) {
  std::string_view objection;
  if (size_ == 0) {
    objection = TakeFirst(byte);
  } else if (size_ == 1) {
    const auto length = static_cast<uint8_t>(byte & 0x7fU);
    if (header_.is_control() && length > kMaxControlBytes) return "long_control";
    header_.masked = (byte & 0x80U) != 0;
    header_.length = length < 126 ? length : 0;
    length_bytes_ = length < 126 ? 0 : length == 126 ? 2 : 8;
    needed_ = static_cast<uint8_t>(2 + length_bytes_ + (header_.masked ? 4 : 0));
  } else if (size_ < 2 + length_bytes_) {
    objection = TakeLength(byte);
  } else {
    header_.mask[size_ - 2U - length_bytes_] = byte;
  }
  if (objection.empty()) ++size_;
  return objection;
}

}  // namespace wirespan::decoders::websocket
