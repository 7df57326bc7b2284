#include "tests/unit/decoders/websocket_wire.h"

namespace wirespan::testing {
namespace {

std::string Encode(const Frame& frame, bool masked) {
  std::string bytes(1, static_cast<char>((frame.final ? 0x80U : 0U) | (frame.rsv1 ? 0x40U : 0U) | frame.opcode));
  const uint64_t length = frame.payload.size();
  unsigned length_bytes = frame.length_bytes;
  if (length_bytes == 0) length_bytes = length < 126 ? 1 : length < 65536 ? 2 : 8;
  const uint64_t first = length_bytes == 1 ? length : length_bytes == 2 ? 126 : 127;
  bytes += static_cast<char>((masked ? 0x80U : 0U) | first);
  for (unsigned i = length_bytes == 1 ? 0 : length_bytes; i > 0; --i) bytes += static_cast<char>(length >> 8U * (i - 1));
  if (!masked) return bytes + frame.payload;
  constexpr std::string_view kMask = "\x37\xfa\x21\x3d";
  bytes += kMask;
  for (size_t i = 0; i < frame.payload.size(); ++i) bytes += static_cast<char>(frame.payload[i] ^ kMask[i % 4]);
  return bytes;
}

}  // namespace

std::string Rendering<decoders::websocket::Message>::Of(const decoders::websocket::Message& message) {
  std::string line = "message ";
  line.append(Name(message.direction)).append(" ").append(std::to_string(message.start)).append("-");
  line.append(std::to_string(message.end)).append(" ").append(Name(message.incomplete)).append(" ");
  line.append(decoders::websocket::Name(message.opcode)).append(" ").append(std::to_string(message.length));
  if (message.frames != 1) line.append(" frames=").append(std::to_string(message.frames));
  if (message.compressed) line.append(" compressed");
  if (message.close_code != 0) line.append(" code=").append(std::to_string(message.close_code));
  if (!message.reason.empty()) line.append(" ").append(Escape(message.reason));
  if (!message.fault.empty()) line.append(" fault=").append(message.fault);
  return line;
}

std::string FrameOf(Direction dir, const Frame& frame) { return Encode(frame, dir == kC2s); }
std::string UnmaskedFrame(const Frame& frame) { return Encode(frame, false); }
std::string MaskedFrame(const Frame& frame) { return Encode(frame, true); }

std::string CloseFrame(Direction dir, uint16_t code, std::string_view reason) {
  std::string payload;
  payload += static_cast<char>(code >> 8U);
  payload += static_cast<char>(code & 0xffU);
  return FrameOf(dir, {.opcode = 8, .payload = payload + std::string(reason)});
}

}  // namespace wirespan::testing
