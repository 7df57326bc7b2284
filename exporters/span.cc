#include "exporters/span.h"

namespace wirespan::exporters {
namespace {

template <size_t N>
std::string HexOf(const std::array<uint8_t, N>& bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string out(2 * N, '0');
  for (size_t i = 0; i < N; ++i) {
    out[2 * i] = kDigits[bytes[i] >> 4];
    out[2 * i + 1] = kDigits[bytes[i] & 0xf];
  }
  return out;
}

}  // namespace

std::string ToHex(const TraceId& id) { return HexOf(id); }
std::string ToHex(const SpanId& id) { return HexOf(id); }

std::string_view Name(SpanKind kind) {
  switch (kind) {
    case SpanKind::kInternal:
      return "internal";
    case SpanKind::kServer:
      return "server";
    case SpanKind::kClient:
      return "client";
    case SpanKind::kProducer:
      return "producer";
    case SpanKind::kConsumer:
      return "consumer";
  }
  return "";
}

std::string_view Name(StatusCode status) {
  switch (status) {
    case StatusCode::kUnset:
      return "unset";
    case StatusCode::kOk:
      return "ok";
    case StatusCode::kError:
      return "error";
  }
  return "";
}

std::string_view Name(LinkEvidence evidence) {
  switch (evidence) {
    case LinkEvidence::kNone:
      return "";
    case LinkEvidence::kTraceparent:
      return "traceparent";
    case LinkEvidence::kSdkContext:
      return "sdk-context";
    case LinkEvidence::kSameThread:
      return "same-thread";
    case LinkEvidence::kEventLoop:
      return "event-loop";
    case LinkEvidence::kBackward:
      return "backward";
    case LinkEvidence::kGoroutine:
      return "goroutine";
    case LinkEvidence::kTaskContext:
      return "task-context";
    case LinkEvidence::kCompletionWake:
      return "completion-wake";
    case LinkEvidence::kSameConnection:
      return "same-connection";
    case LinkEvidence::kInjected:
      return "injected";
  }
  return "";
}

std::string_view Name(LinkConfidence confidence) {
  switch (confidence) {
    case LinkConfidence::kNone:
      return "";
    case LinkConfidence::kProbable:
      return "probable";
    case LinkConfidence::kExact:
      return "exact";
  }
  return "";
}

void Span::Clear() {
  trace_id = {};
  span_id = {};
  parent_span_id = {};
  flags = 0;
  kind = SpanKind::kServer;
  status = StatusCode::kUnset;
  link_evidence = LinkEvidence::kNone;
  link_confidence = LinkConfidence::kNone;
  start_unix_ns = 0;
  end_unix_ns = 0;
  name.clear();
  trace_state.clear();
  status_message.clear();
  attributes.Clear();
  resource.reset();
}

}  // namespace wirespan::exporters
