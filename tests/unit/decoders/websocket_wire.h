// WebSocket for tests, put together by its specification, not by the code under test.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "decoders/websocket/decoder.h"
#include "tests/unit/decoders/harness.h"

namespace wirespan::testing {

using WebSocketWire = WireOf<decoders::websocket::Decoder>;

template <>
struct Rendering<decoders::websocket::Message> {
  static std::string Of(const decoders::websocket::Message& message);
};

// A frame: opcode, payload; the first byte's bits FIN (0x80) and RSV1 (0x40); masked as that direction has it, or not.
struct Frame {
  unsigned opcode = 1;
  std::string payload{};
  bool final = true;
  bool rsv1 = false;
  unsigned length_bytes = 0;  // of the length: 0 as few as can be, else 1, 2 or 8
};
std::string FrameOf(Direction dir, const Frame& frame);
std::string UnmaskedFrame(const Frame& frame);
std::string MaskedFrame(const Frame& frame);
std::string CloseFrame(Direction dir, uint16_t code, std::string_view reason = {});

}  // namespace wirespan::testing
