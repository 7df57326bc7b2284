// The bodies of OTLP requests, made by hand: a batch becomes one or more requests, none larger than a limit. Encoders keep their
// buffers and caches; one thread at a time. What they write is tested field by field against the generated classes.
#pragma once

#include <memory>
#include <string>

#include "exporters/metric.h"
#include "exporters/otlp/options.h"
#include "exporters/span_exporter.h"

namespace wirespan::exporters::otlp {

template <typename Batch>
class BodyEncoder {
 public:
  virtual ~BodyEncoder() = default;
  // Starts on `batch`, which must stay as it is until the last Next.
  virtual void Begin(const Batch& batch) = 0;
  struct Body {
    uint64_t items = 0;      // spans or data points in the body; 0: there is no body
    uint64_t oversized = 0;  // items left out because one alone exceeds the limit
    bool last = false;       // no more after this one
  };
  // The next body of at most `max_bytes`, in `out` (replaced).
  virtual Body Next(size_t max_bytes, std::string& out) = 0;
};

using TraceEncoder = BodyEncoder<SpanBatch>;
using MetricEncoder = BodyEncoder<MetricBatch>;

std::unique_ptr<TraceEncoder> NewProtobufTraceEncoder(const Scope& scope);
std::unique_ptr<TraceEncoder> NewJsonTraceEncoder(const Scope& scope);
std::unique_ptr<MetricEncoder> NewProtobufMetricEncoder(const Scope& scope);
std::unique_ptr<MetricEncoder> NewJsonMetricEncoder(const Scope& scope);

}  // namespace wirespan::exporters::otlp
