#include "agent/span/carriers.h"

#include "agent/span/foreign_context.h"
#include "decoders/http_characters.h"

namespace wirespan::span {

using trace::Carrier;

void CarrierReader::Reset() {
  if (has_w3c_) w3c_.Reset();
  has_w3c_ = cut_ = false;
  seen_ = 0;
}

void CarrierReader::Keep(std::string_view name, std::string_view value, bool whole) {
  using decoders::EqualsIgnoringCase;
  if (EqualsIgnoringCase(name, "traceparent") || EqualsIgnoringCase(name, "tracestate")) {
    if (!has_w3c_) w3c_.Reset();
    has_w3c_ = true;
    w3c_.Add(name, value);  // one that is not whole is no traceparent, and a tracestate decides nothing
    return;
  }
  for (size_t i = 0; i < slots_.size(); ++i) {
    if (!EqualsIgnoringCase(name, kCarrierFieldNames[i])) continue;
    Slot& slot = slots_[i];
    if ((seen_ >> i & 1U) != 0) return;
    value = decoders::TrimBlanks(value);
    seen_ |= uint32_t{1} << i;
    slot.whole = whole && value.size() <= kMaxCarrierValueBytes;
    slot.value.assign(slot.whole ? value : std::string_view{});
    return;
  }
}

bool CarrierReader::HasAny(CarrierField first, CarrierField last) const {
  const uint32_t up_to_last = (uint32_t{2} << static_cast<uint32_t>(last)) - 1;
  const uint32_t before_first = (uint32_t{1} << static_cast<uint32_t>(first)) - 1;
  return (seen_ & up_to_last & ~before_first) != 0;
}

std::string_view CarrierReader::Value(CarrierField field) const {
  return Has(field) ? std::string_view(slots_[static_cast<size_t>(field)].value) : std::string_view{};
}

ContextReject CarrierReader::DoubtOf(CarrierField first, CarrierField last) const {
  for (auto i = static_cast<size_t>(first); i <= static_cast<size_t>(last); ++i) {
    if (!Has(static_cast<CarrierField>(i))) continue;
    if (!slots_[i].whole) return ContextReject::kNotSeen;
  }
  return ContextReject::kNone;
}

// The single field first; where it says nothing that counts, the several.
ContextReject CarrierReader::ReadB3(trace::IncomingContext& out) const {
  ContextReject reject = ContextReject::kNoContext;
  if (Has(CarrierField::kB3)) {
    reject = DoubtOf(CarrierField::kB3, CarrierField::kB3);
    if (reject == ContextReject::kNone) reject = ReadB3Single(Value(CarrierField::kB3), out);
    if (reject == ContextReject::kNone) return reject;
  }
  if (!HasAny(CarrierField::kB3TraceId, CarrierField::kB3Flags)) return reject;
  ContextReject several = DoubtOf(CarrierField::kB3TraceId, CarrierField::kB3Flags);
  if (several == ContextReject::kNone) {
    several = ReadB3Multi({.trace_id = Value(CarrierField::kB3TraceId),
                           .span_id = Value(CarrierField::kB3SpanId),
                           .parent_span_id = Value(CarrierField::kB3ParentSpanId),
                           .sampled = Value(CarrierField::kB3Sampled),
                           .flags = Value(CarrierField::kB3Flags)},
                          out);
  }
  return several == ContextReject::kNone || reject == ContextReject::kNoContext ? several : reject;
}

// Half of the trace id is in another field: where that may have been cut off, the id is not known.
ContextReject CarrierReader::ReadDatadogFields(trace::IncomingContext& out) const {
  if (cut_ && !Has(CarrierField::kDatadogTags)) return ContextReject::kNotSeen;
  return ReadDatadog({.trace_id = Value(CarrierField::kDatadogTraceId),
                      .parent_id = Value(CarrierField::kDatadogParentId),
                      .priority = Value(CarrierField::kDatadogPriority),
                      .tags = Value(CarrierField::kDatadogTags)},
                     out);
}

ContextReject CarrierReader::ReadFields(Carrier carrier, trace::IncomingContext& out) {
  const auto fields = [this](CarrierField first, CarrierField last) {
    return HasAny(first, last) ? DoubtOf(first, last) : ContextReject::kNoContext;
  };
  ContextReject reject = ContextReject::kNoContext;
  switch (carrier) {
    case Carrier::kW3c:
      return has_w3c_ ? w3c_.Finish(out) : ContextReject::kNoTraceparent;
    case Carrier::kB3:
      return ReadB3(out);
    case Carrier::kDatadog:
      reject = fields(CarrierField::kDatadogTraceId, CarrierField::kDatadogTags);
      return reject == ContextReject::kNone ? ReadDatadogFields(out) : reject;
    case Carrier::kJaeger:
      reject = fields(CarrierField::kJaeger, CarrierField::kJaeger);
      return reject == ContextReject::kNone ? ReadJaeger(Value(CarrierField::kJaeger), out) : reject;
    case Carrier::kXray:
      reject = fields(CarrierField::kXray, CarrierField::kXray);
      return reject == ContextReject::kNone ? ReadXray(Value(CarrierField::kXray), out) : reject;
    case Carrier::kOtTrace:
      reject = fields(CarrierField::kOtTraceId, CarrierField::kOtSampled);
      if (reject != ContextReject::kNone) return reject;
      return ReadOtTrace(Value(CarrierField::kOtTraceId), Value(CarrierField::kOtSpanId), Value(CarrierField::kOtSampled), out);
  }
  return reject;
}

ContextReject CarrierReader::FinishBy(Carrier carrier, trace::IncomingContext& out) {
  out.trace_state.clear();
  const ContextReject reject = ReadFields(carrier, out);
  out.carrier = carrier;
  if (reject == ContextReject::kNone) return reject;
  out.trace_id = {};
  out.parent_span_id = {};
  out.flags = 0;
  out.sampling = trace::Sampling::kSaid;
  return reject;
}

ContextReject CarrierReader::Finish(trace::IncomingContext& out) {
  ContextReject first = ContextReject::kNoContext;
  if (!has_w3c_ && seen_ == 0) {
    FinishBy(Carrier::kW3c, out);
    return first;
  }
  for (size_t i = 0; i < trace::kCarrierCount; ++i) {
    const ContextReject reject = FinishBy(static_cast<Carrier>(i), out);
    if (reject == ContextReject::kNone) return reject;
    const bool is_there = reject != ContextReject::kNoContext && (i > 0 || has_w3c_);
    if (first == ContextReject::kNoContext && is_there) first = reject;
  }
  return first;
}

}  // namespace wirespan::span
