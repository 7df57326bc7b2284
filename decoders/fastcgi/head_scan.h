// The two heads inside FastCGI streams, as resumable scans: the parameters of a request (name-value pairs, FastCGI Specification
// 1.0, 3.4) and the head of a CGI response (RFC 3875 6). Used by fastcgi::Decoder only; pure.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "decoders/fastcgi/message.h"

namespace wirespan::decoders::fastcgi {

inline constexpr size_t kMaxValueBytes = size_t{8} * 1024;            // of one value that is kept
inline constexpr uint64_t kMaxResponseHeadBytes = size_t{64} * 1024;  // what is longer is taken for a body
inline constexpr size_t kMaxReadLineBytes = 64;                       // of a line of a response's head: enough for the status

// The content of a request's PARAMS records, one record's after the other's: pairs may be split between them.
class ParameterScan {
 public:
  void Begin() { *this = ParameterScan{}; }
  // Puts what is kept of the pairs into `message`.
  void Feed(std::string_view bytes, Message& message);
  // False: a pair is not whole.
  bool between_pairs() const { return part_ == Part::kNameLength && length_bytes_ == 0; }

 private:
  enum class Part : uint8_t { kNameLength, kValueLength, kName, kValue };

  bool TakeWholePair(std::string_view& bytes, Message& message);
  // The value of a parameter that is known comes next.
  void BeginValue(Parameter parameter, uint32_t length, Message& message);
  void TakeLengthByte(uint8_t byte, Message& message);
  void EndName(Message& message);
  void EndPair(Message& message);

  uint32_t name_length_ = 0;
  uint32_t value_length_ = 0;
  uint32_t left_ = 0;       // of the name or value
  uint32_t kept_left_ = 0;  // of the value: to be stored
  uint32_t kept_from_ = 0;  // where in Message::text it is
  std::array<char, kMaxNameBytes> name_{};
  Part part_ = Part::kNameLength;
  uint8_t length_bytes_ = 0;                 // of the length in progress
  Parameter parameter_ = Parameter::kCount;  // kCount: the value is not kept
};

// The head of a response: what it says of the status.
class ResponseHeadScan {
 public:
  void Begin() { *this = ResponseHeadScan{}; }
  // How many of `bytes` belong to the head: all, or up to and with its empty line; then done().
  size_t Feed(std::string_view bytes);
  bool done() const { return done_; }
  bool truncated() const { return length_ > kMaxResponseHeadBytes; }
  // The status as far as the lines so far say it; 0: they do not. At the end of the head (`is_whole`) the rules of RFC 3875 6.3.3
  // and 6.2 for heads without one count too: 200, 302 for a redirect that the client is to follow, 0 for one that the web server
  // follows by itself.
  uint16_t Status(bool is_whole) const;

 private:
  void EndLine();
  void ReadStatus(std::string_view text);

  uint64_t length_ = 0;
  std::array<char, kMaxReadLineBytes> line_{};
  uint32_t line_length_ = 0;  // in line_
  uint16_t status_ = 0;
  bool done_ = false;
  bool line_is_longer_ = false;
  bool any_line_ = false;
  bool odd_ = false;  // a status that is none, two that differ, or a line that is no field: what it answers is not known
  bool has_status_ = false;
  bool has_location_ = false;
  bool location_is_local_ = false;
};

}  // namespace wirespan::decoders::fastcgi
