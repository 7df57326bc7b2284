// LinkResolver, connections that carry several exchanges or calls at once (HTTP/2; docs/linking.md). The kernel names what is on
// a connection by its turns, and takes whoever reads there to go on with what was asked there last. While several are open both
// say nothing of any of them; and a connection without an open call is read for its own sake too (settings, windows, pings).
#include <utility>

#include "agent/trace/link.h"

namespace wirespan::trace {

// The call whose response the thread had read last; kNone where that is not known. On a multiplexed connection it is, where the
// call was alone there and this thread has read its response to the end in this very turn.
uint32_t LinkResolver::CallReadBy(const ThreadStamp& thread) {
  const uint32_t at = SlotOfCall(thread.last_call);
  if (at == kNone || !slots_[at].multiplexed) return at;
  const Slot& call = slots_[at];
  const bool has_read = call.finished && call.read_tid == thread.tid && call.read_turn == thread.turn;
  return has_read && !call.shared ? at : kNone;
}

bool LinkResolver::Multiplexes(uint32_t tgid) {
  const uint32_t* found = by_tgid_.Find(tgid);
  return found != nullptr && processes_[*found].multiplexes;
}

bool LinkResolver::IsMultiplexed(ConnectionId connection) const {
  const Ref* newest = newest_.Find(connection);
  return newest != nullptr && Alive(*newest) && slots_[newest->slot].multiplexed;
}

void LinkResolver::Share(Slot& slot) {
  if (std::exchange(slot.shared, true) || slot.role != ConnectionRole::kClient) return;
  // An answer that could have named the call will not.
  const bool unnamed = slot.candidate == Candidate::kNone && !slot.late && slot.reason == UnlinkedReason::kNoContext;
  const Process* process = ProcessOf(slot);
  if (unnamed && process != nullptr && process->open > 0) slot.reason = UnlinkedReason::kMultiplexed;
}

// One that begins beside others ends their being alone. Of those that are open, all but the newest were not alone before.
void LinkResolver::NoteMultiplexed(uint32_t at, const RequestSeen& request) {
  Slot& slot = slots_[at];
  slot.multiplexed = true;
  slot.shared |= request.shares;
  Process* process = ProcessOf(slot);
  if (process != nullptr) {
    process->multiplexes |= slot.role == ConnectionRole::kClient;
    process->shares |= slot.shared;
  }
  auto [newest, added] = newest_.Insert(ConnectionOf(slot.token), RefOf(at));
  if (!added && Alive(*newest) && slot.shared) Share(slots_[newest->slot]);
  *newest = RefOf(at);
}

// Where no exchange is open that could have caused the call it lacks nothing.
void LinkResolver::ExcuseCauseless(Slot& call, const RequestSeen& request) {
  const bool may_have_cause = processes_[call.process].open > 0 || request.active_open || request.stored != 0;
  if (call.reason == UnlinkedReason::kMultiplexed && !may_have_cause) call.reason = UnlinkedReason::kNoContext;
}

// A call that began beside others: what its thread had done may be another's work. True: nothing more is asked of it.
bool LinkResolver::OpenSharedCall(uint32_t at, const RequestSeen& request) {
  Slot& slot = slots_[at];
  if (!request.multiplexed || !request.shares) return false;
  slot.reason = UnlinkedReason::kMultiplexed;
  ExcuseCauseless(slot, request);
  if (slot.reason != UnlinkedReason::kNoContext) Say(slot, LinkStep::kNoContext, request.thread.active, trace::Name(slot.reason));
  return true;
}

}  // namespace wirespan::trace
