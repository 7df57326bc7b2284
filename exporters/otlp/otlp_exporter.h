// OtlpSpanExporter, OtlpMetricExporter: spans and metrics out by OTLP over gRPC, HTTP/protobuf or HTTP/JSON. Export blocks
// through all retries; one thread calls Export, any thread may call Shutdown. Logs nothing: outcomes say what happened.
#pragma once

#include <memory>

#include "exporters/metric.h"
#include "exporters/otlp/options.h"
#include "exporters/span_exporter.h"

namespace wirespan::exporters::otlp {

// Fails where the certificates or the address cannot be used by the transport. Connects to nothing yet.
ValueOr<std::unique_ptr<SpanExporter>> NewOtlpSpanExporter(OtlpOptions options);
ValueOr<std::unique_ptr<MetricExporter>> NewOtlpMetricExporter(OtlpOptions options);

}  // namespace wirespan::exporters::otlp
