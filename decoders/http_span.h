// What every version of HTTP says of an exchange: HTTP semantic conventions 1.44 (docs/http/http-spans.md). Pure; the caller's
// thread; nothing is kept. Values are the traced world's: every use is bounded and checked, and what does not parse is left out.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "decoders/description.h"
#include "decoders/http_forwarded.h"

namespace wirespan::decoders::http {

// An exchange as its messages tell it. Views live for the call; empty: absent or not known.
struct Exchange {
  std::string_view method;
  std::string_view target;           // as a request line has it (RFC 9112 3.2)
  bool target_is_authority = false;  // CONNECT
  std::string_view host;             // Host, :authority
  std::string_view scheme;           // :scheme
  std::string_view user_agent;       // a server's span says it, and what proxies said; a client's does not
  ForwardedFields forwarded;
  uint16_t status = 0;                   // of the response; 0: not known
  std::string_view version;              // "1.1"
  std::optional<uint64_t> request_body;  // bytes, of bodies that were and were counted
  std::optional<uint64_t> response_body;
  std::string_view missing;  // why it is not whole: `wirespan.incomplete`
  std::string_view failure;  // the error type of what is missing; the status's own goes before
  bool truncated = false;    // a stored part of the messages was cut
};

// Sets `out.name`, `out.status`, `out.error_type` and gives the attributes to `sink`, each name at most once.
void Describe(const Exchange& exchange, const ExchangeContext& context, AttributeSink& sink, Description& out);

// Whether a message was seen, and how much of it.
struct Part {
  bool seen = false;
  Incomplete incomplete = Incomplete::kNo;
};
// What is missing of the exchange, as the messages or their caller know it; empty: nothing.
std::string_view Missing(const Part& request, const Part& response, ExchangeEnd end);
// `missing` where that is a failure of the exchange, and not of the watching; else empty.
std::string_view FailureOf(std::string_view missing);

// server.address and server.port; nothing where the address is empty, no port where that is 0.
void GiveServer(std::string_view address, uint16_t port, AttributeSink& sink);
// `out.error_type`, where there is one, as an attribute and a status.
void GiveError(AttributeSink& sink, Description& out);

}  // namespace wirespan::decoders::http
