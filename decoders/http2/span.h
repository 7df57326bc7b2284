// HTTP/2's part of a span: HTTP semantic conventions 1.44 (docs/http/http-spans.md), and those of RPC for gRPC
// (docs/rpc/grpc.md). Pure; the caller's thread; nothing is kept. Header values are the traced world's: every use is bounded and
// checked, and what does not parse is left out.
#pragma once

#include "decoders/description.h"
#include "decoders/http2/message.h"

namespace wirespan::decoders::http2 {

// The head of a request (or a kPushPromise) and of its final response, each with what it absorbed (Message::Absorb): trailers,
// end, reset. Either may be null or incomplete; Incomplete::kAmbiguous messages must not be given. Sets `out.name`, `out.status`,
// `out.error_type` and gives the attributes to `sink`, each name at most once. network.* of the connection is the caller's.
// Allocates nothing once the strings of `out` are warm.
void Describe(const Message* request, const Message* response, const ExchangeContext& context, AttributeSink& sink,
              Description& out);

}  // namespace wirespan::decoders::http2
