// W3C trace context as it arrives: the `traceparent` and `tracestate` fields of one request, read to the letter of the
// specification (https://www.w3.org/TR/trace-context-2/). Total on all inputs; pure; any thread, one reader per thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "agent/trace/fact.h"

namespace wirespan::span {

inline constexpr size_t kMaxTraceStateMembers = 32;
inline constexpr size_t kMaxTraceStateKeyBytes = 256;
inline constexpr size_t kMaxTraceStateValueBytes = 256;

// Why a request continues no trace. Name() gives the words of the command `propagate` and of counters.
enum class ContextReject : uint8_t {
  kNone,  // accepted
  kNoTraceparent,
  kSeveralTraceparents,
  kBadVersion,   // not two lower-case hexadecimal digits and '-', or ff
  kBadLength,    // version 00: not 55 characters; later versions: fewer, or no '-' after them
  kBadTraceId,   // not 32 lower-case hexadecimal digits, or all zero (other carriers: not of their form, or zero)
  kBadParentId,  // not 16 lower-case hexadecimal digits, or all zero (the same)
  kBadFlags,     // not two lower-case hexadecimal digits (Jaeger: one or two)
  // Of other carriers than W3C's (carriers.h).
  kNoContext,    // none of their fields
  kNoTraceId,    // a decision about sampling, or a parent, alone
  kNoParentId,   // a trace without a parent in it: X-Ray as a load balancer begins it
  kBadForm,      // not made of the parts it is to have
  kBadSampling,  // neither yes nor no
  kNotSeen,      // a value that it hangs on was lost or cut
};
inline constexpr size_t kContextRejectCount = 14;
std::string_view Name(ContextReject reject);  // "accepted" for kNone

// What became of the tracestate. It never decides over the traceparent.
enum class TraceStateFate : uint8_t { kAbsent, kKept, kDiscarded };

struct HeaderField {
  std::string_view name;
  std::string_view value;
};

// Takes the fields of one request in the order they were sent; other fields than the two are ignored at once. Keeps its buffers,
// so that reading allocates nothing in the steady state.
class TraceContextReader {
 public:
  void Reset();
  void Add(std::string_view name, std::string_view value) {  // the views are not kept
    if (name.size() == 10 || name.size() == 11) Keep(name, value);
  }
  // Fills `out` (wholly, where kNone is returned; else it is left empty). Several tracestate fields are joined with ','; empty
  // members are left out; the later of two members of one key is left out; an invalid member, or a 33rd, discards the whole
  // tracestate.
  ContextReject Finish(trace::IncomingContext& out);
  TraceStateFate trace_state_fate() const { return fate_; }

 private:
  void Keep(std::string_view name, std::string_view value);
  ContextReject ParseTraceparent(trace::IncomingContext& out) const;
  bool JoinTraceState(std::string& out) const;

  std::string traceparent_;
  std::string trace_state_;  // the fields' values as they came, joined
  size_t traceparent_count_ = 0;
  bool has_trace_state_ = false;
  bool trace_state_too_long_ = false;
  TraceStateFate fate_ = TraceStateFate::kAbsent;
};

ContextReject ParseTraceContext(std::span<const HeaderField> fields, trace::IncomingContext& out);

}  // namespace wirespan::span
