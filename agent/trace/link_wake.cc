// LinkResolver, completion wakes: a worker that has read the response of a call wakes the thread that waits for it with an open
// exchange of its own (blocking pools; docs/linking.md). A wake may also be a lock that changes hands: so it counts only where
// the woken thread answers that exchange, only in processes that have shown that their wakes can be believed, and never as exact.
#include "agent/trace/link.h"

namespace wirespan::trace {

namespace {
constexpr uint32_t kWakeProof = 64;  // wakes without a violation before the first is believed
}  // namespace

void LinkResolver::Wake(const CompletionWake& wake, uint64_t now_ns) {
  ++counters_.completion_wakes;
  const uint32_t at = SlotOfCall(wake.token);
  const uint32_t* found = by_token_.Find({wake.wakee_exchange, 0});
  if (at == kNone || found == nullptr || wake.waker.tgid != wake.wakee_tgid) return;
  Slot& call = slots_[at];
  Slot& exchange = slots_[*found];
  if (call.multiplexed || exchange.shared) return;  // whose response it was is not known, nor which exchange waits
  if (call.woken_tid != 0 || !exchange.listed || exchange.ambiguous || call.process != exchange.process) return;
  const bool believed = WakeIsBelieved(call, exchange, now_ns);
  Say(call, LinkStep::kWoke, exchange.token, believed ? "" : "not believed yet, or no more, of this process");
  if (!believed) return;
  call.woken_tid = wake.wakee_tid;
  call.woken = exchange.woken;
  exchange.woken = RefOf(at);
}

// What a call cannot be caused by proves that the process's wakes mean something else.
bool LinkResolver::WakeIsBelieved(const Slot& call, const Slot& exchange, uint64_t now_ns) {
  Process* process = ProcessOf(call);
  if (process == nullptr) return false;
  if (call.opened_ns <= exchange.opened_ns) {
    process->wakes_kept = 0;
    ++counters_.violations;
    Note(call, TrustMeter::Sign::kViolation, now_ns);
    return false;
  }
  if (Judge(*process, now_ns).narrow) return false;
  if (process->wakes_kept >= kWakeProof) return true;
  ++process->wakes_kept;
  ++counters_.wakes_unproven;
  return false;
}

// The thread `tid` answers the exchange: what woke it worked for that.
void LinkResolver::LinkWoken(uint32_t exchange, uint32_t tid, uint64_t now_ns) {
  for (Ref next = slots_[exchange].woken; Alive(next);) {
    const uint32_t at = next.slot;
    const Slot& call = slots_[at];
    next = call.woken;
    if (call.woken_tid != tid || call.late || call.candidate != Candidate::kNone) continue;
    LinkBack(at, exchange, false, true, now_ns);
  }
}

}  // namespace wirespan::trace
