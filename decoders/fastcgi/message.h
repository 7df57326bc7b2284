// One FastCGI message (FastCGI Specification 1.0): a request, from its BEGIN_REQUEST to the end of its body, or a response, to
// its END_REQUEST. Of a request the parameters that a span is made of are stored (parameters.h), up to kMaxTextBytes; of a
// response its status. Bodies and what a script writes to STDERR are never stored.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "decoders/decoder.h"
#include "decoders/fastcgi/parameters.h"
#include "decoders/message_list.h"
#include "decoders/message_pool.h"

namespace wirespan::decoders::fastcgi {

inline constexpr size_t kMaxTextBytes =
    size_t{32} * 1024;  // of all values that are kept of a request; longer ones are cut or left out

// A parameter that is kept: offsets into Message::text.
struct FieldRef {
  Parameter parameter = Parameter::kCount;
  bool contradicted = false;  // sent again with another value: readers differ on which counts, so neither does here
  uint32_t value = 0;
  uint32_t value_length = 0;
};

// What a server is asked to be (3.3, FCGI_BEGIN_REQUEST); other numbers may stand on the wire.
enum class Role : uint16_t { kUnknown = 0, kResponder = 1, kAuthorizer = 2, kFilter = 3 };

// How a server says that a request ended (5.5).
enum class ProtocolStatus : uint8_t { kRequestComplete = 0, kCantMultiplex = 1, kOverloaded = 2, kUnknownRole = 3 };

struct Message {
  Direction direction = Direction::kClientToServer;
  bool is_request = true;
  bool truncated = false;            // a stored part was cut at a limit, or part of the parameters or of the head was not seen
  bool has_start_line = false;       // requests: BEGIN_REQUEST is whole; responses: their first record's header is
  bool body_length_unknown = false;  // a gap took the body's framing: `body_length` counts only what came before it
  bool has_content_length = false;   // requests: CONTENT_LENGTH was sent and is a number
  bool keep_connection = false;      // requests: the server is not to close the connection after its response
  bool aborted = false;              // requests: the client sent ABORT_REQUEST before the request was whole
  bool ended = false;                // responses: END_REQUEST was seen
  Incomplete incomplete = Incomplete::kNo;
  Role role = Role::kUnknown;  // requests
  uint16_t request_id = 0;
  // Responses: of the response as the web server's client gets it (RFC 3875 6): 0 where that is not said by what was seen.
  uint16_t status_code = 0;
  ProtocolStatus protocol_status = ProtocolStatus::kRequestComplete;  // responses that `ended`
  uint32_t application_status = 0;                                    // the same
  // Which exchange of the connection it belongs to, as in HTTP/1: requests count from 1, a response has its request's number; 0:
  // not known.
  uint64_t exchange = 0;
  uint64_t start = 0;           // position of the first byte of the first record
  uint64_t head_end = 0;        // position after the parameters, after the response's head; 0 where part of it was not seen
  uint64_t end = 0;             // position after the last byte, without the padding after it
  uint64_t body_length = 0;     // bytes of STDIN; of STDOUT behind the head; gaps inside records counted
  uint64_t content_length = 0;  // has_content_length
  std::string text;             // the values that are kept, one after the other
  std::vector<FieldRef> fields;

  bool complete() const { return incomplete == Incomplete::kNo; }
  std::string_view Name(const FieldRef& field) const { return fastcgi::Name(field.parameter); }
  std::string_view Value(const FieldRef& field) const {
    return field.contradicted ? std::string_view{} : std::string_view(text).substr(field.value, field.value_length);
  }
  // Empty where it was not sent, not kept, or contradicted.
  std::string_view Get(Parameter parameter) const;
  bool Has(Parameter parameter) const;
  std::string_view method() const { return Get(Parameter::kRequestMethod); }
  // Back to the empty message; keeps the buffers, which take BufferBytes().
  void Clear();
  size_t BufferBytes() const { return text.capacity() + fields.capacity() * sizeof(FieldRef); }
};

using MessagePool = decoders::MessagePool<Message>;
using Messages = MessageList<Message>;

}  // namespace wirespan::decoders::fastcgi
