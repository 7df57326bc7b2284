// LinkResolver, runtime identities (docs/linking.md): what runs a call is known by name, so no thread has to be followed. A
// goroutine that serves an exchange makes its calls itself, or starts the one that connects for it: the kernel half names the
// exchange. A CPython context is a task's: calls written in it between the reading of a request and the answer written in it
// belong to that exchange. An identity that answers two exchanges at once is none, and its process's links by identities are
// dropped.
#include <algorithm>

#include "agent/trace/link.h"

namespace wirespan::trace {

using exporters::LinkConfidence;
using exporters::LinkEvidence;

namespace {
LinkStatus Unlinked(UnlinkedReason reason) { return {.state = LinkStatus::State::kUnlinked, .reason = reason}; }
}  // namespace

// Whether threads have nothing to say about the call.
bool LinkResolver::IsByRuntime(uint32_t call) const {
  const Identity identity = slots_[call].identity;
  return identity != Identity::kThread && identity != Identity::kPooled;
}

// ---- The call ----

// Who wrote the call says nothing where it was a pooled connection's own goroutine. There threads tell: the one that hands over
// its work waits, and the other runs next on its thread. With a new connection many run between.

// False: what its thread did decides.
bool LinkResolver::OpenCallOfRuntime(uint32_t at, const RequestSeen& request, uint64_t now_ns) {
  Slot& slot = slots_[at];
  if (IsGoroutine(slot.runtime_id)) {
    OpenCallOfGoroutine(at, request, now_ns);
    return slot.identity != Identity::kPooled;
  }
  // Outside event loops a thread works for one exchange at a time, and says so itself.
  if (!IsPythonContext(slot.runtime_id) || !request.loop_thread) return false;
  slot.identity = Identity::kPythonContext;
  JoinContexts(at, request);
  return true;
}

// Where probes tell who asked for the call, that is all there is to it. Else: a pool that dials for a request may give the
// connection to another, where the first got one that became free meanwhile. That begins with a connection used again, and goes
// on with those that are given away: so a new connection is its maker's only if nothing like that is seen from the beginning of
// the maker's exchange on, to the verdict: the call on the connection that became free may be written after the one on the
// connection that was given away.
void LinkResolver::OpenCallOfGoroutine(uint32_t at, const RequestSeen& request, uint64_t now_ns) {
  Slot& slot = slots_[at];
  Process& process = processes_[slot.process];
  slot.requester_known = request.requester_known;
  slot.requester_again = request.requester_again;
  if (request.stored == 0 && request.requester_known) {
    slot.identity = Identity::kNobodys;
    Say(slot, LinkStep::kRuntime, 0, "asked for by a goroutine that works for no exchange");
    return;
  }
  if (request.stored == 0) {
    slot.identity = request.fresh ? Identity::kStranger : Identity::kPooled;
    Say(slot, LinkStep::kRuntime, 0, "written by the goroutine of a pooled connection");
    if (!slot.multiplexed) process.strayed_ns = request.time_ns;  // for one that is shared nobody waits in a queue
    return;
  }
  slot.identity = Identity::kGoroutine;
  Slot* parent = Find(request.stored);
  if (slot.multiplexed && (parent == nullptr || parent->runtime_id != slot.runtime_id)) {
    slot.reason = UnlinkedReason::kMultiplexed;  // requests that wait for one connection wait for whoever dials it
    return;
  }
  Say(slot, LinkStep::kRuntime, request.stored, request.requester_known ? "asked for by its goroutine" : "goroutine");
  slot.forward = request.stored;
  slot.candidate = Candidate::kFirm;
  const bool dialled = !request.requester_known && request.fresh && (parent == nullptr || parent->runtime_id != slot.runtime_id);
  if (dialled) {
    slot.strayed_ns = std::max<uint64_t>(process.strayed_ns, 1);
    const bool strays = parent == nullptr || parent->answered_ns != 0 || slot.strayed_ns >= parent->opened_ns;
    if (strays) process.strayed_ns = request.time_ns;
  }
  if (parent == nullptr) return;
  const uint32_t exchange = *by_token_.Find({request.stored, 0});
  Charge(slot, exchange);
  Claim(slot, exchange);
  Note(slot, TrustMeter::Sign::kLink, now_ns);
}

// A context that a call's own was copied from tells of the call like its own, if the copy was made for the exchange in question.
void LinkResolver::JoinContexts(uint32_t at, const RequestSeen& request) {
  JoinContext(at, 0, request.thread.runtime_id, 0);
  for (uint32_t i = 0; i < kAncestors; ++i) {
    const Ancestor& ancestor = request.ancestors[i];
    if (IsPythonContext(ancestor.runtime_id) && ancestor.born_ns != 0)
      JoinContext(at, i + 1, ancestor.runtime_id, ancestor.born_ns);
  }
}

void LinkResolver::JoinContext(uint32_t at, uint32_t level, uint64_t runtime_id, uint64_t born_ns) {
  const uint32_t name = at * kContextLevels + level;
  ContextPlace& place = PlaceOf(name);
  place = {.runtime_id = runtime_id, .born_ns = born_ns};
  auto [last, added] = contexts_.Insert({runtime_id, slots_[at].process}, name);
  if (added) return;
  place.next = *last;
  PlaceOf(*last).previous = name;
  *last = name;
}

void LinkResolver::LeaveContexts(uint32_t at) {
  if (slots_[at].identity != Identity::kPythonContext) return;
  for (uint32_t level = 0; level < kContextLevels; ++level) LeaveContext(at * kContextLevels + level);
}

void LinkResolver::LeaveContext(uint32_t name) {
  ContextPlace& place = PlaceOf(name);
  if (place.runtime_id == 0) return;
  const ContextKey key{place.runtime_id, slots_[name / kContextLevels].process};
  uint32_t* last = contexts_.Find(key);
  if (place.next != kNone) PlaceOf(place.next).previous = place.previous;
  if (place.previous != kNone) {
    PlaceOf(place.previous).next = place.next;
  } else if (last != nullptr && *last == name) {
    *last = place.next;
    if (place.next == kNone) contexts_.Erase(key);
  }
  place = {};
}

// ---- The answer ----

void LinkResolver::AnswerOfRuntime(uint32_t exchange, const ResponseStarted& response, uint64_t now_ns) {
  const uint64_t runtime_id = response.thread.runtime_id;
  Slot& slot = slots_[exchange];
  if (runtime_id == 0 || runtime_id == kUnnamedGoroutine || slot.process == kNone || slot.closed) return;
  if (slot.multiplexed && IsGoroutine(runtime_id)) return;  // the connection's own, which serves no exchange
  if (answers_.Overlaps({runtime_id, slot.process}, slot.opened_ns, response.time_ns)) {
    ++counters_.contexts_shared;
    Note(slot, TrustMeter::Sign::kContextShared, now_ns);
  } else if (processes_[slot.process].open > 1) {
    Note(slot, TrustMeter::Sign::kContextKept, now_ns);
  }
  if (IsPythonContext(runtime_id)) LinkContext(exchange, runtime_id, now_ns);
  // The one that answers serves the connection, whoever read the first byte.
  if (IsGoroutine(runtime_id)) slot.runtime_id = runtime_id;
}

// The calls of the context since the request was read are the exchange's, and those of contexts that were copied from it since
// then; older ones are nobody's any more.
void LinkResolver::LinkContext(uint32_t exchange, uint64_t runtime_id, uint64_t now_ns) {
  const uint64_t opened_ns = slots_[exchange].opened_ns;
  const uint32_t* last = contexts_.Find({runtime_id, slots_[exchange].process});
  uint32_t next = last == nullptr ? kNone : *last;
  while (next != kNone) {
    const uint32_t at = next / kContextLevels;
    const ContextPlace place = PlaceOf(next);
    Slot& call = slots_[at];
    LeaveContext(next);
    next = place.next;
    const uint64_t began_ns = place.born_ns != 0 ? place.born_ns : call.opened_ns;
    if (began_ns <= opened_ns || call.opened_ns <= opened_ns || call.ambiguous || call.settled || call.late) continue;
    call.late = true;
    Say(call, LinkStep::kRuntime, slots_[exchange].token, place.born_ns != 0 ? "copied Python context" : "Python context");
    LeaveContexts(at);
    Claim(call, exchange);
    Note(call, TrustMeter::Sign::kLink, now_ns);
    linked_.push_back(RefOf(at));
  }
}

// ---- The verdict ----

LinkStatus LinkResolver::StatusOfRuntime(Slot& call, bool final, const Trust& trust) {
  if (call.identity == Identity::kNobodys) return Unlinked(UnlinkedReason::kNoContext);
  if (call.identity == Identity::kStranger) return Unlinked(UnlinkedReason::kContextUnknown);
  if (trust.context_shared) return Unlinked(UnlinkedReason::kContextShared);
  const bool named = call.late || call.candidate != Candidate::kNone;
  if (!named) {
    if (call.reason == UnlinkedReason::kMultiplexed || !MayStillBeLinked(call)) return Unlinked(call.reason);
    return final ? Unlinked(UnlinkedReason::kHoldExpired) : LinkStatus{};
  }
  if (!Alive(call.parent)) {
    const bool forgotten = call.parent.slot != kNone;
    const uint32_t* found = by_token_.Find({call.forward, 0});
    if (forgotten || found == nullptr) return final || forgotten ? Unlinked(UnlinkedReason::kParentUnknown) : LinkStatus{};
    Claim(call, *found);
  }
  const Slot& parent = slots_[call.parent.slot];
  const bool of_goroutine = call.identity == Identity::kGoroutine;
  // Of a connection that is shared the kernel names whatever was read last; an answer says whose it is.
  if (parent.ambiguous || (parent.shared && of_goroutine)) return Unlinked(SharedTurn(parent));
  if (parent.role != ConnectionRole::kServer) return Unlinked(UnlinkedReason::kUnknownRole);
  if (parent.opened_ns > call.opened_ns) return Unlinked(UnlinkedReason::kParentYounger);
  if (parent.answered_ns != 0 && parent.answered_ns <= call.opened_ns) return Unlinked(UnlinkedReason::kParentClosed);
  const uint64_t strayed_ns = call.strayed_ns == 0 ? 0 : std::max(call.strayed_ns, processes_[call.process].strayed_ns);
  if (strayed_ns >= parent.opened_ns) return Unlinked(UnlinkedReason::kQueuedReuse);
  // Until the process has proven that its identities keep exchanges apart, every exchange that could have shared this one is
  // awaited: its answer would tell.
  if (!trust.context_proven && MayStillBeLinked(call)) return final ? Unlinked(UnlinkedReason::kUnverified) : LinkStatus{};
  LinkStatus status{.state = LinkStatus::State::kLinked, .settled = call.late || parent.closed, .parent = call.parent};
  status.evidence = of_goroutine ? LinkEvidence::kGoroutine : LinkEvidence::kTaskContext;
  // One may write what another of its connection has left there; and a goroutine that was started within the exchange may be one
  // that works for others as well, later.
  const bool doubtful = call.shared || parent.shared || call.requester_again;
  status.confidence = doubtful ? LinkConfidence::kProbable : LinkConfidence::kExact;
  return status;
}

}  // namespace wirespan::trace
