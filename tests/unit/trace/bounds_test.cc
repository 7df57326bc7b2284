// Memory is bounded whatever comes, and every span is accounted for.
#include <gtest/gtest.h>

#include <numeric>
#include <random>

#include "tests/unit/trace/world.h"

namespace wirespan::trace {
namespace {

uint64_t Dropped(const AssemblerCounters& counters) {
  return std::accumulate(counters.dropped.begin(), counters.dropped.end(), uint64_t{0});
}
void ExpectAccounted(const TraceAssembler& assembler) {
  const AssemblerCounters& counters = assembler.counters();
  EXPECT_EQ(counters.spans_in, counters.spans_out + Dropped(counters) + assembler.held_spans());
}

// Random facts that belong together only by accident: tokens, keys, roles and times of a small range.
FactBatch Noise(Dice& random, size_t count, uint64_t& now_ns) {
  FactBatch batch;
  for (size_t i = 0; i < count; ++i) {
    now_ns += random() % 100'000;
    const Token token = (static_cast<Token>(1 + random() % 400) << 24U) | (random() % 8);
    const uint32_t tgid = 1 + random() % 40;
    ThreadStamp stamp{.tgid = tgid,
                      .active = random() % 3 == 0 ? 0 : (static_cast<Token>(1 + random() % 400) << 24U) | (random() % 8),
                      .last_call = (static_cast<Token>(1 + random() % 400) << 24U) | (random() % 8),
                      .active_source = static_cast<ActiveSource>(random() % 4)};
    const auto role = static_cast<ConnectionRole>(random() % 3);
    const JoinKey join{random() % 300, random() % 2};
    const uint64_t time = now_ns - random() % 1'000'000;
    switch (random() % 8) {
      case 0:
      case 1:
      case 2: {
        RequestSeen seen;
        seen.time_ns = time;
        seen.token = token;
        seen.index = random() % 10 == 0 ? random() % 3 : 0;
        seen.role = role;
        seen.join = join;
        if (random() % 4 == 0)
          seen.incoming = Header(static_cast<uint8_t>(1 + random() % 5), 7, 1, "some=tracestate,of=some-length");
        seen.tgid = tgid;
        seen.thread = stamp;
        seen.stored = random() % 2 == 0 ? 0 : token + (1U << 24U);
        seen.active_open = random() % 2 == 0;
        seen.fresh = random() % 2 == 0;
        seen.stored_conflict = random() % 5 == 0;
        seen.timer_due = random() % 5 == 0;
        seen.loop_thread = random() % 2 == 0;
        seen.queued_reuse = random() % 3 == 0;
        batch.emplace_back(std::move(seen));
        break;
      }
      case 3:
      case 4: {
        ResponseStarted started;
        started.time_ns = time;
        started.token = token;
        started.thread = stamp;
        started.active_open = random() % 2 == 0;
        started.timer_due = random() % 4 == 0;
        started.loop_thread = random() % 2 == 0;
        batch.emplace_back(started);
        break;
      }
      case 5:
        if (random() % 20 == 0)
          batch.emplace_back(ProcessEnded{.time_ns = time, .tgid = tgid});
        else
          batch.emplace_back(CompletionWake{}), std::get<CompletionWake>(batch.back()).time_ns = time;
        break;
      default: {
        SpanFinished finished;
        finished.time_ns = now_ns;
        finished.start_ns = time;
        finished.token = token;
        finished.role = role;
        finished.tgid = tgid;
        finished.join = join;
        finished.span->name = "noise with a name that does not fit inside a string object";
        finished.span->kind = static_cast<exporters::SpanKind>(random() % 6);
        batch.emplace_back(std::move(finished));
      }
    }
  }
  return batch;
}

TEST(Bounds, NoiseNeverBreaksTheBoundsOrTheAccount) {
  for (uint32_t seed = 1; seed <= 3; ++seed) {
    AssemblerConfig config;
    config.max_exchanges = 64;
    config.max_held_spans = 24;
    config.max_lingering = 20;
    config.max_processes = 8;
    config.max_queued_facts = 100;
    config.max_uncollected_spans = 50;
    Dice random(seed);
    TraceAssembler assembler(config, kTestKey);
    exporters::SpanBatch out;
    uint64_t now = 1'000'000 * kMs;
    uint64_t collected = 0;
    for (int round = 0; round < 100; ++round) {
      assembler.Add(Noise(random, 200, now), random() % 70);
      EXPECT_LE(assembler.held_spans(), config.max_held_spans);
      EXPECT_LE(assembler.known_exchanges(), config.max_exchanges);
      if (random() % 2 == 0) assembler.Advance(now + config.merge_window_ns, out);
      ExpectAccounted(assembler);
      collected += out.size;
      out.Clear();
    }
    assembler.Flush(out);
    collected += out.size;
    ExpectAccounted(assembler);
    EXPECT_EQ(assembler.held_spans(), 0U);
    const AssemblerCounters& counters = assembler.counters();
    EXPECT_EQ(collected, counters.spans_out);
    // Each of these bounds was met.
    EXPECT_GT(counters.released_early, 0U);
    EXPECT_GT(counters.exchanges_evicted + counters.lingering_evicted, 0U);
    EXPECT_GT(counters.merged_early, 0U);
    EXPECT_GT(counters.refused_shard, 0U);
    EXPECT_GT(counters.late_facts, 0U);
    EXPECT_GT(counters.ambiguous_joins, 0U);
    EXPECT_GT(counters.dropped[static_cast<size_t>(SpanDrop::kDuplicate)], 0U);
    EXPECT_GT(counters.dropped[static_cast<size_t>(SpanDrop::kNotCollected)], 0U);
    EXPECT_GT(assembler.link_counters().processes_refused, 0U);
    EXPECT_GT(assembler.link_counters().completion_wakes, 0U);
  }
}

// Requests that never end: the oldest are forgotten, by number and by age.
TEST(Bounds, OpenExchangesAreForgottenOldestFirst) {
  AssemblerConfig config;
  config.max_exchanges = 100;
  World world;
  WorldThread thread = world.Thread(10, 10, false);
  for (int i = 0; i < 250; ++i) world.ServerReads(thread, world.NewEnd(), world.NewRequest());
  TraceAssembler assembler(config, kTestKey);
  exporters::SpanBatch out;
  assembler.Add(std::move(world.facts));
  assembler.Advance(world.now_ns + config.merge_window_ns, out);
  EXPECT_EQ(assembler.known_exchanges(), 100U);
  EXPECT_EQ(assembler.counters().exchanges_evicted, 150U);
  assembler.Advance(world.now_ns + 2 * config.forget_ns, out);
  EXPECT_EQ(assembler.known_exchanges(), 0U);
  EXPECT_EQ(assembler.counters().exchanges_forgotten, 100U);
  EXPECT_EQ(out.size, 0U);
}

// A span waits no longer than it must: settled ones for the settle window, a call that may yet be named for hold_ns at most.
TEST(Bounds, SpansAreHeldOnlyAsLongAsNeeded) {
  World world;
  const AssemblerConfig config;
  WorldThread thread = world.Thread(10, 10, false);
  WorldThread free_thread = world.Thread(10, 11, false);
  WorldEnd& in = world.NewEnd();
  WorldEnd& out_end = world.NewEnd();
  WorldEnd& free_end = world.NewEnd();
  world.ServerReads(thread, in, world.NewRequest());
  world.ClientSends(thread, out_end, world.NewRequest(0));
  world.ClientReads(thread, out_end);
  world.ClientSends(free_thread, free_end, world.NewRequest());
  world.ClientReads(free_thread, free_end);
  const uint64_t end = world.now_ns + config.merge_window_ns;

  TraceAssembler assembler(config, kTestKey);
  exporters::SpanBatch out;
  assembler.Add(std::move(world.facts));
  assembler.Advance(end + config.settle_window_ns / 2, out);
  EXPECT_EQ(out.size, 0U);
  assembler.Advance(end + config.settle_window_ns + kMs, out);
  ASSERT_EQ(out.size, 1U);
  EXPECT_EQ(out.spans[0].name, "c1");  // linked; its parent is still open
  assembler.Advance(end + config.hold_ns - 100 * kMs, out);
  EXPECT_EQ(out.size, 1U);
  assembler.Advance(end + config.hold_ns + kMs, out);
  ASSERT_EQ(out.size, 2U);
  EXPECT_EQ(out.spans[1].name, "c2");
  // The parent comes much later, with the same ids.
  world.facts.clear();
  world.Pass(60'000 * kMs);
  world.ServerAnswers(thread, in);
  assembler.Add(std::move(world.facts));
  assembler.Advance(world.now_ns + config.merge_window_ns, out);
  ASSERT_EQ(out.size, 3U);
  EXPECT_EQ(out.spans[2].name, "s0");
  EXPECT_EQ(out.spans[2].span_id, out.spans[0].parent_span_id);
  EXPECT_EQ(out.spans[2].trace_id, out.spans[0].trace_id);
  ExpectAccounted(assembler);
}

TEST(Bounds, ASecondSpanOfAnExchangeIsDropped) {
  World world;
  WorldThread thread = world.Thread(10, 10, false);
  WorldEnd& in = world.NewEnd();
  world.ServerReads(thread, in, world.NewRequest());
  world.ServerAnswers(thread, in);
  world.ServerFinishes(thread, in);
  TraceAssembler assembler({}, kTestKey);
  Assemble(world, assembler);
  EXPECT_EQ(assembler.counters().dropped[static_cast<size_t>(SpanDrop::kDuplicate)], 1U);
  ExpectAccounted(assembler);
}

}  // namespace
}  // namespace wirespan::trace
