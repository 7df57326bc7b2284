#include "exporters/span.h"

#include <utility>

#include "exporters/span_box.h"

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

const Span& SpanBox::Nothing() {
  static const Span nothing;
  return nothing;
}

void Span::Clear() {
  static_cast<SpanValues&>(*this) = {};
  name.clear();
  trace_state.clear();
  status_message.clear();
  attributes.Clear();
  resource.reset();
}

}  // namespace wirespan::exporters
