// Exchange: one request with its response as one end of a connection saw them. Built by the matcher of a connection, used by the
// shard thread that owns it; objects are reused.
#pragma once

#include <cstdint>

#include "agent/kernel/event.h"
#include "decoders/description.h"

namespace wirespan::match {

// When, where and by which thread the bytes of one message moved.
struct MessageFacts {
  uint64_t first_byte_ns = 0;  // boot time
  uint64_t last_byte_ns = 0;
  uint64_t position = 0;           // stream position of the first byte; the low 32 bits are TCP's sequence number
  Token token = 0;                 // connection turn of the first byte
  uint32_t index = 0;              // 0 for the first message that began in that turn
  ThreadStamp first;               // thread of the first byte
  ThreadStamp last;                // thread of the last byte
  uint32_t retransmits_first = 0;  // the socket's counter at the first and at the last byte
  uint32_t retransmits_last = 0;
  uint32_t srtt_us = 0;             // at the last byte
  uint32_t queue_wait_jiffies = 0;  // at the first byte (receives)
  bool seen = false;
  bool last_byte_seen = true;  // false: it lies in a gap between calls; last_byte_ns and `last` are those of the last byte seen
};

template <typename Message>
struct Exchange {
  Message request;   // meaningful where request_facts.seen
  Message response;  // final response (never 1xx); meaningful where response_facts.seen
  MessageFacts request_facts;
  MessageFacts response_facts;
  decoders::ExchangeEnd end = decoders::ExchangeEnd::kComplete;

  void Clear() {
    request.Clear();
    response.Clear();
    request_facts = {};
    response_facts = {};
    end = decoders::ExchangeEnd::kComplete;
  }
};

}  // namespace wirespan::match
