// What the HTTP semantic conventions 1.44 (docs/http/http-spans.md) say of any exchange that carries HTTP, however its bytes are
// framed. Pure; the caller's thread; nothing is kept. Values are the traced world's: each is checked, and what does not parse is
// left out.
#pragma once

#include <cstdint>
#include <string_view>

#include "decoders/description.h"
#include "decoders/http_target.h"

namespace wirespan::decoders {

// The method, and the name that a span has by it; an unknown one is given as "_OTHER" with its original. Empty: not seen.
void GiveMethod(std::string_view method, AttributeSink& sink, Description& out);

// server.address and server.port; nothing of an empty address, no port of 0.
void GiveServer(std::string_view address, uint16_t port, AttributeSink& sink);

// user_agent.original. Values may be folded over lines (RFC 9112 5.2): the folds become spaces.
void GiveUserAgent(std::string_view value, AttributeSink& sink);

// url.query with its values redacted. True: it was cut.
bool GiveQuery(const Target& target, const ExchangeContext& context, AttributeSink& sink);

// What is missing of the exchange, as its messages or their caller know it; empty: nothing. A message that was not seen is kGap.
std::string_view MissingOf(Incomplete request, Incomplete response, ExchangeEnd end);

// `missing` where that is a failure of the exchange, and not of the watching; else empty.
std::string_view FailureOf(std::string_view missing);
// A server blames itself for 5xx, a client also for 4xx.
constexpr bool IsErrorStatus(uint16_t status, SpanSide side) { return status >= (side == SpanSide::kServer ? 500 : 400); }

// `out.error_type`, where there is one, as an attribute and a status.
void GiveError(AttributeSink& sink, Description& out);
// Status code (0: none), error.type, wirespan.incomplete. `failure`: what the protocol itself calls the exchange's failure; it
// goes before the status.
void GiveOutcome(uint16_t status, std::string_view failure, std::string_view missing, SpanSide side, AttributeSink& sink,
                 Description& out);

}  // namespace wirespan::decoders
