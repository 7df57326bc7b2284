// LinkResolver, forward: what a thread worked for when it made a call (docs/linking.md).
#include <algorithm>
#include <utility>

#include "agent/trace/link.h"

namespace wirespan::trace {

LinkResolver::Context LinkResolver::ContextOfToken(Token token) {
  const Slot* slot = Find(token);
  if (slot != nullptr && slot->role == ConnectionRole::kClient) {
    const uint32_t call = SlotOfCall(token);
    if (slot->multiplexed) return {.kind = Context::Kind::kUnknown};  // what was read there may have been another's
    return call == kNone ? Context{.kind = Context::Kind::kUnknown} : Context{.kind = Context::Kind::kCall, .call = call};
  }
  return {.kind = Context::Kind::kExchange, .exchange = token};
}

bool LinkResolver::Doubtful(const Slot& call) {
  if (call.verified) return false;
  const Process* process = ProcessOf(call);
  return call.candidate >= Candidate::kQueuedAlone || (call.sandwiched && process != nullptr && process->timers_call);
}

// Whether a connection that is reused at once may be taken for its exchange's without verification: nothing was seen to stray,
// and either no other exchange can have been queued, or enough reuse was verified.
bool LinkResolver::ReuseBelieved(Candidate candidate, bool late_reuse, const Trust& trust, uint64_t now_ns) const {
  if (candidate < Candidate::kQueuedAlone) return true;
  if (trust.verify || candidate > Candidate::kQueuedBehind) return false;
  if (late_reuse && trust.late_reuse_proven) return true;
  if (trust.reuse_strayed) return false;
  if (candidate == Candidate::kQueuedAlone) return trust.reuse_proven || now_ns >= losses_until_ns_;
  return candidate == Candidate::kQueued && trust.reuse_proven;
}

void LinkResolver::NoteLosses(uint64_t now_ns) { losses_until_ns_ = now_ns + TrustMeter::kWindowNs; }

// The kernel takes its own forward candidate of a call for that call's parent; where that candidate was not believed here, a
// response of the call makes nothing active but the call itself.
LinkResolver::Context LinkResolver::ContextOf(const ThreadStamp& thread, bool loop_thread) {
  if (thread.active == 0 || thread.active_source == ActiveSource::kNone) return {};
  const Context named = ContextOfToken(thread.active);
  if (thread.active_source != ActiveSource::kResponse) return named;
  const uint32_t call = CallReadBy(thread);
  const bool names_call = thread.active == thread.last_call || named.kind != Context::Kind::kExchange;
  if (call == kNone) {
    // Outside event loops nothing of what makes a candidate doubtful happens, but for connections that are shared.
    const bool doubtful = names_call || loop_thread || Multiplexes(thread.tgid);
    return doubtful ? Context{.kind = Context::Kind::kUnknown} : named;
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
  if (context.kind == Context::Kind::kNone && IsWoken(request.thread, request.handed_over)) return ContextBeforeWake(request);
  if (context.kind == Context::Kind::kNone) reason = UnlinkedReason::kNoContext;
  if (context.kind == Context::Kind::kUnknown)
    reason = Multiplexes(request.thread.tgid) ? UnlinkedReason::kMultiplexed : UnlinkedReason::kContextUnknown;
  if (closed) {
    // Any stream's answer looks like the end of them all.
    reason = IsMultiplexed(ConnectionOf(context.exchange)) ? UnlinkedReason::kMultiplexed : UnlinkedReason::kParentClosed;
    return {};
  }
  return context;
}

// The token that has no source: what the loop worked for before it was woken at a futex.
bool LinkResolver::IsWoken(const ThreadStamp& thread, bool handed_over) {
  return handed_over && thread.active != 0 && thread.active_source == ActiveSource::kNone && !IsGoroutine(thread.runtime_id);
}

LinkResolver::Context LinkResolver::ContextBeforeWake(const RequestSeen& request) {
  const Slot* slot = Find(request.thread.active);
  const bool is_over = slot != nullptr && slot->role == ConnectionRole::kServer && slot->closed;
  return is_over ? Context{} : ContextOfToken(request.thread.active);
}

// After the deadline of its wait the loop, which had nothing to work for, made this call, or the connection that it is the first
// on.
bool LinkResolver::IsTimers(const RequestSeen& request) {
  if (request.fresh) return request.stored == 0 && request.stored_timer;
  return request.loop_thread && request.timer_due && request.thread.active == 0 && !request.handed_over;
}

void LinkResolver::OpenClient(uint32_t at, const RequestSeen& request, uint64_t now_ns) {
  Slot& slot = slots_[at];
  slot.loop_thread = request.loop_thread;
  slot.tid = request.thread.tid;
  slot.other_unresolved = request.other_unresolved;
  Process* process = ProcessOf(slot);
  if (process == nullptr) return;
  slot.order = process->next_order;
  slot.lone = process->open == 1;
  if (slot.index > 0 && slot.multiplexed) OpenSharedCall(at, request);
  if (slot.index > 0 || OpenCallOfRuntime(at, request, now_ns) || OpenSharedCall(at, request)) return;
  bool proven = false;
  const Context context = ContextOfRequest(request, slot.reason, proven);
  ExcuseCauseless(slot, request);
  if (journal_ != nullptr) SayContext(slot, request, context);
  const bool to_exchange = context.kind == Context::Kind::kExchange;
  if (context.kind == Context::Kind::kCall) {
    slot.after = RefOf(context.call);
    // Unless the answer tells; where connections are shared it often cannot.
    if (process->shares && process->open > 0) slot.reason = UnlinkedReason::kMultiplexed;
  }
  if (IsTimers(request)) Note(slot, TrustMeter::Sign::kTimerCall, now_ns);
  slot.late_reuse = request.queued_reuse && request.thread.active_source == ActiveSource::kRead;
  const Candidate reuse =
      request.queued_reuse ? GradeReuse(slot, to_exchange ? Find(context.exchange) : nullptr) : Candidate::kFirm;
  if (to_exchange) {
    ConsiderExchange(at, request, context, reuse, proven);
    if (slot.candidate == Candidate::kFirm) Note(slot, TrustMeter::Sign::kLink, now_ns);
  }
  // Did the response of the call before lead to this one? Not if this one may have come from a queue or from a timer, nor after a
  // futex, nor if its connection was made in an earlier turn, for nobody that is known.
  const Trust trust = Judge(*process, now_ns);
  const bool unnoted = slot.loop_thread && request.fresh && request.stored == 0;
  const bool timer = slot.loop_thread && MayBeTimer(request);
  const bool woken = IsWoken(request.thread, request.handed_over);
  const bool sure = !unnoted && !timer && !woken && ReuseBelieved(reuse, slot.late_reuse, trust, now_ns);
  if (!sure) return;
  if (request.thread.active_source == ActiveSource::kResponse) {
    if (const uint32_t earlier = CallReadBy(request.thread); earlier != kNone) slot.earlier = RefOf(earlier);
  }
  const bool sibling = context.kind == Context::Kind::kCall || (context.doubtful && slot.candidate != Candidate::kNone);
  // Outside event loops a worker may have gone on with another exchange's work: only while violations are rare. In a loop that
  // has read other responses too, or requests that nothing was done for yet, or that was found to mix its exchanges, nothing says
  // that this response led here.
  const bool noted = request.fresh && request.stored != 0;
  const bool mixes = trust.verify || (noted ? request.stored_doubtful : request.several_reads || request.other_unresolved);
  const bool follows = slot.loop_thread ? !mixes : !trust.narrow;
  if (sibling && follows) Join(at, context.call);
}

std::string_view LinkResolver::Name(Candidate candidate) {
  switch (candidate) {
    case Candidate::kNone:
      return "none";
    case Candidate::kFirm:
      return "firm";
    case Candidate::kStored:
      return "known from connect only";
    case Candidate::kQueuedAlone:
      return "on a connection reused at once, no other exchange open";
    case Candidate::kQueued:
      return "on a connection reused at once, others open that wait for calls of their own";
    case Candidate::kQueuedBehind:
      return "on a connection reused at once, others open that may wait for it";
    case Candidate::kUnnoted:
      return "on an event loop's new connection that was made for nobody known";
    case Candidate::kWoken:
      return "before the thread was woken at a futex: it may have been given other work";
    case Candidate::kTimer:
      return "after the deadline of the loop's wait: a timer may have acted";
  }
  return {};
}

void LinkResolver::SayContext(const Slot& slot, const RequestSeen& request, const Context& context) const {
  const bool noted = request.fresh && request.stored != 0 && !request.active_open;
  switch (context.kind) {
    case Context::Kind::kNone:
    case Context::Kind::kUnknown:
      return Say(slot, LinkStep::kNoContext, request.thread.active, trace::Name(slot.reason));
    case Context::Kind::kCall:
      return Say(slot, LinkStep::kContext, slots_[context.call].token, "the thread had read the response of that call");
    case Context::Kind::kExchange:
      break;
  }
  Say(slot, LinkStep::kContext, context.exchange,
      noted                                                     ? "noted when the connection was made"
      : request.thread.active_source == ActiveSource::kNone     ? "before it was woken at a futex"
      : request.thread.active_source == ActiveSource::kResponse ? "the thread had read the response of its call"
                                                                : "the thread had read its request");
}

void LinkResolver::ConsiderExchange(uint32_t at, const RequestSeen& request, const Context& context, Candidate reuse,
                                    bool proven) {
  Slot& slot = slots_[at];
  Slot* parent = Find(context.exchange);
  if (parent != nullptr && (parent->ambiguous || parent->shared)) {
    slot.reason = SharedTurn(*parent);
    Say(slot, LinkStep::kNoContext, context.exchange, trace::Name(slot.reason));
    return;
  }
  if (parent == nullptr && IsMultiplexed(ConnectionOf(context.exchange))) {  // a turn in which no exchange began
    slot.reason = UnlinkedReason::kMultiplexed;
    Say(slot, LinkStep::kNoContext, context.exchange, trace::Name(slot.reason));
    return;
  }
  if (parent != nullptr && parent->opened_ns > slot.opened_ns) {
    slot.reason = UnlinkedReason::kParentYounger;
    Say(slot, LinkStep::kNoContext, context.exchange, trace::Name(slot.reason));
    return;
  }
  slot.forward = context.exchange;
  slot.candidate = Grade(slot, request, context, reuse, proven);
  const bool may_stand = slot.candidate < Candidate::kUnnoted;  // else only the answer tells, whoever acted
  slot.sandwiched = slot.sandwiched && may_stand;
  if (request.loop_thread && MayBeTimer(request) && may_stand) AwaitActivity(at, request);
  Say(slot, LinkStep::kCandidate, context.exchange, Name(slot.candidate));
  if (parent == nullptr) return;
  const bool in_doubt = slot.candidate == Candidate::kWoken || (slot.candidate == Candidate::kUnnoted && request.stored_doubtful);
  slot.lone_candidate = in_doubt && slot.lone && parent->listed;
  slot.lone_timed = MayBeTimer(request);
  const uint32_t exchange = *by_token_.Find({context.exchange, 0});
  Charge(slot, exchange);
  Claim(slot, exchange);
}

LinkResolver::Candidate LinkResolver::Grade(Slot& call, const RequestSeen& request, const Context& context, Candidate reuse,
                                            bool proven) const {
  Candidate grade = std::max(proven ? Candidate::kFirm : Candidate::kStored, reuse);
  call.sandwiched = request.loop_thread && request.fresh && request.stored != 0 && request.stored_sandwiched;
  if (context.doubtful) {
    grade = std::max(grade, slots_[context.call].candidate);
    call.sandwiched |= slots_[context.call].sandwiched;
  }
  // Where connections are shared, what connect() noted may come of the response to another's call.
  const bool noted = (request.fresh && request.stored != 0 && !proven) || request.thread.active_source == ActiveSource::kConnect;
  if (noted && processes_[call.process].multiplexes) grade = std::max(grade, Candidate::kUnnoted);
  const bool at_connect = request.fresh && request.stored != 0;
  if (!at_connect && IsWoken(request.thread, request.handed_over)) grade = std::max(grade, Candidate::kWoken);
  if (request.stored_doubtful) grade = std::max(grade, Candidate::kUnnoted);
  if (request.loop_thread && request.fresh && request.stored == 0) grade = std::max(grade, Candidate::kUnnoted);
  return grade;
}

// What connect() noted was noted then: whether a timer acts now does not matter any more.
bool LinkResolver::MayBeTimer(const RequestSeen& request) {
  return request.fresh && request.stored != 0 ? request.stored_timer : request.timer_due;
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
  Say(slot, LinkStep::kSibling, first.token);
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

}  // namespace wirespan::trace
