// FastCGI records (FastCGI Specification 1.0, 3.3 and 8): their types and numbers. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "decoders/decoder.h"

namespace wirespan::decoders::fastcgi {

inline constexpr uint8_t kVersion = 1;
inline constexpr size_t kHeaderBytes = 8;
inline constexpr size_t kBodyBytes = 8;        // of BEGIN_REQUEST and of END_REQUEST
inline constexpr uint8_t kKeepConnection = 1;  // flag of BEGIN_REQUEST

enum class RecordType : uint8_t {
  kBeginRequest = 1,
  kAbortRequest = 2,
  kEndRequest = 3,
  kParams = 4,
  kStdin = 5,
  kStdout = 6,
  kStderr = 7,
  kData = 8,
  kGetValues = 9,
  kGetValuesResult = 10,
  kUnknownType = 11,
};

// Management records bear the request id 0, all others another (3.3).
constexpr bool IsManagement(RecordType type) { return type >= RecordType::kGetValues; }
// Whether a record of that type, as it stands on the wire, travels in that direction; false for types that do not exist.
constexpr bool IsTypeOf(uint8_t type, Direction dir) {
  switch (static_cast<RecordType>(type)) {
    case RecordType::kBeginRequest:
    case RecordType::kAbortRequest:
    case RecordType::kParams:
    case RecordType::kStdin:
    case RecordType::kData:
    case RecordType::kGetValues:
      return dir == Direction::kClientToServer;
    case RecordType::kEndRequest:
    case RecordType::kStdout:
    case RecordType::kStderr:
    case RecordType::kGetValuesResult:
    case RecordType::kUnknownType:
      return dir == Direction::kServerToClient;
  }
  return false;
}

// The fields of a record's header. `padding` follows the content and means nothing.
struct RecordHeader {
  RecordType type = RecordType::kBeginRequest;
  uint8_t padding = 0;
  uint16_t request_id = 0;
  uint16_t content_length = 0;
};

// A header as it comes, byte by byte.
class HeaderScan {
 public:
  void Begin() { size_ = 0; }
  size_t size() const { return size_; }
  bool done() const { return size_ == kHeaderBytes; }
  // The type, from the second byte on.
  RecordType type() const { return static_cast<RecordType>(bytes_[1]); }
  RecordHeader header() const { return {type(), bytes_[6], Number(2), Number(4)}; }
  // False: no record of that direction continues so, and the byte is not taken. The reserved byte may hold anything.
  bool Take(uint8_t byte, Direction dir);
  // The same of all eight bytes at the beginning of `bytes` (at least so many), where none is there yet. False: nothing is taken.
  bool TakeWhole(std::string_view bytes, Direction dir);

 private:
  bool IsWhole(Direction dir) const {
    const bool has_body = type() == RecordType::kBeginRequest || type() == RecordType::kEndRequest;
    return bytes_[0] == kVersion && IsTypeOf(bytes_[1], dir) && (Number(2) == 0) == IsManagement(type()) &&
           (!has_body || Number(4) == kBodyBytes);
  }

  uint16_t Number(size_t at) const { return static_cast<uint16_t>(bytes_[at] << 8U | bytes_[at + 1]); }

  uint8_t bytes_[kHeaderBytes] = {};
  size_t size_ = 0;
};

inline bool HeaderScan::TakeWhole(std::string_view bytes, Direction dir) {
  std::memcpy(bytes_, bytes.data(), kHeaderBytes);
  if (!IsWhole(dir)) return false;
  size_ = kHeaderBytes;
  return true;
}

inline bool HeaderScan::Take(uint8_t byte, Direction dir) {
  bytes_[size_] = byte;
  switch (size_) {
    case 0:
      if (byte != kVersion) return false;
      break;
    case 1:
      if (!IsTypeOf(byte, dir)) return false;
      break;
    case 3:
      if ((Number(2) == 0) != IsManagement(type())) return false;
      break;
    case 5:
      if ((type() == RecordType::kBeginRequest || type() == RecordType::kEndRequest) && Number(4) != kBodyBytes) return false;
      break;
    default:
      break;
  }
  ++size_;
  return true;
}

}  // namespace wirespan::decoders::fastcgi
