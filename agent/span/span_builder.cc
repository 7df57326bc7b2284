#include "agent/span/span_builder.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>

#include "agent/span/attribute_key.h"

namespace wirespan::span {
namespace {

using decoders::ExchangeEnd;
using exporters::AttributeList;
using match::MessageFacts;

constexpr uint16_t kActivationsSaturated = 0xffff;
constexpr uint32_t kLeastQueueWaitJiffies = 2;  // one may be no more than the tick between two moments

std::string FormatAddress(AddressFamily family, const std::array<uint8_t, 16>& bytes) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const int native = family == AddressFamily::kIpv4 ? AF_INET : AF_INET6;
  if (inet_ntop(native, bytes.data(), text.data(), text.size()) == nullptr) return {};
  return text.data();
}

// A response whose end its framing told ends the exchange with its last byte; any other end is the moment it was noticed.
bool EndsWithLastByte(ExchangeEnd end) {
  switch (end) {
    case ExchangeEnd::kComplete:
    case ExchangeEnd::kRequestNotSeen:
      return true;
    case ExchangeEnd::kNoResponse:
    case ExchangeEnd::kConnectionReset:
    case ExchangeEnd::kResponseNotSeen:
    case ExchangeEnd::kResponseCut:
    case ExchangeEnd::kProcessExited:
    case ExchangeEnd::kAgentStopped:
    case ExchangeEnd::kStillOpen:
    case ExchangeEnd::kNotProcessed:
      return false;
  }
  return false;
}

// The thread's stamps as the exchange began and as it ended, at this end of the connection.
struct ThreadSpan {
  const ThreadStamp& from;
  const ThreadStamp& to;
};

// Whether one thread carried the exchange from its first to its last byte and served nothing else in between. Known by the
// kernel's counters of that thread:
//  - the same thread at both ends, and `sequence` went forward: the stamps are in order;
//  - the same `turn`: in between it made no multiplexed wait (nor, on a loop thread, a blocking futex), after which it could have
//    been woken for another's sake;
//  - `activations` counts the exchanges read in the turn, as it stood before each event: a server's own request is exactly one
//  more
//    at the end (its reading), a client's call none. A saturated counter proves nothing;
//  - `active` at the end is this exchange, or none after its response's first bytes were sent; for a call, no other call's
//  response
//    was read (`last_call`).
bool ServedAlone(const ThreadSpan& thread, const MessageFacts& request, const MessageFacts& response, ConnectionRole role) {
  const ThreadStamp& from = thread.from;
  const ThreadStamp& to = thread.to;
  if (from.tid == 0 || from.tid != to.tid || from.tgid != to.tgid || from.turn != to.turn) return false;
  if (static_cast<int32_t>(to.sequence - from.sequence) <= 0) return false;
  if (from.runtime_id != to.runtime_id) return false;
  if (from.activations == kActivationsSaturated || to.activations == kActivationsSaturated) return false;
  if (request.index != 0 || response.index != 0) return false;
  const uint32_t read = static_cast<uint32_t>(to.activations) - from.activations;
  if (role == ConnectionRole::kServer) return read == 1 && (to.active == request.token || to.active == 0);
  return read == 0 && (to.last_call == from.last_call || to.last_call == request.token || to.last_call == response.token);
}

}  // namespace

void ConnectionProfile::Set(const Address& address, std::string_view unix_path, ConnectionRole role) {
  Clear();
  role_ = role;
  const bool is_ip = address.family == AddressFamily::kIpv4 || address.family == AddressFamily::kIpv6;
  if (is_ip) {
    is_tcp_ = true;
    local_address_ = FormatAddress(address.family, address.local);
    peer_address_ = FormatAddress(address.family, address.peer);
    local_port_ = address.local_port;
    peer_port_ = address.peer_port;
  } else if (address.family == AddressFamily::kUnix) {
    // Only the listening end has a name; the connecting socket is almost never bound.
    (role == ConnectionRole::kServer ? local_address_ : peer_address_) = unix_path;
  }
  const auto text = [this](const AttributeName& name, const std::string& value) {
    if (!value.empty()) attributes_.String(name.text, value);
  };
  const auto port = [this](const AttributeName& name, uint16_t value) {
    if (value != 0) attributes_.Int(name.text, value);
  };
  text(semconv::kNetworkPeerAddress, peer_address_);
  port(semconv::kNetworkPeerPort, peer_port_);
  text(semconv::kNetworkLocalAddress, local_address_);
  port(semconv::kNetworkLocalPort, local_port_);
  if (is_ip) {
    attributes_.String(semconv::kNetworkTransport.text, "tcp");
    attributes_.String(semconv::kNetworkType.text, address.family == AddressFamily::kIpv4 ? "ipv4" : "ipv6");
  } else if (address.family == AddressFamily::kUnix) {
    attributes_.String(semconv::kNetworkTransport.text, "unix");
  }
}

void ConnectionProfile::Clear() {
  role_ = ConnectionRole::kUnknown;
  is_tcp_ = false;
  local_port_ = peer_port_ = 0;
  local_address_.clear();
  peer_address_.clear();
  attributes_.Clear();
}

SpanTimes TimesOf(const MessageFacts& request, const MessageFacts& response, ExchangeEnd end, uint64_t ended_ns) {
  SpanTimes times;
  times.start_ns = request.seen ? request.first_byte_ns : response.first_byte_ns;
  const uint64_t last_seen_ns = response.seen ? response.last_byte_ns : request.last_byte_ns;
  times.end_ns = EndsWithLastByte(end) && response.seen ? last_seen_ns : std::max(last_seen_ns, ended_ns);
  times.end_ns = std::max(times.end_ns, times.start_ns);
  return times;
}

// Values are remembered by where they lie in the list, which may move as it grows.
void SpanBuilder::Sink::String(const AttributeName& name, std::string_view value) {
  const std::string_view kept = list_.String(KeyOf(name), value);
  if (name.measured == Measured::kNo) return;
  measured_.places[static_cast<size_t>(name.measured)] = {static_cast<uint32_t>(list_.wire().size() - kept.size()),
                                                          static_cast<uint32_t>(kept.size())};
}

void SpanBuilder::Sink::Int(const AttributeName& name, int64_t value) {
  list_.Int(KeyOf(name), value);
  if (name.measured == Measured::kStatusCode) measured_.status_code = value;
  if (name.measured == Measured::kServerPort) measured_.server_port = value;
}

void SpanBuilder::Sink::Bool(const AttributeName& name, bool value) { list_.Bool(name.text, value); }

bool SpanBuilder::Begin(const MessageFacts& request, const MessageFacts& response, const ConnectionProfile& connection) {
  if (connection.role() == ConnectionRole::kUnknown || (!request.seen && !response.seen)) return false;
  measured_ = {};
  description_.Clear();
  return true;
}

decoders::ExchangeContext SpanBuilder::ContextOf(const ConnectionProfile& connection, ExchangeEnd end, const SpanTimes& times) {
  decoders::ExchangeContext context;
  context.elapsed_ns = times.end_ns - times.start_ns;
  context.side = connection.role() == ConnectionRole::kServer ? decoders::SpanSide::kServer : decoders::SpanSide::kClient;
  context.end = end;
  context.local_address = connection.local_address();
  context.peer_address = connection.peer_address();
  context.local_port = connection.local_port();
  context.peer_port = connection.peer_port();
  return context;
}

void SpanBuilder::Finish(const Facts& facts, SpanInput& input, exporters::Span& span, metrics::Measurement& measurement) {
  const ConnectionProfile& connection = *input.connection;
  const bool is_server = connection.role() == ConnectionRole::kServer;
  const SpanTimes& times = facts.times;
  span.kind = is_server ? exporters::SpanKind::kServer : exporters::SpanKind::kClient;
  if (description_.flow != decoders::SpanFlow::kByEnd) [[unlikely]]
    span.kind = description_.flow == decoders::SpanFlow::kSent ? exporters::SpanKind::kProducer : exporters::SpanKind::kConsumer;
  span.status = static_cast<exporters::StatusCode>(description_.status);
  span.name.assign(description_.name);
  if (input.incoming != nullptr) span.trace_state.assign(input.incoming->trace_state);
  const auto offset =
      static_cast<uint64_t>(options_.unix_minus_boot_ns);  // two's complement: adding it is adding the signed value
  span.start_unix_ns = times.start_ns + offset;
  span.end_unix_ns = times.end_ns + offset;

  span.attributes.Append(connection.attributes());
  if (facts.end != ExchangeEnd::kComplete) {
    if (facts.end == ExchangeEnd::kStillOpen) span.kind = exporters::SpanKind::kInternal;  // what it tells of has its own span
    if (!measured_.Has(Measured::kIncomplete)) {
      span.attributes.String(KeyOf(semconv::kWirespanIncomplete), decoders::Name(facts.end));
    }
  }
  ObserveClocks(facts, connection.role());
  AddTimings(facts, input, span.attributes);
  AddSocketFacts(facts, connection, span.attributes);

  // Every member, so that nothing of the exchange before is left and nothing is cleared first.
  measurement.resource = input.resource.get();
  measurement.kind = span.kind;
  measurement.duration_ns = times.end_ns - times.start_ns;
  const std::string_view wire = span.attributes.wire();
  measurement.request_method = measured_.Of(Measured::kMethod, wire);
  measurement.url_scheme = measured_.Of(Measured::kScheme, wire);
  measurement.protocol_version = measured_.Of(Measured::kVersion, wire);
  measurement.error_type = measured_.Of(Measured::kErrorType, wire);
  measurement.status_code = measured_.status_code;
  measurement.rpc_system = measured_.Of(Measured::kRpcSystem, wire);
  measurement.rpc_method = measured_.Of(Measured::kOperation, wire);
  measurement.rpc_status_code = measured_.Of(Measured::kOutcome, wire);
  measurement.database = nullptr;
  if (measured_.Has(Measured::kDbSystem)) {
    database_ = {.system = measured_.Of(Measured::kDbSystem, wire),
                 .name_space = measured_.Of(Measured::kNamespace, wire),
                 .operation = measured_.Of(Measured::kOperation, wire),
                 .status_code = measured_.Of(Measured::kOutcome, wire)};
    measurement.database = &database_;
  }
  measurement.server_address = is_server ? std::string_view{} : measured_.Of(Measured::kServerAddress, wire);
  measurement.server_port = is_server ? 0 : measured_.server_port;
  span.resource = std::move(input.resource);
}

// Receives only: their event time is the moment of the stamp.
void SpanBuilder::ObserveClocks(const Facts& facts, ConnectionRole role) {
  const MessageFacts& received = role == ConnectionRole::kServer ? facts.request : facts.response;
  if (!received.seen) return;
  cpu_clock_.Observe(received.first, received.first_byte_ns);
  cpu_clock_.Observe(received.last, received.last_byte_ns);
}

void SpanBuilder::AddTimings(const Facts& facts, const SpanInput& input, AttributeList& out) {
  const MessageFacts& request = facts.request;
  const MessageFacts& response = facts.response;
  // A request of which the beginning is missing, and a response of which the beginning is, have no such time.
  const bool both_seen =
      request.seen && response.seen && facts.end != ExchangeEnd::kRequestNotSeen && facts.end != ExchangeEnd::kResponseNotSeen;
  if (!both_seen || response.first_byte_ns < request.first_byte_ns) return;
  out.Int(KeyOf(semconv::kWirespanTimeToFirstByte), static_cast<int64_t>(response.first_byte_ns - request.first_byte_ns));

  if (facts.end != ExchangeEnd::kComplete || input.pipelined) return;
  const ThreadSpan thread{request.first, response.last};
  if (!ServedAlone(thread, request, response, input.connection->role()) || ThreadsAreShared(*input.resource)) return;
  const std::optional<uint64_t> on_cpu_ns =
      CpuTimeBetween(cpu_clock_, thread.from, request.first_byte_ns, thread.to, response.last_byte_ns);
  if (on_cpu_ns) out.Int(KeyOf(semconv::kWirespanOnCpu), static_cast<int64_t>(*on_cpu_ns));
  // The scheduler adds to run_delay when it gives the thread a CPU, so it is exact at every stamp. A kernel without schedstats
  // has 0.
  if (thread.from.run_delay_ns != 0 && thread.to.run_delay_ns >= thread.from.run_delay_ns) {
    const uint64_t delay_ns = thread.to.run_delay_ns - thread.from.run_delay_ns;
    if (delay_ns <= response.last_byte_ns - request.first_byte_ns) {
      out.Int(KeyOf(semconv::kWirespanRunDelay), static_cast<int64_t>(delay_ns));
    }
  }
}

void SpanBuilder::AddSocketFacts(const Facts& facts, const ConnectionProfile& connection, AttributeList& out) const {
  const MessageFacts& request = facts.request;
  const MessageFacts& response = facts.response;
  if (connection.is_tcp() && request.seen && response.seen && response.retransmits_last > request.retransmits_first) {
    out.Int(KeyOf(semconv::kWirespanRetransmits), response.retransmits_last - request.retransmits_first);
  }
  const uint32_t srtt_us = response.seen && response.srtt_us != 0 ? response.srtt_us : request.srtt_us;
  if (connection.is_tcp() && srtt_us != 0) out.Int(KeyOf(semconv::kWirespanSmoothedRtt), srtt_us);
  const MessageFacts& received = connection.role() == ConnectionRole::kServer ? request : response;
  if (received.seen && received.queue_wait_jiffies >= kLeastQueueWaitJiffies && options_.jiffies_per_second != 0) {
    out.Int(KeyOf(semconv::kWirespanQueueWait), int64_t{received.queue_wait_jiffies} * 1000 / options_.jiffies_per_second);
  }
}

// Goroutines and Erlang processes take turns on a thread without the kernel's knowledge: its counters prove nothing for them.
bool SpanBuilder::ThreadsAreShared(const exporters::Resource& resource) {
  Judged& judged = judged_[resource.id % judged_.size()];
  if (!judged.known || judged.resource != resource.id) {
    const auto language = resource.attributes.Find("telemetry.sdk.language");
    judged = {resource.id, true, language && (language->string_value == "go" || language->string_value == "erlang")};
  }
  return judged.shared;
}

}  // namespace wirespan::span
