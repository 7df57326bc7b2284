// OTLP in its JSON form (opentelemetry-proto docs/specification.md, "JSON Protobuf Encoding"): ids in hex, enums as integers,
// 64-bit integers as strings, lowerCamelCase. Internal to exporters; shared by the encoder and by the file exporter.
#pragma once

#include <string>

#include "exporters/otlp/options.h"
#include "exporters/span.h"

namespace wirespan::exporters::otlp {

void AppendAttributesJson(const AttributeList& attributes, std::string& out);  // [{"key":..,"value":{..}},...]
void AppendResourceJson(const Resource* resource, std::string& out);           // {"attributes":[...]}
void AppendScopeJson(const Scope& scope, std::string& out);
void AppendSpanJson(const Span& span, std::string& out);

// One ResourceSpans: Open, spans with commas between them, Close.
void OpenResourceSpansJson(const Resource* resource, const Scope& scope, std::string& out);
void CloseResourceSpansJson(const Scope& scope, std::string& out);

}  // namespace wirespan::exporters::otlp
