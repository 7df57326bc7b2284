// Handover: what a session that ends within its connection leaves to the one that goes on there (an upgrade). Plain values, made
// once per upgrade on the shard's thread.
#pragma once

#include <cstdint>
#include <string>
#include <variant>

#include "agent/kernel/event.h"
#include "agent/match/exchange.h"
#include "agent/pipeline/session_output.h"
#include "agent/trace/fact.h"
#include "decoders/http1/message.h"
#include "decoders/http2/message.h"
#include "decoders/websocket/conversation.h"

namespace wirespan::pipeline {

// The exchange ends with the answer 101; the connection continues it.
struct WebSocketHandover {
  decoders::websocket::Upgrade upgrade;
  Token token = 0;            // of the exchange that was the upgrade
  trace::JoinKey join;        // the same
  uint64_t time_ns = 0;       // of the answer's last byte, boot time
  uint64_t next_request = 0;  // stream position after the request
  uint32_t tgid = 0;
};

// The stream that an upgrade's request becomes (RFC 7540 3.2).
inline constexpr uint32_t kUpgradedStream = 1;

// The exchange itself goes on: its answer comes by HTTP/2.
struct Http2Handover {
  decoders::http2::Message request;   // as HTTP/2 would have said it
  match::MessageFacts request_facts;  // it was told, and counted, where it was seen
  ExchangeExtra extra;
  std::string settings;  // the request's HTTP2-Settings, as sent
};

struct Handover {
  std::variant<WebSocketHandover, Http2Handover> what;
};

// From an exchange of HTTP/1 whose answer is 101. `out` is empty.
void FillHandover(const decoders::http1::Message& request, const match::MessageFacts& facts, const ExchangeExtra& extra,
                  Http2Handover& out);

}  // namespace wirespan::pipeline
