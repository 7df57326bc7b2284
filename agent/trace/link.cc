#include "agent/trace/link.h"

#include <algorithm>
#include <memory>
#include <utility>

namespace wirespan::trace {

namespace {
constexpr uint32_t kReclaimLooks = 64;
}  // namespace

LinkResolver::LinkResolver(const LinkLimits& limits, LinkJournal* journal) : limits_(limits), journal_(journal) {}

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
  std::destroy_at(&slot);  // made anew in place: assigning would make it elsewhere and copy it
  std::construct_at(&slot);
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
  LeaveContexts(at);
  Unclaim(slot);
  Uncharge(slot);
  StopAwaiting(slot);
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
  process.timers_call = trust.timers_call;
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
  if (request.multiplexed) NoteMultiplexed(at, request);
  if (slot.role == ConnectionRole::kServer) {
    OpenServer(at);
    NoteActivity(request.tgid, request.thread.tid, request.thread.turn, request.time_ns);
    NoteJuggling(slot, request, now_ns);
  }
  if (slot.role == ConnectionRole::kClient) OpenClient(at, request, now_ns);
  return RefOf(at);
}

Ref LinkResolver::Finish(const FinishedFact& finished, uint64_t now_ns) {
  const uint32_t* found = by_token_.Find({finished.token, finished.index});
  const uint32_t at = found != nullptr ? *found : Take(finished.token, finished.index, finished.role, finished.tgid);
  Slot& slot = slots_[at];
  if (finished.shared) Share(slot);
  if (!slot.request_seen) slot.opened_ns = finished.start_ns;
  if (slot.role == ConnectionRole::kUnknown) slot.role = finished.role;
  slot.finished = true;
  if (slot.role == ConnectionRole::kClient) {
    slot.read_tid = finished.last_tid;
    slot.read_turn = finished.last_turn;
    NoteActivity(slot.tgid, finished.last_tid, finished.last_turn, finished.time_ns);
    if (slot.loop_thread && finished.last_tid != 0 && finished.last_tid != slot.tid)
      Note(slot, TrustMeter::Sign::kMigrated, now_ns);
  }
  Uncharge(slot);
  Close(at);
  return RefOf(at);
}

void LinkResolver::OpenServer(uint32_t at) {
  Slot& slot = slots_[at];
  // A later turn of the connection: the exchange before has been answered, even if that was not seen.
  if (!slot.multiplexed) {
    auto [newest, added] = newest_.Insert(ConnectionOf(slot.token), RefOf(at));
    if (!added && Alive(*newest) && slots_[newest->slot].token != slot.token) Close(newest->slot);
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

}  // namespace wirespan::trace
