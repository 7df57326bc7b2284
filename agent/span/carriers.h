// CarrierReader: the trace context of one request, in whatever headers it came (agent/trace/carrier.h lists them, and their order
// of precedence). Total on all inputs; pure; one reader per thread, which allocates nothing once it is warm.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "agent/span/context.h"
#include "agent/trace/carrier.h"

namespace wirespan::span {

inline constexpr size_t kMaxCarrierValueBytes = 4096;  // of a field that is not W3C's; a longer one counts as not seen

// The fields that are read beside traceparent and tracestate, in lower case.
enum class CarrierField : uint8_t {
  kB3,
  kB3TraceId,
  kB3SpanId,
  kB3ParentSpanId,
  kB3Sampled,
  kB3Flags,
  kDatadogTraceId,
  kDatadogParentId,
  kDatadogPriority,
  kDatadogTags,
  kJaeger,
  kXray,
  kOtTraceId,
  kOtSpanId,
  kOtSampled,
};
inline constexpr std::array<std::string_view, 15> kCarrierFieldNames = {"b3",
                                                                        "x-b3-traceid",
                                                                        "x-b3-spanid",
                                                                        "x-b3-parentspanid",
                                                                        "x-b3-sampled",
                                                                        "x-b3-flags",
                                                                        "x-datadog-trace-id",
                                                                        "x-datadog-parent-id",
                                                                        "x-datadog-sampling-priority",
                                                                        "x-datadog-tags",
                                                                        "uber-trace-id",
                                                                        "x-amzn-trace-id",
                                                                        "ot-tracer-traceid",
                                                                        "ot-tracer-spanid",
                                                                        "ot-tracer-sampled"};
// One field of each carrier without which there is nothing.
inline constexpr std::array<std::string_view, 7> kLeadingFieldNames = {
    "traceparent", "b3", "x-b3-traceid", "x-datadog-trace-id", "uber-trace-id", "x-amzn-trace-id", "ot-tracer-traceid"};

// By length, a bit for each first letter that a name of interest has.
inline constexpr std::array<uint32_t, 28> kCarrierNameLetters = [] {
  std::array<uint32_t, 28> letters{};
  const auto add = [&letters](std::string_view name) {
    letters[name.size()] |= uint32_t{1} << (static_cast<uint8_t>(name.front()) & 31U);
  };
  add("traceparent");
  add("tracestate");
  for (const std::string_view name : kCarrierFieldNames) add(name);
  return letters;
}();

class CarrierReader {
 public:
  void Reset();  // before each request
  // A field as it was sent; the views are not kept. `whole` false: the value was not seen, or only its beginning. Of a field that
  // comes several times the first counts, but for traceparent (TraceContextReader).
  void Add(std::string_view name, std::string_view value, bool whole = true) {
    if (MayCarry(name)) Keep(name, value, whole);
  }
  // Further fields were not seen, or not kept.
  void NoteCut() { cut_ = true; }
  // Fills `out` (wholly, where kNone is returned; else it is left empty): by the first carrier that is there and valid. Where
  // there is none, the reason is that of the first that is there. An invalid one does not stand in the way of those after it.
  ContextReject Finish(trace::IncomingContext& out);
  // The same by one carrier alone.
  ContextReject FinishBy(trace::Carrier carrier, trace::IncomingContext& out);

  // False: no field of that name is of interest, by its length and first letter.
  static bool MayCarry(std::string_view name) {
    return name.size() < kCarrierNameLetters.size() &&
           (kCarrierNameLetters[name.size()] >> (name.empty() ? 0U : static_cast<uint8_t>(name.front()) & 31U) & 1U) != 0;
  }

 private:
  struct Slot {
    std::string value;
    bool whole = true;
  };
  void Keep(std::string_view name, std::string_view value, bool whole);
  bool Has(CarrierField field) const { return (seen_ >> static_cast<size_t>(field) & 1U) != 0; }
  bool HasAny(CarrierField first, CarrierField last) const;
  std::string_view Value(CarrierField field) const;
  // kNone: every field of the range, where it is there, was seen whole.
  ContextReject DoubtOf(CarrierField first, CarrierField last) const;
  ContextReject ReadB3(trace::IncomingContext& out) const;
  ContextReject ReadDatadogFields(trace::IncomingContext& out) const;
  ContextReject ReadFields(trace::Carrier carrier, trace::IncomingContext& out);

  TraceContextReader w3c_;
  std::array<Slot, kCarrierFieldNames.size()> slots_;
  uint32_t seen_ = 0;  // by CarrierField
  bool has_w3c_ = false;
  bool cut_ = false;
};

// The same of any message with header fields (decoders/http1/message.h is one): its head only, never its trailers.
template <typename Message>
ContextReject ParseTraceContext(const Message& request, CarrierReader& reader, trace::IncomingContext& out) {
  reader.Reset();
  if constexpr (requires { request.MayHave(std::string_view{}); }) {
    // Spelt out, so that each name's bit is a constant.
    const bool any = [&request]<size_t... I>(std::index_sequence<I...>) {
      return (request.MayHave(kLeadingFieldNames[I]) || ...);
    }
    (std::make_index_sequence<kLeadingFieldNames.size()>{});
    if (!any) return reader.Finish(out);
  }
  bool cut = false;
  if constexpr (requires { request.fields.truncated; }) {
    cut = request.fields.truncated || request.fields.has_unknown || !request.complete();
  } else if constexpr (requires { request.truncated; }) {
    cut = request.truncated;
  }
  if (cut) reader.NoteCut();
  for (const auto& field : request.fields) {
    if (!CarrierReader::MayCarry(request.Name(field))) continue;
    bool whole = true;
    if constexpr (requires { field.value_known; }) whole = field.value_known && !field.truncated;
    reader.Add(request.Name(field), request.Value(field), whole);
  }
  return reader.Finish(out);
}

}  // namespace wirespan::span
