// LinkResolver, the verdict: whether a call is linked by now, to what, and how sure that is (docs/linking.md).
#include <utility>

#include "agent/trace/link.h"

namespace wirespan::trace {

using exporters::LinkConfidence;
using exporters::LinkEvidence;

// An exchange that was there before the call is still open, so its answer may yet name the call.
bool LinkResolver::MayStillBeLinked(const Slot& call) {
  const Process* process = ProcessOf(call);
  if (process == nullptr || process->ended || process->first_open == kNone) return false;
  return slots_[process->first_open].order < call.order;
}

namespace {
LinkStatus Unlinked(UnlinkedReason reason) { return {.state = LinkStatus::State::kUnlinked, .reason = reason}; }
LinkStatus PendingUnless(bool final, UnlinkedReason reason) { return final ? Unlinked(reason) : LinkStatus{}; }

// Of goroutines a thread's word is never exact, and each call that it is contradicted in is left out by itself. What is left is
// right far more often than it is contradicted (measured: docs/adr/0006), so more is borne than of threads that do their own
// work.
Trust ForPooled(Trust trust, const TrustMeter& meter) {
  const uint64_t contradictions = meter.Count(TrustMeter::Sign::kContradiction);
  trust.verify = contradictions * 50 > contradictions + meter.Count(TrustMeter::Sign::kAgreement);
  return trust;
}
}  // namespace

LinkStatus LinkResolver::Linked(const Slot& call, Ref parent, const Trust& trust, bool settled) {
  LinkStatus status{.state = LinkStatus::State::kLinked, .settled = settled, .parent = parent};
  status.evidence = call.by_wake       ? LinkEvidence::kCompletionWake
                    : call.late        ? LinkEvidence::kBackward
                    : call.loop_thread ? LinkEvidence::kEventLoop
                                       : LinkEvidence::kSameThread;
  // A loop that had read requests it did nothing for yet may have acted for one of them.
  const bool mixed = call.loop_thread && call.other_unresolved && !call.verified && !call.late;
  const bool exact = trust.spotless && !trust.verify && !Doubtful(call) && !call.by_wake && !call.indirect &&
                     !call.by_timed_answer && !mixed && call.identity == Identity::kThread;
  status.confidence = exact ? LinkConfidence::kExact : LinkConfidence::kProbable;
  return status;
}

LinkStatus LinkResolver::Status(uint32_t at, bool final, uint64_t now_ns) {
  Slot& call = slots_[at];
  if (call.role != ConnectionRole::kClient) return Unlinked(UnlinkedReason::kUnknownRole);
  if (!call.request_seen) return Unlinked(UnlinkedReason::kRequestNotSeen);
  if (call.ambiguous) {
    const bool causeless = call.multiplexed && call.candidate == Candidate::kNone && call.reason == UnlinkedReason::kNoContext;
    return Unlinked(causeless ? UnlinkedReason::kNoContext : SharedTurn(call));
  }
  Process* process = ProcessOf(call);
  if (process == nullptr) return Unlinked(UnlinkedReason::kProcessesFull);
  Trust trust = Judge(*process, now_ns);
  if (IsByRuntime(at)) return StatusOfRuntime(call, final, trust);
  if (call.identity == Identity::kPooled) trust = ForPooled(trust, process->meter);
  if (call.late) {
    return Alive(call.parent) ? Linked(call, call.parent, trust, true) : Unlinked(UnlinkedReason::kParentUnknown);
  }
  if (call.contradicted) return Unlinked(UnlinkedReason::kContradicted);
  if (call.candidate != Candidate::kNone) return StatusOfForward(call, final, trust, now_ns);
  if (call.shared || !MayStillBeLinked(call)) return Unlinked(call.reason);
  return PendingUnless(final, call.reason == UnlinkedReason::kNoContext ? UnlinkedReason::kHoldExpired : call.reason);
}

LinkStatus LinkResolver::StatusOfForward(Slot& call, bool final, const Trust& trust, uint64_t now_ns) {
  if (!Alive(call.parent)) {
    const bool forgotten = call.parent.slot != kNone;
    const uint32_t* found = by_token_.Find({call.forward, 0});
    if (forgotten || found == nullptr) return PendingUnless(final || forgotten, UnlinkedReason::kParentUnknown);
    Claim(call, *found);
  }
  const Slot& parent = slots_[call.parent.slot];
  if (parent.ambiguous || parent.shared) return Unlinked(SharedTurn(parent));
  if (parent.role != ConnectionRole::kServer) return Unlinked(UnlinkedReason::kUnknownRole);
  if (parent.opened_ns > call.opened_ns) return Unlinked(UnlinkedReason::kParentYounger);
  if (trust.verify && call.other_unresolved) return Unlinked(UnlinkedReason::kOtherUnresolved);
  if (call.verified) return Linked(call, call.parent, trust, true);
  if (Doubtful(call)) return StatusOfDoubtful(call, final, trust, now_ns);
  const bool over = final || parent.closed;
  if (call.candidate == Candidate::kStored) {
    if (parent.answered_ns != 0 && parent.answered_ns <= call.opened_ns) return Unlinked(UnlinkedReason::kParentClosed);
    if (parent.answered_ns == 0) return PendingUnless(over, UnlinkedReason::kParentNotProven);
  }
  if (trust.verify) return PendingUnless(over, UnlinkedReason::kUnverified);
  return Linked(call, call.parent, trust, false);  // what is done with its response may still tell against it
}

// Not verified yet, and perhaps another exchange's: any that was open then may still name it.
LinkStatus LinkResolver::StatusOfDoubtful(Slot& call, bool final, const Trust& trust, uint64_t now_ns) {
  if (!final && MayStillBeLinked(call)) return {};
  const bool timer = call.candidate == Candidate::kTimer;
  const Candidate grade = timer ? call.without_timer : call.candidate;
  const Slot& parent = slots_[call.parent.slot];
  const bool was_open = parent.answered_ns == 0 || parent.answered_ns > call.opened_ns;
  const bool timed = timer || (call.sandwiched && trust.timers_call);
  const bool kept = !timed || (!trust.verify && (timer ? trust.timer_proven : trust.sandwich_proven));
  if (was_open && kept && ReuseBelieved(grade, call.late_reuse, trust, now_ns)) return Linked(call, call.parent, trust, true);
  const bool lone = call.lone_candidate && trust.spotless && !trust.timers_call && (!call.lone_timed || trust.timer_proven);
  if (was_open && lone) return Linked(call, call.parent, trust, true);
  if (!final && was_open && AwaitsProof(call, grade, trust)) return {};
  if (timed) return Unlinked(UnlinkedReason::kTimerDue);
  if (call.candidate == Candidate::kWoken) return Unlinked(UnlinkedReason::kContextUnknown);
  return Unlinked(call.candidate == Candidate::kUnnoted ? UnlinkedReason::kStoredConflict : UnlinkedReason::kQueuedReuse);
}

// Nothing speaks against the call, it only wants for signs that its process keeps to its exchanges: at the start of a process's
// life they may come while the span is held. `grade`: its candidate's, were it no timer's.
bool LinkResolver::AwaitsProof(Slot& call, Candidate grade, const Trust& trust) {
  Process& process = processes_[call.process];
  if (process.ended || trust.verify || (call.sandwiched && trust.timers_call)) return false;
  if (call.candidate == Candidate::kTimer && trust.timer_strayed) return false;
  const bool may_be_kept = grade <= Candidate::kQueued && !trust.reuse_strayed;
  const bool late_may_be_kept = call.late_reuse && grade <= Candidate::kQueuedBehind && !trust.late_reuse_strayed;
  if (grade >= Candidate::kQueuedAlone && !may_be_kept && !late_may_be_kept) return false;
  if (call.awaits_proof) return true;
  if (process.awaiting_proof >= kMaxAwaitingProof) return false;
  ++process.awaiting_proof;
  call.awaits_proof = true;
  return true;
}

void LinkResolver::StopAwaiting(Slot& call) {
  if (!std::exchange(call.awaits_proof, false)) return;
  --processes_[call.process].awaiting_proof;
}

Ref LinkResolver::ParentSoFar(uint32_t at) {
  const Slot& call = slots_[at];
  return call.contradicted ? Ref{} : call.parent;
}

void LinkResolver::Settle(uint32_t at) {
  Slot& call = slots_[at];
  LeaveRing(at);
  LeaveContexts(at);
  Unclaim(call);
  StopAwaiting(call);
  call.settled = true;
}

}  // namespace wirespan::trace
