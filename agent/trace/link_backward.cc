// LinkResolver, backward: what an answer proves of the calls before it (docs/linking.md).
#include "agent/trace/link.h"

namespace wirespan::trace {

void LinkResolver::Answer(const ResponseStarted& response, uint64_t now_ns) {
  linked_.clear();
  const uint32_t* found = by_token_.Find({response.token, 0});
  const uint32_t exchange = found == nullptr ? kNone : *found;
  if (exchange == kNone) ++counters_.answers_unknown;
  // Bytes of an answer that shares its connection may be written in another's turn, and by another's thread.
  const bool ambiguous = exchange != kNone && (slots_[exchange].ambiguous || slots_[exchange].shared);
  const bool multiplexed = exchange != kNone && slots_[exchange].multiplexed;
  const bool of_nothing = response.thread.active == 0 && response.thread.last_call == 0;
  if (exchange != kNone && !multiplexed && response.loop_thread && response.timer_due && of_nothing && !response.handed_over)
    Note(slots_[exchange], TrustMeter::Sign::kTimerAnswer, now_ns);
  const uint32_t at = CallReadBy(response.thread);
  if (IsWoken(response.thread, response.handed_over) && at != kNone && exchange != kNone && !ambiguous && !IsByRuntime(at)) {
    AnswerOfWoken(at, exchange, response, now_ns);
  } else if (response.thread.active != 0 && response.thread.active_source == ActiveSource::kResponse && at != kNone &&
             !ambiguous && !IsByRuntime(at)) {
    Slot& call = slots_[at];
    const Token active = response.thread.active;
    // The kernel knows no parent of a call that a timer may have made.
    const bool names_forward =
        call.candidate != Candidate::kNone && (active == response.thread.last_call ? call.sandwiched : call.forward == active);
    if (names_forward && call.forward == response.token) {
      ++counters_.agreements;
      Note(call, TrustMeter::Sign::kAgreement, now_ns);
      if (response.loop_thread) Note(call, TrustMeter::Sign::kAnswerKept, now_ns);
      Verify(at, response.token, now_ns);
    } else if (response.several_reads && !names_forward && OthersOpen(call)) {
      // The answer may follow from a response that the thread read before; the one read last waits for its turn.
      if (call.candidate == Candidate::kNone) call.reason = UnlinkedReason::kOtherUnresolved;
      Say(call, LinkStep::kNotLinkedBack, response.token,
          "the thread had read several responses: any of them may have led there");
    } else if (response.timer_due && !names_forward && AgreeThroughTimers(at, exchange, now_ns)) {
      ++counters_.agreements;
      Note(call, TrustMeter::Sign::kAgreement, now_ns);
    } else if (!names_forward || Doubtful(call)) {
      LinkBack(at, exchange, response.timer_due, false, now_ns);
      if (!names_forward && LeadsToOne(at) && AgreeThroughTimers(at, exchange, now_ns)) {
        ++counters_.agreements;
        Note(call, TrustMeter::Sign::kAgreement, now_ns);
      }
    } else if (!call.contradicted) {
      Say(call, LinkStep::kContradicted, response.token);
      Contradict(call, response.active_open, now_ns);
    }
  }
  if (exchange == kNone) return;
  if (!slots_[exchange].ambiguous) AnswerOfRuntime(exchange, response, now_ns);
  if (!ambiguous) LinkWoken(exchange, response.thread.tid, now_ns);
  if (slots_[exchange].answered_ns == 0) slots_[exchange].answered_ns = response.time_ns;
  Close(exchange);
}

// The thread read the response of `at`, was woken at a futex, and answers. That counts where it agrees with what else is known of
// the call, or where no other exchange was open all the while.
void LinkResolver::AnswerOfWoken(uint32_t at, uint32_t exchange, const ResponseStarted& response, uint64_t now_ns) {
  Slot& call = slots_[at];
  Process* process = ProcessOf(call);
  if (process == nullptr || call.contradicted) return;
  if (call.candidate != Candidate::kNone) {
    if (!Doubtful(call)) return;
    LeaveRing(at);
    if (call.forward != response.token) return;
    call.indirect = true;
    Verify(at, response.token, now_ns);
    return;
  }
  if (LeadsToOne(at) && AgreeThroughTimers(at, exchange, now_ns)) return;
  const Trust trust = Judge(*process, now_ns);
  const bool lone = call.lone && slots_[exchange].listed && process->open == 1 && process->next_order == call.order;
  if (!lone || !trust.spotless || trust.timers_call) {
    Say(call, LinkStep::kNotLinkedBack, response.token, "the thread had been woken at a futex since");
    LeaveRing(at);  // perhaps this was its answer: that of a sibling says nothing of it any more
    return;
  }
  LinkBack(at, exchange, response.timer_due, false, now_ns);
  call.indirect = true;
}

bool LinkResolver::OthersOpen(const Slot& call) {
  const Process* process = ProcessOf(call);
  return process != nullptr && process->open > 1;
}

// The call followed the response of one that a timer may have made, and that would be its exchange's at once but for that; or
// there were more between, and one exchange alone was open all the while: none of them was another's that had queued.
bool LinkResolver::LeadsToOne(uint32_t call) {
  constexpr int kMaxSteps = 16;
  Ref first = slots_[call].after;
  bool direct = true;
  for (int i = 0; i < kMaxSteps && Alive(first) && slots_[first.slot].candidate == Candidate::kNone; ++i, direct = false) {
    first = slots_[first.slot].after;
  }
  if (!Alive(first)) return false;
  const Slot& begun = slots_[first.slot];
  const bool timed = begun.candidate == Candidate::kTimer && begun.without_timer < Candidate::kQueuedAlone;
  if (!timed && begun.candidate != Candidate::kWoken) return false;
  const Process* process = ProcessOf(begun);
  return direct || (begun.lone && process != nullptr && process->next_order == begun.order);
}

// Timers may have acted all along: then the first call of the chain that led to this one must name the exchange that is answered
// now. Two that can only agree by having done the same work: the chain is the exchange's.
bool LinkResolver::AgreeThroughTimers(uint32_t call, uint32_t exchange, uint64_t now_ns) {
  constexpr int kMaxSteps = 16;
  if (exchange == kNone || slots_[exchange].closed || slots_[call].candidate != Candidate::kNone) return false;
  const Token token = slots_[exchange].token;
  Ref first = slots_[call].after;
  for (int i = 0; i < kMaxSteps && Alive(first) && slots_[first.slot].candidate == Candidate::kNone; ++i) {
    first = slots_[first.slot].after;
  }
  if (!Alive(first) || slots_[first.slot].contradicted || slots_[first.slot].forward != token) return false;
  if (slots_[first.slot].candidate == Candidate::kNone) return false;
  if (Doubtful(slots_[first.slot])) slots_[first.slot].indirect = true;
  Verify(first.slot, token, now_ns);
  for (uint32_t at = call; at != first.slot; at = slots_[at].after.slot) {
    Slot& slot = slots_[at];
    if (slot.late || slot.contradicted || slot.settled || slot.ambiguous || slot.shared || slot.process == kNone) continue;
    LeaveRing(at);
    slot.forward = token;
    slot.candidate = Candidate::kTimer;
    slot.verified = slot.indirect = true;
    Claim(slot, exchange);
    Say(slot, LinkStep::kVerified, token);
    linked_.push_back(RefOf(at));
  }
  return true;
}

// Another exchange was answered in the turn of the call's response. Where the call's own exchange was still open that is a sign
// of bad links. Where it had been answered before, the call may have been a parting one, or never its own: it is left out.
void LinkResolver::Contradict(Slot& call, bool parent_open, uint64_t now_ns) {
  call.contradicted = true;
  if (call.sandwiched) Note(call, TrustMeter::Sign::kSandwichStrayed, now_ns);
  if (!parent_open) return;
  ++counters_.contradictions;
  Note(call, TrustMeter::Sign::kContradiction, now_ns);
}

// The call, and the calls whose responses led to it, belong to the exchange that was answered after the call's response.
void LinkResolver::Verify(uint32_t call, Token exchange, uint64_t now_ns) {
  while (true) {
    Slot& slot = slots_[call];
    if (slot.verified || slot.contradicted || slot.late) return;
    if (slot.candidate == Candidate::kNone || slot.forward != exchange) return;
    const bool reused = slot.candidate == Candidate::kQueuedAlone || slot.candidate == Candidate::kQueued;
    if (slot.late_reuse && slot.candidate >= Candidate::kQueuedAlone && slot.candidate <= Candidate::kQueuedBehind) {
      Note(slot, TrustMeter::Sign::kLateReuseKept, now_ns);
    } else if (reused) {
      Note(slot, TrustMeter::Sign::kReuseKept, now_ns);
    }
    if (slot.sandwiched) Note(slot, TrustMeter::Sign::kSandwichKept, now_ns);
    if (slot.candidate == Candidate::kTimer) Note(slot, TrustMeter::Sign::kTimerKept, now_ns);
    slot.verified = true;
    Say(slot, LinkStep::kVerified, exchange);
    LeaveRing(call);
    if (!Alive(slot.earlier)) return;
    call = slot.earlier.slot;
  }
}

// The answer came from the turn that read the call's response: it and its siblings belong to the exchange.
void LinkResolver::LinkBack(uint32_t call, uint32_t exchange, bool timer_due, bool by_wake, uint64_t now_ns) {
  if (exchange == kNone || slots_[exchange].closed) return;
  uint32_t next = call;
  while (next != kNone) {
    const uint32_t at = next;
    next = slots_[at].next;
    LeaveRing(at);
    LinkOneBack(at, exchange, timer_due, by_wake, now_ns);
    slots_[at].indirect = at != call;
  }
}

void LinkResolver::LinkOneBack(uint32_t at, uint32_t exchange, bool timer_due, bool by_wake, uint64_t now_ns) {
  Slot& call = slots_[at];
  const Slot& parent = slots_[exchange];
  if (call.late || call.verified || call.contradicted || call.ambiguous || call.shared || call.process == kNone ||
      IsByRuntime(at))
    return;
  if (call.opened_ns <= parent.opened_ns) {
    ++counters_.violations;
    Note(call, TrustMeter::Sign::kViolation, now_ns);
    Say(call, LinkStep::kViolation, parent.token);
    if (call.candidate == Candidate::kNone) call.reason = UnlinkedReason::kParentYounger;
    return;
  }
  if (call.settled) return;
  if (call.candidate != Candidate::kNone && call.forward == parent.token) {
    Verify(at, parent.token, now_ns);
    return;
  }
  // A timer may have acted, then or now: only agreement counts.
  if (call.candidate == Candidate::kTimer) Note(call, TrustMeter::Sign::kTimerStrayed, now_ns);
  if (call.sandwiched) Note(call, TrustMeter::Sign::kSandwichStrayed, now_ns);
  if (call.candidate == Candidate::kTimer || call.candidate == Candidate::kFirm || call.candidate == Candidate::kStored) return;
  const Trust trust = Judge(*ProcessOf(call), now_ns);
  if (timer_due && (!trust.answer_proven || trust.verify)) {
    if (call.candidate == Candidate::kNone) call.reason = UnlinkedReason::kTimerDue;
    Say(call, LinkStep::kNotLinkedBack, parent.token, "a timer may have written the answer");
    return;
  }
  const bool reused = call.candidate >= Candidate::kQueuedAlone && call.candidate <= Candidate::kQueuedBehind;
  if (reused) Note(call, call.late_reuse ? TrustMeter::Sign::kLateReuseStrayed : TrustMeter::Sign::kReuseStrayed, now_ns);
  if (!timer_due && call.loop_thread && call.candidate == Candidate::kNone) Note(call, TrustMeter::Sign::kAnswerKept, now_ns);
  call.candidate = Candidate::kNone;
  call.sandwiched = false;
  call.by_timed_answer = timer_due;
  call.forward = 0;
  call.late = true;
  call.by_wake = by_wake;
  Say(call, LinkStep::kLinkedBack, parent.token);
  Claim(call, exchange);
  Note(call, TrustMeter::Sign::kLink, now_ns);
  linked_.push_back(RefOf(at));
}

}  // namespace wirespan::trace
