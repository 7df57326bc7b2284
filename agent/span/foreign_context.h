// The trace contexts that other systems than W3C's write: each function reads one form from the values of its fields, trimmed,
// empty where absent. They fill ids, flags and sampling of `out`; what is in `out` where they do not return kNone means nothing.
// Total on all inputs; pure; any thread.
#pragma once

#include <string_view>

#include "agent/span/context.h"

namespace wirespan::span {

// "{trace}-{span}[-{1|0|d}[-{parent}]]" of lower-case digits; a trace id has 32 or 16, a span id 16.
ContextReject ReadB3Single(std::string_view text, trace::IncomingContext& out);

// X-B3-TraceId, -SpanId, -ParentSpanId, -Sampled (1, 0, true, false), -Flags (1: debug).
struct B3Fields {
  std::string_view trace_id;
  std::string_view span_id;
  std::string_view parent_span_id;
  std::string_view sampled;
  std::string_view flags;
};
ContextReject ReadB3Multi(const B3Fields& fields, trace::IncomingContext& out);

// uber-trace-id, "{trace}:{span}:{parent}:{flags}": up to 32, 16, 16 and 2 digits, zeros to the left left out; ':' may be "%3A".
ContextReject ReadJaeger(std::string_view text, trace::IncomingContext& out);

// X-Amzn-Trace-Id, "Root=1-{8 digits}-{24 digits};Parent={16 digits};Sampled={1|0|?}", in any order, among others.
ContextReject ReadXray(std::string_view text, trace::IncomingContext& out);

// Numbers are decimal. `tags` may have "_dd.p.tid=" and the 16 digits of the trace id's upper half; one of another form is not
// believed, as its own libraries do not.
struct DatadogFields {
  std::string_view trace_id;
  std::string_view parent_id;
  std::string_view priority;  // > 0: keep
  std::string_view tags;
};
ContextReject ReadDatadog(const DatadogFields& fields, trace::IncomingContext& out);

// ot-tracer-traceid (32 or 16 digits), -spanid (16), -sampled.
ContextReject ReadOtTrace(std::string_view trace_id, std::string_view span_id, std::string_view sampled,
                          trace::IncomingContext& out);

}  // namespace wirespan::span
