// ExportTraceServiceRequest by hand: sizes first, then one pass that writes into a buffer of exactly that size. Field numbers:
// opentelemetry/proto/trace/v1/trace.proto and collector/trace/v1/trace_service.proto.
#include <bit>
#include <vector>

#include "exporters/otlp/encoder.h"
#include "exporters/otlp/protobuf_encoding.h"
#include "exporters/otlp/resource_order.h"
#include "exporters/utf8.h"
#include "exporters/wire.h"

namespace wirespan::exporters::otlp {
namespace {

constexpr uint32_t kResourceSpans = 1;                                      // ExportTraceServiceRequest
constexpr uint32_t kResource = 1, kScopeSpans = 2, kResourceSchemaUrl = 3;  // ResourceSpans
constexpr uint32_t kScope = 1, kSpans = 2, kScopeSchemaUrl = 3;             // ScopeSpans
constexpr uint32_t kTraceId = 1, kSpanId = 2, kTraceState = 3, kParentSpanId = 4, kName = 5, kKind = 6, kStart = 7, kEnd = 8,
                   kStatus = 15, kFlags = 16;            // Span
constexpr uint32_t kStatusMessage = 2, kStatusCode = 3;  // Status
constexpr size_t kMaxTextBytes = 16'384;                 // of a name, trace state or status message

bool HasParent(const Span& span) { return std::bit_cast<uint64_t>(span.parent_span_id) != 0; }
std::string_view View(const TraceId& id) { return {reinterpret_cast<const char*>(id.data()), id.size()}; }
std::string_view View(const SpanId& id) { return {reinterpret_cast<const char*>(id.data()), id.size()}; }

// wire::PutField without a call, of a field whose tag takes one byte.
char* PutShortField(char* to, uint32_t field, std::string_view content) {
  *to++ = static_cast<char>(wire::Tag(field, wire::kBytes));
  to = wire::PutVarint(to, content.size());
  wire::CopyShort(to, content.data(), content.size());
  return to + content.size();
}

// `text` as protobuf may carry it.
std::string_view Clean(const std::string& text, std::string& scratch) {
  if (text.size() <= kMaxTextBytes && IsValidUtf8(text)) return text;
  scratch.clear();
  AppendUtf8(text, kMaxTextBytes, scratch);
  return scratch;
}

class Encoder final : public TraceEncoder {
 public:
  explicit Encoder(const Scope& scope) : scope_(EncodeScope(scope)), schema_url_(scope.schema_url) {}

  void Begin(const SpanBatch& batch) override {
    order_.Begin(batch);
    next_ = 0;
  }

  Body Next(size_t max_bytes, std::string& out) override {
    Body body = Measure(max_bytes);
    out.resize(total_);
    char* to = out.data();
    for (size_t i = 0; i < group_count_; ++i) to = PutGroup(to, groups_[i]);
    body.last = next_ == order_.size();
    return body;
  }

 private:
  struct Group {
    uint64_t resource_id = 0;
    size_t first = 0;  // of measured_
    size_t count = 0;
    std::string resource;    // copied: the cache may start again within one body
    size_t spans_bytes = 0;  // all Span fields with tag and length
  };
  struct Measured {
    const Span* span;
    size_t bytes;         // of the Span message
    size_t status_bytes;  // of the Status message; 0: absent
    bool has_clean_name;
  };

  static size_t StatusSize(const Span& span, std::string& scratch) {
    if (span.status == StatusCode::kUnset) return 0;
    const size_t message = span.status_message.empty() ? 0 : wire::FieldSize(Clean(span.status_message, scratch).size());
    return message + 2;
  }

  Measured MeasureSpan(const Span& span) {
    size_t bytes = 2 + span.trace_id.size() + 2 + span.span_id.size();
    if (!span.trace_state.empty()) bytes += wire::FieldSize(Clean(span.trace_state, scratch_).size());
    if (HasParent(span)) bytes += 2 + span.parent_span_id.size();
    const std::string_view name = Clean(span.name, scratch_);
    if (!name.empty()) bytes += wire::FieldSize(name.size());
    bytes += 2;      // kind
    bytes += 9 + 9;  // start, end
    bytes += span.attributes.wire().size();
    const size_t status = StatusSize(span, scratch_);
    if (status > 0) bytes += wire::FieldSize(status);
    if (span.flags != 0) bytes += 2 + 4;
    return {&span, bytes, status, name.data() == span.name.data()};
  }

  size_t ScopeSpansSize(const Group& group) const {
    return wire::FieldSize(scope_.size()) + group.spans_bytes + (schema_url_.empty() ? 0 : wire::FieldSize(schema_url_.size()));
  }
  size_t ResourceSpansSize(const Group& group) const {
    return wire::FieldSize(group.resource.size()) + wire::FieldSize(ScopeSpansSize(group)) +
           (schema_url_.empty() ? 0 : wire::FieldSize(schema_url_.size()));
  }

  // Chooses the spans of the next body, fills groups_, measured_ and total_, and advances next_ past them.
  Body Measure(size_t max_bytes) {
    Body body;
    group_count_ = 0;
    measured_.clear();
    total_ = 0;
    size_t closed = 0;  // bytes of all groups but the last
    for (; next_ < order_.size(); ++next_) {
      const Span& span = order_.span(next_);
      const Measured measured = MeasureSpan(span);
      const uint64_t resource_id = order_.resource_id(next_);
      const bool starts = group_count_ == 0 || groups_[group_count_ - 1].resource_id != resource_id;
      Group& group = starts ? FreshGroup(resource_id, span.resource.get()) : groups_[group_count_ - 1];
      const size_t before = starts ? total_ : closed;
      group.spans_bytes += wire::FieldSize(measured.bytes);
      const size_t total = before + wire::FieldSize(ResourceSpansSize(group));
      if (total > max_bytes) {
        group.spans_bytes -= wire::FieldSize(measured.bytes);
        if (!measured_.empty()) return body;
        ++body.oversized;
        continue;
      }
      ++group.count;
      ++body.items;
      measured_.push_back(measured);
      closed = before;
      total_ = total;
      if (starts) ++group_count_;
    }
    return body;
  }

  // The one after the groups in use; its text is kept from body to body.
  Group& FreshGroup(uint64_t resource_id, const Resource* resource) {
    if (group_count_ == groups_.size()) groups_.emplace_back();
    Group& group = groups_[group_count_];
    group.resource_id = resource_id;
    group.first = measured_.size();
    group.count = group.spans_bytes = 0;
    group.resource.assign(cache_.Get(resource));
    return group;
  }

  char* PutGroup(char* to, const Group& group) {
    to = wire::PutFieldHead(to, kResourceSpans, ResourceSpansSize(group));
    to = wire::PutField(to, kResource, group.resource);
    to = wire::PutFieldHead(to, kScopeSpans, ScopeSpansSize(group));
    to = wire::PutField(to, kScope, scope_);
    for (size_t i = 0; i < group.count; ++i) to = PutSpan(to, measured_[group.first + i]);
    if (!schema_url_.empty()) to = wire::PutField(to, kScopeSchemaUrl, schema_url_);
    if (!schema_url_.empty()) to = wire::PutField(to, kResourceSchemaUrl, schema_url_);
    return to;
  }

  char* PutSpan(char* to, const Measured& measured) {
    const Span& span = *measured.span;
    to = wire::PutFieldHead(to, kSpans, measured.bytes);
    to = PutShortField(to, kTraceId, View(span.trace_id));
    to = PutShortField(to, kSpanId, View(span.span_id));
    if (!span.trace_state.empty()) to = wire::PutField(to, kTraceState, Clean(span.trace_state, scratch_));
    if (HasParent(span)) to = PutShortField(to, kParentSpanId, View(span.parent_span_id));
    const std::string_view name = measured.has_clean_name ? std::string_view(span.name) : Clean(span.name, scratch_);
    if (!name.empty()) to = PutShortField(to, kName, name);
    *to++ = static_cast<char>(wire::Tag(kKind, wire::kVarint));
    *to++ = static_cast<char>(span.kind);
    *to++ = static_cast<char>(wire::Tag(kStart, wire::kFixed64));
    to = wire::PutFixed64(to, span.start_unix_ns);
    *to++ = static_cast<char>(wire::Tag(kEnd, wire::kFixed64));
    to = wire::PutFixed64(to, span.end_unix_ns);
    to = wire::PutRaw(to, span.attributes.wire());
    if (measured.status_bytes > 0) to = PutStatus(to, span, measured.status_bytes);
    if (span.flags != 0) {
      to = wire::PutVarint(to, wire::Tag(kFlags, wire::kFixed32));
      to = wire::PutFixed32(to, span.flags);
    }
    return to;
  }

  char* PutStatus(char* to, const Span& span, size_t bytes) {
    to = wire::PutFieldHead(to, kStatus, bytes);
    if (!span.status_message.empty()) to = wire::PutField(to, kStatusMessage, Clean(span.status_message, scratch_));
    *to++ = static_cast<char>(wire::Tag(kStatusCode, wire::kVarint));
    *to++ = static_cast<char>(span.status);
    return to;
  }

  const std::string scope_;
  const std::string schema_url_;
  ResourceCache cache_;
  ResourceOrder order_;
  size_t next_ = 0;
  std::vector<Group> groups_;  // the first `group_count_` are in use
  size_t group_count_ = 0;
  std::vector<Measured> measured_;
  size_t total_ = 0;
  std::string scratch_;
};

}  // namespace

std::unique_ptr<TraceEncoder> NewProtobufTraceEncoder(const Scope& scope) { return std::make_unique<Encoder>(scope); }

}  // namespace wirespan::exporters::otlp
