// Assemble: records through a shard and the assembler behind it, to spans with ids and parents.
#pragma once

#include <utility>
#include <vector>

#include "agent/trace/assembler.h"
#include "tests/unit/support/shard_harness.h"

namespace wirespan::testing {

// `ticks_ns` pass after each record.
inline std::vector<exporters::Span> Assemble(const std::vector<Record>& records, const pipeline::ShardConfig& config,
                                             uint64_t ticks_ns) {
  class ToAssembler final : public pipeline::FactSink {
   public:
    void Deliver(trace::FactBatch& batch) override { assembler.Add(std::move(batch), 0, 0); }
    trace::TraceAssembler assembler{trace::AssemblerConfig{}, span::IdKey{}};
  };
  FixedResources resources;
  RecordedPolicy policy;
  CountedMeasurements measurements;
  ToAssembler facts;
  exporters::SpanBatch batch;
  pipeline::Shard shard(config, {.resources = resources, .policy = policy, .facts = facts, .measurements = measurements});
  uint64_t now = 1'000'000'000;
  for (const Record& record : records) {
    shard.Accept(std::span<const std::byte>(record));
    shard.Tick(now += ticks_ns);
    facts.assembler.Advance(now, batch);
  }
  facts.assembler.Flush(batch);
  std::vector<exporters::Span> spans;
  for (size_t i = 0; i < batch.size; ++i) spans.push_back(std::move(batch.spans[i]));
  return spans;
}

}  // namespace wirespan::testing
