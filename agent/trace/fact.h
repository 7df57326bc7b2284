// Facts: what the shards tell the trace assembler. A shard appends them in the order of its ring; the assembler merges shards.
// Times are CLOCK_BOOTTIME ns. Plain values, moved in batches; no views.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "agent/kernel/event.h"
#include "agent/trace/carrier.h"
#include "exporters/span_box.h"

namespace wirespan::trace {

// Names one exchange at both of its ends: a keyed 128-bit hash of (client address and port, server address and port, network
// position of the request's first byte); for unix sockets of (both inodes, position). 0,0: not known (joins with nothing).
struct JoinKey {
  uint64_t high = 0;
  uint64_t low = 0;
  bool operator==(const JoinKey&) const = default;
  bool known() const { return (high | low) != 0; }
};

// A trace context that a request carried.
struct IncomingContext {
  exporters::TraceId trace_id{};  // ids of 64 bits stand on the right
  exporters::SpanId parent_span_id{};
  uint8_t flags = 0;  // of traceparent; of other carriers 1 where they say that the trace is sampled, else 0
  std::string trace_state;
  Carrier carrier = Carrier::kW3c;
  Sampling sampling = Sampling::kSaid;
};

// The request of an exchange was seen on a server connection (its head is complete), or a call's on a client connection.
// `token` is shared by all requests of one connection turn (pipelining): then `index` > 0 or `more` make the token ambiguous.
// The flags are of the forward candidate on the client side, as the kernel stamped it on the first byte of the request.
struct RequestSeen : ActivityFlags {
  uint64_t time_ns = 0;  // first byte
  Token token = 0;
  uint32_t index = 0;  // 0 for the first request of the turn
  ConnectionRole role = ConnectionRole::kUnknown;
  JoinKey join;
  JoinKey sequences;  // the same by both directions' sequence numbers alone: where address translation lies between the ends
  std::optional<IncomingContext> incoming;
  uint32_t tgid = 0;  // of the thread that read or wrote the first byte
  // Client side: of the forward candidate too.
  ThreadStamp thread;
  Token stored = 0;
  Ancestors ancestors{};  // of the CPython context it was written in
  // Its connection carries several at once (HTTP/2): reads and writes there are not of one request alone.
  bool multiplexed = false;
  bool shares = false;  // and others were open when it began, or may have been: the kernel's marks may be another's
};

// The first byte of the response of `token` was written on a server connection: the moment of backward links, contradictions.
struct ResponseStarted {
  uint64_t time_ns = 0;
  Token token = 0;
  ThreadStamp thread;
  bool active_open = false;
  bool timer_due = false;
  bool loop_thread = false;
  bool several_reads = false;  // the thread read several responses since it last sent: which of them led here is not known
  bool handed_over = false;    // as in RequestSeen
};

// An exchange or call is over, and its span is whole but for ids and parent.
struct SpanFinished {
  uint64_t time_ns = 0;  // end, boot time
  uint64_t start_ns = 0;
  Token token = 0;
  uint32_t index = 0;
  ConnectionRole role = ConnectionRole::kUnknown;
  uint32_t tgid = 0;
  JoinKey join;
  uint32_t last_tid = 0;  // thread that moved the last byte of the response, and its turn then
  uint32_t last_turn = 0;
  bool shared = false;  // others were open on its multiplexed connection at some time, or may have been
  exporters::SpanBox span;
};

// Indices of what continues an exchange: of no request.
inline constexpr uint32_t kContinuedIndex = uint32_t{1} << 31U;

// Something began that outlives the exchange which led to it (a WebSocket connection its upgrade), or a part of such a thing. Its
// span comes when it ends, perhaps days later, and is the child of what it continues; it serves no calls.
struct Continued {
  uint64_t time_ns = 0;   // when it was told
  uint64_t start_ns = 0;  // its first byte
  Token token = 0;
  uint32_t index = 0;  // >= kContinuedIndex
  ConnectionRole role = ConnectionRole::kUnknown;
  uint32_t tgid = 0;
  JoinKey join;    // its own; not known: nothing is within it
  JoinKey within;  // of what it continues, at the same end
};

struct ProcessEnded {
  uint64_t time_ns = 0;
  uint32_t tgid = 0;
};

// Events up to then may be missing (a loss counter rose, or processes were met in mid-life): for a while, links that are only
// right if nothing is missing are not made.
struct LossNoted {
  uint64_t time_ns = 0;
};

using Fact = std::variant<RequestSeen, ResponseStarted, SpanFinished, Continued, CompletionWake, ProcessEnded, LossNoted>;
using FactBatch = std::vector<Fact>;

}  // namespace wirespan::trace
