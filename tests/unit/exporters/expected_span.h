// A span as the generated classes would build it: what every encoder is held against.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "exporters/span.h"
#include "exporters/utf8.h"
#include "opentelemetry/proto/trace/v1/trace.pb.h"

namespace wirespan::exporters {

inline std::string CleanText(const std::string& text) {
  std::string out;
  AppendUtf8(text, 16'384, out);
  return out;
}

inline opentelemetry::proto::trace::v1::Span ExpectedSpan(const Span& span) {
  opentelemetry::proto::trace::v1::Span out;
  EXPECT_TRUE(out.ParseFromString(std::string(span.attributes.wire())));
  out.set_trace_id(span.trace_id.data(), span.trace_id.size());
  out.set_span_id(span.span_id.data(), span.span_id.size());
  if (!IsZero(span.parent_span_id)) out.set_parent_span_id(span.parent_span_id.data(), span.parent_span_id.size());
  out.set_name(CleanText(span.name));
  out.set_trace_state(CleanText(span.trace_state));
  out.set_kind(static_cast<opentelemetry::proto::trace::v1::Span::SpanKind>(span.kind));
  out.set_start_time_unix_nano(span.start_unix_ns);
  out.set_end_time_unix_nano(span.end_unix_ns);
  out.set_flags(span.flags);
  if (span.status != StatusCode::kUnset) {
    out.mutable_status()->set_code(static_cast<opentelemetry::proto::trace::v1::Status::StatusCode>(span.status));
    out.mutable_status()->set_message(CleanText(span.status_message));
  }
  return out;
}

}  // namespace wirespan::exporters
