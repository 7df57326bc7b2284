// Span and Resource: the agent's output language, OpenTelemetry-neutral values. Exporters know nothing else of the agent. A Span
// is built by one thread and handed on in a SpanBox; its buffers are reused through SpanBatch.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>

#include "exporters/attributes.h"

namespace wirespan::exporters {

using TraceId = std::array<uint8_t, 16>;
using SpanId = std::array<uint8_t, 8>;  // all zero: none

inline bool IsZero(const TraceId& id) { return id == TraceId{}; }
inline bool IsZero(const SpanId& id) { return id == SpanId{}; }
std::string ToHex(const TraceId& id);
std::string ToHex(const SpanId& id);

enum class SpanKind : uint8_t { kInternal = 1, kServer = 2, kClient = 3, kProducer = 4, kConsumer = 5 };  // OTLP numbers
enum class StatusCode : uint8_t { kUnset = 0, kOk = 1, kError = 2 };                                      // OTLP numbers

std::string_view Name(SpanKind kind);      // "server"
std::string_view Name(StatusCode status);  // "unset", "ok", "error"

// How the parent of a span is known. Whoever sets it also writes the attributes `wirespan.link.*`; exporters add none.
enum class LinkEvidence : uint8_t {
  kNone,
  kTraceparent,
  kSdkContext,
  kSameThread,
  kEventLoop,
  kBackward,
  kGoroutine,
  kTaskContext,
  kCompletionWake,
  kSameConnection,
  kInjected,
};
enum class LinkConfidence : uint8_t { kNone, kProbable, kExact };
std::string_view Name(LinkEvidence evidence);      // "same-connection"; "" for kNone
std::string_view Name(LinkConfidence confidence);  // "exact"; "" for kNone

// What was observed: a service instance. Immutable once made; shared by its spans (many threads read it).
struct Resource {
  uint64_t id = 0;  // unique within the process; equal ids are the same object
  std::string service_name;
  AttributeList attributes;  // service.name among them
};

// What a span is beside its text: plain values, which travel by words.
struct SpanValues {
  TraceId trace_id{};
  SpanId span_id{};
  SpanId parent_span_id{};
  uint32_t flags = 0;  // W3C trace flags | 0x100 (parent's remoteness is known) | 0x200 (parent is remote)
  SpanKind kind = SpanKind::kServer;
  StatusCode status = StatusCode::kUnset;
  LinkEvidence link_evidence = LinkEvidence::kNone;
  LinkConfidence link_confidence = LinkConfidence::kNone;
  uint64_t start_unix_ns = 0;
  uint64_t end_unix_ns = 0;
};

struct Span : SpanValues {
  std::string name;
  std::string trace_state;
  std::string status_message;
  AttributeList attributes;
  std::shared_ptr<const Resource> resource;  // shared: one resource outlives none of its spans

  void Clear();  // keeps the buffers
};

}  // namespace wirespan::exporters
