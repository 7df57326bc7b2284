// Exchange: one request with its response as one end of a connection saw them. Built by the matcher of a connection, used by the
// shard thread that owns it; objects are reused.
#pragma once

#include <cstdint>
#include <memory>

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

// What is known of an exchange beside its messages.
struct ExchangeFacts {
  MessageFacts request_facts;
  MessageFacts response_facts;
  decoders::ExchangeEnd end = decoders::ExchangeEnd::kComplete;

  void ClearFacts() {
    request_facts = {};
    response_facts = {};
    end = decoders::ExchangeEnd::kComplete;
  }
};

template <typename Message>
struct Exchange : ExchangeFacts {
  Message request;   // meaningful where request_facts.seen
  Message response;  // final response (never 1xx); meaningful where response_facts.seen

  // Null where it was not seen.
  const Message* SeenRequest() const { return request_facts.seen ? &request : nullptr; }
  const Message* SeenResponse() const { return response_facts.seen ? &response : nullptr; }
  void Clear() {
    request.Clear();
    response.Clear();
    ClearFacts();
  }
};

// The same of messages that are handed on as objects (decoders::MessageList): a message that is not there is an empty one.
template <typename Message>
struct HeldExchange : ExchangeFacts {
  std::unique_ptr<Message> request;
  std::unique_ptr<Message> response;

  const Message* SeenRequest() const { return request_facts.seen ? &Of(request) : nullptr; }
  const Message* SeenResponse() const { return response_facts.seen ? &Of(response) : nullptr; }
  void Clear() {
    request.reset();
    response.reset();
    ClearFacts();
  }
  static const Message& Of(const std::unique_ptr<Message>& message) {
    static const Message kEmpty;
    return message != nullptr ? *message : kEmpty;
  }
};

}  // namespace wirespan::match
