// In the steady state the assembler allocates nothing per span: its memory and the batch's go round.
#include <gtest/gtest.h>

#include <vector>

#include "tests/unit/support/allocation_counter.h"
#include "tests/unit/trace/world.h"

namespace wirespan::trace {
namespace {

void LendBuffers(FactBatch& batch, std::vector<exporters::SpanBox>& spare) {
  for (Fact& fact : batch) {
    auto* finished = std::get_if<SpanFinished>(&fact);
    if (finished == nullptr || spare.empty()) continue;
    exporters::SpanBox span = std::move(spare.back());
    spare.pop_back();
    span->attributes.String("some.attribute", "longer than what the assembler adds to a span, in all of its attributes together");
    span->Clear();  // keeps the buffers
    span->name = finished->span->name;
    span->kind = finished->span->kind;
    finished->span = std::move(span);
  }
}
void KeepBuffers(FactBatch& batch, std::vector<exporters::SpanBox>& spare) {
  for (Fact& fact : batch) {
    if (auto* finished = std::get_if<SpanFinished>(&fact)) spare.push_back(std::move(finished->span));
  }
}

TEST(Allocation, NoneInTheSteadyState) {
  AssemblerConfig config;
  config.hold_ns = 100 * kMs;  // so that what lingers reaches its steady state soon
  config.settle_window_ns = 20 * kMs;
  World world;
  WorldThread front = world.Thread(10, 10, true);
  WorldThread back = world.Thread(20, 20, false);
  WorldEnd& in = world.NewEnd();
  WorldEnd& out_end = world.NewEnd();
  WorldEnd& back_in = world.NewEnd();
  out_end.fresh = false;
  TraceAssembler assembler(config, kTestKey);
  exporters::SpanBatch out;
  std::vector<exporters::SpanBox> spare;
  for (int i = 0; i < 500; ++i) {
    spare.emplace_back()->attributes.String("some.attribute",
                                            "longer than what the assembler will add to a span, in all its attributes");
  }
  size_t counted = 0;
  size_t spans = 0;
  for (int round = 0; round < 400; ++round) {
    world.facts.clear();
    for (int i = 0; i < 20; ++i) {
      const int root = world.NewRequest(-1, Header(0xaa, 1));
      const int call = world.NewRequest(root);
      world.Wait(front);
      world.ServerReads(front, in, root);
      world.ClientSends(front, out_end, call);
      world.ServerReads(back, back_in, call);
      world.ServerAnswers(back, back_in);
      world.Wait(front);
      world.ClientReads(front, out_end);
      world.ServerAnswers(front, in);
      world.Pass(round < 200 ? kMs / 8 : kMs / 4);  // at first more is in flight than ever after
    }
    LendBuffers(world.facts, spare);
    testing::ResetAllocationCount();
    assembler.Add(std::move(world.facts));
    assembler.Advance(world.now_ns, out);
    if (round >= 200) counted += testing::AllocationCount();
    if (round >= 200) spans += out.size;
    KeepBuffers(world.facts, spare);  // as a shard does: the spent spans' buffers serve the next ones
    out.Clear();
  }
  EXPECT_GT(spans, 10'000U);
  EXPECT_EQ(counted, 0U);
}

// A peak's memory goes back when it is over, and the spans that are held meanwhile are none the worse.
TEST(Allocation, APeaksMemoryIsGivenUp) {
  World world;
  const WorldThread front = world.Thread(10, 10, true);
  TraceAssembler assembler({}, kTestKey);
  exporters::SpanBatch out;
  const auto serve = [&](int requests) {
    world.facts.clear();
    for (int i = 0; i < requests; ++i) {
      WorldThread thread = front;
      WorldEnd& end = world.NewEnd();
      const int root = world.NewRequest(-1);
      world.Wait(thread);
      world.ServerReads(thread, end, root);
      world.ServerAnswers(thread, end);
    }
    assembler.Add(std::move(world.facts));
  };
  serve(3'000);
  EXPECT_EQ(assembler.held_spans(), 3'000U);
  EXPECT_FALSE(assembler.Relax());
  world.Pass(1'000 * kMs);
  assembler.Advance(world.now_ns, out);
  serve(5);
  assembler.Relax();
  EXPECT_TRUE(assembler.Relax());
  EXPECT_FALSE(assembler.Relax());
  world.Pass(1'000 * kMs);
  assembler.Advance(world.now_ns, out);
  EXPECT_EQ(out.size, 3'005U);
  EXPECT_EQ(assembler.counters().spans_out, 3'005U);
}

}  // namespace
}  // namespace wirespan::trace
