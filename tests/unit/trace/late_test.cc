// What comes late: a server that begins when its client has given up, or ends long after; facts that a shard tells late.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>

#include "tests/unit/trace/simulation.h"
#include "tests/unit/trace/world.h"

namespace wirespan::trace {
namespace {

class Late : public testing::Test {
 protected:
  void GivesUp() {
    world.ClientFinishes(client, call);
    std::get<SpanFinished>(world.facts.back()).last_tid = 0;  // no byte of an answer was moved
  }
  void TakesAll() {
    assembler.Add(std::move(world.facts));
    world.facts.clear();
    assembler.Advance(world.now_ns + config.merge_window_ns, out);
  }
  void Passes(uint64_t ns) {
    world.Pass(ns);
    TakesAll();
  }
  void ExpectJoined() {
    const Outcome outcome(world, out);
    EXPECT_EQ(outcome.ParentOf("s0"), "c0");
    EXPECT_EQ(outcome.TraceOf("s0"), outcome.TraceOf("c0"));
  }

  AssemblerConfig config;
  World world;
  WorldThread client = world.Thread(10, 10, false);
  WorldThread server = world.Thread(20, 20, false);
  WorldEnd& call = world.NewEnd();
  WorldEnd& exchange = world.NewEnd();
  TraceAssembler assembler{config, kTestKey};
  exporters::SpanBatch out;
};

TEST_F(Late, AServerThatBeginsLongAfterItsClientGaveUpIsJoined) {
  world.ClientSends(client, call, world.NewRequest());
  GivesUp();
  Passes(config.late_server_ns / 2);
  ASSERT_EQ(out.size, 1U);  // the client's span does not wait
  world.ServerReads(server, exchange, 0);
  Passes(2 * config.hold_ns);
  world.ServerAnswers(server, exchange);
  Passes(config.hold_ns);
  ASSERT_EQ(out.size, 2U);
  ExpectJoined();
}

TEST_F(Late, AServerThatWorksOnLongAfterItsClientGaveUpIsJoined) {
  world.ClientSends(client, call, world.NewRequest());
  world.ServerReads(server, exchange, 0);
  GivesUp();
  Passes(2 * config.late_server_ns);
  world.ServerAnswers(server, exchange);
  Passes(config.hold_ns);
  ASSERT_EQ(out.size, 2U);
  ExpectJoined();
}

// Its span comes last although its client was answered: the body goes on, or the end of the connection is awaited.
TEST_F(Late, AServerThatEndsLongAfterItsClientIsJoined) {
  world.ClientSends(client, call, world.NewRequest());
  world.ServerReads(server, exchange, 0);
  world.ServerAnswers(server, exchange, false);
  world.ClientReads(client, call);
  Passes(3 * config.hold_ns);
  world.ServerFinishes(server, exchange);
  Passes(config.hold_ns);
  ASSERT_EQ(out.size, 2U);
  ExpectJoined();
}

TEST_F(Late, CallsWithoutAnAnswerAreForgottenInTheEnd) {
  world.ClientSends(client, call, world.NewRequest());
  GivesUp();
  Passes(config.late_server_ns - config.merge_window_ns);
  EXPECT_EQ(assembler.known_exchanges(), 1U);
  Passes(config.settle_window_ns * 2);
  EXPECT_EQ(assembler.known_exchanges(), 0U);
}

TEST_F(Late, AnAnsweredCallWaitsForNoServer) {
  world.ClientSends(client, call, world.NewRequest());
  world.ClientReads(client, call);
  Passes(config.hold_ns + config.settle_window_ns * 4);
  EXPECT_EQ(assembler.known_exchanges(), 0U);
}

TEST_F(Late, MoreCallsWithoutAnAnswerThanTheBoundAreForgottenOldestFirst) {
  for (uint32_t i = 0; i < config.max_unanswered + 3; ++i) {
    world.ClientSends(client, world.NewEnd(), world.NewRequest());
    const Token token = std::get<RequestSeen>(world.facts.back()).token;
    const uint64_t start_ns = std::get<RequestSeen>(world.facts.back()).time_ns;
    SpanFinished finished;
    finished.time_ns = world.now_ns;
    finished.start_ns = start_ns;
    finished.token = token;
    finished.role = ConnectionRole::kClient;
    finished.tgid = client.tgid;
    world.facts.emplace_back(std::move(finished));
  }
  Passes(config.hold_ns);
  EXPECT_EQ(assembler.known_exchanges(), config.max_unanswered);
  EXPECT_EQ(assembler.counters().lingering_evicted, 3U);
}

// ---- Facts that are told late ----

struct Told {
  uint32_t shard = 0;
  uint64_t after_ns = 0;  // the tick before
  FactBatch facts;
};

uint64_t TimeOf(const Fact& fact) {
  return std::visit([](const auto& value) { return value.time_ns; }, fact);
}

// By tick, what two shards told then: up to 30 ticks after it happened, each shard in its own order.
std::map<uint64_t, std::vector<Told>> TellLate(const World& world, uint64_t tick_ns, uint32_t seed) {
  Dice random(seed);
  std::map<uint64_t, std::vector<Told>> told;
  uint64_t last_tick[2] = {};
  for (const Fact& fact : world.facts) {
    const uint32_t shard = random() % 2;
    const uint64_t delay = random() % 8 == 0 ? random() % 30 : 0;
    const uint64_t tick = std::max(last_tick[shard], (TimeOf(fact) / tick_ns + 1 + delay) * tick_ns);
    last_tick[shard] = tick;
    std::vector<Told>& then = told[tick];
    const auto same = std::find_if(then.begin(), then.end(), [&](const Told& t) { return t.shard == shard; });
    Told& letter = same != then.end() ? *same : then.emplace_back();
    letter.shard = shard;
    letter.after_ns = tick - tick_ns;
    letter.facts.push_back(fact);
  }
  return told;
}

TEST(LateFacts, HowOftenTheAssemblerLooksChangesNothing) {
  SimulationConfig simulated;
  simulated.seed = 7;
  const Simulation simulation(simulated);
  const World& world = simulation.world();
  constexpr uint64_t kTickNs = 10 * kMs;
  const auto told = TellLate(world, kTickNs, 3);
  const auto assemble = [&](uint32_t every) {
    TraceAssembler assembler({}, kTestKey);
    exporters::SpanBatch out;
    uint32_t number = 0;
    const uint64_t last = told.rbegin()->first;
    for (uint64_t tick = told.begin()->first; tick <= last; tick += kTickNs) {
      if (const auto found = told.find(tick); found != told.end()) {
        for (Told letter : found->second) assembler.Add(std::move(letter.facts), letter.shard, letter.after_ns);
      }
      if (++number % every == 0) assembler.Advance(tick, out);
    }
    assembler.Advance(last, out);
    assembler.Flush(out);
    EXPECT_GT(assembler.counters().late_facts, 0U);
    return Outcome(world, out).Lines();
  };
  const std::vector<std::string> often = assemble(1);
  EXPECT_FALSE(often.empty());
  EXPECT_EQ(assemble(3), often);
  EXPECT_EQ(assemble(50), often);
}

// A connection reused at once, and no answer in that turn: only right if nothing is missing.
Outcome ReuseAlone(World& world, std::optional<uint64_t> noted_after_ns) {
  WorldThread loop = world.Thread(10, 10, true);
  WorldEnd& in = world.NewEnd();
  WorldEnd& pooled = world.NewEnd();
  pooled.fresh = false;
  const int root = world.NewRequest();
  const uint64_t begun_ns = world.now_ns;
  world.Wait(loop);
  world.ServerReads(loop, in, root);
  world.ClientSends(loop, pooled, world.NewRequest(root));
  world.Wait(loop);
  world.ClientReads(loop, pooled);
  world.ClientSends(loop, pooled, world.NewRequest(root));
  world.Wait(loop);
  world.ClientReads(loop, pooled);
  world.Wait(loop);
  world.ServerAnswers(loop, in);
  TraceAssembler assembler({}, kTestKey);
  exporters::SpanBatch out;
  if (noted_after_ns) {
    FactBatch noted;
    noted.emplace_back(LossNoted{begun_ns + *noted_after_ns});
    assembler.Add(std::move(noted), 1);
  }
  FactBatch facts = world.facts;
  assembler.Add(std::move(facts));
  assembler.Flush(out);
  return Outcome(world, out);
}

TEST(LateFacts, ANotedLossCountsFromItsTimeOn) {
  World whole, lossy, later;
  EXPECT_EQ(ReuseAlone(whole, std::nullopt).ParentOf("c2"), "s0");
  EXPECT_EQ(ReuseAlone(lossy, 0).ReasonOf("c2"), "queued-reuse");
  EXPECT_EQ(ReuseAlone(later, 3'600'000 * kMs).ParentOf("c2"), "s0");
}

}  // namespace
}  // namespace wirespan::trace
