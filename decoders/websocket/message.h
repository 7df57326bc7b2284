// One message of a WebSocket connection (RFC 6455): a text or binary message with all its fragments, or a control frame. Its
// payload is never stored but for the reason of a close.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "decoders/decoder.h"
#include "decoders/message_pool.h"
#include "decoders/websocket/frame.h"

namespace wirespan::decoders::websocket {

inline constexpr uint16_t kNoStatus = 1005;  // a Close without a code (7.1.5)

struct Message {
  Direction direction = Direction::kClientToServer;
  Opcode opcode = Opcode::kContinuation;  // kContinuation: its first frame was not seen
  bool compressed = false;                // permessage-deflate; `length` is then of the compressed bytes
  bool masked = false;
  Incomplete incomplete = Incomplete::kNo;
  uint16_t close_code = 0;   // kClose; 0: not seen
  uint32_t frames = 0;       // at most UINT32_MAX
  uint64_t length = 0;       // bytes of payload, of all frames
  uint64_t start = 0;        // of its first frame; control frames may lie in between
  uint64_t end = 0;          // after its last
  std::string_view fault{};  // the first thing that breaks the specification and leaves the framing sound; a constant
  std::string reason;        // kClose, at most 123 bytes, as sent

  static constexpr bool one_way = true;  // none answers another
  bool complete() const { return incomplete == Incomplete::kNo; }
  bool is_data() const { return opcode <= Opcode::kBinary; }
  void Clear() {
    std::string kept = std::move(reason);
    kept.clear();
    *this = Message();
    reason = std::move(kept);
  }
  size_t BufferBytes() const { return reason.capacity(); }
};

using MessagePool = decoders::MessagePool<Message>;
using Messages = std::vector<Message>;

}  // namespace wirespan::decoders::websocket
