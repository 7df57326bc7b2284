// SpentWorld: a shard whose facts are taken and left spent, so that a test sees what the shard itself allocates.
#pragma once

#include <variant>
#include <vector>

#include "tests/unit/support/shard_harness.h"

namespace wirespan::testing {

// Takes the facts and leaves them spent, as the assembler does.
class SpentFacts final : public pipeline::FactSink {
 public:
  void Deliver(trace::FactBatch& batch) override {
    for (const trace::Fact& fact : batch) spans += std::holds_alternative<trace::SpanFinished>(fact) ? 1 : 0;
  }
  uint64_t spans = 0;
};

struct SpentWorld {
  FixedResources resources;
  RecordedPolicy policy;
  SpentFacts facts;
  CountedMeasurements measurements;
  pipeline::Shard shard;
  explicit SpentWorld(const pipeline::ShardConfig& config = {})
      : shard(config, {.resources = resources, .policy = policy, .facts = facts, .measurements = measurements}) {}
  void Feed(const std::vector<Record>& records) {
    for (const Record& record : records) shard.Accept(std::span<const std::byte>(record));
  }
};

}  // namespace wirespan::testing
