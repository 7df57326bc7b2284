// SpanBuilder: an Exchange and what is known of its connection become a Span, whole but for ids, parent and link (the trace
// assembler's), and the Measurement of the golden signals. The protocol's part comes from its folder: Describe(request, response,
// context, sink, description), found by the message's type. Owned by one shard thread; allocates nothing in the steady state.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "agent/kernel/event.h"
#include "agent/match/exchange.h"
#include "agent/metrics/measurement.h"
#include "agent/span/cpu_clock.h"
#include "agent/span/repeated_attributes.h"
#include "agent/trace/fact.h"
#include "decoders/description.h"
#include "exporters/span.h"

namespace wirespan::span {

// One connection's part of its spans, put into words once, when its first exchange ends. Kept with the connection.
class ConnectionProfile {
 public:
  // `role` must be known. Unix sockets: `unix_path` is the listening path, empty where it is not known.
  void Set(const Address& address, std::string_view unix_path, ConnectionRole role);
  void Clear();

  ConnectionRole role() const { return role_; }
  bool is_tcp() const { return is_tcp_; }
  const std::string& local_address() const { return local_address_; }
  const std::string& peer_address() const { return peer_address_; }
  uint16_t local_port() const { return local_port_; }
  uint16_t peer_port() const { return peer_port_; }
  const exporters::AttributeList& attributes() const { return attributes_; }  // network.*

 private:
  ConnectionRole role_ = ConnectionRole::kUnknown;
  bool is_tcp_ = false;
  uint16_t local_port_ = 0;
  uint16_t peer_port_ = 0;
  std::string local_address_;
  std::string peer_address_;
  exporters::AttributeList attributes_;
};

struct SpanBuilderOptions {
  int64_t unix_minus_boot_ns = 0;   // one value per capture; in a replay the recording's
  uint32_t jiffies_per_second = 0;  // the kernel's HZ; 0: not known, then no wirespan.receive_queue_wait_ms
};

// What Build needs beside the exchange. Views and pointers live for the call.
struct SpanInput {
  const ConnectionProfile* connection = nullptr;        // never null
  std::shared_ptr<const exporters::Resource> resource;  // never null; moved into the span
  const trace::IncomingContext* incoming = nullptr;     // its trace_state is kept in the span
  uint64_t ended_ns = 0;  // boot time at which the exchange was found to be over (a close, an exit, a stop); 0: by its last byte
  RepeatedAttributes* repeated = nullptr;  // the connection's, cleared whenever `connection` is set; null: nothing is kept
  bool pipelined = false;  // another request of the connection was open meanwhile: times on CPU are not this exchange's alone
};

// Boot time of the first and last byte that count for an exchange: the request's first byte (the response's where the request was
// not seen) and the response's last byte; where the response is missing or was cut, the moment the exchange ended. Never last <
// first.
struct SpanTimes {
  uint64_t start_ns = 0;
  uint64_t end_ns = 0;
};
SpanTimes TimesOf(const match::MessageFacts& request, const match::MessageFacts& response, decoders::ExchangeEnd end,
                  uint64_t ended_ns);

class SpanBuilder {
 public:
  explicit SpanBuilder(const SpanBuilderOptions& options) : options_(options) {}
  SpanBuilder(const SpanBuilder&) = delete;
  SpanBuilder& operator=(const SpanBuilder&) = delete;

  // `exchange` is a match::Exchange or HeldExchange, `span` a cleared span. The measurement's views live until the span is
  // changed. False, and nothing is built, where the connection's role is unknown or neither message was seen (the caller counts
  // it).
  template <typename Exchange>
  [[nodiscard]] bool Build(const Exchange& exchange, SpanInput input, exporters::Span& span, metrics::Measurement& measurement) {
    if (!Begin(exchange.request_facts, exchange.response_facts, *input.connection)) return false;
    Sink sink(span.attributes, measured_, input.repeated);
    const SpanTimes times = TimesOf(exchange.request_facts, exchange.response_facts, exchange.end, input.ended_ns);
    Describe(exchange.SeenRequest(), exchange.SeenResponse(), ContextOf(*input.connection, exchange.end, times), sink,
             description_);
    Finish({exchange.request_facts, exchange.response_facts, exchange.end, times}, input, span, measurement);
    return true;
  }

  CpuClock& cpu_clock() { return cpu_clock_; }

 private:
  class Sink final : public decoders::AttributeSink {
   public:
    Sink(exporters::AttributeList& list, MeasuredValues& measured, RepeatedAttributes* repeated)
        : list_(list), measured_(measured), repeated_(repeated) {}
    void String(const AttributeName& name, std::string_view value) override;
    void Int(const AttributeName& name, int64_t value) override;
    void Bool(const AttributeName& name, bool value) override;
    bool Repeat(std::span<const std::string_view> inputs) override {
      return repeated_ != nullptr && repeated_->Repeat(inputs, list_, measured_);
    }
    void Remember() override {
      if (repeated_ != nullptr) repeated_->Remember(list_, measured_);
    }

   private:
    exporters::AttributeList& list_;
    MeasuredValues& measured_;
    RepeatedAttributes* repeated_;
  };
  struct Facts {
    const match::MessageFacts& request;
    const match::MessageFacts& response;
    decoders::ExchangeEnd end;
    SpanTimes times;
  };

  bool Begin(const match::MessageFacts& request, const match::MessageFacts& response, const ConnectionProfile& connection);
  static decoders::ExchangeContext ContextOf(const ConnectionProfile& connection, decoders::ExchangeEnd end,
                                             const SpanTimes& times);
  void Finish(const Facts& facts, SpanInput& input, exporters::Span& span, metrics::Measurement& measurement);
  void AddTimings(const Facts& facts, const SpanInput& input, exporters::AttributeList& out);
  void AddSocketFacts(const Facts& facts, const ConnectionProfile& connection, exporters::AttributeList& out) const;
  void ObserveClocks(const Facts& facts, ConnectionRole role);
  bool ThreadsAreShared(const exporters::Resource& resource);

  SpanBuilderOptions options_;
  CpuClock cpu_clock_;
  MeasuredValues measured_;
  metrics::DatabaseMeasurement database_;  // of the exchange just built, where it is an operation of one
  decoders::Description description_;
  struct Judged {
    uint64_t resource = 0;
    bool known = false;
    bool shared = false;
  };
  std::array<Judged, 64> judged_{};  // what ThreadsAreShared answered, by resource id
};

}  // namespace wirespan::span
