#include "exporters/file/span_files.h"

#include <algorithm>
#include <utility>

#include "exporters/json.h"
#include "exporters/otlp/json_encoding.h"

namespace wirespan::exporters {
namespace {

// Tells of a failing file once per kind of failure, not once per batch.
class FailureNotice {
 public:
  std::string Of(const std::string& error) {
    if (error == last_) return {};
    last_ = error;
    return error;
  }
  void Forget() { last_.clear(); }

 private:
  std::string last_;
};

class JsonLinesExporter final : public SpanExporter {
 public:
  explicit JsonLinesExporter(OutputFile file) : file_(std::move(file)) {}

  ExportOutcome Export(const SpanBatch& batch) override {
    ExportOutcome outcome;
    outcome.attempts = 1;
    buffer_.clear();
    for (size_t i = 0; i < batch.size; ++i) AppendSpanLine(batch.spans[i], buffer_);
    size_t written = 0;
    if (file_.Write(buffer_, written)) {
      outcome.accepted = batch.size;
      notice_.Forget();
      return outcome;
    }
    const auto whole = std::string_view(buffer_).substr(0, written);
    outcome.accepted = static_cast<uint64_t>(std::count(whole.begin(), whole.end(), '\n'));
    outcome.gave_up = batch.size - outcome.accepted;
    outcome.message = notice_.Of(file_.error());
    return outcome;
  }

  void Shutdown(std::chrono::steady_clock::time_point deadline) override { file_.Interrupt(deadline); }

 private:
  OutputFile file_;
  std::string buffer_;
  FailureNotice notice_;
};

// Writes `{"resourceSpans":[`, an element for each run of spans of one resource, and `]}` at the end: memory does not grow with
// the number of spans. Each element is one line, so a full disk leaves whole elements behind.
class OtlpJsonFileExporter final : public SpanExporter {
 public:
  OtlpJsonFileExporter(OutputFile file, otlp::Scope scope) : file_(std::move(file)), scope_(std::move(scope)) {}
  ~OtlpJsonFileExporter() override { Finish(); }

  ExportOutcome Export(const SpanBatch& batch) override {
    ExportOutcome outcome;
    outcome.attempts = 1;
    for (size_t first = 0; first < batch.size;) {
      size_t end = first + 1;
      while (end < batch.size && batch.spans[end].resource == batch.spans[first].resource) ++end;
      WriteRun(batch, first, end, outcome);
      first = end;
    }
    return outcome;
  }

  void Finish() override {
    if (finished_) return;
    finished_ = true;
    size_t written = 0;
    file_.Write(started_ ? "]}\n" : "{\"resourceSpans\":[]}\n", written);
  }

  void Shutdown(std::chrono::steady_clock::time_point deadline) override { file_.Interrupt(deadline); }

 private:
  void WriteRun(const SpanBatch& batch, size_t first, size_t end, ExportOutcome& outcome) {
    buffer_ = started_ ? "," : R"({"resourceSpans":[)";
    otlp::OpenResourceSpansJson(batch.spans[first].resource.get(), scope_, buffer_);
    for (size_t i = first; i < end; ++i) {
      if (i > first) buffer_ += ',';
      otlp::AppendSpanJson(batch.spans[i], buffer_);
    }
    otlp::CloseResourceSpansJson(scope_, buffer_);
    buffer_ += '\n';
    size_t written = 0;
    if (file_.Write(buffer_, written)) {
      started_ = true;
      outcome.accepted += end - first;
      notice_.Forget();
      return;
    }
    outcome.gave_up += end - first;
    std::string message = notice_.Of(file_.error());
    if (!message.empty()) outcome.message = std::move(message);
  }

  OutputFile file_;
  const otlp::Scope scope_;
  std::string buffer_;
  FailureNotice notice_;
  bool started_ = false;
  bool finished_ = false;
};

}  // namespace

void AppendSpanLine(const Span& span, std::string& out) {
  out += R"({"trace_id":)";
  json::AppendHex(span.trace_id.data(), span.trace_id.size(), out);
  out += R"(,"span_id":)";
  json::AppendHex(span.span_id.data(), span.span_id.size(), out);
  out += R"(,"parent_span_id":)";
  json::AppendHex(span.parent_span_id.data(), IsZero(span.parent_span_id) ? 0 : span.parent_span_id.size(), out);
  out += R"(,"name":)";
  json::AppendString(span.name, out);
  out += R"(,"kind":)";
  json::AppendString(Name(span.kind), out);
  out += R"(,"start_ns":)";
  json::AppendUint(span.start_unix_ns, out);
  out += R"(,"end_ns":)";
  json::AppendUint(span.end_unix_ns, out);
  out += R"(,"status":)";
  json::AppendString(Name(span.status), out);
  out += R"(,"attributes":)";
  json::AppendAttributeObject(span.attributes, out);
  out += R"(,"resource":)";
  static const AttributeList nothing;
  json::AppendAttributeObject(span.resource ? span.resource->attributes : nothing, out);
  out += R"(,"link":{"evidence":)";
  json::AppendString(Name(span.link_evidence), out);
  out += R"(,"confidence":)";
  json::AppendString(Name(span.link_confidence), out);
  out += "}}\n";
}

std::unique_ptr<SpanExporter> NewJsonLinesExporter(OutputFile file) {
  return std::make_unique<JsonLinesExporter>(std::move(file));
}

std::unique_ptr<SpanExporter> NewOtlpJsonFileExporter(OutputFile file, otlp::Scope scope) {
  return std::make_unique<OtlpJsonFileExporter>(std::move(file), std::move(scope));
}

}  // namespace wirespan::exporters
