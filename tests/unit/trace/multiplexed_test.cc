// Links where a connection carries several exchanges or calls at once (HTTP/2). World tells what the kernel sees of threads and
// turns, which there may be another's; whose stream it is, the test tells.
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "agent/trace/runtime_context.h"
#include "tests/unit/trace/world.h"

namespace wirespan::trace {
namespace {

using exporters::LinkConfidence;
using exporters::LinkEvidence;

LinkEvidence EvidenceOf(const Outcome& outcome, const std::string& name) { return outcome.Find(name)->link_evidence; }
LinkConfidence ConfidenceOf(const Outcome& outcome, const std::string& name) { return outcome.Find(name)->link_confidence; }

struct Stream {
  int request = -1;
  Token token = 0;
  bool was_shared = false;
};

// One end of a connection with its open streams: what it tells of each, as a session does.
struct SharedEnd {
  explicit SharedEnd(World& its_world) : world(its_world), end(its_world.NewEnd()) {}

  Stream& Open(int request) {
    auto& seen = std::get<RequestSeen>(world.facts.back());
    seen.multiplexed = true;
    seen.shares = !open.empty();
    Stream& stream = open[request];
    stream = {.request = request, .token = seen.token, .was_shared = seen.shares};
    if (open.size() > 1) {
      for (auto& [number, one] : open) one.was_shared = true;
    }
    return stream;
  }
  void Reads(WorldThread& thread, int request) {
    world.ServerReads(thread, end, request);
    Open(request);
  }
  void Calls(WorldThread& thread, int request) {
    world.ClientSends(thread, end, request);
    Open(request);
  }
  // The stream's first byte of an answer, then its end: the kernel knows of neither that it is this stream's.
  void Answers(WorldThread& thread, int request) {
    const std::pair<Token, int> last = Select(request);
    world.ServerAnswers(thread, end);
    Close(request, last);
  }
  // The thread reads on the connection; of `request` what it reads is the end.
  void Returns(WorldThread& thread, int request) {
    world.ClientReads(thread, end, false);
    const std::pair<Token, int> last = Select(request);
    world.ClientFinishes(thread, end);
    Close(request, last);
  }

  std::pair<Token, int> Select(int request) {
    const std::pair<Token, int> last{end.current, end.request};
    end.current = open.at(request).token;
    end.request = request;
    return last;
  }
  void Close(int request, const std::pair<Token, int>& last) {
    std::get<SpanFinished>(world.facts.back()).shared = open.at(request).was_shared;
    open.erase(request);
    end.current = last.first;
    end.request = last.second;
  }

  World& world;
  WorldEnd& end;
  std::map<int, Stream> open;
};

class MultiplexedLink : public testing::Test {
 protected:
  int Request(int parent = -1) { return world_.NewRequest(parent); }
  WorldEnd& Used() {
    WorldEnd& end = world_.NewEnd();
    end.fresh = false;
    return end;
  }

  World world_;
  WorldThread one_ = world_.Thread(10, 10, false);
  WorldThread two_ = world_.Thread(10, 11, false);
};

TEST_F(MultiplexedLink, AStreamThatIsAloneIsAnExchangeAsAnyOther) {
  SharedEnd in(world_);
  WorldEnd& out = Used();
  const int root = Request();
  const int call = Request(root);
  in.Reads(one_, root);
  world_.ClientSends(one_, out, call);
  world_.ClientReads(one_, out);
  in.Answers(one_, root);
  const Outcome outcome = Assemble(world_);
  EXPECT_EQ(outcome.ParentOf("c1"), "s0");
  EXPECT_EQ(EvidenceOf(outcome, "c1"), LinkEvidence::kSameThread);
  EXPECT_EQ(ConfidenceOf(outcome, "c1"), LinkConfidence::kExact);
}

// The body of the first request comes in the turn in which the second begins: what the thread does then may be for either.
TEST_F(MultiplexedLink, ACallForOneOfSeveralStreamsIsNotLinked) {
  for (const bool begins_before : {true, false}) {
    World world;
    WorldThread thread = world.Thread(10, 10, false);
    SharedEnd in(world);
    WorldEnd& out = world.NewEnd();
    out.fresh = false;
    const int first = world.NewRequest();
    const int second = world.NewRequest();
    const int call = world.NewRequest(first);
    in.Reads(thread, first);
    if (begins_before) in.Reads(thread, second);
    world.ClientSends(thread, out, call);
    if (!begins_before) in.Reads(thread, second);
    world.ClientReads(thread, out);
    in.Answers(thread, second);
    in.Answers(thread, first);
    const Outcome outcome = Assemble(world);
    EXPECT_EQ(outcome.ParentOf("c2"), "");
    EXPECT_EQ(outcome.ReasonOf("c2"), "multiplexed");
    EXPECT_EQ(outcome.ParentOf("s0"), "");
    EXPECT_EQ(outcome.ReasonOf("s0"), "") << "an exchange of a shared connection lacks nothing";
  }
}

// A window or a ping is read in a turn of its own: no exchange has its name.
TEST_F(MultiplexedLink, ATurnInWhichNoStreamBeganNamesNobody) {
  SharedEnd in(world_);
  WorldEnd& out = Used();
  const int root = Request();
  in.Reads(one_, root);
  world_.ServerReads(one_, in.end, root);
  world_.facts.pop_back();
  world_.ClientSends(one_, out, Request(root));
  const Outcome outcome = Assemble(world_);
  EXPECT_EQ(outcome.ReasonOf("c1"), "no span c1");
  world_.ClientReads(one_, out);
  const Outcome whole = Assemble(world_);
  EXPECT_EQ(whole.ParentOf("c1"), "");
  EXPECT_EQ(whole.ReasonOf("c1"), "multiplexed");
}

TEST_F(MultiplexedLink, OfCallsOnOneConnectionTheFirstIsLinked) {
  SharedEnd out(world_);
  out.end.fresh = false;
  WorldEnd& in1 = world_.NewEnd();
  WorldEnd& in2 = world_.NewEnd();
  const int root1 = Request();
  const int root2 = Request();
  const int call1 = Request(root1);
  const int call2 = Request(root2);
  world_.ServerReads(one_, in1, root1);
  world_.ServerReads(two_, in2, root2);
  out.Calls(one_, call1);
  out.Calls(two_, call2);
  out.Returns(one_, call2);  // whoever reads hands the other its answer
  out.Returns(one_, call1);
  world_.ServerAnswers(one_, in1);
  world_.ServerAnswers(two_, in2);
  const Outcome outcome = Assemble(world_);
  EXPECT_EQ(outcome.ParentOf("c2"), "s0") << "nobody else was there when it began";
  EXPECT_EQ(ConfidenceOf(outcome, "c2"), LinkConfidence::kExact);
  EXPECT_EQ(outcome.ParentOf("c3"), "");
  EXPECT_EQ(outcome.ReasonOf("c3"), "multiplexed");
}

// The kernel takes the second thread to go on with the first one's exchange, for its call was the connection's last.
TEST_F(MultiplexedLink, WhoReadsASharedConnectionIsNotTakenForTheCaller) {
  enum class Then { kCalls, kConnects, kWaitsToConnect };
  for (const Then then : {Then::kCalls, Then::kConnects, Then::kWaitsToConnect}) {
    World world;
    WorldThread one = world.Thread(10, 10, false);
    WorldThread two = world.Thread(10, 11, false);
    SharedEnd out(world);
    out.end.fresh = false;
    WorldEnd& in1 = world.NewEnd();
    WorldEnd& in2 = world.NewEnd();
    WorldEnd& other = world.NewEnd();
    other.fresh = false;
    const int root1 = world.NewRequest();
    const int root2 = world.NewRequest();
    const int call2 = world.NewRequest(root2);
    const int call1 = world.NewRequest(root1);
    const int next = world.NewRequest(root2);
    world.ServerReads(one, in1, root1);
    world.ServerReads(two, in2, root2);
    out.Calls(two, call2);
    out.Calls(one, call1);
    out.Returns(two, call2);
    EXPECT_EQ(two.active, in1.current) << "the kernel's mistake, which this is about";
    if (then != Then::kCalls) world.Connects(two, other);
    if (then == Then::kWaitsToConnect) world.ConnectDone(two, other);
    world.ClientSends(two, other, next);
    world.ClientReads(two, other);
    out.Returns(one, call1);
    world.ServerAnswers(two, in2);
    world.ServerAnswers(one, in1);
    const Outcome outcome = Assemble(world);
    EXPECT_NE(outcome.ParentOf("c4"), "s0");
    EXPECT_EQ(outcome.Judge().wrong, 0U) << outcome.Judge().first_wrong;
  }
}

// A ping on an idle connection, read by a thread that has nothing to do with the connection's last call.
TEST_F(MultiplexedLink, AReadWithoutAnOpenCallNamesNobody) {
  SharedEnd out(world_);
  out.end.fresh = false;
  WorldEnd& in1 = world_.NewEnd();
  WorldEnd& in2 = world_.NewEnd();
  WorldEnd& other = Used();
  const int root1 = Request();
  const int root2 = Request();
  const int call1 = Request(root1);
  const int next = Request(root2);
  world_.ServerReads(one_, in1, root1);
  out.Calls(one_, call1);
  out.Returns(one_, call1);
  world_.ServerReads(two_, in2, root2);
  world_.ClientReads(two_, out.end, false);
  EXPECT_EQ(two_.active, in1.current) << "the kernel's mistake, which this is about";
  world_.ClientSends(two_, other, next);
  world_.ClientReads(two_, other);
  world_.ServerAnswers(two_, in2);
  world_.ServerAnswers(one_, in1);
  const Outcome outcome = Assemble(world_);
  EXPECT_EQ(outcome.ParentOf("c2"), "s0");
  EXPECT_EQ(outcome.ParentOf("c3"), "s1") << "by its answer";
  EXPECT_EQ(EvidenceOf(outcome, "c3"), LinkEvidence::kBackward);
}

// A call that was alone and whose response this thread has read leads on, as on any connection.
TEST_F(MultiplexedLink, ACallAfterTheResponseOfOneThatWasAloneIsLinked) {
  SharedEnd out(world_);
  out.end.fresh = false;
  WorldEnd& in = world_.NewEnd();
  WorldEnd& other = Used();
  const int root = Request();
  const int call = Request(root);
  const int next = Request(root);
  world_.ServerReads(one_, in, root);
  out.Calls(one_, call);
  out.Returns(one_, call);
  world_.ClientSends(one_, other, next);
  world_.ClientReads(one_, other);
  world_.ServerAnswers(one_, in);
  const Outcome outcome = Assemble(world_);
  for (const char* name : {"c1", "c2"}) {
    EXPECT_EQ(outcome.ParentOf(name), "s0") << name;
    EXPECT_EQ(ConfidenceOf(outcome, name), LinkConfidence::kExact) << name;
  }
}

// A loop reads the response that the second stream's answer waits for, and in that turn writes the first one's, which was ready.
TEST_F(MultiplexedLink, AnAnswerOnASharedConnectionProvesNothing) {
  WorldThread loop = world_.Thread(10, 12, true);
  SharedEnd in(world_);
  WorldEnd& out = Used();
  const int first = Request();
  const int second = Request();
  const int call = Request(second);
  world_.Wait(loop);
  in.Reads(loop, first);
  in.Reads(loop, second);
  world_.Wait(loop);
  world_.ClientSends(loop, out, call);
  world_.Wait(loop);
  world_.ClientReads(loop, out);
  in.Answers(loop, first);
  in.Answers(loop, second);
  const Outcome outcome = Assemble(world_);
  EXPECT_EQ(outcome.ParentOf("c2"), "");
  TraceAssembler assembler({}, kTestKey);
  Assemble(world_, assembler);
  EXPECT_EQ(assembler.link_counters().contradictions, 0U) << "and tells nothing against the process";
}

// Both ends know a stream by its first byte's position.
TEST_F(MultiplexedLink, BothEndsOfAStreamAreJoined) {
  WorldThread server = world_.Thread(20, 20, false);
  SharedEnd out(world_);
  SharedEnd in(world_);
  const int first = Request();
  const int second = Request();
  out.Calls(one_, first);
  out.Calls(one_, second);
  in.Reads(server, first);
  in.Reads(server, second);
  in.Answers(server, second);
  in.Answers(server, first);
  out.Returns(one_, second);
  out.Returns(one_, first);
  const Outcome outcome = Assemble(world_);
  for (const char* number : {"0", "1"}) {
    const std::string name = std::string("s") + number;
    EXPECT_EQ(outcome.ParentOf(name), std::string("c") + number);
    EXPECT_EQ(EvidenceOf(outcome, name), LinkEvidence::kSameConnection);
    EXPECT_EQ(ConfidenceOf(outcome, name), LinkConfidence::kExact);
    EXPECT_EQ(outcome.ReasonOf(std::string("c") + number), "") << "nothing asked for it: it lacks nothing";
  }
}

TEST_F(MultiplexedLink, AHeaderTellsWhateverTheConnectionIs) {
  SharedEnd out(world_);
  WorldEnd& in = world_.NewEnd();
  const int root = Request();
  world_.ServerReads(one_, in, root);
  out.Calls(one_, Request(root));
  out.Calls(one_, world_.NewRequest(root, Header(7, 8)));
  out.Returns(one_, 1);
  out.Returns(one_, 2);
  world_.ServerAnswers(one_, in);
  const Outcome outcome = Assemble(world_);
  EXPECT_EQ(outcome.ParentOf("c2"), "remote");
  EXPECT_EQ(EvidenceOf(outcome, "c2"), LinkEvidence::kTraceparent);
  EXPECT_EQ(ConfidenceOf(outcome, "c2"), LinkConfidence::kExact);
  EXPECT_EQ(outcome.ReasonOf("c2"), "multiplexed") << "of the link by threads";
}

// ---- Runtime identities ----

// A goroutine that serves an exchange and writes its call itself; another that waits for the connection it dials.
TEST_F(MultiplexedLink, AGoroutineThatWritesItsOwnCallTellsAndOneThatDialsDoesNot) {
  for (const bool writes_itself : {true, false}) {
    World world;
    WorldThread thread = world.Thread(10, 10, true);
    SharedEnd out(world);
    WorldEnd& in = world.NewEnd();
    const int root = world.NewRequest();
    const int bystander = world.NewRequest();
    const int call = world.NewRequest(root);
    world.ServerReads(thread, in, root);
    std::get<RequestSeen>(world.facts.back()).thread.runtime_id = 7;
    out.Calls(thread, bystander);
    out.Calls(thread, call);
    auto& seen = std::get<RequestSeen>(world.facts.back());
    seen.thread.runtime_id = writes_itself ? 7 : 9;
    seen.fresh = !writes_itself;
    seen.stored = in.current;
    out.Returns(thread, bystander);
    out.Returns(thread, call);
    world.ServerAnswers(thread, in);
    const Outcome outcome = Assemble(world);
    EXPECT_EQ(outcome.ParentOf("c2"), writes_itself ? "s0" : "");
    EXPECT_EQ(outcome.ReasonOf("c2"), writes_itself ? "" : "multiplexed");
    EXPECT_EQ(EvidenceOf(outcome, "c2"), writes_itself ? LinkEvidence::kGoroutine : LinkEvidence::kNone);
    EXPECT_EQ(ConfidenceOf(outcome, "c2"), writes_itself ? LinkConfidence::kProbable : LinkConfidence::kNone);
  }
}

// The goroutine that reads a connection serves all its streams: the exchange that the kernel names is the one read last.
TEST_F(MultiplexedLink, TheGoroutineOfASharedConnectionServesNoneOfItsExchanges) {
  SharedEnd in(world_);
  WorldEnd& out = Used();
  const int first = Request();
  const int second = Request();
  in.Reads(one_, first);
  std::get<RequestSeen>(world_.facts.back()).thread.runtime_id = 7;
  in.Reads(one_, second);
  std::get<RequestSeen>(world_.facts.back()).thread.runtime_id = 7;
  world_.ClientSends(one_, out, Request(first));
  auto& seen = std::get<RequestSeen>(world_.facts.back());
  seen.thread.runtime_id = 9;
  seen.fresh = true;
  seen.stored = in.end.current;
  world_.ClientReads(one_, out);
  in.Answers(one_, first);
  in.Answers(one_, second);
  const Outcome outcome = Assemble(world_);
  EXPECT_EQ(outcome.ParentOf("c2"), "");
  EXPECT_EQ(outcome.ReasonOf("c2"), "multiplexed");
}

TEST_F(MultiplexedLink, AContextThatAnswersTellsOfItsCalls) {
  constexpr uint64_t kContextA = (uint64_t{1} << 63U) | 0x7f0000001000;
  constexpr uint64_t kContextB = (uint64_t{1} << 63U) | 0x7f0000002000;
  WorldThread loop = world_.Thread(10, 12, true);
  SharedEnd in(world_);
  WorldEnd& out = Used();
  const int first = Request();
  const int second = Request();
  const int call = Request(first);
  in.Reads(loop, first);
  in.Reads(loop, second);
  world_.Wait(loop);
  world_.ClientSends(loop, out, call);
  std::get<RequestSeen>(world_.facts.back()).thread.runtime_id = kContextA;
  world_.ClientReads(loop, out);
  const size_t answers = world_.facts.size();
  in.Answers(loop, second);
  std::get<ResponseStarted>(world_.facts[answers]).thread.runtime_id = kContextB;
  const size_t last = world_.facts.size();
  in.Answers(loop, first);
  std::get<ResponseStarted>(world_.facts[last]).thread.runtime_id = kContextA;
  const Outcome outcome = Assemble(world_);
  EXPECT_EQ(outcome.ParentOf("c2"), "s0");
  EXPECT_EQ(EvidenceOf(outcome, "c2"), LinkEvidence::kTaskContext);
  EXPECT_EQ(ConfidenceOf(outcome, "c2"), LinkConfidence::kProbable) << "one may write what another has left there";
}

// ---- At random ----

// Workers that serve an exchange each, over connections of their own or all over one; each calls over a shared connection, which
// whoever waits reads for all, and over one of its own. However they interleave no exact link is wrong.
class Workers {
 public:
  Workers(uint32_t seed, bool serve_shared) : dice_(seed), world_(seed), in_(world_), out_(world_), serve_shared_(serve_shared) {
    out_.end.fresh = false;
    for (uint32_t i = 0; i < 2 + seed % 5; ++i) {
      Worker& worker = workers_.emplace_back();
      worker.thread = world_.Thread(10, 100 + i, false);
      worker.in = &world_.NewEnd();
      worker.own = &world_.NewEnd();
      worker.own->fresh = false;
    }
  }

  World& Run(int steps) {
    while (steps-- > 0) Step(workers_[dice_() % workers_.size()]);
    for (bool any = true; any;) {
      any = false;
      for (Worker& worker : workers_) {
        worker.calls_left = 0;
        if (worker.root < 0) continue;
        Step(worker);
        any = true;
      }
    }
    return world_;
  }

 private:
  struct Worker {
    WorldThread thread;
    WorldEnd* in = nullptr;
    WorldEnd* own = nullptr;
    int root = -1, call = -1, calls_left = 0;
  };

  void Step(Worker& worker) {
    if (worker.root < 0) {
      worker.root = world_.NewRequest();
      worker.calls_left = static_cast<int>(dice_() % 4);
      if (serve_shared_) return in_.Reads(worker.thread, worker.root);
      return world_.ServerReads(worker.thread, *worker.in, worker.root);
    }
    if (worker.call >= 0) return ReadFor(worker);
    if (worker.calls_left-- > 0) return Call(worker);
    if (serve_shared_) {
      in_.Answers(worker.thread, worker.root);
    } else {
      world_.ServerAnswers(worker.thread, *worker.in);
    }
    worker.root = -1;
  }
  void Call(Worker& worker) {
    const int call = world_.NewRequest(worker.root);
    if (dice_() % 2 == 0) {
      out_.Calls(worker.thread, call);
      worker.call = call;
      return;
    }
    if (dice_() % 3 == 0) world_.Connects(worker.thread, *worker.own);
    world_.ClientSends(worker.thread, *worker.own, call);
    world_.ClientReads(worker.thread, *worker.own);
  }
  // One that waits for its response reads whatever comes first.
  void ReadFor(Worker& worker) {
    Worker* whose = &worker;
    for (Worker& other : workers_) {
      if (other.call >= 0 && dice_() % 3 == 0) whose = &other;
    }
    out_.Returns(worker.thread, whose->call);
    whose->call = -1;
  }

  Dice dice_;
  World world_;
  SharedEnd in_, out_;
  bool serve_shared_;
  std::vector<Worker> workers_;
};

TEST_F(MultiplexedLink, NoExactLinkIsWrongHoweverWorkersInterleave) {
  for (const bool serve_shared : {false, true}) {
    size_t linked = 0, unlinked = 0;
    for (uint32_t seed = 1; seed <= 60; ++seed) {
      Workers workers(seed, serve_shared);
      const World& world = workers.Run(150);
      const Outcome outcome = Assemble(world);
      for (const WorldRequest& request : world.requests) {
        if (!request.has_client) continue;
        const std::string name = "c" + std::to_string(request.number);
        const std::string parent = outcome.ParentOf(name);
        (parent.empty() ? unlinked : linked) += 1;
        if (parent.empty() || ConfidenceOf(outcome, name) != LinkConfidence::kExact) continue;
        EXPECT_EQ(parent, "s" + std::to_string(request.parent)) << name << " of seed " << seed;
      }
    }
    EXPECT_GT(linked, serve_shared ? 10U : 1000U);
    EXPECT_GT(unlinked, 500U);
  }
}

}  // namespace
}  // namespace wirespan::trace
