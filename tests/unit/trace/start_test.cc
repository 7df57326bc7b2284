// The first calls of a process, when nothing is proven yet: what the signs that come later, the call that follows, and a lone
// open exchange tell of them; and what a wait at a futex leaves of that.
#include <gtest/gtest.h>

#include "tests/unit/trace/loop.h"

namespace wirespan::trace {
namespace {

std::string Server(int request) { return "s" + std::to_string(request); }
std::string Client(int request) { return "c" + std::to_string(request); }

exporters::LinkConfidence ConfidenceOf(const Outcome& outcome, int call) { return outcome.Find(Client(call))->link_confidence; }

// A call that a timer may have made, verified by the answer.
void ShowATimedCall(Loop& loop) {
  loop.Begin();
  loop.ReadAndCall();
  loop.world.Wait(loop.thread);
  loop.world.ClientReads(loop.thread, loop.out);
  loop.world.ServerAnswers(loop.thread, loop.in);
}

TEST(Start, ACallThatOnlyWantsForSignsWaitsForThemWhileItsSpanIsHeld) {
  enum class Case { kNoSigns, kSigns, kTooLate, kTimersCall };
  for (const Case kind : {Case::kNoSigns, Case::kSigns, Case::kTooLate, Case::kTimersCall}) {
    Loop loop;
    loop.Begin();
    const int call = loop.ReadAndCall();
    const int root = loop.root;
    loop.Finish();
    if (kind == Case::kTooLate) loop.world.Pass(6'000 * kMs);
    for (uint64_t i = 0; kind != Case::kNoSigns && i < TrustMeter::kTimerProof; ++i) ShowATimedCall(loop);
    if (kind == Case::kTimersCall) {
      loop.world.Wait(loop.thread);
      loop.thread.timer_due = true;
      WorldEnd& own = loop.world.NewEnd();
      own.fresh = false;
      loop.world.ClientSends(loop.thread, own, loop.world.NewRequest());
    }
    const Outcome outcome = Assemble(loop.world);
    const bool linked = kind == Case::kSigns;
    EXPECT_EQ(outcome.ParentOf(Client(call)), linked ? Server(root) : "") << static_cast<int>(kind);
    EXPECT_EQ(outcome.ReasonOf(Client(call)), linked ? "" : "timer-due") << static_cast<int>(kind);
    if (linked) {
      EXPECT_EQ(ConfidenceOf(outcome, call), exporters::LinkConfidence::kProbable);
    }
  }
}

TEST(Start, NoMoreThanSoManyCallsOfAProcessWaitForSigns) {
  constexpr int kMost = 256;
  Loop loop;
  std::vector<int> calls;
  for (int i = 0; i < kMost + 10; ++i) {
    loop.Begin();
    calls.push_back(loop.ReadAndCall());
    loop.Finish();
    loop.world.Pass(12 * kMs);  // each is looked at before the signs come
  }
  for (uint64_t i = 0; i < TrustMeter::kTimerProof; ++i) ShowATimedCall(loop);
  const Outcome outcome = Assemble(loop.world);
  int linked = 0;
  for (const int call : calls) linked += outcome.ParentOf(Client(call)).empty() ? 0 : 1;
  EXPECT_EQ(linked, kMost);
}

// Two calls, one after the other, of which a timer may have made the first: the answer to the second is the answer to both, if it
// is of the exchange that the first call's thread had read.
TEST(Start, ACallIsVerifiedByTheAnswerToTheCallThatFollowedIt) {
  for (const bool other : {false, true}) {
    Loop loop;
    WorldEnd& elsewhere = loop.world.NewEnd();
    loop.world.Wait(loop.thread);
    const int stranger = loop.world.NewRequest();
    loop.world.ServerReads(loop.thread, elsewhere, stranger);
    loop.Begin();
    const int first = loop.ReadAndCall();
    loop.world.Wait(loop.thread);
    loop.world.ClientReads(loop.thread, loop.out);
    const int second = loop.world.NewRequest(other ? stranger : loop.root);
    loop.world.ClientSends(loop.thread, loop.out, second);
    loop.world.Wait(loop.thread);
    loop.world.ClientReads(loop.thread, loop.out);
    loop.world.ServerAnswers(loop.thread, other ? elsewhere : loop.in);
    loop.world.Wait(loop.thread);
    loop.world.ServerAnswers(loop.thread, other ? loop.in : elsewhere);
    const Outcome outcome = Assemble(loop.world);
    EXPECT_EQ(outcome.ParentOf(Client(first)), other ? "" : Server(loop.root));
    EXPECT_EQ(outcome.ParentOf(Client(second)), Server(other ? stranger : loop.root));
    if (!other) {
      EXPECT_EQ(ConfidenceOf(outcome, first), exporters::LinkConfidence::kProbable);
    }
  }
}

// Between the two another exchange's call may have used the connection; not if no other exchange was open.
TEST(Start, CallsBetweenTheTwoAreTheExchangesOnlyIfNoOtherWasOpen) {
  for (const bool queued : {false, true}) {
    Loop loop;
    WorldEnd& elsewhere = loop.world.NewEnd();
    loop.Begin();
    const int first = loop.ReadAndCall();
    loop.world.Wait(loop.thread);
    const int stranger = loop.world.NewRequest();
    if (queued) loop.world.ServerReads(loop.thread, elsewhere, stranger);
    if (queued) loop.world.Wait(loop.thread);
    loop.world.ClientReads(loop.thread, loop.out);
    const int between = loop.world.NewRequest(queued ? stranger : loop.root);
    loop.world.ClientSends(loop.thread, loop.out, between);
    loop.world.Wait(loop.thread);
    loop.world.ClientReads(loop.thread, loop.out);
    const int last = loop.world.NewRequest(loop.root);
    loop.world.ClientSends(loop.thread, loop.out, last);
    loop.world.Wait(loop.thread);
    loop.world.ClientReads(loop.thread, loop.out);
    loop.world.ServerAnswers(loop.thread, loop.in);
    if (queued) loop.world.ServerAnswers(loop.thread, elsewhere);
    const Outcome outcome = Assemble(loop.world);
    EXPECT_EQ(outcome.ParentOf(Client(last)), Server(loop.root));
    EXPECT_EQ(outcome.ParentOf(Client(between)), queued ? "" : Server(loop.root));
    EXPECT_EQ(outcome.ParentOf(Client(first)), queued ? "" : Server(loop.root));
  }
}

// The thread read the request, waited at a futex, and called; the answer follows no response, so that nothing verifies the call.
TEST(Start, ACallAfterAFutexIsTheLoneOpenExchanges) {
  enum class Case { kLone, kOthersOpen, kAnswered, kTimersCall, kEventfd };
  for (const Case kind : {Case::kLone, Case::kOthersOpen, Case::kAnswered, Case::kTimersCall, Case::kEventfd}) {
    Loop loop;
    loop.Begin();
    WorldEnd& elsewhere = loop.world.NewEnd();
    if (kind == Case::kTimersCall) {
      elsewhere.fresh = false;
      loop.world.ClientSends(loop.thread, elsewhere, loop.world.NewRequest());
    }
    loop.world.Wait(loop.thread);
    if (kind == Case::kOthersOpen) loop.world.ServerReads(loop.thread, elsewhere, loop.world.NewRequest());
    loop.world.Wait(loop.thread);
    loop.root = loop.world.NewRequest();
    loop.world.ServerReads(loop.thread, loop.in, loop.root);
    if (kind == Case::kAnswered) loop.world.ServerAnswers(loop.thread, loop.in);
    if (kind == Case::kEventfd) loop.world.EventfdRead(loop.thread);
    loop.world.FutexWakes(loop.thread);
    const int call = loop.world.NewRequest(loop.root);
    loop.world.ClientSends(loop.thread, loop.out, call);
    loop.world.Wait(loop.thread);
    loop.world.ClientReads(loop.thread, loop.out);
    loop.world.Wait(loop.thread);
    if (kind == Case::kOthersOpen) loop.world.ServerAnswers(loop.thread, elsewhere);
    if (kind != Case::kAnswered) loop.world.ServerAnswers(loop.thread, loop.in);
    const Outcome outcome = Assemble(loop.world);
    const bool linked = kind == Case::kLone;
    const bool unsure = kind == Case::kOthersOpen || kind == Case::kTimersCall;
    EXPECT_EQ(outcome.ParentOf(Client(call)), linked ? Server(loop.root) : "") << static_cast<int>(kind);
    EXPECT_EQ(outcome.ReasonOf(Client(call)), unsure ? "context-unknown" : "") << static_cast<int>(kind);
    if (linked) {
      EXPECT_EQ(ConfidenceOf(outcome, call), exporters::LinkConfidence::kProbable);
    }
  }
}

TEST(Start, ACallAfterAFutexIsVerifiedByItsAnswerWhoeverElseIsOpen) {
  Loop loop;
  loop.Begin();
  WorldEnd& elsewhere = loop.world.NewEnd();
  loop.world.Wait(loop.thread);
  loop.world.ServerReads(loop.thread, elsewhere, loop.world.NewRequest());
  loop.world.Wait(loop.thread);
  loop.root = loop.world.NewRequest();
  loop.world.ServerReads(loop.thread, loop.in, loop.root);
  loop.world.FutexWakes(loop.thread);
  const int call = loop.world.NewRequest(loop.root);
  loop.world.ClientSends(loop.thread, loop.out, call);
  loop.world.Wait(loop.thread);
  loop.world.ClientReads(loop.thread, loop.out);
  loop.world.FutexWakes(loop.thread);
  loop.world.ServerAnswers(loop.thread, loop.in);
  loop.world.ServerAnswers(loop.thread, elsewhere);
  EXPECT_EQ(Assemble(loop.world).ParentOf(Client(call)), Server(loop.root));
}

TEST(Start, AConnectionMadeAfterAFutexIsTheLoneOpenExchanges) {
  for (const bool others : {false, true}) {
    Loop loop;
    WorldEnd& elsewhere = loop.world.NewEnd();
    loop.world.Wait(loop.thread);
    if (others) loop.world.ServerReads(loop.thread, elsewhere, loop.world.NewRequest());
    loop.world.Wait(loop.thread);
    loop.root = loop.world.NewRequest();
    loop.world.ServerReads(loop.thread, loop.in, loop.root);
    loop.world.FutexWakes(loop.thread);
    loop.world.Connects(loop.thread, loop.out);
    loop.world.Wait(loop.thread);
    loop.world.ConnectDone(loop.thread, loop.out);
    const int call = loop.world.NewRequest(loop.root);
    loop.world.ClientSends(loop.thread, loop.out, call);
    loop.world.Wait(loop.thread);
    loop.world.ClientReads(loop.thread, loop.out);
    loop.world.Wait(loop.thread);
    loop.world.ServerAnswers(loop.thread, loop.in);
    if (others) loop.world.ServerAnswers(loop.thread, elsewhere);
    const Outcome outcome = Assemble(loop.world);
    EXPECT_EQ(outcome.ParentOf(Client(call)), others ? "" : Server(loop.root));
    EXPECT_EQ(outcome.ReasonOf(Client(call)), others ? "stored-conflict" : "");
  }
}

// Nothing names the call's exchange but the answer, and between its response and the answer the thread waited at a futex. Another
// exchange's call may go out before or after that: its own answer says nothing of the call before.
TEST(Start, AnAnswerAfterAFutexProvesACallWhereNoOtherExchangeWasOpen) {
  enum class Other { kNone, kWasOpen, kCallsBefore, kCallsAfter };
  for (const Other kind : {Other::kNone, Other::kWasOpen, Other::kCallsBefore, Other::kCallsAfter}) {
    const bool calls = kind == Other::kCallsBefore || kind == Other::kCallsAfter;
    Loop loop;
    loop.Begin();
    WorldEnd& elsewhere = loop.world.NewEnd();
    WorldEnd& own = loop.world.NewEnd();
    own.fresh = false;
    const int stranger = loop.world.NewRequest();
    const int strangers = loop.world.NewRequest(stranger);
    loop.world.Wait(loop.thread);
    if (kind != Other::kNone) loop.world.ServerReads(loop.thread, elsewhere, stranger);
    loop.world.Wait(loop.thread);
    loop.root = loop.world.NewRequest();
    loop.world.ServerReads(loop.thread, loop.in, loop.root);
    loop.world.Wait(loop.thread);
    loop.world.EventfdRead(loop.thread);
    const int call = loop.world.NewRequest(loop.root);
    loop.world.ClientSends(loop.thread, loop.out, call);
    loop.world.Wait(loop.thread);
    if (kind == Other::kWasOpen) loop.world.ServerAnswers(loop.thread, elsewhere);
    loop.world.Wait(loop.thread);
    loop.world.ClientReads(loop.thread, loop.out);
    if (kind == Other::kCallsBefore) loop.world.ClientSends(loop.thread, own, strangers);
    loop.world.FutexWakes(loop.thread);
    if (kind == Other::kCallsAfter) {
      loop.world.ClientSends(loop.thread, own, strangers);
      loop.world.Wait(loop.thread);
    }
    loop.world.ServerAnswers(loop.thread, loop.in);
    loop.world.Wait(loop.thread);
    if (calls) {
      loop.world.ClientReads(loop.thread, own);
      loop.world.ServerAnswers(loop.thread, elsewhere);
    }
    const Outcome outcome = Assemble(loop.world);
    EXPECT_EQ(outcome.ParentOf(Client(call)), kind == Other::kNone ? Server(loop.root) : "") << static_cast<int>(kind);
    if (kind == Other::kNone) {
      EXPECT_EQ(ConfidenceOf(outcome, call), exporters::LinkConfidence::kProbable);
    }
    if (calls) {
      EXPECT_EQ(outcome.ParentOf(Client(strangers)), Server(stranger)) << static_cast<int>(kind);
    }
  }
}

// A response of which the exchange is not known led to a new connection; so the answer of the turn follows the next response.
TEST(Start, AConnectionIsWhatTheLastResponseLedTo) {
  Loop loop;
  loop.Begin();
  WorldEnd& second_in = loop.world.NewEnd();
  WorldEnd& second_out = loop.world.NewEnd();
  WorldEnd& fresh = loop.world.NewEnd();
  const int second_root = loop.world.NewRequest();
  const int first = loop.ReadAndCall();
  loop.world.Wait(loop.thread);
  loop.world.ServerReads(loop.thread, second_in, second_root);
  loop.world.Wait(loop.thread);
  loop.world.EventfdRead(loop.thread);
  second_out.fresh = false;
  const int second = loop.world.NewRequest(second_root);
  loop.world.ClientSends(loop.thread, second_out, second);
  loop.world.Wait(loop.thread);
  loop.world.ClientReads(loop.thread, loop.out);
  loop.world.Connects(loop.thread, fresh);
  loop.world.ClientReads(loop.thread, second_out);
  loop.world.ServerAnswers(loop.thread, second_in);
  loop.world.Wait(loop.thread);
  loop.world.ConnectDone(loop.thread, fresh);
  const int last = loop.world.NewRequest(loop.root);
  loop.world.ClientSends(loop.thread, fresh, last);
  loop.world.Wait(loop.thread);
  loop.world.ClientReads(loop.thread, fresh);
  loop.world.ServerAnswers(loop.thread, loop.in);
  const Outcome outcome = Assemble(loop.world);
  EXPECT_EQ(outcome.ParentOf(Client(second)), Server(second_root));
  EXPECT_EQ(outcome.ParentOf(Client(first)), Server(loop.root));
  EXPECT_EQ(outcome.ParentOf(Client(last)), Server(loop.root));
}

}  // namespace
}  // namespace wirespan::trace
