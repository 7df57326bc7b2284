#include "exporters/otlp/json_encoding.h"

#include "exporters/json.h"

namespace wirespan::exporters::otlp {
namespace {

void AppendValue(const AttributeView& view, std::string& out) {
  switch (view.type) {
    case AttributeView::Type::kString:
      out += R"({"stringValue":)";
      json::AppendString(view.string_value, out);
      break;
    case AttributeView::Type::kBool:
      out += view.bool_value ? R"({"boolValue":true)" : R"({"boolValue":false)";
      break;
    case AttributeView::Type::kInt:
      out += R"({"intValue":")";
      json::AppendInt(view.int_value, out);
      out += '"';
      break;
    case AttributeView::Type::kDouble:
      out += R"({"doubleValue":)";
      json::AppendDouble(view.double_value, out);
      break;
  }
  out += '}';
}

void AppendTime(std::string_view key, uint64_t unix_ns, std::string& out) {
  out += key;
  json::AppendUint(unix_ns, out);
  out += '"';
}

}  // namespace

void AppendAttributesJson(const AttributeList& attributes, std::string& out) {
  out += '[';
  bool first = true;
  AttributeList::Reader reader(attributes);
  for (AttributeView view; reader.Next(view);) {
    out += first ? R"({"key":)" : R"(,{"key":)";
    first = false;
    json::AppendString(view.key, out);
    out += R"(,"value":)";
    AppendValue(view, out);
    out += '}';
  }
  out += ']';
}

void AppendResourceJson(const Resource* resource, std::string& out) {
  if (resource == nullptr) {
    out += "{}";
    return;
  }
  out += R"({"attributes":)";
  AppendAttributesJson(resource->attributes, out);
  out += '}';
}

void AppendScopeJson(const Scope& scope, std::string& out) {
  out += R"({"name":)";
  json::AppendString(scope.name, out);
  if (!scope.version.empty()) {
    out += R"(,"version":)";
    json::AppendString(scope.version, out);
  }
  out += '}';
}

void AppendSpanJson(const Span& span, std::string& out) {
  out += R"({"traceId":)";
  json::AppendHex(span.trace_id.data(), span.trace_id.size(), out);
  out += R"(,"spanId":)";
  json::AppendHex(span.span_id.data(), span.span_id.size(), out);
  if (!span.trace_state.empty()) {
    out += R"(,"traceState":)";
    json::AppendString(span.trace_state, out);
  }
  if (!IsZero(span.parent_span_id)) {
    out += R"(,"parentSpanId":)";
    json::AppendHex(span.parent_span_id.data(), span.parent_span_id.size(), out);
  }
  out += R"(,"flags":)";
  json::AppendUint(span.flags, out);
  out += R"(,"name":)";
  json::AppendString(span.name, out);
  out += R"(,"kind":)";
  json::AppendUint(static_cast<uint64_t>(span.kind), out);
  AppendTime(R"(,"startTimeUnixNano":")", span.start_unix_ns, out);
  AppendTime(R"(,"endTimeUnixNano":")", span.end_unix_ns, out);
  out += R"(,"attributes":)";
  AppendAttributesJson(span.attributes, out);
  out += R"(,"status":{)";
  if (span.status != StatusCode::kUnset) {
    out += R"("code":)";
    json::AppendUint(static_cast<uint64_t>(span.status), out);
    if (!span.status_message.empty()) {
      out += R"(,"message":)";
      json::AppendString(span.status_message, out);
    }
  }
  out += "}}";
}

void OpenResourceSpansJson(const Resource* resource, const Scope& scope, std::string& out) {
  out += R"({"resource":)";
  AppendResourceJson(resource, out);
  out += R"(,"scopeSpans":[{"scope":)";
  AppendScopeJson(scope, out);
  out += R"(,"spans":[)";
}

void CloseResourceSpansJson(const Scope& scope, std::string& out) {
  out += R"(],"schemaUrl":)";
  json::AppendString(scope.schema_url, out);
  out += R"(}],"schemaUrl":)";
  json::AppendString(scope.schema_url, out);
  out += '}';
}

}  // namespace wirespan::exporters::otlp
