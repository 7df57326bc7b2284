// Every reason has a name, and a story that makes it happen; every drop has a name.
#include <gtest/gtest.h>

#include <functional>
#include <set>
#include <string>

#include "tests/unit/trace/world.h"

namespace wirespan::trace {
namespace {

TEST(Reasons, EveryReasonHasItsOwnName) {
  std::set<std::string_view> names;
  for (size_t i = 0; i < kUnlinkedReasonCount; ++i) {
    const std::string_view name = Name(static_cast<UnlinkedReason>(i));
    EXPECT_FALSE(name.empty()) << i;
    EXPECT_TRUE(names.insert(name).second) << name;
  }
  EXPECT_EQ(Name(UnlinkedReason::kCount), "");
  for (size_t i = 0; i < static_cast<size_t>(SpanDrop::kCount); ++i) EXPECT_FALSE(Name(static_cast<SpanDrop>(i)).empty()) << i;
}

// One exchange and one call on a thread, whose RequestSeen a story may change before it is told.
struct Stage {
  World world;
  WorldThread thread = world.Thread(10, 10, false);
  WorldEnd& in = world.NewEnd();
  WorldEnd& out = world.NewEnd();

  void Read() { world.ServerReads(thread, in, world.NewRequest()); }
  RequestSeen& Call() {
    world.ClientSends(thread, out, world.NewRequest(0));
    return std::get<RequestSeen>(world.facts.back());
  }
  void End() {
    world.ClientReads(thread, out);
    world.ServerAnswers(thread, in);
  }
};

struct Story {
  UnlinkedReason reason;
  std::function<void(Stage&)> tell;
  AssemblerConfig config = {};
  std::string span = "c1";
};

void Contradict(Stage& stage) {
  WorldEnd& other = stage.world.NewEnd();
  stage.thread.loop = true;
  stage.out.fresh = false;  // of a pool
  stage.Read();
  stage.world.ServerReads(stage.thread, other, stage.world.NewRequest());  // 1: what the call, 2, is stamped with
  stage.Call();
  stage.world.ClientReads(stage.thread, stage.out);
  stage.world.ServerAnswers(stage.thread, stage.in);
  stage.world.ServerAnswers(stage.thread, other);
}

// After a contradiction: an exchange (3) and a call (4).
void Distrusted(Stage& stage, bool other_unresolved) {
  Contradict(stage);
  stage.world.Wait(stage.thread);
  stage.thread.unacted = other_unresolved ? 1 : 0;
  WorldEnd& in = stage.world.NewEnd();
  WorldEnd& out = stage.world.NewEnd();
  out.fresh = false;
  WorldThread elsewhere = stage.world.Thread(10, 11, false);
  stage.world.ServerReads(stage.thread, in, stage.world.NewRequest());
  stage.world.ClientSends(stage.thread, out, stage.world.NewRequest(3));
  stage.world.ClientReads(elsewhere, out);
  stage.world.ServerAnswers(stage.thread, in);
}

std::vector<Story> Stories() {
  return {
      {UnlinkedReason::kNoContext, [](Stage& s) { s.world.NewRequest(), s.Call(), s.world.ClientReads(s.thread, s.out); }},
      {UnlinkedReason::kContextUnknown,
       [](Stage& s) {
         s.Read();
         s.thread.loop = true;
         WorldEnd& lost = s.world.NewEnd();
         s.world.ClientSends(s.thread, lost, s.world.NewRequest(0));
         s.world.facts.pop_back();
         s.world.ClientReads(s.thread, lost);
         s.world.facts.pop_back();
         s.Call();
         s.world.ClientFinishes(s.thread, s.out);
         s.world.ServerAnswers(s.thread, s.in);
       },
       {},
       "c2"},
      {UnlinkedReason::kParentClosed,
       [](Stage& s) {
         s.Read();
         const Token exchange = s.thread.active;
         s.world.ServerAnswers(s.thread, s.in);
         s.thread.active = exchange;  // as another thread would leave it that works on
         s.thread.source = ActiveSource::kRead;
         s.Call();
         s.world.ClientReads(s.thread, s.out);
       }},
      {UnlinkedReason::kParentUnknown,
       [](Stage& s) { s.Read(), s.world.facts.clear(), s.Call(), s.world.ClientReads(s.thread, s.out); }},
      {UnlinkedReason::kParentNotProven,
       [](Stage& s) {
         s.Read();
         s.world.Connects(s.thread, s.out);
         s.world.Wait(s.thread);
         s.Call();
         s.world.ClientReads(s.thread, s.out);
         s.world.Wait(s.thread);
         s.world.ServerFinishes(s.thread, s.in);  // its answer was lost
       }},
      {UnlinkedReason::kParentYounger,
       [](Stage& s) {
         s.Read();
         s.Call().time_ns -= 100 * kMs;
         s.End();
       }},
      {UnlinkedReason::kStoredConflict,
       [](Stage& s) {
         WorldEnd& other = s.world.NewEnd();
         s.Read();
         s.world.Connects(s.thread, s.out);
         s.world.ServerReads(s.thread, other, s.world.NewRequest());
         EXPECT_TRUE(s.Call().stored_conflict);
         s.world.ClientFinishes(s.thread, s.out);
         s.world.ServerAnswers(s.thread, other);
       },
       {},
       "c2"},
      {UnlinkedReason::kQueuedReuse,
       [](Stage& s) {
         s.thread.loop = true;
         s.Read();
         s.out.fresh = false;
         WorldThread other = s.world.Thread(10, 11, false);
         s.world.ServerReads(other, s.world.NewEnd(), s.world.NewRequest());
         s.world.ClientSends(s.thread, s.out, s.world.NewRequest(0));
         s.world.ClientReads(s.thread, s.out);
         EXPECT_TRUE(s.Call().queued_reuse);
         s.world.ServerAnswers(s.thread, s.in);
         s.world.ClientFinishes(s.thread, s.out);
       },
       {},
       "c3"},
      {UnlinkedReason::kTimerDue,
       [](Stage& s) {
         s.thread.loop = true;
         s.Read();
         s.thread.timer_due = true;
         s.out.fresh = false;
         s.Call();
         s.world.ServerAnswers(s.thread, s.in);
         s.world.Wait(s.thread);
         s.world.ClientReads(s.thread, s.out);
       }},
      {UnlinkedReason::kContradicted, Contradict, {}, "c2"},
      {UnlinkedReason::kOtherUnresolved, [](Stage& s) { Distrusted(s, true); }, {}, "c4"},
      {UnlinkedReason::kUnverified, [](Stage& s) { Distrusted(s, false); }, {}, "c4"},
      {UnlinkedReason::kMultiplexed,
       [](Stage& s) {
         s.Read();
         RequestSeen& call = s.Call();
         call.multiplexed = call.shares = true;
         s.End();
       }},
      {UnlinkedReason::kPipelined,
       [](Stage& s) {
         s.Read();
         RequestSeen second = std::get<RequestSeen>(s.world.facts.back());
         second.index = 1;
         s.world.facts.emplace_back(second);
         s.Call();
         s.End();
       }},
      {UnlinkedReason::kUnknownRole,
       [](Stage& s) {
         s.Read();
         s.Call().role = ConnectionRole::kUnknown;
         s.world.ClientReads(s.thread, s.out);
         auto& finished = std::get<SpanFinished>(s.world.facts.back());
         finished.role = ConnectionRole::kUnknown;
         finished.span->kind = exporters::SpanKind::kInternal;
       }},
      {UnlinkedReason::kRequestNotSeen, [](Stage& s) { s.Read(), s.Call(), s.world.facts.pop_back(), s.End(); }},
      {UnlinkedReason::kOtherTrace,
       [](Stage& s) {
         s.Read();
         std::get<RequestSeen>(s.world.facts.back()).incoming = Header(0xaa, 1);
         s.Call().incoming = Header(0xbb, 2);
         s.End();
       }},
      {UnlinkedReason::kHoldExpired,
       [](Stage& s) {
         s.Read();
         s.world.Wait(s.thread);
         s.Call();
         s.world.ClientReads(s.thread, s.out);
         s.world.Pass(60'000 * kMs);
         WorldThread other = s.world.Thread(20, 20, false);
         s.world.ServerReads(other, s.world.NewEnd(), s.world.NewRequest());  // time goes on
         s.world.ServerAnswers(s.thread, s.in);
       }},
      {UnlinkedReason::kContextShared,
       [](Stage& s) {
         constexpr uint64_t kGoroutine = 7;
         s.Read();
         RequestSeen& call = s.Call();
         call.thread.runtime_id = kGoroutine;
         call.stored = s.in.current;
         WorldEnd& other = s.world.NewEnd();
         s.world.ServerReads(s.thread, other, s.world.NewRequest());
         s.world.ClientReads(s.thread, s.out);
         for (WorldEnd* end : {&s.in, &other}) {
           s.world.ServerAnswers(s.thread, *end, false);
           std::get<ResponseStarted>(s.world.facts.back()).thread.runtime_id = kGoroutine;
           s.world.ServerFinishes(s.thread, *end);
         }
       }},
      {UnlinkedReason::kProcessesFull,
       [](Stage& s) {
         WorldThread other = s.world.Thread(20, 20, false);
         s.world.ServerReads(other, s.world.NewEnd(), s.world.NewRequest());
         s.world.ServerReads(s.thread, s.in, s.world.NewRequest());
         s.Call();
         s.End();
       },
       {.max_processes = 1},
       "c2"},
  };
}

TEST(Reasons, EveryReasonHappensAndIsCounted) {
  std::set<UnlinkedReason> told;
  for (const Story& story : Stories()) {
    Stage stage;
    story.tell(stage);
    TraceAssembler assembler(story.config, kTestKey);
    const Outcome outcome = Assemble(stage.world, assembler);
    const std::string_view name = Name(story.reason);
    EXPECT_GE(assembler.counters().links.Unlinked(story.reason), 1U) << name;
    EXPECT_EQ(outcome.ReasonOf(story.span), story.reason == UnlinkedReason::kNoContext ? "" : name) << name;
    told.insert(story.reason);
  }
  EXPECT_EQ(told.size(), kUnlinkedReasonCount);
}

TEST(Reasons, LinksAreCountedByEvidenceAndConfidence) {
  Stage stage;
  stage.Read();
  stage.Call();
  stage.End();
  TraceAssembler assembler({}, kTestKey);
  const Outcome outcome = Assemble(stage.world, assembler);
  using exporters::LinkConfidence;
  using exporters::LinkEvidence;
  EXPECT_EQ(assembler.counters().links.Links(LinkEvidence::kSameThread, LinkConfidence::kExact), 1U);
  const auto evidence = outcome.Find("c1")->attributes.Find("wirespan.link.evidence");
  const auto confidence = outcome.Find("c1")->attributes.Find("wirespan.link.confidence");
  ASSERT_TRUE(evidence && confidence);
  EXPECT_EQ(evidence->string_value, "same-thread");
  EXPECT_EQ(confidence->string_value, "exact");
}

}  // namespace
}  // namespace wirespan::trace
