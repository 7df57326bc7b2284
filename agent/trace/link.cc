#include "agent/trace/link.h"

#include <algorithm>
#include <utility>

namespace wirespan::trace {

using exporters::LinkConfidence;
using exporters::LinkEvidence;

namespace {
constexpr uint32_t kReclaimLooks = 64;
}  // namespace

LinkResolver::LinkResolver(const LinkLimits& limits) : limits_(limits) {}

// ---- Slots ----

LinkResolver::Slot* LinkResolver::Find(Token token, uint32_t index) {
  if (token == 0) return nullptr;
  const uint32_t* at = by_token_.Find({token, index});
  return at == nullptr ? nullptr : &slots_[*at];
}

// The slot of a call that nothing else shares the token with; kNone otherwise.
uint32_t LinkResolver::SlotOfCall(Token token) {
  if (token == 0) return kNone;
  const uint32_t* at = by_token_.Find({token, 0});
  if (at == nullptr) return kNone;
  const Slot& slot = slots_[*at];
  return slot.role == ConnectionRole::kClient && slot.request_seen && !slot.ambiguous ? *at : kNone;
}

uint32_t LinkResolver::Take(Token token, uint32_t index, ConnectionRole role, uint32_t tgid) {
  const uint32_t at = slots_.Take();
  Slot& slot = slots_[at];
  const uint32_t generation = slot.generation;
  slot = Slot{};
  slot.generation = generation;
  slot.token = token;
  slot.index = index;
  slot.role = role;
  slot.tgid = tgid;
  slot.live = true;
  by_token_.Insert({token, index}, at);
  Attach(slot);
  return at;
}

void LinkResolver::Free(uint32_t at) {
  Slot& slot = slots_[at];
  Close(at);
  if (slot.role == ConnectionRole::kClient) LeaveRing(at);
  LeaveContext(at);
  Unclaim(slot);
  Uncharge(slot);
  by_token_.Erase({slot.token, slot.index});
  const ConnectionId connection = ConnectionOf(slot.token);
  if (const Ref* newest = newest_.Find(connection); newest != nullptr && *newest == RefOf(at)) newest_.Erase(connection);
  if (Process* process = ProcessOf(slot); process != nullptr) {
    --process->slots;
    if (process->ended && process->slots == 0) FreeProcess(slot.process);
  }
  slot.live = false;
  ++slot.generation;
  slots_.GiveBack(at);
}

// ---- Processes ----

void LinkResolver::Attach(Slot& slot) {
  if (slot.tgid == 0) return;
  const uint32_t* found = by_tgid_.Find(slot.tgid);
  slot.process = found != nullptr ? *found : TakeProcess(slot.tgid);
  if (slot.process == kNone) {
    ++counters_.processes_refused;
    return;
  }
  ++processes_[slot.process].slots;
}

uint32_t LinkResolver::TakeProcess(uint32_t tgid) {
  if (processes_.out() >= limits_.max_processes && !ReclaimProcess()) return kNone;
  const uint32_t at = processes_.Take();
  processes_[at] = Process{};
  processes_[at].tgid = tgid;
  processes_[at].live = true;
  by_tgid_.Insert(tgid, at);
  return at;
}

// Gives up a process that no slot refers to (its end was not reported). Looks at a few only, so that a full table stays cheap.
bool LinkResolver::ReclaimProcess() {
  for (uint32_t i = 0; i < std::min(kReclaimLooks, processes_.size()); ++i) {
    reclaim_hand_ = (reclaim_hand_ + 1) % processes_.size();
    const Process& process = processes_[reclaim_hand_];
    if (!process.live || process.slots > 0) continue;
    by_tgid_.Erase(process.tgid);
    FreeProcess(reclaim_hand_);
    return true;
  }
  return false;
}

void LinkResolver::FreeProcess(uint32_t at) {
  processes_[at].live = false;
  processes_.GiveBack(at);
}

// The process number may be given to another process from now on. What is known of this one stays while its calls need it.
void LinkResolver::EndProcess(uint32_t tgid) {
  const uint32_t* found = by_tgid_.Find(tgid);
  if (found == nullptr) return;
  const uint32_t at = *found;
  by_tgid_.Erase(tgid);
  Process& process = processes_[at];
  process.ended = true;
  while (process.first_open != kNone) Close(process.first_open);
  if (process.slots == 0) FreeProcess(at);
}

Trust LinkResolver::Judge(Process& process, uint64_t now_ns) {
  const Trust trust = process.meter.trust(now_ns);
  if (trust.verify != process.distrusted) {
    process.distrusted = trust.verify;
    ++(trust.verify ? counters_.demotions : counters_.promotions);
  }
  return trust;
}

Trust LinkResolver::TrustOf(uint32_t tgid, uint64_t now_ns) {
  const uint32_t* found = by_tgid_.Find(tgid);
  return found == nullptr ? Trust{} : Judge(processes_[*found], now_ns);
}

void LinkResolver::Note(const Slot& slot, TrustMeter::Sign sign, uint64_t now_ns) {
  Process* process = ProcessOf(slot);
  if (process == nullptr) return;
  process->meter.Note(sign, now_ns);
  Judge(*process, now_ns);
}

// ---- Requests and ends ----

Ref LinkResolver::Open(const RequestSeen& request, uint64_t now_ns) {
  const uint32_t* found = by_token_.Find({request.token, request.index});
  if (found != nullptr && slots_[*found].request_seen) return RefOf(*found);
  const uint32_t at = found != nullptr ? *found : Take(request.token, request.index, request.role, request.tgid);
  Slot& slot = slots_[at];
  slot.request_seen = true;
  slot.role = request.role;
  slot.opened_ns = request.time_ns;
  // Requests that share a turn share the token: nothing says which of them a thread works for.
  Slot* sibling = Find(request.token, request.index == 0 ? 1 : 0);
  if (request.index > 0 || sibling != nullptr) slot.ambiguous = true;
  if (sibling != nullptr) sibling->ambiguous = true;
  slot.runtime_id = request.thread.runtime_id;
  if (slot.role == ConnectionRole::kServer) OpenServer(at);
  if (slot.role == ConnectionRole::kClient) OpenClient(at, request, now_ns);
  return RefOf(at);
}

Ref LinkResolver::Finish(const FinishedFact& finished, uint64_t /*now_ns*/) {
  const uint32_t* found = by_token_.Find({finished.token, finished.index});
  const uint32_t at = found != nullptr ? *found : Take(finished.token, finished.index, finished.role, finished.tgid);
  Slot& slot = slots_[at];
  if (!slot.request_seen) slot.opened_ns = finished.start_ns;
  if (slot.role == ConnectionRole::kUnknown) slot.role = finished.role;
  slot.finished = true;
  if (slot.role == ConnectionRole::kClient && Alive(slot.parent)) {
    slots_[slot.parent.slot].read_tid = finished.last_tid;
    slots_[slot.parent.slot].read_turn = finished.last_turn;
  }
  Uncharge(slot);
  Close(at);
  return RefOf(at);
}

void LinkResolver::OpenServer(uint32_t at) {
  Slot& slot = slots_[at];
  // A later turn of the connection: the exchange before has been answered, even if that was not seen.
  auto [newest, added] = newest_.Insert(ConnectionOf(slot.token), RefOf(at));
  if (!added) {
    if (Alive(*newest) && slots_[newest->slot].token != slot.token) Close(newest->slot);
    *newest = RefOf(at);
  }
  Process* process = ProcessOf(slot);
  if (process == nullptr || process->ended || slot.closed) return;
  slot.order = process->next_order++;
  slot.listed = true;
  slot.previous = process->last_open;
  slot.next = kNone;
  (process->last_open == kNone ? process->first_open : slots_[process->last_open].next) = at;
  process->last_open = at;
  ++process->open;
  ++process->stalled;
}

// No call can come from the exchange any more: it was answered, or is over.
void LinkResolver::Close(uint32_t at) {
  Slot& slot = slots_[at];
  slot.closed = true;
  if (!slot.listed) return;
  slot.listed = false;
  Process& process = processes_[slot.process];
  (slot.previous == kNone ? process.first_open : slots_[slot.previous].next) = slot.next;
  (slot.next == kNone ? process.last_open : slots_[slot.next].previous) = slot.previous;
  slot.previous = slot.next = kNone;
  --process.open;
  if (slot.out == 0) --process.stalled;
}

// ---- Forward: what the thread worked for when it made the call ----

LinkResolver::Context LinkResolver::ContextOfToken(Token token) {
  const Slot* slot = Find(token);
  if (slot != nullptr && slot->role == ConnectionRole::kClient) {
    const uint32_t call = SlotOfCall(token);
    return call == kNone ? Context{.kind = Context::Kind::kUnknown} : Context{.kind = Context::Kind::kCall, .call = call};
  }
  return {.kind = Context::Kind::kExchange, .exchange = token};
}

bool LinkResolver::Doubtful(const Slot& call) const { return !call.verified && call.candidate >= Candidate::kQueuedAlone; }

// Whether a connection that is reused at once may be taken for its exchange's without verification: nothing was seen to stray,
// and either no other exchange can have been queued, or enough reuse was verified.
bool LinkResolver::Believed(Candidate candidate, const Trust& trust, uint64_t now_ns) const {
  if (trust.verify || trust.reuse_strayed) return false;
  if (candidate == Candidate::kQueuedAlone) return trust.reuse_proven || now_ns >= losses_until_ns_;
  return candidate == Candidate::kQueued && trust.reuse_proven;
}

void LinkResolver::NoteLosses(uint64_t now_ns) { losses_until_ns_ = now_ns + TrustMeter::kWindowNs; }

// The kernel takes its own forward candidate of a call for that call's parent; where that candidate was not believed here, a
// response of the call makes nothing active but the call itself.
LinkResolver::Context LinkResolver::ContextOf(const ThreadStamp& thread, bool loop_thread) {
  if (thread.active == 0) return {};
  const Context named = ContextOfToken(thread.active);
  if (thread.active_source != ActiveSource::kResponse) return named;
  const uint32_t call = SlotOfCall(thread.last_call);
  const bool names_call = thread.active == thread.last_call || named.kind != Context::Kind::kExchange;
  if (call == kNone) {
    // Outside event loops nothing of what makes a candidate doubtful happens.
    return names_call || loop_thread ? Context{.kind = Context::Kind::kUnknown} : named;
  }
  const Slot& slot = slots_[call];
  if (names_call || slot.contradicted || slot.candidate == Candidate::kNone || slot.forward != thread.active) {
    return {.kind = Context::Kind::kCall, .call = call};
  }
  return {.kind = Context::Kind::kExchange, .exchange = thread.active, .call = call, .doubtful = Doubtful(slot)};
}

// The context of a call: what was noted when its connection was made, else what is active. `proven`: the kernel saw the exchange
// open at this moment. `reason` is set where there is no context.
LinkResolver::Context LinkResolver::ContextOfRequest(const RequestSeen& request, UnlinkedReason& reason, bool& proven) {
  Context context = ContextOf(request.thread, request.loop_thread);
  const bool closed = context.kind == Context::Kind::kExchange && !request.active_open;
  proven = context.kind == Context::Kind::kExchange && request.active_open;
  if (request.fresh && request.stored != 0) {
    const bool agrees = context.kind == Context::Kind::kNone || closed || request.thread.active == request.stored;
    if (request.stored_conflict || !agrees) {
      reason = UnlinkedReason::kStoredConflict;
      return {};
    }
    return proven ? context : ContextOfToken(request.stored);
  }
  if (context.kind == Context::Kind::kNone) reason = UnlinkedReason::kNoContext;
  if (context.kind == Context::Kind::kUnknown) reason = UnlinkedReason::kContextUnknown;
  if (closed) {
    reason = UnlinkedReason::kParentClosed;
    return {};
  }
  return context;
}

void LinkResolver::OpenClient(uint32_t at, const RequestSeen& request, uint64_t now_ns) {
  Slot& slot = slots_[at];
  slot.loop_thread = request.loop_thread;
  slot.other_unresolved = request.other_unresolved;
  Process* process = ProcessOf(slot);
  if (process == nullptr) return;
  slot.order = process->next_order;
  if (slot.index > 0 || OpenCallOfRuntime(at, request, now_ns)) return;
  bool proven = false;
  const Context context = ContextOfRequest(request, slot.reason, proven);
  const bool to_exchange = context.kind == Context::Kind::kExchange;
  const Candidate reuse =
      request.queued_reuse ? GradeReuse(slot, to_exchange ? Find(context.exchange) : nullptr) : Candidate::kFirm;
  if (to_exchange) {
    ConsiderExchange(at, request, context, reuse, proven);
    if (slot.candidate == Candidate::kFirm) Note(slot, TrustMeter::Sign::kLink, now_ns);
  }
  // Did the response of the call before lead to this one? Not if this one may have come from a queue or from a timer, nor if its
  // connection was made in an earlier turn, for nobody that is known.
  const Trust trust = Judge(*process, now_ns);
  const bool unnoted = slot.loop_thread && request.fresh && request.stored == 0;
  const bool timer = slot.loop_thread && request.timer_due;
  const bool sure = !unnoted && !timer && (reuse == Candidate::kFirm || Believed(reuse, trust, now_ns));
  if (!sure) return;
  if (request.thread.active_source == ActiveSource::kResponse) {
    if (const uint32_t earlier = SlotOfCall(request.thread.last_call); earlier != kNone) slot.earlier = RefOf(earlier);
  }
  const bool sibling = context.kind == Context::Kind::kCall || (context.doubtful && slot.candidate != Candidate::kNone);
  // Outside event loops a worker may have gone on with another exchange's work: only while violations are rare.
  if (sibling && (slot.loop_thread || !trust.narrow)) Join(at, context.call);
}

void LinkResolver::ConsiderExchange(uint32_t at, const RequestSeen& request, const Context& context, Candidate reuse,
                                    bool proven) {
  Slot& slot = slots_[at];
  Slot* parent = Find(context.exchange);
  if (parent != nullptr && parent->ambiguous) {
    slot.reason = UnlinkedReason::kPipelined;
    return;
  }
  if (parent != nullptr && parent->opened_ns > slot.opened_ns) {
    slot.reason = UnlinkedReason::kParentYounger;
    return;
  }
  slot.forward = context.exchange;
  slot.candidate = Grade(request, context, reuse, proven);
  if (parent == nullptr) return;
  const uint32_t exchange = *by_token_.Find({context.exchange, 0});
  Charge(slot, exchange);
  Claim(slot, exchange);
}

LinkResolver::Candidate LinkResolver::Grade(const RequestSeen& request, const Context& context, Candidate reuse,
                                            bool proven) const {
  Candidate grade = std::max(proven ? Candidate::kFirm : Candidate::kStored, reuse);
  if (context.doubtful) grade = std::max(grade, slots_[context.call].candidate);
  if (!request.loop_thread) return grade;
  if (request.fresh && request.stored == 0) grade = std::max(grade, Candidate::kUnnoted);
  if (request.timer_due) grade = std::max(grade, Candidate::kTimer);
  return grade;
}

// A connection that is reused in the turn of its response: for the next call of the same exchange, or for a call of another one
// that had queued for it? An exchange that waits for nothing we know of may wait in that queue.
LinkResolver::Candidate LinkResolver::GradeReuse(const Slot& call, const Slot* parent) {
  const Process& process = processes_[call.process];
  const bool listed = parent != nullptr && parent->listed && parent->process == call.process;
  const uint32_t others_open = process.open - (listed ? 1 : 0);
  const uint32_t others_stalled = process.stalled - (listed && parent->out == 0 ? 1 : 0);
  if (others_stalled > 0) return Candidate::kQueuedBehind;
  return others_open > 0 ? Candidate::kQueued : Candidate::kQueuedAlone;
}

void LinkResolver::Charge(Slot& call, uint32_t exchange) {
  Slot& slot = slots_[exchange];
  call.charged = RefOf(exchange);
  if (slot.out++ == 0 && slot.listed) --processes_[slot.process].stalled;
}

void LinkResolver::Uncharge(Slot& call) {
  const Ref charged = std::exchange(call.charged, Ref{});
  if (!Alive(charged)) return;
  Slot& slot = slots_[charged.slot];
  if (--slot.out == 0 && slot.listed) ++processes_[slot.process].stalled;
}

void LinkResolver::Claim(Slot& call, uint32_t exchange) {
  Unclaim(call);
  call.parent = RefOf(exchange);
  ++slots_[exchange].claims;
}

void LinkResolver::Unclaim(Slot& call) {
  if (Alive(call.parent)) --slots_[call.parent.slot].claims;
  call.parent = {};
}

// Adds a new call, alone until now, to the ring of `sibling`.
void LinkResolver::Join(uint32_t call, uint32_t sibling) {
  Slot& first = slots_[sibling];
  if (call == sibling || first.settled) return;
  if (first.next == kNone) first.next = first.previous = sibling;
  Slot& slot = slots_[call];
  slot.previous = sibling;
  slot.next = first.next;
  slots_[first.next].previous = call;
  first.next = call;
}

void LinkResolver::LeaveRing(uint32_t at) {
  Slot& slot = slots_[at];
  if (slot.next == kNone) return;
  slots_[slot.previous].next = slot.next;
  slots_[slot.next].previous = slot.previous;
  Slot& rest = slots_[slot.next];
  if (rest.next == slot.next) rest.next = rest.previous = kNone;
  slot.next = slot.previous = kNone;
}

// ---- Backward: what the answer proves ----

void LinkResolver::Answer(const ResponseStarted& response, uint64_t now_ns) {
  linked_.clear();
  const uint32_t* found = by_token_.Find({response.token, 0});
  const uint32_t exchange = found == nullptr ? kNone : *found;
  if (exchange == kNone) ++counters_.answers_unknown;
  const bool ambiguous = exchange != kNone && slots_[exchange].ambiguous;
  const uint32_t at = SlotOfCall(response.thread.last_call);
  if (response.thread.active != 0 && response.thread.active_source == ActiveSource::kResponse && at != kNone && !ambiguous &&
      !IsByRuntime(at)) {
    Slot& call = slots_[at];
    const Token active = response.thread.active;
    const bool names_forward =
        call.candidate != Candidate::kNone && call.forward == active && active != response.thread.last_call;
    if (names_forward && active == response.token) {
      ++counters_.agreements;
      Note(call, TrustMeter::Sign::kAgreement, now_ns);
      Verify(at, response.token, now_ns);
    } else if (response.several_reads && !names_forward && HasReadInTurn(exchange, response.thread)) {
      // The answer follows from a response of its own that the thread read before; the one read last waits for its turn.
      if (call.candidate == Candidate::kNone) call.reason = UnlinkedReason::kOtherUnresolved;
    } else if (!names_forward || Doubtful(call)) {
      LinkBack(at, exchange, response.timer_due, false, now_ns);
    } else if (!call.contradicted) {
      Contradict(call, response.active_open, now_ns);
    }
  }
  if (exchange == kNone) return;
  if (!ambiguous) AnswerOfRuntime(exchange, response, now_ns);
  if (!ambiguous) LinkWoken(exchange, response.thread.tid, now_ns);
  if (slots_[exchange].answered_ns == 0) slots_[exchange].answered_ns = response.time_ns;
  Close(exchange);
}

bool LinkResolver::HasReadInTurn(uint32_t exchange, const ThreadStamp& thread) const {
  return exchange != kNone && slots_[exchange].read_tid == thread.tid && slots_[exchange].read_turn == thread.turn;
}

// Another exchange was answered in the turn of the call's response. Where the call's own exchange was still open that is a sign
// of bad links. Where it had been answered before, the call may have been a parting one, or never its own: it is left out.
void LinkResolver::Contradict(Slot& call, bool parent_open, uint64_t now_ns) {
  call.contradicted = true;
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
    if (reused) Note(slot, TrustMeter::Sign::kReuseKept, now_ns);
    slot.verified = true;
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
  }
}

void LinkResolver::LinkOneBack(uint32_t at, uint32_t exchange, bool timer_due, bool by_wake, uint64_t now_ns) {
  Slot& call = slots_[at];
  const Slot& parent = slots_[exchange];
  if (call.late || call.verified || call.contradicted || call.ambiguous || call.process == kNone || IsByRuntime(at)) return;
  if (call.opened_ns <= parent.opened_ns) {
    ++counters_.violations;
    Note(call, TrustMeter::Sign::kViolation, now_ns);
    if (call.candidate == Candidate::kNone) call.reason = UnlinkedReason::kParentYounger;
    return;
  }
  if (call.settled) return;
  if (call.candidate != Candidate::kNone && call.forward == parent.token) {
    Verify(at, parent.token, now_ns);
    return;
  }
  // A timer may have acted, then or now: only agreement counts.
  if (call.candidate == Candidate::kTimer || call.candidate == Candidate::kFirm || call.candidate == Candidate::kStored) return;
  if (timer_due) {
    if (call.candidate == Candidate::kNone) call.reason = UnlinkedReason::kTimerDue;
    return;
  }
  const bool reused = call.candidate >= Candidate::kQueuedAlone && call.candidate <= Candidate::kQueuedBehind;
  if (reused) Note(call, TrustMeter::Sign::kReuseStrayed, now_ns);
  call.candidate = Candidate::kNone;
  call.forward = 0;
  call.late = true;
  call.by_wake = by_wake;
  Claim(call, exchange);
  Note(call, TrustMeter::Sign::kLink, now_ns);
  linked_.push_back(RefOf(at));
}

// ---- The verdict ----

// An exchange that was there before the call is still open, so its answer may yet name the call.
bool LinkResolver::MayStillBeLinked(const Slot& call) {
  const Process* process = ProcessOf(call);
  if (process == nullptr || process->ended || process->first_open == kNone) return false;
  return slots_[process->first_open].order < call.order;
}

namespace {
LinkStatus Unlinked(UnlinkedReason reason) { return {.state = LinkStatus::State::kUnlinked, .reason = reason}; }
LinkStatus PendingUnless(bool final, UnlinkedReason reason) { return final ? Unlinked(reason) : LinkStatus{}; }
}  // namespace

LinkStatus LinkResolver::Linked(const Slot& call, Ref parent, const Trust& trust, bool settled) const {
  LinkStatus status{.state = LinkStatus::State::kLinked, .settled = settled, .parent = parent};
  status.evidence = call.by_wake       ? LinkEvidence::kCompletionWake
                    : call.late        ? LinkEvidence::kBackward
                    : call.loop_thread ? LinkEvidence::kEventLoop
                                       : LinkEvidence::kSameThread;
  const bool exact = trust.spotless && !trust.verify && !Doubtful(call) && !call.by_wake && call.identity == Identity::kThread;
  status.confidence = exact ? LinkConfidence::kExact : LinkConfidence::kProbable;
  return status;
}

LinkStatus LinkResolver::Status(uint32_t at, bool final, uint64_t now_ns) {
  Slot& call = slots_[at];
  if (call.role != ConnectionRole::kClient) return Unlinked(UnlinkedReason::kUnknownRole);
  if (!call.request_seen) return Unlinked(UnlinkedReason::kRequestNotSeen);
  if (call.ambiguous) return Unlinked(UnlinkedReason::kPipelined);
  Process* process = ProcessOf(call);
  if (process == nullptr) return Unlinked(UnlinkedReason::kProcessesFull);
  const Trust trust = Judge(*process, now_ns);
  if (IsByRuntime(at)) return StatusOfRuntime(call, final, trust);
  if (call.late) {
    return Alive(call.parent) ? Linked(call, call.parent, trust, true) : Unlinked(UnlinkedReason::kParentUnknown);
  }
  if (call.contradicted) return Unlinked(UnlinkedReason::kContradicted);
  if (call.candidate != Candidate::kNone) return StatusOfForward(call, final, trust, now_ns);
  if (!MayStillBeLinked(call)) return Unlinked(call.reason);
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
  if (parent.ambiguous) return Unlinked(UnlinkedReason::kPipelined);
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
  return Linked(call, call.parent, trust, parent.closed);
}

// Not verified yet, and perhaps another exchange's: any that was open then may still name it.
LinkStatus LinkResolver::StatusOfDoubtful(const Slot& call, bool final, const Trust& trust, uint64_t now_ns) {
  if (!final && MayStillBeLinked(call)) return {};
  if (Believed(call.candidate, trust, now_ns)) return Linked(call, call.parent, trust, true);
  if (call.candidate == Candidate::kTimer) return Unlinked(UnlinkedReason::kTimerDue);
  return Unlinked(call.candidate == Candidate::kUnnoted ? UnlinkedReason::kStoredConflict : UnlinkedReason::kQueuedReuse);
}

Ref LinkResolver::ParentSoFar(uint32_t at) {
  const Slot& call = slots_[at];
  return call.contradicted ? Ref{} : call.parent;
}

void LinkResolver::Settle(uint32_t at) {
  Slot& call = slots_[at];
  LeaveRing(at);
  LeaveContext(at);
  Unclaim(call);
  call.settled = true;
}

}  // namespace wirespan::trace
