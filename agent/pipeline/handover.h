// Handover: what a session that ends within its connection leaves to the one that goes on there (an upgrade). Plain values.
#pragma once

#include <cstdint>

#include "agent/kernel/event.h"
#include "agent/trace/fact.h"
#include "decoders/websocket/conversation.h"

namespace wirespan::pipeline {

struct Handover {
  decoders::websocket::Upgrade upgrade;
  Token token = 0;            // of the exchange that was the upgrade
  trace::JoinKey join;        // the same
  uint64_t time_ns = 0;       // of the answer's last byte, boot time
  uint64_t next_request = 0;  // stream position after the request
  uint32_t tgid = 0;
};

}  // namespace wirespan::pipeline
