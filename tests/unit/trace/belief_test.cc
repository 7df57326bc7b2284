// What a process must have shown before timers, late answers and reused connections are believed to keep to their exchange.
#include <gtest/gtest.h>

#include "tests/unit/trace/loop.h"

namespace wirespan::trace {
namespace {

std::string Server(int request) { return "s" + std::to_string(request); }
std::string Client(int request) { return "c" + std::to_string(request); }

// A call that only a timer can have made, on a connection of its own.
void CallOfATimer(Loop& loop) {
  loop.world.Wait(loop.thread);
  loop.thread.timer_due = true;
  WorldEnd& own = loop.world.NewEnd();
  own.fresh = false;
  loop.world.ClientSends(loop.thread, own, loop.world.NewRequest());
}

// One exchange more, read and answered, so that what was done before in this turn was followed by a read.
void ReadOn(Loop& loop) {
  WorldEnd& other = loop.world.NewEnd();
  loop.world.ServerReads(loop.thread, other, loop.world.NewRequest());
  loop.world.ServerAnswers(loop.thread, other);
}

// Where timers make calls it is not known that they act after all events, as in libuv: being followed by a read says nothing.
TEST(Belief, AFollowedCallIsNotLinkedWhereTimersMakeCalls) {
  for (const bool timers : {false, true}) {
    Loop loop;
    if (timers) CallOfATimer(loop);
    loop.Begin();
    const int call = loop.ReadAndCall();
    ReadOn(loop);
    loop.Finish();
    const Outcome outcome = Assemble(loop.world);
    EXPECT_EQ(outcome.ParentOf(Client(call)), timers ? "" : Server(loop.root));
    EXPECT_EQ(outcome.ReasonOf(Client(call)), timers ? "timer-due" : "");
  }
}

TEST(Belief, FollowedCallsThatWereVerifiedAreProofEvenThere) {
  Loop loop;
  CallOfATimer(loop);
  for (uint64_t i = 0; i < TrustMeter::kSandwichProof; ++i) {
    loop.Begin();
    loop.ReadAndCall();
    ReadOn(loop);
    loop.world.Wait(loop.thread);
    loop.world.ClientReads(loop.thread, loop.out);
    loop.world.ServerAnswers(loop.thread, loop.in);
  }
  loop.Begin();
  const int call = loop.ReadAndCall();
  ReadOn(loop);
  loop.Finish();
  const Outcome outcome = Assemble(loop.world);
  EXPECT_EQ(outcome.ParentOf(Client(call)), Server(loop.root));
  EXPECT_EQ(outcome.Find(Client(call))->link_confidence, exporters::LinkConfidence::kProbable);
}

// After a futex, an eventfd or a pipe a loop has work that was handed to it: no sign that timers make calls.
TEST(Belief, ACallAfterAHandOverIsNoTimers) {
  Loop loop;
  loop.world.Wait(loop.thread);
  loop.thread.timer_due = true;
  loop.world.EventfdRead(loop.thread);
  WorldEnd& own = loop.world.NewEnd();
  own.fresh = false;
  loop.world.ClientSends(loop.thread, own, loop.world.NewRequest());
  loop.Begin();
  const int call = loop.ReadAndCall();
  ReadOn(loop);
  loop.Finish();
  EXPECT_EQ(Assemble(loop.world).ParentOf(Client(call)), Server(loop.root));
}

// A call in nobody's name, in a turn of its own; the turn that reads its response answers the exchange, past the deadline or not.
int CallInNobodysName(Loop& loop, bool answer_is_timed) {
  loop.world.Wait(loop.thread);
  loop.root = loop.world.NewRequest();
  loop.world.ServerReads(loop.thread, loop.in, loop.root);
  loop.world.Wait(loop.thread);
  loop.world.EventfdRead(loop.thread);
  const int call = loop.world.NewRequest(loop.root);
  loop.world.ClientSends(loop.thread, loop.out, call);
  loop.world.Wait(loop.thread);
  loop.thread.timer_due = answer_is_timed;
  loop.world.ClientReads(loop.thread, loop.out);
  loop.world.ServerAnswers(loop.thread, loop.in);
  return call;
}

TEST(Belief, AnAnswerPastTheDeadlineProvesACallOnceManyWereGivenBeforeIt) {
  enum class Case { kUnproven, kProven, kTimersAnswer };
  for (const Case kind : {Case::kUnproven, Case::kProven, Case::kTimersAnswer}) {
    Loop loop;
    loop.Begin();
    const uint64_t shown = kind == Case::kUnproven ? 3 : TrustMeter::kAnswerProof;
    for (uint64_t i = 0; i < shown; ++i) CallInNobodysName(loop, false);
    if (kind == Case::kTimersAnswer) {
      WorldEnd& other = loop.world.NewEnd();
      loop.world.Wait(loop.thread);
      loop.world.ServerReads(loop.thread, other, loop.world.NewRequest());
      loop.world.Wait(loop.thread);
      loop.thread.timer_due = true;
      loop.world.ServerAnswers(loop.thread, other);
    }
    const int call = CallInNobodysName(loop, true);
    const Outcome outcome = Assemble(loop.world);
    const bool linked = kind == Case::kProven;
    EXPECT_EQ(outcome.ParentOf(Client(call)), linked ? Server(loop.root) : "") << static_cast<int>(kind);
    EXPECT_EQ(outcome.ReasonOf(Client(call)), linked ? "" : "timer-due");
    if (linked) {
      EXPECT_EQ(outcome.Find(Client(call))->link_evidence, exporters::LinkEvidence::kBackward);
      EXPECT_EQ(outcome.Find(Client(call))->link_confidence, exporters::LinkConfidence::kProbable);
    }
  }
}

// A connection whose response the loop has read, and then another request: that request's call goes out on it, while a third
// exchange waits for something unknown.
int ReuseAfterAnotherRead(Loop& loop, bool verified) {
  WorldEnd& waiting = loop.world.NewEnd();
  loop.world.Wait(loop.thread);
  loop.world.ServerReads(loop.thread, waiting, loop.world.NewRequest());
  loop.world.Wait(loop.thread);
  const int before = loop.world.NewRequest();
  loop.world.ServerReads(loop.thread, loop.in, before);
  loop.world.ClientSends(loop.thread, loop.out, loop.world.NewRequest(before));
  loop.world.Wait(loop.thread);
  loop.world.ClientReads(loop.thread, loop.out);
  loop.world.ServerAnswers(loop.thread, loop.in);
  const int call = loop.ReadAndCall();
  if (verified) {
    loop.world.Wait(loop.thread);
    loop.world.ClientReads(loop.thread, loop.out);
    loop.world.ServerAnswers(loop.thread, loop.in);
  } else {
    loop.Finish();
  }
  loop.world.Wait(loop.thread);
  loop.world.ServerAnswers(loop.thread, waiting);
  return call;
}

TEST(Belief, ReuseAfterAnotherReadIsBelievedOnceProven) {
  for (const bool proven : {false, true}) {
    Loop loop;
    loop.Begin();
    for (uint64_t i = 0; proven && i < TrustMeter::kReuseProof; ++i) ReuseAfterAnotherRead(loop, true);
    const int call = ReuseAfterAnotherRead(loop, false);
    const Outcome outcome = Assemble(loop.world);
    EXPECT_EQ(outcome.ParentOf(Client(call)), proven ? Server(loop.root) : "");
    EXPECT_EQ(outcome.ReasonOf(Client(call)), proven ? "" : "queued-reuse");
  }
}

// Where work wanders between loops, as tokio's does, no link by what a thread did is exact.
TEST(Belief, NothingIsExactWhereALoopsResponsesAreReadByAnotherThread) {
  for (const bool wanders : {false, true}) {
    Loop loop;
    loop.Begin();
    loop.thread.timer_due = false;
    WorldThread other = loop.world.Thread(10, 11, true);
    loop.ReadAndCall();
    loop.world.Wait(wanders ? other : loop.thread);
    loop.world.ClientReads(wanders ? other : loop.thread, loop.out);
    loop.world.ServerAnswers(wanders ? other : loop.thread, loop.in);
    loop.world.Wait(loop.thread);
    const int call = loop.ReadAndCall();
    loop.world.Wait(loop.thread);
    loop.world.ClientReads(loop.thread, loop.out);
    loop.world.ServerAnswers(loop.thread, loop.in);
    const Outcome outcome = Assemble(loop.world);
    EXPECT_EQ(outcome.ParentOf(Client(call)), Server(loop.root));
    EXPECT_EQ(outcome.Find(Client(call))->link_confidence,
              wanders ? exporters::LinkConfidence::kProbable : exporters::LinkConfidence::kExact);
  }
}

// The first call's own exchange is not known (a timer may have made it), so the new connection remembers the call; the answer
// after the second one's response proves both.
TEST(Belief, AConnectionMadeForACallWhoseExchangeIsNotKnownIsItsSibling) {
  Loop loop;
  loop.Begin();
  const int first = loop.ReadAndCall();
  loop.world.Wait(loop.thread);
  loop.world.ClientReads(loop.thread, loop.out);
  WorldEnd& fresh = loop.world.NewEnd();
  loop.world.Connects(loop.thread, fresh);
  loop.world.Wait(loop.thread);
  loop.world.ConnectDone(loop.thread, fresh);
  const int second = loop.world.NewRequest(loop.root);
  loop.world.ClientSends(loop.thread, fresh, second);
  loop.world.Wait(loop.thread);
  loop.world.ClientReads(loop.thread, fresh);
  loop.world.ServerAnswers(loop.thread, loop.in);
  const Outcome outcome = Assemble(loop.world);
  EXPECT_EQ(outcome.ParentOf(Client(first)), Server(loop.root));
  EXPECT_EQ(outcome.ParentOf(Client(second)), Server(loop.root));
}

}  // namespace
}  // namespace wirespan::trace
