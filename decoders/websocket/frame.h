// Frame headers of WebSocket (RFC 6455 5.2), a byte at a time. Pure.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "decoders/decoder.h"

namespace wirespan::decoders::websocket {

inline constexpr uint64_t kMaxFrameBytes = uint64_t{1} << 40U;  // of payload; a longer one is not believed
inline constexpr size_t kMaxControlBytes = 125;                 // of a control frame's payload (5.5)
inline constexpr size_t kMaxHeaderBytes = 14;

enum class Opcode : uint8_t {
  kContinuation = 0,  // of a message: its first frame was not seen
  kText = 1,
  kBinary = 2,
  kClose = 8,
  kPing = 9,
  kPong = 10,
};
std::string_view Name(Opcode opcode);  // "text"

struct FrameHeader {
  uint64_t length = 0;  // bytes of payload
  Opcode opcode = Opcode::kContinuation;
  bool is_final = false;    // FIN
  bool compressed = false;  // RSV1 (RFC 7692 6)
  bool masked = false;
  std::array<uint8_t, 4> mask{};

  bool is_control() const { return static_cast<uint8_t>(opcode) >= 8; }
};

// Gathers one header. Each byte is judged before it is taken, so that what is refused does not depend on how bytes were cut.
class HeaderScan {
 public:
  // Why no header goes on with `byte`; a constant; empty: it was taken. Not once is_done().
  std::string_view Take(uint8_t byte);
  bool is_done() const { return size_ >= 2 && size_ == needed_; }
  size_t size() const { return size_; }  // bytes taken
  const FrameHeader& header() const { return header_; }
  void Clear() { *this = HeaderScan(); }

 private:
  std::string_view TakeFirst(uint8_t byte);
  std::string_view TakeLength(uint8_t byte);

  FrameHeader header_;
  uint64_t length_ = 0;
  uint8_t size_ = 0;
  uint8_t needed_ = 2;
  uint8_t length_bytes_ = 0;  // of the extended length: 0, 2 or 8
};

}  // namespace wirespan::decoders::websocket
