// Links by what the language runtime says: goroutines and CPython contexts. World tells what threads did, which here is beside
// the point or misleading; the identities are put into its facts.
#include <gtest/gtest.h>

#include <array>
#include <set>

#include "agent/trace/runtime_context.h"
#include "tests/unit/trace/world.h"

namespace wirespan::trace {
namespace {

using exporters::LinkConfidence;
using exporters::LinkEvidence;

constexpr uint64_t kContextA = (uint64_t{1} << 63U) | 0x7f0000001000;
constexpr uint64_t kContextB = (uint64_t{1} << 63U) | 0x7f0000002000;

class RuntimeLink : public testing::Test {
 protected:
  // A request is read, an exchange answered, a call written by the thread while `identity` runs on it.
  void Reads(WorldEnd& end, int request, uint64_t identity) {
    world_.ServerReads(thread_, end, request);
    std::get<RequestSeen>(world_.facts.back()).thread.runtime_id = identity;
  }
  void Answers(WorldEnd& end, uint64_t identity) {
    world_.ServerAnswers(thread_, end, false);
    std::get<ResponseStarted>(world_.facts.back()).thread.runtime_id = identity;
    world_.ServerFinishes(thread_, end);
  }
  // `stored`: the exchange that the kernel half names for the goroutine.
  void Calls(WorldEnd& end, int request, uint64_t identity, Token stored = 0) {
    world_.ClientSends(thread_, end, request);
    auto& seen = std::get<RequestSeen>(world_.facts.back());
    seen.thread.runtime_id = identity;
    seen.stored = stored;
  }
  // The same where probes tell whose goroutine asked for the call. `again`: one that was started for it has called before.
  void CallsFor(Token exchange, WorldEnd& end, int request, bool again = false) {
    Calls(end, request, 20, exchange);
    auto& seen = std::get<RequestSeen>(world_.facts.back());
    seen.requester_known = true;
    seen.requester_again = again;
  }
  // In a context that was copied from `parent` at that time, and that one from `grandparent`.
  void CallsFrom(uint64_t context, Ancestor parent, WorldEnd& end, int request, Ancestor grandparent = {}) {
    Calls(end, request, context);
    std::get<RequestSeen>(world_.facts.back()).ancestors = {parent, grandparent};
  }
  uint64_t Now() const { return world_.now_ns; }
  void Returns(WorldEnd& end) { world_.ClientReads(thread_, end); }
  WorldEnd& Used() {
    WorldEnd& end = world_.NewEnd();
    end.fresh = false;
    return end;
  }
  int Call(int root) { return world_.NewRequest(root); }
  // Exchanges that overlap, each answered by an identity of its own: what earns trust.
  void ProveIdentities(uint64_t first_identity) {
    for (uint64_t i = 0; i < 20; ++i) {
      WorldEnd& one = world_.NewEnd();
      WorldEnd& other = world_.NewEnd();
      const int a = world_.NewRequest();
      const int b = world_.NewRequest();
      Reads(one, a, first_identity + 2 * i);
      Reads(other, b, first_identity + 2 * i + 1);
      Answers(one, first_identity + 2 * i);
      Answers(other, first_identity + 2 * i + 1);
      world_.Wait(thread_);
    }
  }

  World world_;
  WorldThread thread_ = world_.Thread(10, 10, true);
};

LinkEvidence EvidenceOf(const Outcome& outcome, const std::string& name) { return outcome.Find(name)->link_evidence; }
LinkConfidence ConfidenceOf(const Outcome& outcome, const std::string& name) { return outcome.Find(name)->link_confidence; }

// The thread reads two requests and then makes the call of the first: the goroutine tells, the thread would mislead.
TEST_F(RuntimeLink, GoroutineThatServesAnExchangeMakesItsCalls) {
  WorldEnd& in = world_.NewEnd();
  WorldEnd& other = world_.NewEnd();
  WorldEnd& out = Used();
  const int root = world_.NewRequest();
  const int bystander = world_.NewRequest();
  Reads(in, root, 7);
  Reads(other, bystander, 8);
  Calls(out, Call(root), 7, in.current);
  Returns(out);
  Answers(other, 8);
  Answers(in, 7);
  const Outcome outcome = Assemble(world_);
  EXPECT_EQ(outcome.ParentOf("c2"), "s0");
  EXPECT_EQ(EvidenceOf(outcome, "c2"), LinkEvidence::kGoroutine);
  EXPECT_EQ(ConfidenceOf(outcome, "c2"), LinkConfidence::kExact);
  EXPECT_EQ(outcome.TraceOf("c2"), outcome.TraceOf("s0"));
}

TEST_F(RuntimeLink, ConnectionDialledForAnExchangeIsItsOwn) {
  WorldEnd& in = world_.NewEnd();
  WorldEnd& other = world_.NewEnd();
  WorldEnd& out = world_.NewEnd();
  const int root = world_.NewRequest();
  Reads(in, root, 7);
  Reads(other, world_.NewRequest(), 8);
  Calls(out, Call(root), 21, in.current);  // written by the connection's own goroutine
  Returns(out);
  Answers(in, 7);
  Answers(other, 8);
  const Outcome outcome = Assemble(world_);
  EXPECT_EQ(outcome.ParentOf("c2"), "s0");
  EXPECT_EQ(EvidenceOf(outcome, "c2"), LinkEvidence::kGoroutine);
}

// A dials; meanwhile it gets a connection that became free, and its own goes to B.
TEST_F(RuntimeLink, ConnectionThatThePoolGaveToAnotherIsNotItsMakers) {
  WorldEnd& in_a = world_.NewEnd();
  WorldEnd& in_b = world_.NewEnd();
  WorldEnd& pooled = Used();
  WorldEnd& dialled = world_.NewEnd();
  WorldEnd& given_on = world_.NewEnd();
  const int a = world_.NewRequest();
  const int b = world_.NewRequest();
  Reads(in_a, a, 7);
  Calls(pooled, Call(a), 20);  // of a pool: its goroutine serves no exchange
  Reads(in_b, b, 8);
  const Token exchange_a = in_a.current;
  Calls(dialled, Call(b), 21, exchange_a);
  // B's own dial is spare now, too; and nothing was used again since B began but the one that was given away.
  Calls(given_on, Call(a), 22, in_b.current);
  for (WorldEnd* end : {&pooled, &dialled, &given_on}) Returns(*end);
  Answers(in_b, 8);
  Answers(in_a, 7);
  const Outcome outcome = Assemble(world_);
  EXPECT_EQ(outcome.ParentOf("c3"), "");
  EXPECT_EQ(outcome.ReasonOf("c3"), "queued-reuse");
  EXPECT_EQ(outcome.ParentOf("c4"), "");
  EXPECT_EQ(outcome.ReasonOf("c4"), "queued-reuse");
}

// The same, but the call on the connection that became free is written last.
TEST_F(RuntimeLink, ConnectionGivenAwayBeforeTheReuseIsSeenIsNotItsMakers) {
  WorldEnd& in_a = world_.NewEnd();
  WorldEnd& in_b = world_.NewEnd();
  WorldEnd& pooled = Used();
  WorldEnd& dialled = world_.NewEnd();
  const int a = world_.NewRequest();
  const int b = world_.NewRequest();
  Reads(in_a, a, 7);
  Reads(in_b, b, 8);
  Calls(dialled, Call(b), 21, in_a.current);
  Calls(pooled, Call(a), 20);
  for (WorldEnd* end : {&pooled, &dialled}) Returns(*end);
  Answers(in_b, 8);
  Answers(in_a, 7);
  const Outcome outcome = Assemble(world_);
  EXPECT_EQ(outcome.ParentOf("c2"), "");
  EXPECT_EQ(outcome.ReasonOf("c2"), "queued-reuse");
}

// What was used again before the exchange began does not touch it.
TEST_F(RuntimeLink, ReuseBeforeTheExchangeDoesNotTouchItsDial) {
  WorldEnd& before = world_.NewEnd();
  WorldEnd& pooled = Used();
  WorldEnd& in = world_.NewEnd();
  WorldEnd& out = world_.NewEnd();
  const int earlier = world_.NewRequest();
  const int root = world_.NewRequest();
  Reads(before, earlier, 6);
  Calls(pooled, Call(earlier), 20);
  Reads(in, root, 7);
  Calls(out, Call(root), 21, in.current);
  Returns(out);
  Answers(in, 7);
  Answers(before, 6);
  EXPECT_EQ(Assemble(world_).ParentOf("c3"), "s1");
}

// A loop that serves all connections in one goroutine: the kernel half names the exchange read last.
TEST_F(RuntimeLink, GoroutineThatServesSeveralExchangesAtOnceTellsNothing) {
  WorldEnd& in_a = world_.NewEnd();
  WorldEnd& in_b = world_.NewEnd();
  WorldEnd& out = Used();
  const int a = world_.NewRequest();
  const int b = world_.NewRequest();
  Reads(in_a, a, 7);
  Reads(in_b, b, 7);
  Calls(out, Call(a), 7, in_b.current);
  Returns(out);
  Answers(in_b, 7);
  Answers(in_a, 7);
  TraceAssembler assembler({}, kTestKey);
  const Outcome outcome = Assemble(world_, assembler);
  EXPECT_EQ(outcome.ParentOf("c2"), "");
  EXPECT_EQ(outcome.ReasonOf("c2"), "context-shared");
  EXPECT_EQ(assembler.link_counters().contexts_shared, 1U);
  EXPECT_TRUE(assembler.TrustOf(10).context_shared);
}

// One goroutine per connection serves its requests one after the other.
TEST_F(RuntimeLink, GoroutineOfAKeptConnectionServesItsExchangesInTurn) {
  WorldEnd& in = world_.NewEnd();
  WorldEnd& out = Used();
  std::vector<std::string> calls;
  for (int i = 0; i < 3; ++i) {
    const int root = world_.NewRequest();
    Reads(in, root, 7);
    const int call = Call(root);
    Calls(out, call, 7, in.current);
    Returns(out);
    Answers(in, 7);
  }
  const Verdict verdict = Assemble(world_).Judge();
  EXPECT_EQ(verdict.wrong, 0U) << verdict.first_wrong;
  EXPECT_EQ(verdict.links, 3U);
}

// The response of one call is read and another exchange answered in one turn: between goroutines that means nothing.
TEST_F(RuntimeLink, ThreadsDoNotContradictGoroutines) {
  WorldEnd& in_a = world_.NewEnd();
  WorldEnd& in_b = world_.NewEnd();
  WorldEnd& out = world_.NewEnd();
  const int a = world_.NewRequest();
  Reads(in_a, a, 7);
  Reads(in_b, world_.NewRequest(), 8);
  Calls(out, Call(a), 21, in_a.current);
  Returns(out);
  Answers(in_b, 8);
  Answers(in_a, 7);
  TraceAssembler assembler({}, kTestKey);
  const Outcome outcome = Assemble(world_, assembler);
  EXPECT_EQ(outcome.ParentOf("c2"), "s0");
  EXPECT_EQ(assembler.link_counters().contradictions, 0U);
}

// Pooled calls in a process of goroutines are linked by threads, and never surely.
TEST_F(RuntimeLink, ThreadsSpeakForPooledCallsButNotExactly) {
  WorldThread plain = world_.Thread(11, 11, false);
  WorldEnd& in = world_.NewEnd();
  WorldEnd& out = Used();
  const int root = world_.NewRequest();
  world_.ServerReads(plain, in, root);
  std::get<RequestSeen>(world_.facts.back()).thread.runtime_id = 7;
  world_.ClientSends(plain, out, Call(root));
  std::get<RequestSeen>(world_.facts.back()).thread.runtime_id = 20;
  world_.ClientReads(plain, out);
  world_.ServerAnswers(plain, in);
  const Outcome outcome = Assemble(world_);
  EXPECT_EQ(outcome.ParentOf("c1"), "s0");
  EXPECT_EQ(ConfidenceOf(outcome, "c1"), LinkConfidence::kProbable);
}

// A new connection whose maker serves nobody that is known (before Go 1.21 all are): threads would guess.
TEST_F(RuntimeLink, NewConnectionOfAnUnknownMakerIsNobodys) {
  WorldEnd& in = world_.NewEnd();
  WorldEnd& out = world_.NewEnd();
  const int root = world_.NewRequest();
  Reads(in, root, 7);
  Calls(out, Call(root), 21);
  Returns(out);
  Answers(in, 7);
  const Outcome outcome = Assemble(world_);
  EXPECT_EQ(outcome.ParentOf("c1"), "");
  EXPECT_EQ(outcome.ReasonOf("c1"), "context-unknown");
}

// A Go whose goroutines have no names: all of them answer at once, and that tells nothing.
TEST_F(RuntimeLink, UnnamedGoroutinesAreNotSharedAndLinkNoNewConnection) {
  WorldEnd& in_a = world_.NewEnd();
  WorldEnd& in_b = world_.NewEnd();
  WorldEnd& out = world_.NewEnd();
  const int root = world_.NewRequest();
  Reads(in_a, root, kUnnamedGoroutine);
  Reads(in_b, world_.NewRequest(), kUnnamedGoroutine);
  Calls(out, Call(root), kUnnamedGoroutine);
  Returns(out);
  Answers(in_a, kUnnamedGoroutine);
  Answers(in_b, kUnnamedGoroutine);
  TraceAssembler assembler({}, kTestKey);
  EXPECT_EQ(Assemble(world_, assembler).ReasonOf("c2"), "context-unknown");
  EXPECT_EQ(assembler.link_counters().contexts_shared, 0U);
}

// ---- CPython ----

// An event loop reads two requests in one turn and runs their tasks in later ones, in any order.
TEST_F(RuntimeLink, CallsInTheContextOfTheAnswerAreItsExchanges) {
  std::array<WorldEnd*, 2> in{}, out{};
  std::array<int, 2> root{};
  const std::array<uint64_t, 2> context = {kContextA, kContextB};
  for (size_t i = 0; i < 2; ++i) {
    in[i] = &world_.NewEnd();
    out[i] = &Used();
    root[i] = world_.NewRequest();
    Reads(*in[i], root[i], 0);
  }
  for (int round = 0; round < 2; ++round) {
    world_.Wait(thread_);
    for (const size_t i : {1U, 0U}) Calls(*out[i], Call(root[i]), context[i]);
    world_.Wait(thread_);
    for (const size_t i : {0U, 1U}) Returns(*out[i]);
  }
  world_.Wait(thread_);
  Answers(*in[0], context[0]);
  Answers(*in[1], context[1]);
  const Outcome outcome = Assemble(world_);
  const Verdict verdict = outcome.Judge();
  EXPECT_EQ(verdict.wrong, 0U) << verdict.first_wrong;
  EXPECT_EQ(verdict.missing, 0U);
  EXPECT_EQ(verdict.links, 4U);
  EXPECT_EQ(EvidenceOf(outcome, "c2"), LinkEvidence::kTaskContext);
  EXPECT_EQ(ConfidenceOf(outcome, "c2"), LinkConfidence::kExact);
}

TEST_F(RuntimeLink, CallBeforeTheRequestIsNotLinkedByItsContext) {
  WorldEnd& in = world_.NewEnd();
  WorldEnd& out = Used();
  const int call = world_.NewRequest();
  Calls(out, call, kContextA);
  Returns(out);
  world_.Wait(thread_);
  Reads(in, world_.NewRequest(), 0);
  world_.Wait(thread_);
  Answers(in, kContextA);
  EXPECT_EQ(Assemble(world_).ParentOf("c0"), "");
}

// A loop that writes for all tasks from one context (uvloop): no link, whichever exchange is answered first.
TEST_F(RuntimeLink, ContextThatAnswersOverlappingExchangesIsNoTask) {
  for (const bool proven : {false, true}) {
    world_ = World();
    thread_ = world_.Thread(10, 10, true);
    WorldEnd& in_a = world_.NewEnd();
    WorldEnd& in_b = world_.NewEnd();
    WorldEnd& out = Used();
    const int a = world_.NewRequest();
    const int b = world_.NewRequest();
    if (proven) ProveIdentities(kContextB);
    Reads(in_a, a, 0);
    Reads(in_b, b, 0);
    world_.Wait(thread_);
    const int call = Call(b);
    Calls(out, call, kContextA);
    world_.Wait(thread_);
    Returns(out);
    world_.Wait(thread_);
    Answers(in_a, kContextA);
    Answers(in_b, kContextA);
    const Outcome outcome = Assemble(world_);
    const std::string name = "c" + std::to_string(call);
    EXPECT_EQ(outcome.ParentOf(name), "") << proven;
    EXPECT_EQ(outcome.ReasonOf(name), "context-shared") << proven;
  }
}

// Before its identities are proven, a process's link waits for the exchanges that could share them; afterwards it does not.
TEST_F(RuntimeLink, ProvenContextsNeedNotWaitForOthers) {
  for (const bool proven : {false, true}) {
    world_ = World();
    thread_ = world_.Thread(10, 10, true);
    if (proven) ProveIdentities(kContextB);
    WorldEnd& slow = world_.NewEnd();
    WorldEnd& in = world_.NewEnd();
    WorldEnd& out = Used();
    Reads(slow, world_.NewRequest(), 0);
    const int root = world_.NewRequest();
    Reads(in, root, 0);
    world_.Wait(thread_);
    const int call = Call(root);
    Calls(out, call, kContextA);
    world_.Wait(thread_);
    Returns(out);
    world_.Wait(thread_);
    Answers(in, kContextA);
    const Outcome outcome = Assemble(world_);
    const std::string name = "c" + std::to_string(call);
    EXPECT_EQ(outcome.ParentOf(name), proven ? "s" + std::to_string(root) : "") << proven;
    EXPECT_EQ(outcome.ReasonOf(name), proven ? "" : "unverified") << proven;
  }
}

// Threads that work for one exchange at a time keep their own word.
TEST_F(RuntimeLink, ContextsOfPlainThreadsAreNotAsked) {
  WorldThread plain = world_.Thread(11, 11, false);
  WorldEnd& in = world_.NewEnd();
  WorldEnd& out = Used();
  const int root = world_.NewRequest();
  world_.ServerReads(plain, in, root);
  world_.ClientSends(plain, out, Call(root));
  std::get<RequestSeen>(world_.facts.back()).thread.runtime_id = kContextA;
  world_.ClientReads(plain, out);
  world_.ServerAnswers(plain, in);
  const Outcome outcome = Assemble(world_);
  EXPECT_EQ(outcome.ParentOf("c1"), "s0");
  EXPECT_EQ(EvidenceOf(outcome, "c1"), LinkEvidence::kSameThread);
}

// Contexts whose exchanges are never answered leave nothing behind.
TEST_F(RuntimeLink, CallsOfContextsThatNeverAnswerAreForgotten) {
  WorldEnd& out = Used();
  for (uint64_t i = 0; i < 300; ++i) {
    Calls(out, world_.NewRequest(), kContextA + 64 * (i % 7));
    Returns(out);
    world_.Wait(thread_);
  }
  const Outcome outcome = Assemble(world_, AssemblerConfig{.max_exchanges = 32, .max_held_spans = 16, .max_lingering = 16});
  EXPECT_EQ(outcome.Judge().spans, 300U);
  EXPECT_EQ(outcome.Judge().links, 0U);
}

// ---- Contexts that were copied: tasks of tasks ----

constexpr uint64_t kCopy = (uint64_t{1} << 63U) | (uint64_t{1} << 62U) | 100;
constexpr uint64_t kCopyOfCopy = kCopy + 1;

TEST_F(RuntimeLink, CallsOfTasksThatWereStartedForTheExchangeAreIts) {
  std::array<WorldEnd*, 2> in = {&world_.NewEnd(), &world_.NewEnd()};
  std::array<WorldEnd*, 2> out = {&Used(), &Used()};
  const std::array<uint64_t, 2> context = {kContextA, kContextB};
  std::array<int, 2> root{};
  for (int i = 0; i < 2; ++i) Reads(*in[i], root[i] = world_.NewRequest(), 0);
  world_.Wait(thread_);
  const Ancestor born{kContextA, Now()};
  world_.Wait(thread_);
  CallsFrom(kCopy, born, *out[0], Call(root[0]));
  CallsFrom(kCopyOfCopy, {kCopy, Now()}, *out[1], Call(root[0]), born);
  world_.Wait(thread_);
  for (WorldEnd* end : out) Returns(*end);
  world_.Wait(thread_);
  for (int i = 1; i >= 0; --i) Answers(*in[i], context[i]);
  const Outcome outcome = Assemble(world_);
  for (const char* call : {"c2", "c3"}) {
    EXPECT_EQ(outcome.ParentOf(call), "s0") << call;
    EXPECT_EQ(EvidenceOf(outcome, call), LinkEvidence::kTaskContext);
    EXPECT_EQ(ConfidenceOf(outcome, call), LinkConfidence::kExact);
  }
}

// The task of an earlier request of the connection goes on while the next one is served.
TEST_F(RuntimeLink, CallOfATaskOfAnEarlierExchangeIsNotTheNextOnes) {
  WorldEnd& in = world_.NewEnd();
  WorldEnd& out = Used();
  const int first = world_.NewRequest();
  Reads(in, first, 0);
  world_.Wait(thread_);
  const Ancestor born{kContextA, Now()};
  world_.Wait(thread_);
  Answers(in, kContextA);
  world_.Wait(thread_);
  Reads(in, world_.NewRequest(), 0);
  world_.Wait(thread_);
  CallsFrom(kCopy, born, out, Call(first));
  world_.Wait(thread_);
  Returns(out);
  world_.Wait(thread_);
  Answers(in, kContextA);
  EXPECT_EQ(Assemble(world_).ParentOf("c2"), "");
}

// ---- Who asked for the call is known ----

// The thread had read another request last, and the connection's own goroutine wrote.
TEST_F(RuntimeLink, PooledCallIsOfWhoAskedForItExactly) {
  WorldEnd& in = world_.NewEnd();
  WorldEnd& other = world_.NewEnd();
  WorldEnd& out = Used();
  const int root = world_.NewRequest();
  const int bystander = world_.NewRequest();
  Reads(in, root, 7);
  Reads(other, bystander, 8);
  CallsFor(in.current, out, Call(root));
  Returns(out);
  Answers(other, 8);
  Answers(in, 7);
  const Outcome outcome = Assemble(world_);
  EXPECT_EQ(outcome.ParentOf("c2"), "s0");
  EXPECT_EQ(EvidenceOf(outcome, "c2"), LinkEvidence::kGoroutine);
  EXPECT_EQ(ConfidenceOf(outcome, "c2"), LinkConfidence::kExact);
}

// Threads would link it: the thread had read a request and nothing else.
TEST_F(RuntimeLink, CallOfAGoroutineThatWorksForNobodyIsNobodys) {
  WorldEnd& in = world_.NewEnd();
  WorldEnd& out = Used();
  const int root = world_.NewRequest();
  Reads(in, root, 7);
  CallsFor(0, out, Call(root));
  Returns(out);
  Answers(in, 7);
  const Outcome outcome = Assemble(world_);
  EXPECT_EQ(outcome.ParentOf("c1"), "");
}

TEST_F(RuntimeLink, LaterCallsOfAStartedGoroutineAreProbable) {
  WorldEnd& in = world_.NewEnd();
  WorldEnd& out = Used();
  const int root = world_.NewRequest();
  Reads(in, root, 7);
  CallsFor(in.current, out, Call(root), true);
  Returns(out);
  Answers(in, 7);
  const Outcome outcome = Assemble(world_);
  EXPECT_EQ(outcome.ParentOf("c1"), "s0");
  EXPECT_EQ(ConfidenceOf(outcome, "c1"), LinkConfidence::kProbable);
}

TEST_F(RuntimeLink, CallOfAGoroutineThatOutlivesItsExchangeHasNoParent) {
  WorldEnd& in = world_.NewEnd();
  WorldEnd& out = Used();
  const int root = world_.NewRequest();
  Reads(in, root, 7);
  const Token exchange = in.current;
  Answers(in, 7);
  CallsFor(exchange, out, Call(root));
  Returns(out);
  const Outcome outcome = Assemble(world_);
  EXPECT_EQ(outcome.ParentOf("c1"), "");
  EXPECT_EQ(outcome.ReasonOf("c1"), "parent-closed");
}

// New connections are given away by the pool all the time; who asked is known all the same.
TEST_F(RuntimeLink, ConnectionsThatChangeHandsDoNotTouchCallsWhoseRequesterIsKnown) {
  WorldEnd& in_a = world_.NewEnd();
  WorldEnd& in_b = world_.NewEnd();
  WorldEnd& pooled = Used();
  WorldEnd& dialled = world_.NewEnd();
  const int a = world_.NewRequest();
  const int b = world_.NewRequest();
  Reads(in_a, a, 7);
  Reads(in_b, b, 8);
  CallsFor(in_a.current, pooled, Call(a));
  CallsFor(in_b.current, dialled, Call(b));
  for (WorldEnd* end : {&pooled, &dialled}) Returns(*end);
  Answers(in_b, 8);
  Answers(in_a, 7);
  const Verdict verdict = Assemble(world_).Judge();
  EXPECT_EQ(verdict.wrong, 0U) << verdict.first_wrong;
  EXPECT_EQ(verdict.links, 2U);
}

}  // namespace
}  // namespace wirespan::trace
