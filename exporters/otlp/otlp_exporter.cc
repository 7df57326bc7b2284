#include "exporters/otlp/otlp_exporter.h"

#include <algorithm>

#include "exporters/otlp/encoder.h"
#include "exporters/otlp/sender.h"
#include "exporters/otlp/transport.h"

namespace wirespan::exporters::otlp {
namespace {

template <typename Interface, typename Batch>
class Exporter final : public Interface {
 public:
  Exporter(const OtlpOptions& options, std::unique_ptr<BodyEncoder<Batch>> encoder, std::unique_ptr<Transport> transport)
      : request_bytes_(std::min(options.request_bytes, kMaxRequestBytes)),
        encoder_(std::move(encoder)),
        sender_(options, std::move(transport)) {}

  ExportOutcome Export(const Batch& batch) override {
    ExportOutcome outcome;
    encoder_->Begin(batch);
    for (bool last = false; !last;) {
      const auto body = encoder_->Next(request_bytes_, body_);
      last = body.last;
      if (body.oversized > 0) {
        outcome.gave_up += body.oversized;
        outcome.message = std::to_string(body.oversized) + " items are each larger than a request may be";
      }
      if (body.items > 0) sender_.Send(body_, body.items, outcome);
    }
    return outcome;
  }

  void Shutdown(std::chrono::steady_clock::time_point deadline) override { sender_.Shutdown(deadline); }

 private:
  const size_t request_bytes_;
  const std::unique_ptr<BodyEncoder<Batch>> encoder_;
  Sender sender_;
  std::string body_;
};

ValueOr<std::unique_ptr<Transport>> NewTransport(const OtlpOptions& options) {
  return options.protocol == Protocol::kGrpc ? NewGrpcTransport(options) : NewHttpTransport(options);
}

}  // namespace

ValueOr<std::unique_ptr<SpanExporter>> NewOtlpSpanExporter(OtlpOptions options) {
  options.signal = Signal::kTraces;
  auto transport = NewTransport(options);
  if (!transport) return Failure{transport.error()};
  const bool json = options.protocol == Protocol::kHttpJson;
  auto encoder = json ? NewJsonTraceEncoder(options.scope) : NewProtobufTraceEncoder(options.scope);
  return std::unique_ptr<SpanExporter>(
      std::make_unique<Exporter<SpanExporter, SpanBatch>>(options, std::move(encoder), *std::move(transport)));
}

ValueOr<std::unique_ptr<MetricExporter>> NewOtlpMetricExporter(OtlpOptions options) {
  options.signal = Signal::kMetrics;
  auto transport = NewTransport(options);
  if (!transport) return Failure{transport.error()};
  const bool json = options.protocol == Protocol::kHttpJson;
  auto encoder = json ? NewJsonMetricEncoder(options.scope) : NewProtobufMetricEncoder(options.scope);
  return std::unique_ptr<MetricExporter>(
      std::make_unique<Exporter<MetricExporter, MetricBatch>>(options, std::move(encoder), *std::move(transport)));
}

}  // namespace wirespan::exporters::otlp
