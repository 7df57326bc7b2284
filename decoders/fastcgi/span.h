// FastCGI's part of a span: what the HTTP semantic conventions 1.44 (docs/http/http-spans.md) say and is true of an HTTP request
// that travels as FastCGI. Pure; the caller's thread; nothing is kept. Parameters are the traced world's: every use is bounded
// and checked, and what does not parse is left out.
#pragma once

#include "decoders/description.h"
#include "decoders/fastcgi/message.h"

namespace wirespan::decoders::fastcgi {

// `request` or `response` may be null or incomplete; Incomplete::kAmbiguous messages must not be given. Sets `out.name`,
// `out.status`, `out.error_type` and gives the attributes to `sink`, each name at most once. network.* of the connection is the
// caller's. Allocates nothing once the strings of `out` are warm.
void Describe(const Message* request, const Message* response, const ExchangeContext& context, AttributeSink& sink,
              Description& out);

}  // namespace wirespan::decoders::fastcgi
