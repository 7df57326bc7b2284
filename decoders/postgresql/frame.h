// Frames of PostgreSQL's frontend/backend protocol 3.x (PostgreSQL documentation, chapter 55: "Message Formats"): types, lengths,
// and a header as it comes. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "decoders/decoder.h"

namespace wirespan::decoders::postgresql {

inline constexpr size_t kHeaderBytes = 5;                       // type, length; of a frame without a type 4
inline constexpr uint32_t kMaxFrameBytes = uint32_t{1} << 30U;  // as a server bounds them (PQ_LARGE_MESSAGE_LIMIT)
inline constexpr uint32_t kMaxStartupBytes = 10000;             // MAX_STARTUP_PACKET_LENGTH
inline constexpr uint32_t kSslRequest = 80877103;
inline constexpr uint32_t kGssRequest = 80877104;
inline constexpr uint32_t kCancelRequest = 80877102;
inline constexpr uint32_t kProtocolMajor = 3;

// Whether a frame of that type and length (which counts itself) travels in that direction.
constexpr bool IsFrame(char type, uint32_t length, Direction dir) {
  if (length < 4 || length > kMaxFrameBytes) return false;
  if (dir == Direction::kClientToServer) {
    switch (type) {
      case 'S':  // Sync
      case 'H':  // Flush
      case 'X':  // Terminate
      case 'c':  // CopyDone
        return length == 4;
      case 'Q':  // Query
      case 'P':  // Parse
      case 'B':  // Bind
      case 'E':  // Execute
      case 'D':  // Describe
      case 'C':  // Close
      case 'F':  // FunctionCall
      case 'd':  // CopyData
      case 'f':  // CopyFail
      case 'p':  // passwords and the like
        return true;
      default:
        return false;
    }
  }
  switch (type) {
    case '1':  // ParseComplete
    case '2':  // BindComplete
    case '3':  // CloseComplete
    case 'n':  // NoData
    case 's':  // PortalSuspended
    case 'I':  // EmptyQueryResponse
    case 'c':  // CopyDone
      return length == 4;
    case 'Z':  // ReadyForQuery
      return length == 5;
    case 'R':  // Authentication
    case 'K':  // BackendKeyData
    case 'S':  // ParameterStatus
    case 'T':  // RowDescription
    case 't':  // ParameterDescription
    case 'D':  // DataRow
    case 'C':  // CommandComplete
    case 'E':  // ErrorResponse
    case 'N':  // NoticeResponse
    case 'A':  // NotificationResponse
    case 'G':  // CopyInResponse
    case 'H':  // CopyOutResponse
    case 'W':  // CopyBothResponse
    case 'V':  // FunctionCallResponse
    case 'v':  // NegotiateProtocolVersion
    case 'd':  // CopyData
      return true;
    default:
      return false;
  }
}

constexpr bool IsType(char type, Direction dir) { return IsFrame(type, 4, dir) || IsFrame(type, 5, dir); }

// What a server may send at any time, and what belongs to the beginning of a connection: it answers no request.
constexpr bool IsUnasked(char type) {
  return type == 'A' || type == 'N' || type == 'S' || type == 'K' || type == 'R' || type == 'v';
}

constexpr uint32_t ReadUint32(std::string_view bytes) {
  uint32_t number = 0;
  for (size_t i = 0; i < 4; ++i) number = number << 8U | static_cast<uint8_t>(bytes[i]);
  return number;
}

}  // namespace wirespan::decoders::postgresql
