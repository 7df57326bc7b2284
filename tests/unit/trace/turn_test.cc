// What else a thread did in its turn: sandwiched calls, connections of other turns, batches of responses, jugglers.
#include <gtest/gtest.h>

#include "tests/unit/trace/loop.h"

namespace wirespan::trace {
namespace {

TEST(Turn, ACallAfterWhichTheLoopWentOnReadingWasNoTimers) {
  Loop loop;
  loop.Begin();
  const int call = loop.ReadAndCall();
  WorldEnd& other = loop.world.NewEnd();
  loop.world.ServerReads(loop.thread, other, loop.world.NewRequest());
  loop.world.ServerAnswers(loop.thread, other);
  loop.Finish();
  const Outcome outcome = Assemble(loop.world);
  EXPECT_EQ(outcome.ParentOf("c" + std::to_string(call)), "s" + std::to_string(loop.root));
}

TEST(Turn, TheLastCallOfATurnMayHaveBeenATimers) {
  Loop loop;
  loop.Begin();
  const int call = loop.ReadAndCall();
  loop.Finish();
  EXPECT_EQ(Assemble(loop.world).ReasonOf("c" + std::to_string(call)), "timer-due");
}

// Calls after the deadline that were verified, each, say that in this process timers do not lie.
TEST(Turn, ALastCallIsBelievedOnceEnoughOfThemWereVerified) {
  enum class Sign { kNone, kStrays, kTimerCalls };
  for (const Sign sign : {Sign::kNone, Sign::kStrays, Sign::kTimerCalls}) {
    const bool strays = sign == Sign::kStrays;
    Loop loop;
    for (int i = 0; i < 40; ++i) {
      loop.Begin();
      loop.ReadAndCall();
      loop.world.Wait(loop.thread);
      loop.world.ClientReads(loop.thread, loop.out);
      loop.world.ServerAnswers(loop.thread, loop.in);
    }
    if (strays) {
      WorldEnd& other = loop.world.NewEnd();
      loop.world.Wait(loop.thread);
      loop.world.ServerReads(loop.thread, other, loop.world.NewRequest());
      loop.Begin();
      loop.ReadAndCall();
      loop.world.Wait(loop.thread);
      loop.world.ClientReads(loop.thread, loop.out);
      loop.world.ServerAnswers(loop.thread, other);
      loop.world.Wait(loop.thread);
      loop.world.ServerAnswers(loop.thread, loop.in);
    }
    if (sign == Sign::kTimerCalls) {  // a loop with nothing to do but its timers
      loop.Begin();
      WorldEnd& other = loop.world.NewEnd();
      other.fresh = false;
      loop.world.ClientSends(loop.thread, other, loop.world.NewRequest());
    }
    loop.Begin();
    const int call = loop.ReadAndCall();
    loop.Finish();
    const Outcome outcome = Assemble(loop.world);
    const std::string name = "c" + std::to_string(call);
    const bool believed = sign == Sign::kNone;
    EXPECT_EQ(outcome.ParentOf(name), believed ? "s" + std::to_string(loop.root) : "") << static_cast<int>(sign);
    if (believed) {
      EXPECT_EQ(outcome.Find(name)->link_confidence, exporters::LinkConfidence::kProbable);
    }
  }
}

// A loop that never waits: every turn is past its deadline. Two calls, one after the other, then the answer.
TEST(Turn, AChainOfCallsAgreesWithTheAnswerThoughTimersMayHaveActed) {
  for (const bool other : {false, true}) {
    Loop loop;
    WorldEnd& elsewhere = loop.world.NewEnd();
    loop.world.Wait(loop.thread);
    loop.world.ServerReads(loop.thread, elsewhere, loop.world.NewRequest());
    loop.Begin();
    const int first = loop.ReadAndCall();
    loop.world.Wait(loop.thread);
    loop.thread.timer_due = true;
    loop.world.ClientReads(loop.thread, loop.out);
    const int second = loop.world.NewRequest(loop.root);
    loop.world.ClientSends(loop.thread, loop.out, second);
    loop.world.Wait(loop.thread);
    loop.thread.timer_due = true;
    loop.world.ClientReads(loop.thread, loop.out);
    loop.world.ServerAnswers(loop.thread, other ? elsewhere : loop.in);
    loop.world.Wait(loop.thread);
    loop.world.ServerAnswers(loop.thread, other ? loop.in : elsewhere);
    const Outcome outcome = Assemble(loop.world);
    const std::string parent = other ? "" : "s" + std::to_string(loop.root);
    EXPECT_EQ(outcome.ParentOf("c" + std::to_string(first)), parent) << other;
    EXPECT_EQ(outcome.ParentOf("c" + std::to_string(second)), parent) << other;
  }
}

TEST(Turn, ASandwichedCallWhoseResponseLedToAnotherAnswerIsContradicted) {
  Loop loop;
  loop.Begin();
  const int call = loop.ReadAndCall();
  WorldEnd& other = loop.world.NewEnd();
  loop.world.ServerReads(loop.thread, other, loop.world.NewRequest());
  loop.world.Wait(loop.thread);
  loop.world.ClientReads(loop.thread, loop.out);
  loop.world.ServerAnswers(loop.thread, other);
  loop.world.Wait(loop.thread);
  loop.world.ServerAnswers(loop.thread, loop.in);
  EXPECT_EQ(Assemble(loop.world).ReasonOf("c" + std::to_string(call)), "contradicted");
}

TEST(Turn, AConnectionMadeAfterTheDeadlineCountsIfTheLoopWentOnReading) {
  for (const bool went_on : {false, true}) {
    Loop loop;
    WorldEnd& fresh = loop.world.NewEnd();
    loop.world.Wait(loop.thread);
    loop.thread.timer_due = true;
    loop.root = loop.world.NewRequest();
    loop.world.ServerReads(loop.thread, loop.in, loop.root);
    loop.world.Connects(loop.thread, fresh);
    if (went_on) {
      WorldEnd& other = loop.world.NewEnd();
      loop.world.ServerReads(loop.thread, other, loop.world.NewRequest());
      loop.world.ServerAnswers(loop.thread, other);
    }
    loop.world.Wait(loop.thread);
    const int call = loop.world.NewRequest(loop.root);
    loop.world.ClientSends(loop.thread, fresh, call);
    loop.world.Wait(loop.thread);
    loop.world.ClientReads(loop.thread, fresh);
    loop.world.Wait(loop.thread);
    loop.world.ServerAnswers(loop.thread, loop.in);
    const Outcome outcome = Assemble(loop.world);
    EXPECT_EQ(outcome.ParentOf("c" + std::to_string(call)), went_on ? "s" + std::to_string(loop.root) : "") << went_on;
  }
}

// haproxy: requests are read first, connections made later in the same turn.
TEST(Turn, AConnectionMadeWhileOtherRequestsWaitedIsNobodysUntilVerified) {
  Loop loop;
  WorldEnd& fresh = loop.world.NewEnd();
  WorldEnd& second = loop.world.NewEnd();
  loop.world.Wait(loop.thread);
  const int first_root = loop.world.NewRequest();
  loop.world.ServerReads(loop.thread, loop.in, first_root);
  loop.world.ServerReads(loop.thread, second, loop.world.NewRequest());
  loop.world.Connects(loop.thread, fresh);  // for the first, though the second was read last
  loop.world.Wait(loop.thread);
  loop.world.ClientSends(loop.thread, fresh, loop.world.NewRequest(first_root));
  loop.world.Wait(loop.thread);
  loop.world.ClientReads(loop.thread, fresh);
  loop.world.Wait(loop.thread);
  loop.world.ServerAnswers(loop.thread, loop.in);
  loop.world.ServerAnswers(loop.thread, second);
  const Verdict verdict = Assemble(loop.world).Judge();
  EXPECT_EQ(verdict.wrong, 0U) << verdict.first_wrong;
}

// haproxy: a request, then the response of another exchange's call; then the request's call, then the other's answer.
TEST(Turn, ACallAfterAForeignResponseIsNoSiblingWhileARequestWaits) {
  Loop loop;
  WorldEnd& foreign_in = loop.world.NewEnd();
  WorldEnd& foreign_out = loop.world.NewEnd();
  foreign_out.fresh = loop.out.fresh = false;
  const int foreign = loop.world.NewRequest();
  loop.world.Wait(loop.thread);
  loop.world.ServerReads(loop.thread, foreign_in, foreign);
  loop.world.Wait(loop.thread);
  loop.world.ClientSends(loop.thread, foreign_out, loop.world.NewRequest(foreign));
  loop.world.Wait(loop.thread);
  loop.root = loop.world.NewRequest();
  loop.world.ServerReads(loop.thread, loop.in, loop.root);
  loop.world.ClientReads(loop.thread, foreign_out);
  loop.world.ClientSends(loop.thread, loop.out, loop.world.NewRequest(loop.root));
  loop.world.ServerAnswers(loop.thread, foreign_in);
  loop.world.Wait(loop.thread);
  loop.world.ClientReads(loop.thread, loop.out);
  loop.world.ServerAnswers(loop.thread, loop.in);
  const Verdict verdict = Assemble(loop.world).Judge();
  EXPECT_EQ(verdict.wrong, 0U) << verdict.first_wrong;
  EXPECT_EQ(verdict.links, 2U);  // each by its own answer
}

// tokio: a response is read, then a request; the task of the response goes on with its next call on the connection it has.
TEST(Turn, AConnectionWhoseResponseWasReadInTheTurnIsNotSurelyTheLastReadersOwn) {
  Loop loop;
  loop.out.fresh = false;
  const int first = loop.world.NewRequest();
  WorldEnd& second_in = loop.world.NewEnd();
  loop.world.Wait(loop.thread);
  loop.world.ServerReads(loop.thread, loop.in, first);
  loop.world.ClientSends(loop.thread, loop.out, loop.world.NewRequest(first));
  loop.world.Wait(loop.thread);
  loop.world.ClientReads(loop.thread, loop.out);
  loop.world.ServerReads(loop.thread, second_in, loop.world.NewRequest());
  loop.world.ClientSends(loop.thread, loop.out, loop.world.NewRequest(first));  // not for the one that was read last
  loop.world.Wait(loop.thread);
  loop.world.ClientReads(loop.thread, loop.out);
  loop.world.Wait(loop.thread);
  loop.world.ServerAnswers(loop.thread, loop.in);
  loop.world.ServerAnswers(loop.thread, second_in);
  const Verdict verdict = Assemble(loop.world).Judge();
  EXPECT_EQ(verdict.wrong, 0U) << verdict.first_wrong;
}

TEST(Turn, AFinishedConnectBringsBackWhatItWasMadeFor) {
  Loop loop;
  WorldEnd& fresh = loop.world.NewEnd();
  WorldEnd& other = loop.world.NewEnd();
  loop.world.Wait(loop.thread);
  loop.root = loop.world.NewRequest();
  loop.world.ServerReads(loop.thread, loop.in, loop.root);
  loop.world.Connects(loop.thread, fresh);
  loop.world.Wait(loop.thread);
  loop.world.ServerReads(loop.thread, other, loop.world.NewRequest());
  loop.world.ConnectDone(loop.thread, fresh);
  const int call = loop.world.NewRequest(loop.root);
  loop.world.ClientSends(loop.thread, fresh, call);
  loop.world.Wait(loop.thread);
  loop.world.ClientReads(loop.thread, fresh);
  loop.world.ServerAnswers(loop.thread, loop.in);
  loop.world.ServerAnswers(loop.thread, other);
  EXPECT_EQ(Assemble(loop.world).ParentOf("c" + std::to_string(call)), "s" + std::to_string(loop.root));
}

// A carrier of virtual threads reads two requests, then calls for the first.
TEST(Turn, AThreadThatJugglesExchangesIsNotBelieved) {
  World world;
  WorldThread carrier = world.Thread(10, 11, false);
  WorldEnd& first = world.NewEnd();
  WorldEnd& second = world.NewEnd();
  WorldEnd& out = world.NewEnd();
  const int root = world.NewRequest();
  world.ServerReads(carrier, first, root);
  world.ServerReads(carrier, second, world.NewRequest());
  world.ClientSends(carrier, out, world.NewRequest(root));
  WorldThread elsewhere = world.Thread(10, 12, false);
  world.ClientReads(elsewhere, out);
  world.ServerAnswers(elsewhere, first);
  world.ServerAnswers(carrier, second);
  TraceAssembler assembler({}, span::IdKey{});
  const Outcome outcome = Assemble(world, assembler);
  const Verdict verdict = outcome.Judge();
  EXPECT_EQ(verdict.wrong, 0U) << verdict.first_wrong;
  EXPECT_EQ(assembler.link_counters().juggled, 1U);
}

}  // namespace
}  // namespace wirespan::trace
