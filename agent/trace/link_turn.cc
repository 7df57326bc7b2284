// LinkResolver, turns: what else a thread did around a call (docs/linking.md). An event loop runs its timers after its events: a
// call after the deadline of the wait may be a timer's, unless the thread went on reading in the same turn ("sandwiched"). And a
// thread that is no event loop works for one exchange at a time: one that reads a request while another is open juggles them
// (virtual threads, fibres), and what it did before a call tells little.
#include "agent/trace/link.h"

namespace wirespan::trace {

namespace {
constexpr size_t kMaxTimedThreads = 4'096;
uint64_t ThreadKey(uint32_t tgid, uint32_t tid) { return uint64_t{tgid} << 32U | tid; }
}  // namespace

void LinkResolver::AwaitActivity(uint32_t at, const RequestSeen& request) {
  Slot& slot = slots_[at];
  slot.without_timer = slot.candidate;
  slot.candidate = Candidate::kTimer;
  // What connect() noted has had its turn: the kernel looked.
  if (request.fresh && request.stored != 0) return;
  if (timed_.size() >= kMaxTimedThreads) {  // threads that are gone; of those that live a few calls stay timer-due
    counters_.timed_threads_forgotten += timed_.size();
    timed_.Clear();
  }
  auto [turn, added] = timed_.Insert(ThreadKey(request.tgid, request.thread.tid), {request.thread.turn, {}});
  if (turn->turn != request.thread.turn) *turn = {request.thread.turn, {}};
  slot.timed = turn->last;
  turn->last = RefOf(at);
}

// The thread read a request or a response: what it did in this turn before then was no timer's.
void LinkResolver::NoteActivity(uint32_t tgid, uint32_t tid, uint32_t turn, uint64_t time_ns) {
  if (timed_.size() == 0) return;
  const uint64_t key = ThreadKey(tgid, tid);
  TimedTurn* timed = timed_.Find(key);
  if (timed == nullptr) return;
  Ref next = timed->turn == turn ? timed->last : Ref{};
  while (Alive(next)) {
    Slot& call = slots_[next.slot];
    next = call.timed;
    if (call.candidate != Candidate::kTimer || call.opened_ns >= time_ns || call.settled) continue;
    if (IsGoroutine(call.runtime_id)) continue;  // Go runs its timers whenever a goroutine pauses
    call.candidate = call.without_timer;
    call.sandwiched = true;
    Say(call, LinkStep::kCandidate, call.forward, "the thread went on reading in that turn: no timer made it");
  }
  timed_.Erase(key);
}

void LinkResolver::NoteJuggling(const Slot& slot, const RequestSeen& request, uint64_t now_ns) {
  if (request.loop_thread || !request.active_open || request.thread.active == request.token) return;
  if (request.thread.active_source != ActiveSource::kRead || IsGoroutine(request.thread.runtime_id)) return;
  const Slot* other = Find(request.thread.active);
  if (slot.multiplexed || (other != nullptr && other->multiplexed)) return;  // who reads for a connection serves none of them
  if (other == nullptr || !other->listed || other->process != slot.process) return;
  ++counters_.juggled;
  Note(slot, TrustMeter::Sign::kJuggled, now_ns);
}

}  // namespace wirespan::trace
