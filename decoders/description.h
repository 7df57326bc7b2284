// What a protocol folder says of one exchange: the protocol's part of a span (name, status, attributes). The connection's part
// (peers, times, process, links) is the agent's. Same thread as the decoder; nothing is kept.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "decoders/decoder.h"
#include "decoders/semantic_conventions.h"

namespace wirespan::decoders {

// Receives attributes in the order they are described. Values are copied by the receiver before the call returns.
class AttributeSink {
 public:
  virtual ~AttributeSink() = default;
  virtual void String(const AttributeName& name, std::string_view value) = 0;
  virtual void Int(const AttributeName& name, int64_t value) = 0;
  virtual void Bool(const AttributeName& name, bool value) = 0;
  // What is described from here to Remember follows, on one connection, from `inputs` alone. True: the receiver has kept what it
  // got for the same inputs and takes it again: the caller leaves it out, and does not call Remember.
  virtual bool Repeat(std::span<const std::string_view> /*inputs*/) { return false; }
  virtual void Remember() {}
};

enum class SpanSide : uint8_t { kServer, kClient };  // which end of the connection the span is told from

// Why an exchange has no, or not the whole, answer. Names are the values of `wirespan.incomplete` and, where the exchange
// failed, of `error.type`.
enum class ExchangeEnd : uint8_t {
  kComplete,
  kNoResponse,       // the connection ended in order before any byte of the response
  kConnectionReset,  // it ended by a reset or time-out
  kRequestNotSeen,   // the request, or part of it, lies in a gap or before the agent's start
  kResponseNotSeen,  // the same of the response
  kResponseCut,      // the response ended before its framing said so
  kProcessExited,    // the process ended with the exchange open
  kAgentStopped,     // the agent stopped with the exchange open
  kStillOpen,        // nothing ended: the exchange is told because it has been open for long, and will be told again
  kNotProcessed,     // the server said that it did not, and will not, look at the request (GOAWAY)
};
std::string_view Name(ExchangeEnd end);

// The connection as the exchange saw it. Views live for the call only.
struct ExchangeContext {
  SpanSide side = SpanSide::kServer;
  ExchangeEnd end = ExchangeEnd::kComplete;
  std::string_view local_address;  // numeric; the path of a unix socket; empty where unknown
  std::string_view peer_address;
  uint16_t local_port = 0;  // 0: none
  uint16_t peer_port = 0;
  uint64_t elapsed_ns = 0;         // from the exchange's first byte to its end; 0: not known
  bool is_encrypted = false;       // the bytes travelled inside TLS
  bool keep_query_values = false;  // false: every value of a query string is redacted; true: only those of the known secret keys
};

enum class SpanStatus : uint8_t { kUnset = 0, kOk = 1, kError = 2 };

// How a span's kind is found: by its end of the connection; or, of one message, by who sent it.
enum class SpanFlow : uint8_t { kByEnd, kSent, kReceived };

struct Description {
  std::string name;  // low cardinality
  SpanFlow flow = SpanFlow::kByEnd;
  SpanStatus status = SpanStatus::kUnset;
  std::string error_type;  // also given to the sink; empty where the exchange succeeded
  void Clear() { name.clear(), flow = SpanFlow::kByEnd, status = SpanStatus::kUnset, error_type.clear(); }
};

}  // namespace wirespan::decoders
