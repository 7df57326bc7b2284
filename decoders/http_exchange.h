// What the HTTP semantic conventions 1.44 (docs/http/http-spans.md) say of a whole exchange between a client and a server that
// speak HTTP itself, in any version. Pure; the caller's thread; nothing is kept.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "decoders/description.h"
#include "decoders/http_forwarded.h"

namespace wirespan::decoders {

// An exchange as its messages tell it. Views live for the call; empty: absent or not known.
struct HttpExchange {
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
  std::string_view
      failure;  // the error type of what is missing, where it is not MissingOf's; a status that is an error goes before
  bool truncated = false;  // a stored part of the messages was cut
};

// Sets `out.name`, `out.status`, `out.error_type` and gives the attributes to `sink`, each name at most once.
void Describe(const HttpExchange& exchange, const ExchangeContext& context, AttributeSink& sink, Description& out);

}  // namespace wirespan::decoders
