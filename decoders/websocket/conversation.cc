#include "decoders/websocket/conversation.h"

namespace wirespan::decoders::websocket {

void Conversation::Add(const Message& message) {
  Counts& counts = sides[Index(message.direction)];
  counts.bytes = AddBounded(counts.bytes, message.length);
  if (!message.fault.empty()) ++counts.faults;
  switch (message.opcode) {
    case Opcode::kText:
      ++counts.text;
      break;
    case Opcode::kBinary:
      ++counts.binary;
      break;
    case Opcode::kPing:
      ++counts.ping;
      break;
    case Opcode::kPong:
      ++counts.pong;
      break;
    case Opcode::kClose:
      counts.closed = true;
      if (has_close) break;
      has_close = true;
      closed_by = message.direction;
      close_code = message.close_code;
      break;
    case Opcode::kContinuation:
      break;  // text or binary: not known
  }
  if (message.compressed) ++counts.compressed;
}

}  // namespace wirespan::decoders::websocket
