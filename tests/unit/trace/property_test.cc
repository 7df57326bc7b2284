// Properties over simulated services: without losses every link is found and none is wrong; with any facts missing none is wrong;
// how facts are cut into batches and shards changes nothing.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "tests/unit/trace/simulation.h"

namespace wirespan::trace {
namespace {

struct Model {
  const char* name;
  SimulationConfig config;
  bool full_recall = true;  // the rules find every link of this model
};

std::vector<Model> Models() {
  return {
      {"threads", {.loops_percent = 0}},
      {"threads_new_connections", {.loops_percent = 0, .keep_alive = false}},
      {"loops", {.loops_percent = 100, .turn_events = 1}},
      {"loops_in_busy_turns", {.loops_percent = 100}, false},
      {"loops_new_connections", {.loops_percent = 100, .loop_steps = 1, .keep_alive = false, .turn_events = 1}},
      {"loops_new_connections_in_busy_turns", {.loops_percent = 100, .keep_alive = false}, false},
      {"loops_three_steps", {.loops_percent = 100, .loop_steps = 3}, false},
      {"loops_queue", {.loops_percent = 100, .loop_steps = 1, .max_parallel = 1, .pool_limit = 2}},
      {"loops_queue_of_many", {.loops_percent = 100, .clients = 32, .loop_steps = 3, .pool_limit = 3}, false},
      {"loops_host_names", {.loops_percent = 100, .host_names = true}},
      {"mixed", {.services = 5, .turn_events = 1}},
      {"mixed_many_clients", {.services = 4, .clients = 64, .requests = 100, .turn_events = 1}},
      {"mixed_in_busy_turns", {.services = 4, .clients = 64, .requests = 100}, false},
      {"mixed_queue", {.clients = 32, .loop_steps = 3, .pool_limit = 3}, false},
  };
}

class Property : public testing::TestWithParam<Model> {
 protected:
  static constexpr uint32_t kSeeds = 4;
  static Simulation Simulate(uint32_t seed) {
    SimulationConfig config = GetParam().config;
    config.seed = seed;
    return Simulation(config);
  }
};

TEST_P(Property, WithoutLossesEveryLinkIsFoundAndNoneIsWrong) {
  for (uint32_t seed = 1; seed <= kSeeds; ++seed) {
    const Simulation simulation = Simulate(seed);
    TraceAssembler assembler({}, kTestKey);
    const Verdict verdict = Assemble(simulation.world(), assembler).Judge();
    EXPECT_EQ(verdict.wrong, 0U) << "seed " << seed << ": " << verdict.first_wrong;
    if (GetParam().full_recall) {
      EXPECT_EQ(verdict.missing, 0U) << "seed " << seed;
    }
    EXPECT_EQ(verdict.split, 0U) << "seed " << seed;
    EXPECT_GT(verdict.links, 30U) << "seed " << seed;
    EXPECT_EQ(assembler.link_counters().contradictions, 0U);
    EXPECT_EQ(assembler.link_counters().violations, 0U);
  }
}

enum class LossKind { kAnyFact, kRequests, kAnswers, kFinishes, kWholeEnds, kBeforeAttach };

World WithLosses(const World& whole, LossKind kind, uint32_t percent, uint32_t seed) {
  World world = whole;
  Dice random(seed);
  std::map<Token, bool> lost_ends;
  size_t at = 0;
  const size_t first = kind == LossKind::kBeforeAttach ? world.facts.size() * percent / 100 : 0;
  std::erase_if(world.facts, [&](const Fact& fact) {
    if (at++ < first) return true;
    const bool dice = random() % 100 < percent;
    switch (kind) {
      case LossKind::kAnyFact:
        return dice;
      case LossKind::kRequests:
        return dice && std::holds_alternative<RequestSeen>(fact);
      case LossKind::kAnswers:
        return dice && std::holds_alternative<ResponseStarted>(fact);
      case LossKind::kFinishes:
        return dice && std::holds_alternative<SpanFinished>(fact);
      case LossKind::kWholeEnds: {
        Token token = 0;
        std::visit(
            [&](const auto& value) {
              if constexpr (requires { value.token; }) token = value.token;
            },
            fact);
        return lost_ends.try_emplace(token, dice).first->second;
      }
      case LossKind::kBeforeAttach:
        return false;
    }
    return false;
  });
  return world;
}

TEST_P(Property, NoLossOfFactsMakesAWrongLink) {
  for (uint32_t seed = 1; seed <= kSeeds / 2; ++seed) {
    const Simulation simulation = Simulate(seed);
    for (const LossKind kind : {LossKind::kAnyFact, LossKind::kRequests, LossKind::kAnswers, LossKind::kFinishes,
                                LossKind::kWholeEnds, LossKind::kBeforeAttach}) {
      for (const uint32_t percent : {3U, 25U}) {
        const World world = WithLosses(simulation.world(), kind, percent, seed * 31 + percent);
        TraceAssembler assembler({}, kTestKey);
        assembler.NoteLosses(world.now_ns);
        const Verdict verdict = Assemble(world, assembler).Judge();
        EXPECT_EQ(verdict.wrong, 0U) << "seed " << seed << " kind " << static_cast<int>(kind) << " " << percent
                                     << " %: " << verdict.first_wrong;
        EXPECT_EQ(verdict.split, 0U) << "seed " << seed << " kind " << static_cast<int>(kind) << " " << percent << " %";
        EXPECT_GT(verdict.spans, 0U);
      }
    }
  }
}

uint64_t TimeOf(const Fact& fact) {
  return std::visit([](const auto& value) { return value.time_ns; }, fact);
}
ConnectionId ConnectionOfFact(const Fact& fact) {
  return std::visit(
      [](const auto& value) -> ConnectionId {
        if constexpr (requires { value.token; }) return ConnectionOf(value.token);
        return 0;
      },
      fact);
}

// Tells the facts in pieces of random size, to `shards` shards, asking for spans in between.
Outcome AssembleInPieces(const World& world, uint32_t shards, uint32_t seed) {
  Dice random(seed);
  TraceAssembler assembler({}, kTestKey);
  exporters::SpanBatch out;
  size_t at = 0;
  while (at < world.facts.size()) {
    const size_t end = std::min(world.facts.size(), at + 1 + random() % 50);
    std::vector<FactBatch> batches(shards);
    uint64_t last = 0;
    for (; at < end; ++at) {
      batches[ConnectionOfFact(world.facts[at]) % shards].push_back(world.facts[at]);
      last = std::max(last, TimeOf(world.facts[at]));
    }
    for (uint32_t shard = 0; shard < shards; ++shard) assembler.Add(std::move(batches[shard]), shard);
    if (random() % 3 > 0) assembler.Advance(last, out);
  }
  assembler.Flush(out);
  EXPECT_EQ(assembler.counters().late_facts, 0U);
  return Outcome(world, out);
}

TEST_P(Property, BatchesAndShardsChangeNothing) {
  const Simulation simulation = Simulate(5);
  for (const bool lossy : {false, true}) {
    const World world = lossy ? WithLosses(simulation.world(), LossKind::kAnyFact, 10, 3) : simulation.world();
    const std::vector<std::string> whole = Assemble(world).Lines();
    for (uint32_t seed = 1; seed <= 2; ++seed) {
      for (const uint32_t shards : {1U, 4U}) EXPECT_EQ(AssembleInPieces(world, shards, seed).Lines(), whole);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Models, Property, testing::ValuesIn(Models()),
                         [](const testing::TestParamInfo<Model>& model) { return std::string(model.param.name); });

}  // namespace
}  // namespace wirespan::trace
