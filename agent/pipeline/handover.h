// Handover: what a session that ends within its connection leaves to the one that goes on there (an upgrade). Plain values, made
// once per upgrade on the shard's thread.
#pragma once

#include <string>

#include "agent/match/exchange.h"
#include "agent/pipeline/session_output.h"
#include "decoders/http1/message.h"
#include "decoders/http2/message.h"

namespace wirespan::pipeline {

// The stream that an upgrade's request becomes (RFC 7540 3.2).
inline constexpr uint32_t kUpgradedStream = 1;

struct Handover {
  decoders::http2::Message request;   // as HTTP/2 would have said it
  match::MessageFacts request_facts;  // it was told, and counted, where it was seen
  ExchangeExtra extra;
  std::string settings;  // the request's HTTP2-Settings, as sent
};

// From an exchange of HTTP/1 whose answer is 101. `out` is empty.
void FillHandover(const decoders::http1::Message& request, const match::MessageFacts& facts, const ExchangeExtra& extra,
                  Handover& out);

}  // namespace wirespan::pipeline
