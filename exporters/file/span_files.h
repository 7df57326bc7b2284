// Spans as text in a file or on standard output: JSON lines (docs: the line of `wirespan replay --format json`), or one OTLP/JSON
// ExportTraceServiceRequest written as a stream. One thread calls Export; a full disk or a closed pipe is counted as gave_up and
// told in the outcome's message, the first time only.
#pragma once

#include <memory>
#include <string>

#include "exporters/file/output_file.h"
#include "exporters/otlp/options.h"
#include "exporters/span_exporter.h"

namespace wirespan::exporters {

// {"trace_id","span_id","parent_span_id","name","kind","start_ns","end_ns","status","attributes":{},"resource":{},"link":{}} and
// a line break, appended to `out`. `kind` is internal, server, client, producer or consumer; `status` unset, ok or error; a span
// without a parent has "parent_span_id":"", one without a link "link":{"evidence":"","confidence":""}.
void AppendSpanLine(const Span& span, std::string& out);

std::unique_ptr<SpanExporter> NewJsonLinesExporter(OutputFile file);
// The request is closed by Finish; with no span it is {"resourceSpans":[]}.
std::unique_ptr<SpanExporter> NewOtlpJsonFileExporter(OutputFile file, otlp::Scope scope);

}  // namespace wirespan::exporters
