// Joins across address translation: the ends of a connection see other addresses, and the same sequence numbers.
#include <gtest/gtest.h>

#include "tests/unit/trace/world.h"

namespace wirespan::trace {
namespace {

struct Translated {
  explicit Translated(JoinKey sequences) {
    request = world.NewRequest();
    world.requests[static_cast<size_t>(request)].translated = true;
    world.requests[static_cast<size_t>(request)].sequences = sequences;
  }

  // One call of a thread in process 10, served by process 20.
  void Call() {
    WorldEnd& out = world.NewEnd();
    WorldEnd& in = world.NewEnd();
    world.ClientSends(client, out, request);
    world.ServerReads(server, in, request);
    world.ServerAnswers(server, in);
    world.ClientReads(client, out);
  }

  World world;
  WorldThread client = world.Thread(10, 10, false);
  WorldThread server = world.Thread(20, 20, false);
  int request = 0;
};

TEST(Translation, TheEndsJoinBySequenceNumbersAlone) {
  Translated t({77, 78});
  t.Call();
  const Outcome outcome = Assemble(t.world);
  EXPECT_EQ(outcome.ParentOf("s0"), "c0");
  EXPECT_EQ(outcome.Find("s0")->link_evidence, exporters::LinkEvidence::kSameConnection);
  EXPECT_EQ(outcome.TraceOf("s0"), outcome.TraceOf("c0"));
}

TEST(Translation, WithoutSequenceNumbersTheyStayApart) {
  Translated t({});
  t.Call();
  EXPECT_EQ(Assemble(t.world).ParentOf("s0"), "");
}

TEST(Translation, WhicheverEndIsToldFirst) {
  Translated t({77, 78});
  t.Call();
  // Two shards: the server's facts come in an earlier batch, though they are younger.
  FactBatch of_client, of_server;
  for (Fact& fact : t.world.facts) {
    const auto* request = std::get_if<RequestSeen>(&fact);
    const auto* finished = std::get_if<SpanFinished>(&fact);
    const uint32_t tgid = request != nullptr ? request->tgid : finished != nullptr ? finished->tgid : 20;
    (tgid == 10 ? of_client : of_server).push_back(fact);
  }
  TraceAssembler assembler({}, span::IdKey{});
  exporters::SpanBatch batch;
  assembler.Add(std::move(of_server), 0);
  assembler.Add(std::move(of_client), 1);
  assembler.Flush(batch);
  EXPECT_EQ(assembler.counters().translated_joins, 1U);
}

TEST(Translation, TwoUndecidedRequestsOfOneNameJoinWithNothing) {
  Translated t({77, 78});
  const int other = t.world.NewRequest();
  t.world.requests[static_cast<size_t>(other)].sequences = {77, 78};
  WorldThread third = t.world.Thread(30, 30, false);
  WorldEnd& twin = t.world.NewEnd();
  t.world.ClientSends(third, twin, other);
  t.Call();
  const Outcome outcome = Assemble(t.world);
  EXPECT_EQ(outcome.ParentOf("s0"), "");
}

TEST(Translation, TheAddressesAreAskedFirst) {
  Translated t({77, 78});
  t.world.requests[0].translated = false;
  t.Call();
  TraceAssembler assembler({}, span::IdKey{});
  const Outcome outcome = Assemble(t.world, assembler);
  EXPECT_EQ(assembler.counters().translated_joins, 0U);
  EXPECT_EQ(assembler.counters().spans_out, 2U);
}

}  // namespace
}  // namespace wirespan::trace
