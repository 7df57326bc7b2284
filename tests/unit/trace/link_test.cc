// The scenarios of the causality reference, told by World as the kernel would tell them.
#include <gtest/gtest.h>

#include <array>

#include "tests/unit/trace/world.h"

namespace wirespan::trace {
namespace {

using exporters::LinkConfidence;
using exporters::LinkEvidence;

LinkEvidence EvidenceOf(const Outcome& outcome, const std::string& name) {
  const exporters::Span* span = outcome.Find(name);
  return span == nullptr ? LinkEvidence::kNone : span->link_evidence;
}
LinkConfidence ConfidenceOf(const Outcome& outcome, const std::string& name) {
  const exporters::Span* span = outcome.Find(name);
  return span == nullptr ? LinkConfidence::kNone : span->link_confidence;
}

// A thread server that makes two calls one after the other over one kept connection; a second process answers them.
TEST(Link, ThreadServerWithTwoSequentialCalls) {
  World world;
  WorldThread front = world.Thread(10, 10, false);
  WorldThread back = world.Thread(20, 20, false);
  WorldEnd& in = world.NewEnd();
  WorldEnd& out = world.NewEnd();
  WorldEnd& back_in = world.NewEnd();
  const int root = world.NewRequest();
  world.ServerReads(front, in, root);
  world.Connects(front, out);
  for (int i = 0; i < 2; ++i) {
    const int call = world.NewRequest(root);
    world.ClientSends(front, out, call);
    world.ServerReads(back, back_in, call);
    world.ServerAnswers(back, back_in);
    world.ClientReads(front, out);
  }
  world.ServerAnswers(front, in);

  const Outcome outcome = Assemble(world);
  EXPECT_EQ(outcome.ParentOf("s0"), "");
  EXPECT_EQ(outcome.ParentOf("c1"), "s0");
  EXPECT_EQ(outcome.ParentOf("c2"), "s0");
  EXPECT_EQ(outcome.ParentOf("s1"), "c1");
  EXPECT_EQ(outcome.ParentOf("s2"), "c2");
  EXPECT_EQ(EvidenceOf(outcome, "c1"), LinkEvidence::kSameThread);
  EXPECT_EQ(ConfidenceOf(outcome, "c1"), LinkConfidence::kExact);
  EXPECT_EQ(EvidenceOf(outcome, "s1"), LinkEvidence::kSameConnection);
  EXPECT_EQ(ConfidenceOf(outcome, "s1"), LinkConfidence::kExact);
  for (const char* name : {"c1", "c2", "s1", "s2"}) EXPECT_EQ(outcome.TraceOf(name), outcome.TraceOf("s0")) << name;
  EXPECT_EQ(outcome.Find("s0")->flags, 0x103U);
  EXPECT_EQ(outcome.Find("c1")->flags, 0x103U);
  EXPECT_EQ(outcome.Find("s1")->flags, 0x303U);
}

// nginx: one loop thread reads several requests, connects upstream for each in the same turn, sends when connected.
TEST(Link, ProxyLoopWithNewUpstreamConnections) {
  World world;
  WorldThread loop = world.Thread(10, 10, true);
  std::array<WorldEnd*, 3> in{}, up{};
  std::array<int, 3> root{}, call{};
  world.Wait(loop);
  for (size_t i = 0; i < 3; ++i) {
    in[i] = &world.NewEnd();
    up[i] = &world.NewEnd();
    root[i] = world.NewRequest();
    call[i] = world.NewRequest(root[i]);
    world.ServerReads(loop, *in[i], root[i]);
    world.Connects(loop, *up[i]);
  }
  for (const size_t i : {2U, 0U, 1U}) {
    world.Wait(loop);
    world.ClientSends(loop, *up[i], call[i]);
  }
  world.Wait(loop);
  for (const size_t i : {1U, 0U, 2U}) {
    world.ClientReads(loop, *up[i]);
    world.ServerAnswers(loop, *in[i]);
  }
  const Outcome outcome = Assemble(world);
  const Verdict verdict = outcome.Judge();
  EXPECT_EQ(verdict.wrong, 0U) << verdict.first_wrong;
  EXPECT_EQ(verdict.missing, 0U);
  EXPECT_EQ(verdict.links, 3U);
  EXPECT_EQ(EvidenceOf(outcome, "c1"), LinkEvidence::kEventLoop);
  EXPECT_EQ(ConfidenceOf(outcome, "c1"), LinkConfidence::kExact);
}

// The name was looked up elsewhere, so the connection is nobody's; it becomes writable in a turn that reads another request.
TEST(Link, NewConnectionOfNobodyIsNotGivenToTheRequestReadLast) {
  for (const bool answer_tells : {false, true}) {
    World world;
    WorldThread loop = world.Thread(10, 10, true);
    WorldEnd& in = world.NewEnd();
    WorldEnd& in2 = world.NewEnd();
    WorldEnd& out = world.NewEnd();
    const int root = world.NewRequest();
    const int other = world.NewRequest();
    world.Wait(loop);
    world.ServerReads(loop, in, root);
    world.Wait(loop);
    world.EventfdRead(loop);
    world.Connects(loop, out);
    world.Wait(loop);
    world.ServerReads(loop, in2, other);
    world.ClientSends(loop, out, world.NewRequest(root));
    world.Wait(loop);
    world.ClientReads(loop, out);
    if (!answer_tells) world.Wait(loop);
    world.ServerAnswers(loop, in);
    world.Wait(loop);
    world.ServerAnswers(loop, in2);
    const Outcome outcome = Assemble(world);
    EXPECT_EQ(outcome.ParentOf("c2"), answer_tells ? "s0" : "");
    EXPECT_EQ(outcome.ReasonOf("c2"), answer_tells ? "" : "stored-conflict");
  }
}

// Node's Promise.all: all calls leave in the turn that read the request.
TEST(Link, PromiseAllOnALoop) {
  World world;
  WorldThread loop = world.Thread(10, 10, true);
  WorldEnd& in = world.NewEnd();
  WorldEnd& other = world.NewEnd();
  const int root = world.NewRequest();
  const int bystander = world.NewRequest();
  world.Wait(loop);
  world.ServerReads(loop, in, root);
  std::array<WorldEnd*, 3> out{};
  for (auto& end : out) {
    end = &world.NewEnd();
    world.Connects(loop, *end);
    world.ClientSends(loop, *end, world.NewRequest(root));
  }
  world.ServerReads(loop, other, bystander);
  world.Wait(loop);
  world.ServerAnswers(loop, other);
  for (auto* end : out) {
    world.Wait(loop);
    world.ClientReads(loop, *end);
  }
  world.ServerAnswers(loop, in);
  const Verdict verdict = Assemble(world).Judge();
  EXPECT_EQ(verdict.wrong, 0U) << verdict.first_wrong;
  EXPECT_EQ(verdict.missing, 0U);
  EXPECT_EQ(verdict.links, 3U);
}

// Node with a host name: the look-up runs in a thread pool and comes back by an eventfd, in a turn of its own or of another
// request; only the answer tells.
TEST(Link, HostNameLookUpIsLinkedBackward) {
  World world;
  WorldThread loop = world.Thread(10, 10, true);
  WorldEnd& in = world.NewEnd();
  WorldEnd& in2 = world.NewEnd();
  WorldEnd& out = world.NewEnd();
  const int root = world.NewRequest();
  const int other = world.NewRequest();
  const int call = world.NewRequest(root);
  world.Wait(loop);
  world.ServerReads(loop, in, root);
  world.Wait(loop);
  world.ServerReads(loop, in2, other);  // another request in the turn of the connect
  world.EventfdRead(loop);
  world.Connects(loop, out);
  world.Wait(loop);
  world.ClientSends(loop, out, call);
  world.Wait(loop);
  world.ClientReads(loop, out);
  world.ServerAnswers(loop, in);
  world.Wait(loop);
  world.ServerAnswers(loop, in2);
  const Outcome outcome = Assemble(world);
  EXPECT_EQ(outcome.ParentOf("c2"), "s0");
  EXPECT_EQ(EvidenceOf(outcome, "c2"), LinkEvidence::kBackward);
  EXPECT_EQ(ConfidenceOf(outcome, "c2"), LinkConfidence::kExact);
}

// Two calls by name, the second from the first one's response: siblings, both linked by the answer.
TEST(Link, SiblingsAreLinkedBackwardTogether) {
  World world;
  WorldThread loop = world.Thread(10, 10, true);
  WorldEnd& in = world.NewEnd();
  WorldEnd& first = world.NewEnd();
  WorldEnd& second = world.NewEnd();
  first.fresh = second.fresh = false;
  const int root = world.NewRequest();
  world.Wait(loop);
  world.ServerReads(loop, in, root);
  world.Wait(loop);
  world.ClientSends(loop, first, world.NewRequest(root));
  world.Wait(loop);
  world.ClientReads(loop, first);
  world.ClientSends(loop, second, world.NewRequest(root));
  world.Wait(loop);
  world.ClientReads(loop, second);
  world.ServerAnswers(loop, in);
  const Outcome outcome = Assemble(world);
  EXPECT_EQ(outcome.ParentOf("c1"), "s0");
  EXPECT_EQ(outcome.ParentOf("c2"), "s0");
  EXPECT_EQ(EvidenceOf(outcome, "c1"), LinkEvidence::kBackward);
}

// An agent with one connection: B's request queues and leaves in the turn that reads A's response. It must not become A's.
TEST(Link, QueuedRequestOfAPoolIsLinkedToItsOwnExchange) {
  World world;
  WorldThread loop = world.Thread(10, 10, true);
  WorldEnd& in_a = world.NewEnd();
  WorldEnd& in_b = world.NewEnd();
  WorldEnd& pooled = world.NewEnd();
  pooled.fresh = false;
  const int a = world.NewRequest();
  const int b = world.NewRequest();
  world.Wait(loop);
  world.ServerReads(loop, in_a, a);
  world.ClientSends(loop, pooled, world.NewRequest(a));
  world.Wait(loop);
  world.ServerReads(loop, in_b, b);  // its call queues: the connection is taken
  world.Wait(loop);
  world.ClientReads(loop, pooled);
  world.ClientSends(loop, pooled, world.NewRequest(b));  // before A goes on
  world.ServerAnswers(loop, in_a);
  world.Wait(loop);
  world.ClientReads(loop, pooled);
  world.ServerAnswers(loop, in_b);
  const Outcome outcome = Assemble(world);
  EXPECT_EQ(outcome.ParentOf("c2"), "s0");
  EXPECT_EQ(outcome.ParentOf("c3"), "s1");
  EXPECT_EQ(EvidenceOf(outcome, "c3"), LinkEvidence::kBackward);
}

// The same where B's request was never seen: nothing says that anyone waits, and still the call is not given to A.
TEST(Link, QueuedRequestOfAnUnseenExchangeIsLeftOutWhereFactsMayBeMissing) {
  World world;
  WorldThread loop = world.Thread(10, 10, true);
  WorldEnd& in_a = world.NewEnd();
  WorldEnd& in_b = world.NewEnd();
  WorldEnd& pooled = world.NewEnd();
  pooled.fresh = false;
  const int a = world.NewRequest();
  const int b = world.NewRequest();
  world.Wait(loop);
  world.ServerReads(loop, in_a, a);
  world.ClientSends(loop, pooled, world.NewRequest(a));
  world.Wait(loop);
  world.ServerReads(loop, in_b, b);
  world.facts.pop_back();
  world.Wait(loop);
  world.ClientReads(loop, pooled);
  world.ClientSends(loop, pooled, world.NewRequest(b));
  world.ServerAnswers(loop, in_a);
  world.Wait(loop);
  world.ClientReads(loop, pooled);
  world.ServerAnswers(loop, in_b);
  TraceAssembler assembler({}, kTestKey);
  assembler.NoteLosses(world.now_ns);
  const Outcome outcome = Assemble(world, assembler);
  EXPECT_EQ(outcome.ParentOf("c2"), "s0");
  EXPECT_EQ(outcome.ParentOf("c3"), "");
  EXPECT_EQ(outcome.ReasonOf("c3"), "queued-reuse");
}

// Two sequential calls over one kept connection on a loop look alike at first; the answer verifies them.
TEST(Link, SequentialReuseOnALoopIsVerifiedByTheAnswer) {
  World world;
  WorldThread loop = world.Thread(10, 10, true);
  WorldEnd& in = world.NewEnd();
  WorldEnd& pooled = world.NewEnd();
  pooled.fresh = false;
  const int root = world.NewRequest();
  world.Wait(loop);
  world.ServerReads(loop, in, root);
  world.ClientSends(loop, pooled, world.NewRequest(root));
  for (int i = 0; i < 3; ++i) {
    world.Wait(loop);
    world.ClientReads(loop, pooled);
    world.ClientSends(loop, pooled, world.NewRequest(root));
  }
  world.Wait(loop);
  world.ClientReads(loop, pooled);
  world.ServerAnswers(loop, in);
  const Outcome outcome = Assemble(world);
  for (const char* name : {"c1", "c2", "c3", "c4"}) {
    EXPECT_EQ(outcome.ParentOf(name), "s0") << name;
    EXPECT_EQ(EvidenceOf(outcome, name), LinkEvidence::kEventLoop) << name;
    EXPECT_EQ(ConfidenceOf(outcome, name), LinkConfidence::kExact) << name;
  }
}

// Three exchanges at once, each with three calls over its connection: the middle ones are not verified by the answer, and they
// are believed only once enough reuse was seen to keep to its exchange.
TEST(Link, ReuseAmongOthersIsBelievedOnceProven) {
  World world;
  WorldThread loop = world.Thread(10, 10, true);
  std::array<WorldEnd*, 3> in{}, out{};
  for (size_t i = 0; i < 3; ++i) {
    in[i] = &world.NewEnd();
    out[i] = &world.NewEnd();
    out[i]->fresh = false;
  }
  constexpr int rounds = 20;
  for (int round = 0; round < rounds; ++round) {
    world.Pass(1'000 * kMs);
    std::array<int, 3> root{};
    for (size_t i = 0; i < 3; ++i) {
      world.Wait(loop);
      root[i] = world.NewRequest();
      world.ServerReads(loop, *in[i], root[i]);
      world.ClientSends(loop, *out[i], world.NewRequest(root[i]));
    }
    for (int step = 0; step < 2; ++step) {
      for (size_t i = 0; i < 3; ++i) {
        world.Wait(loop);
        world.ClientReads(loop, *out[i]);
        world.ClientSends(loop, *out[i], world.NewRequest(root[i]));
      }
    }
    for (size_t i = 0; i < 3; ++i) {
      world.Wait(loop);
      world.ClientReads(loop, *out[i]);
      world.ServerAnswers(loop, *in[i]);
    }
  }
  TraceAssembler assembler({}, kTestKey);
  const Outcome outcome = Assemble(world, assembler);
  const Verdict verdict = outcome.Judge();
  EXPECT_EQ(verdict.wrong, 0U) << verdict.first_wrong;
  EXPECT_TRUE(assembler.TrustOf(10).reuse_proven);
  const int middle = (rounds - 1) * 12 + 6;  // the second call of the last round's first exchange
  EXPECT_EQ(outcome.ParentOf("c6"), "");
  EXPECT_EQ(outcome.ReasonOf("c6"), "queued-reuse");
  EXPECT_EQ(outcome.ParentOf("c" + std::to_string(middle)), "s" + std::to_string(middle - 6));
  EXPECT_LT(verdict.missing, 60U);
}

// setImmediate: a turn reads A and B, then works for both; calls of A are stamped with B. One round of it.
void ImmediateRound(World& world, WorldThread& loop, bool answer_in_call_turn) {
  WorldEnd& in_a = world.NewEnd();
  WorldEnd& in_b = world.NewEnd();
  WorldEnd& out = world.NewEnd();
  out.fresh = false;
  const int a = world.NewRequest();
  const int b = world.NewRequest();
  world.Wait(loop);
  world.ServerReads(loop, in_a, a);
  world.ServerReads(loop, in_b, b);
  world.ClientSends(loop, out, world.NewRequest(a));  // stamped with B
  world.Wait(loop);
  if (answer_in_call_turn) world.ClientReads(loop, out);
  world.ServerAnswers(loop, in_a);
  world.Wait(loop);
  world.ServerAnswers(loop, in_b);
}

void GoodRound(World& world, WorldThread& loop) {
  WorldEnd& in = world.NewEnd();
  WorldEnd& out = world.NewEnd();
  out.fresh = false;
  const int root = world.NewRequest();
  world.Wait(loop);
  world.ServerReads(loop, in, root);
  world.ClientSends(loop, out, world.NewRequest(root));
  world.Wait(loop);
  world.ClientReads(loop, out);
  world.ServerAnswers(loop, in);
}

TEST(Link, ContradictionDropsTheLinkAndDemotesTheProcess) {
  World world;
  WorldThread loop = world.Thread(10, 10, true);
  ImmediateRound(world, loop, true);
  GoodRound(world, loop);
  TraceAssembler assembler({}, kTestKey);
  const Outcome outcome = Assemble(world, assembler);
  EXPECT_EQ(outcome.ParentOf("c2"), "");
  EXPECT_EQ(outcome.ReasonOf("c2"), "contradicted");
  EXPECT_TRUE(assembler.TrustOf(10).verify);
  EXPECT_EQ(assembler.link_counters().contradictions, 1U);
  EXPECT_EQ(assembler.link_counters().demotions, 1U);
  // What the answers verify is still linked, but no longer called exact.
  EXPECT_EQ(outcome.ParentOf("c4"), "s3");
  EXPECT_EQ(ConfidenceOf(outcome, "c4"), LinkConfidence::kProbable);
}

TEST(Link, DistrustedProcessKeepsOnlyVerifiedLinks) {
  World world;
  WorldThread loop = world.Thread(10, 10, true);
  ImmediateRound(world, loop, true);   // requests 0, 1, 2: demoted
  ImmediateRound(world, loop, false);  // 3, 4, 5: two unresolved requests in the turn
  WorldEnd& in = world.NewEnd();
  WorldEnd& first = world.NewEnd();
  WorldEnd& second = world.NewEnd();
  first.fresh = second.fresh = false;
  const int root = world.NewRequest();  // 6, with the parallel calls 7 and 8
  world.Wait(loop);
  world.ServerReads(loop, in, root);
  world.ClientSends(loop, first, world.NewRequest(root));
  world.ClientSends(loop, second, world.NewRequest(root));
  world.Wait(loop);
  world.ClientReads(loop, first);
  world.Wait(loop);
  world.ClientReads(loop, second);
  world.ServerAnswers(loop, in);
  world.ClientFinishes(loop, *&first);  // a duplicate, to be dropped
  const Outcome outcome = Assemble(world);
  EXPECT_EQ(outcome.ReasonOf("c5"), "no span c5");  // never answered: no span
  EXPECT_EQ(outcome.ReasonOf("c7"), "unverified");
  EXPECT_EQ(outcome.ParentOf("c8"), "s6");
}

TEST(Link, DistrustedProcessIsTrustedAgainAfterAWindowWithoutContradiction) {
  World world;
  WorldThread loop = world.Thread(10, 10, true);
  ImmediateRound(world, loop, true);
  world.Pass(TrustMeter::kWindowNs + TrustMeter::kBucketNs);
  GoodRound(world, loop);
  TraceAssembler assembler({}, kTestKey);
  const Outcome outcome = Assemble(world, assembler);
  EXPECT_FALSE(assembler.TrustOf(10).verify);
  EXPECT_EQ(assembler.link_counters().promotions, 1U);
  EXPECT_EQ(outcome.ParentOf("c4"), "s3");
  EXPECT_EQ(ConfidenceOf(outcome, "c4"), LinkConfidence::kExact);
}

// A call that a timer may have made is linked only where the answer agrees.
TEST(Link, TimerDueCallIsLinkedOnlyIfTheAnswerAgrees) {
  for (const bool agrees : {false, true}) {
    World world;
    WorldThread loop = world.Thread(10, 10, true);
    WorldEnd& in = world.NewEnd();
    WorldEnd& out = world.NewEnd();
    out.fresh = false;  // from a pool
    const int root = world.NewRequest();
    world.Wait(loop);
    world.ServerReads(loop, in, root);
    loop.timer_due = true;
    world.ClientSends(loop, out, world.NewRequest(agrees ? root : -1));
    world.Wait(loop);
    if (!agrees) world.ServerAnswers(loop, in);
    world.Wait(loop);
    world.ClientReads(loop, out);
    if (agrees) world.ServerAnswers(loop, in);
    const Outcome outcome = Assemble(world);
    EXPECT_EQ(outcome.ParentOf("c1"), agrees ? "s0" : "");
    EXPECT_EQ(outcome.ReasonOf("c1"), agrees ? "" : "timer-due");
  }
}

// A backward link to an exchange that began after the call cannot be: it is a violation, and many of them narrow the process.
TEST(Link, BackwardLinkToAYoungerExchangeIsAViolation) {
  World world;
  WorldThread worker = world.Thread(10, 11, false);
  WorldEnd& out = world.NewEnd();
  WorldEnd& in = world.NewEnd();
  const int call = world.NewRequest();
  const int root = world.NewRequest();
  world.ClientSends(worker, out, call);
  WorldThread reader = world.Thread(10, 12, false);
  world.ServerReads(reader, in, root);
  world.ClientReads(worker, out);
  world.ServerAnswers(worker, in);
  TraceAssembler assembler({}, kTestKey);
  const Outcome outcome = Assemble(world, assembler);
  EXPECT_EQ(outcome.ParentOf("c0"), "");
  EXPECT_EQ(assembler.link_counters().violations, 1U);
  EXPECT_TRUE(assembler.TrustOf(10).narrow);
}

// Requests that share a turn share a token: which of them the thread works for is not known.
TEST(Link, PipelinedRequestsAreNoParents) {
  World world;
  WorldThread thread = world.Thread(10, 10, false);
  WorldEnd& in = world.NewEnd();
  WorldEnd& out = world.NewEnd();
  const int first = world.NewRequest();
  world.ServerReads(thread, in, first);
  RequestSeen second = std::get<RequestSeen>(world.facts.back());
  second.index = 1;
  second.join = {99, 99};
  world.facts.emplace_back(second);
  world.ClientSends(thread, out, world.NewRequest(first));
  world.ClientReads(thread, out);
  world.ServerAnswers(thread, in);
  const Outcome outcome = Assemble(world);
  EXPECT_EQ(outcome.ParentOf("c1"), "");
  EXPECT_EQ(outcome.ReasonOf("c1"), "pipelined");
}

TEST(Link, CallsThatShareATurnAreNotLinked) {
  World world;
  WorldThread thread = world.Thread(10, 10, false);
  WorldEnd& in = world.NewEnd();
  WorldEnd& out = world.NewEnd();
  const int root = world.NewRequest();
  world.ServerReads(thread, in, root);
  world.ClientSends(thread, out, world.NewRequest(root));
  RequestSeen second = std::get<RequestSeen>(world.facts.back());
  second.index = 1;
  second.join = {99, 99};
  world.facts.emplace_back(second);
  world.ClientReads(thread, out);
  world.ServerAnswers(thread, in);
  EXPECT_EQ(Assemble(world).ReasonOf("c1"), "pipelined");
}

// An agent attached in mid-flight: the exchange is older, its calls are seen.
TEST(Link, ExchangeOlderThanTheAgentIsNoParentUntilItsSpanComes) {
  for (const bool span_comes : {false, true}) {
    World world;
    WorldThread thread = world.Thread(10, 10, false);
    WorldEnd& in = world.NewEnd();
    WorldEnd& out = world.NewEnd();
    const int root = world.NewRequest();
    world.ServerReads(thread, in, root);
    world.facts.clear();
    world.ClientSends(thread, out, world.NewRequest(root));
    world.ClientReads(thread, out);
    world.ServerAnswers(thread, in, span_comes);
    const Outcome outcome = Assemble(world);
    EXPECT_EQ(outcome.ParentOf("c1"), span_comes ? "s0" : "");
    EXPECT_EQ(outcome.ReasonOf("c1"), span_comes ? "" : "parent-unknown");
    if (span_comes) {
      EXPECT_EQ(outcome.ReasonOf("s0"), "request-not-seen");
    }
  }
}

// The join does not depend on which end is heard of first, nor on both ends being seen.
TEST(Link, JoinWhicheverEndIsHeardOfFirst) {
  for (const bool server_first : {false, true}) {
    World world;
    WorldThread client = world.Thread(10, 10, false);
    WorldThread server = world.Thread(20, 20, false);
    WorldEnd& out = world.NewEnd();
    WorldEnd& in = world.NewEnd();
    world.ClientSends(client, out, world.NewRequest());
    world.ServerReads(server, in, 0);
    if (server_first) std::swap(world.facts[0], world.facts[1]);
    world.ServerAnswers(server, in);
    world.ClientReads(client, out);
    const Outcome outcome = Assemble(world);
    EXPECT_EQ(outcome.ParentOf("s0"), "c0");
    EXPECT_EQ(outcome.ParentOf("c0"), "");
    EXPECT_EQ(outcome.ReasonOf("c0"), "");  // nothing caused it: no defect
  }
}

// A client that gave up long ago: the server reads the request from its backlog, and the ids still meet.
TEST(Link, ServerThatReadsARequestLongAfterTheClientGaveUp) {
  World world;
  WorldThread client = world.Thread(10, 10, false);
  WorldThread server = world.Thread(20, 20, false);
  WorldEnd& out = world.NewEnd();
  WorldEnd& in = world.NewEnd();
  world.ClientSends(client, out, world.NewRequest());
  world.ClientFinishes(client, out);
  world.Pass(2'000 * kMs);
  world.ServerReads(server, in, 0);
  world.ServerAnswers(server, in);
  const Outcome outcome = Assemble(world);
  EXPECT_EQ(outcome.ParentOf("s0"), "c0");
  EXPECT_EQ(outcome.TraceOf("s0"), outcome.TraceOf("c0"));
}

// Calls that follow each other far apart in one request of a thread server: the first one's span is long gone.
TEST(Link, LateSecondCallOfALongRequestKeepsItsParent) {
  for (const uint64_t pause_ms : {1'000U, 60'000U}) {
    World world;
    WorldThread thread = world.Thread(10, 10, false);
    WorldEnd& in = world.NewEnd();
    WorldEnd& out = world.NewEnd();
    const int root = world.NewRequest();
    world.ServerReads(thread, in, root);
    world.ClientSends(thread, out, world.NewRequest(root));
    world.ClientReads(thread, out);
    world.Pass(pause_ms * kMs);
    world.ClientSends(thread, out, world.NewRequest(root));
    world.ClientReads(thread, out);
    world.ServerAnswers(thread, in);
    const Verdict verdict = Assemble(world).Judge();
    EXPECT_EQ(verdict.links, 2U);
    EXPECT_EQ(verdict.wrong, 0U);
    EXPECT_EQ(verdict.split, 0U);
  }
}

}  // namespace
}  // namespace wirespan::trace
