// One HTTP/1 message (RFC 9112). The head is stored as it was sent, up to kMaxHeadBytes, and fields are views into it: two
// allocations a message, none when the object is reused. Bodies are never stored.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "decoders/decoder.h"
#include "decoders/message_list.h"
#include "decoders/message_pool.h"

namespace wirespan::decoders::http1 {

inline constexpr size_t kMaxHeadBytes =
    size_t{64} * 1024;                     // of a start line with its fields; longer ones are truncated and say so
inline constexpr size_t kMaxFields = 256;  // header and trailer fields stored; further ones set `truncated`
inline constexpr size_t kMaxTrailerBytes = size_t{16} * 1024;

// A field line: offsets into Message::head (or ::trailer). obs-fold inside a value is kept as sent.
struct FieldRef {
  uint32_t name = 0;
  uint32_t name_length = 0;
  uint32_t value = 0;
  uint32_t value_length = 0;
};

// What a message is beside its stored text.
struct MessageValues {
  Direction direction = Direction::kClientToServer;
  bool is_request = true;
  bool truncated = false;       // a stored part was cut at a limit, or the rest of the head was not seen
  bool has_start_line = false;  // the start line is whole, whatever became of the rest
  bool chunked = false;
  bool has_content_length = false;
  bool close_delimited = false;      // a response body that ended with the connection
  bool body_length_unknown = false;  // a gap took the body's framing: `body_length` counts only what came before it
  bool upgrade = false;              // 101, or a 2xx to CONNECT: the connection left HTTP after this message
  Incomplete incomplete = Incomplete::kNo;
  uint8_t major_version = 1;
  uint8_t minor_version = 1;
  uint16_t status = 0;  // responses
  // Which exchange of the connection it belongs to. Requests whose start line was seen count from 1; a final response has the
  // number of the request it answers. 0: not known (bytes were lost, and answers cannot be counted off), or a 1xx.
  uint64_t exchange = 0;
  uint64_t start = 0;                 // position of the first byte of the start line
  uint64_t head_end = 0;              // position after the empty line; 0 where the head did not end
  uint64_t end = 0;                   // position after the last byte
  uint64_t body_length = 0;           // bytes of body with the chunked framing taken off, gaps counted
  uint64_t name_bits = ~uint64_t{0};  // NameBit of every field; others may be set
  FieldRef method_or_version;         // request: method in name; response: version in name
  FieldRef target_or_reason;          // request: target in value; response: reason in value
};

// Most fields that are asked for are not there: a bit by length and first letter says so for most names.
constexpr uint64_t NameBit(size_t length, char first) {
  // Twice the letter, modulo 64: upper and lower case are the same.
  return uint64_t{1} << ((length * 5 + static_cast<uint8_t>(first) * size_t{2}) % 64);
}
constexpr uint64_t NameBit(std::string_view name) { return NameBit(name.size(), name.front()); }

// Which fields of a head a decoder keeps, by NameBit: all; or those that a span is made of, of a request and of a response (the
// ones that Describe asks for, W3C's trace context, and what an upgrade and its answer say of the protocol that follows), and
// some others that look like them.
inline constexpr uint64_t kAllFields = ~uint64_t{0};
inline constexpr uint64_t kRequestFieldsOfSpans =
    NameBit("host") | NameBit("user-agent") | NameBit("forwarded") | NameBit("x-forwarded-for") | NameBit("x-forwarded-host") |
    NameBit("x-forwarded-proto") | NameBit("traceparent") | NameBit("tracestate") | NameBit("http2-settings");
inline constexpr uint64_t kResponseFieldsOfSpans =
    NameBit("upgrade") | NameBit("sec-websocket-protocol") | NameBit("sec-websocket-extensions");

struct Message : MessageValues {
  std::string head;
  std::string trailer;
  std::vector<FieldRef> fields;
  std::vector<FieldRef> trailers;

  bool complete() const { return incomplete == Incomplete::kNo; }
  std::string_view method() const { return is_request ? Name(method_or_version) : std::string_view{}; }
  std::string_view target() const { return is_request ? Value(target_or_reason) : std::string_view{}; }
  std::string_view reason() const { return is_request ? std::string_view{} : Value(target_or_reason); }
  std::string_view Name(const FieldRef& f) const { return std::string_view(head).substr(f.name, f.name_length); }
  std::string_view Value(const FieldRef& f) const { return std::string_view(head).substr(f.value, f.value_length); }
  // False: it has no field of that name (in lower case). True says nothing.
  bool MayHave(std::string_view name) const { return (name_bits & NameBit(name)) != 0; }
  // The first field of that name (case-insensitive, `name` in lower case), without surrounding white space; empty where absent.
  std::string_view Header(std::string_view name) const;
  // How many fields of that name there are.
  size_t HeaderCount(std::string_view name) const;
  // Back to the empty message; keeps the buffers, which take BufferBytes().
  void Clear();
  size_t BufferBytes() const;
};

using MessagePool = decoders::MessagePool<Message>;
using Messages = MessageList<Message>;

}  // namespace wirespan::decoders::http1
