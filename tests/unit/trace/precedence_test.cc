// Which parent and which trace a span gets where headers, joins and causal links meet (docs/linking.md, precedence).
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/unit/trace/world.h"

namespace wirespan::trace {
namespace {

using exporters::LinkEvidence;

// A front process that reads request 0 and makes call 1 in its course, which a back process reads.
struct Scene {
  bool causal = true;                         // the front's call is made by the thread that works for request 0
  bool back_traced = true;                    // the call's server is traced
  std::optional<IncomingContext> in{};        // what request 0 carried
  std::optional<IncomingContext> call{};      // what the call carried
  bool client_saw = true, server_saw = true;  // which ends of the call saw its header
};

Outcome Play(const Scene& scene, World& world) {
  WorldThread front = world.Thread(10, 10, false);
  WorldThread other = world.Thread(10, 11, false);
  WorldThread back = world.Thread(20, 20, false);
  WorldEnd& in = world.NewEnd();
  WorldEnd& out = world.NewEnd();
  WorldEnd& back_in = world.NewEnd();
  const int root = world.NewRequest(-1, scene.in);
  const int call = world.NewRequest(root, scene.call);
  auto& record = world.requests[static_cast<size_t>(call)];
  world.ServerReads(front, in, root);
  if (!scene.client_saw) record.header.reset();
  world.ClientSends(scene.causal ? front : other, out, call);
  record.header = scene.server_saw ? scene.call : std::nullopt;
  if (scene.back_traced) {
    world.ServerReads(back, back_in, call);
    world.ServerAnswers(back, back_in);
  }
  world.ClientReads(scene.causal ? front : other, out);
  world.ServerAnswers(front, in);
  return Assemble(world);
}

const std::string kTraceA = std::string(32, 'a');
const std::string kTraceB = std::string(32, 'b');
std::string HexOf(const exporters::SpanId& id) { return exporters::ToHex(id); }

TEST(Precedence, NoHeaderAnywhereGivesTheRootsOwnTrace) {
  World world;
  const Outcome outcome = Play({}, world);
  EXPECT_EQ(outcome.ParentOf("s0"), "");
  EXPECT_EQ(outcome.ParentOf("c1"), "s0");
  EXPECT_EQ(outcome.ParentOf("s1"), "c1");
  EXPECT_EQ(outcome.TraceOf("s0"), exporters::ToHex(span::MakeTraceId(kTestKey, world.requests[0].join, ConnectionRole::kServer,
                                                                      world.requests[0].server_start_ns)));
  EXPECT_EQ(outcome.TraceOf("c1"), outcome.TraceOf("s0"));
  EXPECT_EQ(outcome.TraceOf("s1"), outcome.TraceOf("s0"));
}

TEST(Precedence, HeaderOfTheRootRunsDownTheChain) {
  World world;
  const Outcome outcome = Play({.in = Header(0xaa, 0x11, 1, "vendor=1,another=with-a-value-that-is-long")}, world);
  EXPECT_EQ(HexOf(outcome.Find("s0")->parent_span_id), "1111111111111111");
  EXPECT_EQ(outcome.Find("s0")->link_evidence, LinkEvidence::kTraceparent);
  EXPECT_EQ(outcome.Find("s0")->flags, 0x301U);
  EXPECT_EQ(outcome.ParentOf("c1"), "s0");
  for (const char* name : {"s0", "c1", "s1"}) {
    EXPECT_EQ(outcome.TraceOf(name), kTraceA) << name;
    EXPECT_EQ(outcome.Find(name)->trace_state, "vendor=1,another=with-a-value-that-is-long") << name;
    EXPECT_EQ(outcome.Find(name)->flags & 0xffU, 1U) << name;
  }
}

TEST(Precedence, UnsampledHeaderStaysUnsampledDownTheChain) {
  World world;
  const Outcome outcome = Play({.in = Header(0xaa, 0x11, 0)}, world);
  for (const char* name : {"s0", "c1", "s1"}) EXPECT_EQ(outcome.Find(name)->flags & 0xffU, 0U) << name;
}

TEST(Precedence, AHeaderOfAnotherCarrierIsNamedAndADeferredDecisionIsToSample) {
  IncomingContext header = Header(0xaa, 0x11, 0);
  header.carrier = Carrier::kB3;
  header.sampling = Sampling::kDefer;
  World world;
  const Outcome outcome = Play({.in = header}, world);
  const auto carrier = outcome.Find("s0")->attributes.Find("wirespan.link.carrier");
  ASSERT_TRUE(carrier.has_value());
  EXPECT_EQ(carrier->string_value, "b3");
  EXPECT_FALSE(outcome.Find("c1")->attributes.Find("wirespan.link.carrier").has_value());
  for (const char* name : {"s0", "c1", "s1"}) EXPECT_EQ(outcome.Find(name)->flags & 0xffU, 1U) << name;
}

TEST(Precedence, SameHeaderPassedOnKeepsTheLocalParents) {
  World world;
  const Outcome outcome = Play({.in = Header(0xaa, 0x11), .call = Header(0xaa, 0x11)}, world);
  EXPECT_EQ(HexOf(outcome.Find("s0")->parent_span_id), "1111111111111111");
  EXPECT_EQ(outcome.ParentOf("c1"), "s0");
  EXPECT_EQ(outcome.ParentOf("s1"), "c1");
  EXPECT_EQ(outcome.Find("s1")->link_evidence, LinkEvidence::kSameConnection);
  EXPECT_EQ(outcome.TraceOf("s1"), kTraceA);
}

TEST(Precedence, HeaderOfTheSameTraceWithAnotherParentKeepsTheCausalLink) {
  World world;
  const Outcome outcome = Play({.in = Header(0xaa, 0x11), .call = Header(0xaa, 0x22, 1, "own=state")}, world);
  EXPECT_EQ(outcome.ParentOf("c1"), "s0");
  EXPECT_EQ(outcome.Find("c1")->link_evidence, LinkEvidence::kSameThread);
  EXPECT_EQ(outcome.Find("c1")->trace_state, "own=state");
  EXPECT_EQ(outcome.ParentOf("s1"), "c1");
  EXPECT_EQ(outcome.Find("s1")->trace_state, "own=state");
}

TEST(Precedence, HeaderOfAnotherTraceIsTheApplicationsDecision) {
  World world;
  const Outcome outcome = Play({.in = Header(0xaa, 0x11), .call = Header(0xbb, 0x22)}, world);
  EXPECT_EQ(outcome.TraceOf("s0"), kTraceA);
  EXPECT_EQ(outcome.TraceOf("c1"), kTraceB);
  EXPECT_EQ(HexOf(outcome.Find("c1")->parent_span_id), "2222222222222222");
  EXPECT_EQ(outcome.ReasonOf("c1"), "other-trace");
  EXPECT_EQ(outcome.Find("c1")->link_evidence, LinkEvidence::kTraceparent);
  EXPECT_EQ(outcome.Find("c1")->flags, 0x101U);  // written by this process: not remote
  EXPECT_EQ(outcome.ParentOf("s1"), "c1");
  EXPECT_EQ(outcome.TraceOf("s1"), kTraceB);
}

TEST(Precedence, HeaderOnTheCallNamesTheTraceOfALocalRootAbove) {
  World world;
  const Outcome outcome = Play({.call = Header(0xbb, 0x22, 1, "s=1")}, world);
  EXPECT_EQ(outcome.ParentOf("s0"), "");
  EXPECT_EQ(outcome.TraceOf("s0"), kTraceB);
  EXPECT_EQ(outcome.Find("s0")->trace_state, "s=1");
  EXPECT_EQ(outcome.ParentOf("c1"), "s0");
  EXPECT_EQ(outcome.TraceOf("c1"), kTraceB);
  EXPECT_EQ(outcome.ParentOf("s1"), "c1");
}

TEST(Precedence, HeaderThatOnlyTheServerSawCountsForBothEnds) {
  World world;
  const Outcome outcome = Play({.call = Header(0xbb, 0x22), .client_saw = false}, world);
  EXPECT_EQ(outcome.TraceOf("s0"), kTraceB);
  EXPECT_EQ(outcome.ParentOf("c1"), "s0");
  EXPECT_EQ(outcome.TraceOf("c1"), kTraceB);
  EXPECT_EQ(outcome.ParentOf("s1"), "c1");
}

TEST(Precedence, HeaderThatOnlyTheClientSawCountsForBothEnds) {
  World world;
  const Outcome outcome = Play({.in = Header(0xaa, 0x11), .call = Header(0xbb, 0x22), .server_saw = false}, world);
  EXPECT_EQ(outcome.TraceOf("c1"), kTraceB);
  EXPECT_EQ(outcome.ParentOf("s1"), "c1");
  EXPECT_EQ(outcome.TraceOf("s1"), kTraceB);
}

TEST(Precedence, CallWithoutCausalLinkTakesItsHeader) {
  World world;
  const Outcome outcome = Play({.causal = false, .in = Header(0xaa, 0x11), .call = Header(0xbb, 0x22)}, world);
  EXPECT_EQ(HexOf(outcome.Find("c1")->parent_span_id), "2222222222222222");
  EXPECT_EQ(outcome.TraceOf("c1"), kTraceB);
  EXPECT_EQ(outcome.ReasonOf("c1"), "");
  EXPECT_EQ(outcome.ParentOf("s1"), "c1");
  EXPECT_EQ(outcome.TraceOf("s1"), kTraceB);
}

TEST(Precedence, CallWithoutCausalLinkOrHeaderIsARoot) {
  World world;
  const Outcome outcome = Play({.causal = false, .in = Header(0xaa, 0x11)}, world);
  EXPECT_EQ(outcome.ParentOf("c1"), "");
  EXPECT_NE(outcome.TraceOf("c1"), kTraceA);
  EXPECT_EQ(outcome.ParentOf("s1"), "c1");
  EXPECT_EQ(outcome.TraceOf("s1"), outcome.TraceOf("c1"));
}

TEST(Precedence, ClientOnlyKnowledgeWorks) {
  World world;
  const Outcome outcome = Play({.back_traced = false, .call = Header(0xbb, 0x22)}, world);
  EXPECT_EQ(outcome.ParentOf("c1"), "s0");
  EXPECT_EQ(outcome.TraceOf("c1"), kTraceB);
  EXPECT_EQ(outcome.TraceOf("s0"), kTraceB);
}

TEST(Precedence, ServerOnlyKnowledgeTakesTheHeaderAsARemoteParent) {
  World world;
  WorldThread back = world.Thread(20, 20, false);
  WorldEnd& in = world.NewEnd();
  world.ServerReads(back, in, world.NewRequest(-1, Header(0xaa, 0x11, 3)));
  world.ServerAnswers(back, in);
  const Outcome outcome = Assemble(world);
  EXPECT_EQ(outcome.ParentOf("s0"), "remote");
  EXPECT_EQ(outcome.Find("s0")->flags, 0x303U);
}

// Two calls of one exchange with headers of different traces: the first names the exchange's trace, the other keeps its own.
TEST(Precedence, EachSubtreeUnderAHeaderKeepsItsTrace) {
  World world;
  WorldThread front = world.Thread(10, 10, false);
  WorldEnd& in = world.NewEnd();
  WorldEnd& out = world.NewEnd();
  world.ServerReads(front, in, world.NewRequest());
  for (const uint8_t trace : {uint8_t{0xaa}, uint8_t{0xbb}}) {
    world.ClientSends(front, out, world.NewRequest(0, Header(trace, 0x22)));
    world.ClientReads(front, out);
  }
  world.ServerAnswers(front, in);
  const Outcome outcome = Assemble(world);
  EXPECT_EQ(outcome.TraceOf("s0"), kTraceA);
  EXPECT_EQ(outcome.ParentOf("c1"), "s0");
  EXPECT_EQ(outcome.TraceOf("c2"), kTraceB);
  EXPECT_EQ(outcome.ReasonOf("c2"), "other-trace");
}

// A header two hops below names the trace of everything above that says nothing itself.
TEST(Precedence, HeaderFarBelowNamesTheTraceOfTheWholeChain) {
  World world;
  WorldThread a = world.Thread(10, 10, false);
  WorldThread b = world.Thread(20, 20, false);
  WorldEnd& a_in = world.NewEnd();
  WorldEnd& a_out = world.NewEnd();
  WorldEnd& b_in = world.NewEnd();
  WorldEnd& b_out = world.NewEnd();
  const int root = world.NewRequest();
  const int middle = world.NewRequest(root);
  const int leaf = world.NewRequest(middle, Header(0xaa, 0x11));
  world.ServerReads(a, a_in, root);
  world.ClientSends(a, a_out, middle);
  world.ServerReads(b, b_in, middle);
  world.ClientSends(b, b_out, leaf);
  world.ClientReads(b, b_out);
  world.ServerAnswers(b, b_in);
  world.ClientReads(a, a_out);
  world.ServerAnswers(a, a_in);
  const Outcome outcome = Assemble(world);
  for (const char* name : {"s0", "c1", "s1", "c2"}) EXPECT_EQ(outcome.TraceOf(name), kTraceA) << name;
  EXPECT_EQ(outcome.ParentOf("c2"), "s1");
  EXPECT_EQ(outcome.Judge().missing, 0U);
}

// A header of a call that turns out to belong to another exchange does not name the trace of the one it was taken for.
TEST(Precedence, AContradictedCallDoesNotNameTheTrace) {
  World world;
  WorldThread loop = world.Thread(10, 10, true);
  WorldEnd& in_a = world.NewEnd();
  WorldEnd& in_b = world.NewEnd();
  WorldEnd& out = world.NewEnd();
  out.fresh = false;
  const int a = world.NewRequest();
  const int b = world.NewRequest();
  world.Wait(loop);
  world.ServerReads(loop, in_a, a);
  world.ServerReads(loop, in_b, b);
  world.ClientSends(loop, out, world.NewRequest(a, Header(0xaa, 0x11)));  // stamped with B
  world.Wait(loop);
  world.ClientReads(loop, out);
  world.ServerAnswers(loop, in_a);
  world.Wait(loop);
  world.ServerAnswers(loop, in_b);
  const Outcome outcome = Assemble(world);
  EXPECT_NE(outcome.TraceOf("s1"), kTraceA);
  EXPECT_NE(outcome.TraceOf("s0"), kTraceA);
  EXPECT_EQ(outcome.TraceOf("c2"), kTraceA);
  EXPECT_EQ(outcome.ParentOf("c2"), "remote");
}

}  // namespace
}  // namespace wirespan::trace
