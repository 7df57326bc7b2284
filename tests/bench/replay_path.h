// The agent's user-space path from ring records to OTLP bytes, put together as agent/live does it, without threads of its own:
// records -> Shard (events, streams, decoder, matcher, spans, Durations) -> TraceAssembler -> SpanQueue -> OTLP encoder. The
// bodies are counted and dropped. ShardLane is one shard's thread's part, SpanEnd what the assemble and export threads do.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "agent/export/span_queue.h"
#include "agent/metrics/durations.h"
#include "agent/metrics/metric_totals.h"
#include "agent/pipeline/shard.h"
#include "agent/trace/assembler.h"
#include "exporters/otlp/encoder.h"
#include "tests/bench/workload.h"

namespace wirespan::bench {

// Batches of spans to the bodies of OTLP requests.
class OtlpEnd {
 public:
  OtlpEnd();
  // Takes every span; whole batches are encoded at once, `all`: what is left too.
  void Put(exporters::SpanBatch& ready, bool all);

  uint64_t spans() const { return spans_; }
  uint64_t dropped() const { return queue_.counts().dropped_total() + oversized_; }
  uint64_t bytes() const { return bytes_; }

 private:
  exporting::SpanQueue queue_;
  std::unique_ptr<exporters::otlp::TraceEncoder> encoder_;
  exporters::SpanBatch batch_;
  std::string body_;
  uint64_t spans_ = 0;
  uint64_t bytes_ = 0;
  uint64_t oversized_ = 0;
};

// Facts to spans to OTLP. `has_assembler` false: spans go out as the shard told them, without ids or parents.
class SpanEnd {
 public:
  explicit SpanEnd(bool has_assembler);
  void Add(uint32_t shard, uint64_t told_after_ns, trace::FactBatch& facts);
  // Every fact that the shards told before they were given that time was added.
  void Advance(uint64_t now_ns);
  void Finish();

  const OtlpEnd& otlp() const { return otlp_; }
  const trace::TraceAssembler& assembler() const { return assembler_; }

 private:
  const bool has_assembler_;
  trace::TraceAssembler assembler_;
  exporters::SpanBatch ready_;
  OtlpEnd otlp_;
};

// Where a lane's facts go: the live agent's mailbox, or straight to the span end.
using FactTaker = std::function<void(uint64_t told_after_ns, trace::FactBatch& facts)>;

class ShardLane {
 public:
  ShardLane(uint32_t first_process, uint64_t connections, metrics::MetricTotals& totals, FactTaker take);
  // The records of one look at the ring, then the time.
  void Round(const RecordRing& ring, uint64_t now_ns);
  void Stop();
  const pipeline::Shard& shard() const { return shard_; }

 private:
  class Resources final : public process::ResourceSource {
   public:
    explicit Resources(uint32_t first_process);
    std::shared_ptr<const exporters::Resource> ResourceOf(uint32_t tgid) override;

   private:
    uint32_t first_process_;
    std::vector<std::shared_ptr<const exporters::Resource>> known_;  // shared: spans keep them
  };
  class NoPolicy final : public stream::ConnectionPolicy {
   public:
    void Off(ConnectionId /*connection*/) override {}
    void Budget(ConnectionId /*connection*/, uint32_t /*bytes*/, ConnectionRole /*role*/) override {}
    void Frames(ConnectionId /*connection*/, uint32_t /*bytes*/, ConnectionRole /*role*/) override {}
  };
  class Durations final : public pipeline::MeasurementSink {
   public:
    void Record(const metrics::Measurement& measurement) override { durations.Record(measurement); }
    metrics::Durations durations{{}, 1};
  };
  class Facts final : public pipeline::FactSink {
   public:
    explicit Facts(FactTaker take) : take_(std::move(take)) {}
    void Deliver(trace::FactBatch& batch) override { take_(told_after_ns, batch); }
    uint64_t told_after_ns = 0;

   private:
    FactTaker take_;
  };

  Resources resources_;
  NoPolicy policy_;
  Durations durations_;
  Facts facts_;
  metrics::MetricTotals& totals_;
  uint64_t handed_over_ns_ = Workload::kStartNs;
  pipeline::Shard shard_;
};

}  // namespace wirespan::bench
