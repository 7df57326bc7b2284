#include "agent/trace/assembler.h"

#include <algorithm>
#include <utility>

namespace wirespan::trace {

std::string_view Name(SpanDrop reason) {
  switch (reason) {
    case SpanDrop::kDuplicate:
      return "duplicate";
    case SpanDrop::kNotCollected:
      return "not-collected";
    case SpanDrop::kCount:
      break;
  }
  return {};
}

namespace {

ConnectionRole RoleOf(exporters::SpanKind kind) {
  if (kind == exporters::SpanKind::kServer) return ConnectionRole::kServer;
  return kind == exporters::SpanKind::kClient ? ConnectionRole::kClient : ConnectionRole::kUnknown;
}

}  // namespace

TraceAssembler::TraceAssembler(const AssemblerConfig& config, const span::IdKey& key, LinkJournal* journal)
    : config_(config),
      key_(key),
      journal_(journal),
      links_({.max_exchanges = std::max(config.max_exchanges, 1U), .max_processes = config.max_processes}, journal),
      queue_(std::max(config.max_shards, 1U)) {
  config_.max_held_spans = std::max(config_.max_held_spans, 1U);
}

// ---- Facts in ----

void TraceAssembler::Add(FactBatch&& batch, uint32_t shard, uint64_t told_after_ns) {
  if (shard >= queue_.max_shards()) {
    ++counters_.refused_shard;
    shard = 0;
  }
  // Advance may have passed what lies before, but nothing later.
  const uint64_t not_before_ns = told_after_ns > config_.merge_window_ns ? told_after_ns - config_.merge_window_ns + 1 : 0;
  queue_.KeepAfter(shard, not_before_ns);
  for (Fact& fact : batch) {
    if (std::visit([](const auto& told) { return told.time_ns; }, fact) < not_before_ns) ++counters_.late_facts;
    if (auto* request = std::get_if<RequestSeen>(&fact)) {
      uint32_t context = kNone;
      if (request->incoming) {
        context = contexts_.Take();
        std::swap(contexts_[context], *request->incoming);
        request->incoming.reset();
      }
      QueuedFact& place = queue_.Push(shard, request->time_ns);
      place.context = context;
      place.fact = *request;
    } else if (auto* response = std::get_if<ResponseStarted>(&fact)) {
      queue_.Push(shard, response->time_ns).fact = *response;
    } else if (auto* finished = std::get_if<SpanFinished>(&fact)) {
      ++counters_.spans_in;
      const uint32_t span = TakeSpan();
      spans_[span].Swap(finished->span);
      queue_.Push(shard, finished->time_ns).fact =
          FinishedFact{.time_ns = finished->time_ns,
                       .start_ns = finished->start_ns,
                       .token = finished->token,
                       .index = finished->index,
                       .role = finished->role != ConnectionRole::kUnknown ? finished->role : RoleOf(spans_[span]->kind),
                       .tgid = finished->tgid,
                       .join = finished->join,
                       .last_tid = finished->last_tid,
                       .last_turn = finished->last_turn,
                       .shared = finished->shared,
                       .span = span};
    } else if (auto* continued = std::get_if<Continued>(&fact)) {
      queue_.Push(shard, continued->time_ns).fact = *continued;
    } else if (auto* wake = std::get_if<CompletionWake>(&fact)) {
      queue_.Push(shard, wake->time_ns).fact = *wake;
    } else if (auto* ended = std::get_if<ProcessEnded>(&fact)) {
      queue_.Push(shard, ended->time_ns).fact = *ended;
    } else if (auto* noted = std::get_if<LossNoted>(&fact)) {
      queue_.Push(shard, noted->time_ns).fact = *noted;
    }
    while (queue_.size() > config_.max_queued_facts) {
      ++counters_.merged_early;
      TakeFirst();
    }
  }
}

void TraceAssembler::Advance(uint64_t now_boot_ns, exporters::SpanBatch& out) {
  Collect(out);
  out_ = &out;
  Run(now_boot_ns > config_.merge_window_ns ? now_boot_ns - config_.merge_window_ns : 0);
  out_ = nullptr;
}

void TraceAssembler::Flush(exporters::SpanBatch& out) {
  Collect(out);
  out_ = &out;
  while (!queue_.empty()) Run(queue_.FirstOrder());
  while (held_.first != kNone) Release(held_.first, Patience{});
  timers_.Clear();
  out_ = nullptr;
}

// What was let go between two calls of Advance.
void TraceAssembler::Collect(exporters::SpanBatch& out) {
  for (size_t i = 0; i < ready_.size; ++i) out.Take(ready_.spans.box(i));
  ready_.Clear();
}

// Facts and timers in the order of their times up to `limit`; facts first, so that evidence counts before a wait is given up.
void TraceAssembler::Run(uint64_t limit) {
  while (true) {
    const uint64_t fact_at = queue_.FirstOrder();
    const uint64_t timer_at = timers_.FirstDue();
    const uint64_t at = std::min(fact_at, timer_at);
    if (at == UINT64_MAX || at > limit) break;
    if (fact_at <= timer_at) {
      TakeFirst();
      continue;
    }
    now_ = std::max(now_, timer_at);
    const Ref ref = timers_.Pop();
    Expire();
    if (links_.Alive(ref) && entries_[ref.slot].span != kNone) Release(ref.slot, PatienceOf(ref.slot));
  }
  now_ = std::max(now_, limit);
  Expire();
}

void TraceAssembler::TakeFirst() {
  QueuedFact& fact = queue_.First();
  if (fact.order_ns < now_) ++counters_.late_facts;
  now_ = std::max(now_, fact.order_ns);
  Expire();
  if (std::holds_alternative<RequestSeen>(fact.fact)) {
    OnRequest(fact);
  } else if (const auto* response = std::get_if<ResponseStarted>(&fact.fact)) {
    OnResponse(*response);
  } else if (const auto* finished = std::get_if<FinishedFact>(&fact.fact)) {
    OnFinished(*finished);
  } else if (const auto* continued = std::get_if<Continued>(&fact.fact)) {
    OnContinued(*continued);
  } else if (const auto* wake = std::get_if<CompletionWake>(&fact.fact)) {
    links_.Wake(*wake, now_);
  } else if (const auto* ended = std::get_if<ProcessEnded>(&fact.fact)) {
    links_.EndProcess(ended->tgid);
  } else if (const auto* noted = std::get_if<LossNoted>(&fact.fact)) {
    links_.NoteLosses(noted->time_ns);
  }
  queue_.Pop();
}

void TraceAssembler::OnRequest(QueuedFact& fact) {
  const auto& request = std::get<RequestSeen>(fact.fact);
  MakeRoom();
  const uint32_t slot = links_.Open(request, now_).slot;
  Entry& entry = Sized(slot);
  const bool again = entry.stage != Stage::kFree && entry.request_known;
  if (again || entry.decided) {
    ReleaseContext(fact.context);
    return;
  }
  Begin(slot, request.role, request.join, request.time_ns, request.token, request.index);
  RegisterSequences(slot, request.sequences);
  entry.request_known = true;
  entry.context = fact.context;
  fact.context = kNone;
  if (entry.context != kNone || links_.Alive(entry.adopted_from)) Adopt(slot);
  if (entry.role == ConnectionRole::kServer && links_.Alive(entry.partner)) Adopt(slot);
}

void TraceAssembler::OnResponse(const ResponseStarted& response) {
  links_.Answer(response, now_);
  for (const Ref call : links_.linked()) {
    if (!links_.Alive(call)) continue;
    Entry& entry = entries_[call.slot];
    if (HeaderOf(entry) != nullptr || links_.Alive(entry.adopted_from)) Adopt(call.slot);
  }
}

// To the resolver it is over at once: nothing is linked to it but what says so.
void TraceAssembler::OnContinued(const Continued& continued) {
  MakeRoom();
  FinishedFact name;
  name.time_ns = continued.time_ns;
  name.start_ns = continued.start_ns;
  name.token = continued.token;
  name.index = continued.index;
  name.role = continued.role;
  name.tgid = continued.tgid;
  const uint32_t slot = links_.Finish(name, now_).slot;
  Entry& entry = Sized(slot);
  if (entry.stage != Stage::kFree) return;
  Begin(slot, continued.role, continued.join, continued.start_ns, continued.token, continued.index);
  entry.continuity |= kContinues;
  entry.request_known = true;
  const Ends* ends = continued.within.known() ? joins_.Find(continued.within) : nullptr;
  const uint32_t above = ends == nullptr ? kNone : continued.role == ConnectionRole::kClient ? ends->client : ends->server;
  if (above == kNone || above == slot) return;
  continuities_[slot].within = links_.RefOf(above);
  if (entries_[above].decided) {
    Decide(slot, Patience{});
  } else {
    entries_[above].continuity |= kIsContinued;
    continuities_[above].follower = links_.RefOf(slot);
  }
}

void TraceAssembler::OnFinished(const FinishedFact& finished) {
  MakeRoom();
  const uint32_t slot = links_.Finish(finished, now_).slot;
  Entry& entry = Sized(slot);
  if (entry.stage != Stage::kFree && entry.has_ended) {
    Drop(SpanDrop::kDuplicate, finished.span);
    return;
  }
  Begin(slot, finished.role, finished.join, finished.start_ns, finished.token, finished.index);
  entry.has_ended = true;
  entry.answered = finished.last_tid != 0 || (entry.continuity & kContinues) != 0;
  entry.ended_at = now_;
  entry.span = finished.span;
  Move(slot, Stage::kHeld);
  Release(slot, PatienceOf(slot));
}

// The first that is heard of an exchange makes its entry; what comes later only adds.
void TraceAssembler::Begin(uint32_t slot, ConnectionRole role, const JoinKey& join, uint64_t start_ns, Token token,
                           uint32_t index) {
  Entry& entry = entries_[slot];
  if (entry.stage == Stage::kFree) {
    entry.seen_at = now_;
    entry.start_ns = start_ns;
    entry.role = role;
    entry.identity = join.known() ? join : span::MakeLocalKey(key_, token, index, start_ns);
    Move(slot, Stage::kOpen);
  }
  if (entry.role == ConnectionRole::kUnknown) entry.role = role;
  if (!entry.join.known() && !entry.decided) Register(slot, join);
}

// ---- Both ends of a connection ----

void TraceAssembler::Register(uint32_t slot, const JoinKey& join) {
  Entry& entry = entries_[slot];
  if (!join.known() || entry.role == ConnectionRole::kUnknown) return;
  const bool is_client = entry.role == ConnectionRole::kClient;
  Ends& ends = *joins_.Insert(join, {}).first;
  uint32_t& own = is_client ? ends.client : ends.server;
  if (own != kNone) {
    Entry& holder = entries_[own];
    if (!holder.decided) {
      // Two requests with one name: neither end can be told which it belongs to; the first keeps it.
      ++counters_.ambiguous_joins;
      return;
    }
    holder.join = {};  // of an earlier exchange, before the sequence number came round
  }
  own = slot;
  entry.join = join;
  Pair(ends.client, ends.server);
}

// Behind address translation each end sees other addresses; the sequence numbers pass unchanged.
void TraceAssembler::RegisterSequences(uint32_t slot, const JoinKey& sequences) {
  Entry& entry = entries_[slot];
  if (!sequences.known() || entry.role == ConnectionRole::kUnknown || links_.Alive(entry.partner)) return;
  Ends& ends = *sequences_.Insert(sequences, {}).first;
  uint32_t& own = entry.role == ConnectionRole::kClient ? ends.client : ends.server;
  if (own != kNone) {
    entries_[own].sequences = {};
    ends.ambiguous |= !entries_[own].decided;
  }
  own = slot;
  entry.sequences = sequences;
  if (!ends.ambiguous && Pair(ends.client, ends.server)) ++counters_.translated_joins;
}

bool TraceAssembler::Pair(uint32_t client, uint32_t server) {
  if (client == kNone || server == kNone) return false;
  Entry& below = entries_[server];
  Entry& above = entries_[client];
  // A server cannot have read what the client had not begun to send; a decided server has its place in a trace already.
  if (below.decided || above.start_ns > below.start_ns) return false;
  if (links_.Alive(below.partner) || links_.Alive(above.partner)) return false;
  below.partner = links_.RefOf(client);
  above.partner = links_.RefOf(server);
  return true;
}

void TraceAssembler::Unregister(uint32_t slot) {
  const Entry& entry = entries_[slot];
  Leave(joins_, entry.join, entry.role, slot);
  Leave(sequences_, entry.sequences, entry.role, slot);
}

void TraceAssembler::Leave(FlatTable<JoinKey, Ends, JoinKeyHash>& joins, const JoinKey& key, ConnectionRole role, uint32_t slot) {
  if (!key.known()) return;
  Ends* ends = joins.Find(key);
  if (ends == nullptr) return;
  uint32_t& own = role == ConnectionRole::kClient ? ends->client : ends->server;
  if (own == slot) own = kNone;
  if (ends->client == kNone && ends->server == kNone) joins.EraseFound(ends);
}

// ---- Spans out ----

TraceAssembler::Patience TraceAssembler::PatienceOf(uint32_t slot) const {
  const uint64_t ended = entries_[slot].ended_at;
  return {.settle_until = ended + 2 * config_.settle_window_ns, .hold_until = ended + config_.hold_ns, .since = ended};
}

// Lets the span of `slot` go if its place is settled, or else comes back to it later.
void TraceAssembler::Release(uint32_t slot, const Patience& patience) {
  if (Decide(slot, patience)) {
    Emit(slot);
    return;
  }
  timers_.Add(std::max(wait_until_, now_ + 1), links_.RefOf(slot));
}

void TraceAssembler::Emit(uint32_t slot) {
  Entry& entry = entries_[slot];
  const uint32_t at = entry.span;
  entry.span = kNone;
  entry.ended_at = now_;
  const bool waits_for_server = entry.role == ConnectionRole::kClient && !entry.answered && !links_.Alive(entry.partner);
  Move(slot, waits_for_server ? Stage::kUnanswered : Stage::kLingering);
  if (out_ == nullptr && ready_.size >= config_.max_uncollected_spans) {
    Drop(SpanDrop::kNotCollected, at);
    return;
  }
  if ((entry.continuity & kIsContinued) != 0) [[unlikely]]
    DecideFollower(slot);
  Dress(entry, *spans_[at]);
  (out_ != nullptr ? *out_ : ready_).Take(spans_[at]);
  ++counters_.spans_out;
  spans_.GiveBack(at);
}

void TraceAssembler::Drop(SpanDrop reason, uint32_t span) {
  ++counters_.dropped[static_cast<size_t>(reason)];
  spans_.GiveBack(span);
}

uint32_t TraceAssembler::TakeSpan() {
  while (spans_.out() >= config_.max_held_spans) {
    if (held_.first != kNone) {
      ++counters_.released_early;
      Release(held_.first, Patience{});
    } else {
      ++counters_.merged_early;
      TakeFirst();
    }
  }
  return spans_.Take();
}

void TraceAssembler::ReleaseContext(uint32_t at) {
  if (at != kNone) contexts_.GiveBack(at);
}

// ---- Memory ----

TraceAssembler::Entry& TraceAssembler::Sized(uint32_t slot) {
  while (entries_.size() <= slot) entries_.Add();
  return entries_[slot];
}

// At least one free slot: first what lingers, then what has not ended, then what waits.
void TraceAssembler::MakeRoom() {
  while (links_.full()) {
    const List& list = lingering_.first != kNone ? lingering_ : unanswered_;
    if (list.first != kNone) {
      ++counters_.lingering_evicted;
      ForgetLingering(list.first);
    } else if (open_.first != kNone) {
      ++counters_.exchanges_evicted;
      Forget(open_.first);
    } else {
      ++counters_.released_early;
      Release(held_.first, Patience{});
    }
  }
}

void TraceAssembler::ExpireNow() {
  ForgetOld();
  next_expiry_ns_ = UINT64_MAX;
  const auto note = [this](uint64_t at) { next_expiry_ns_ = std::min(next_expiry_ns_, at); };
  if (lingering_.first != kNone) note(entries_[lingering_.first].ended_at + config_.hold_ns);
  if (unanswered_.first != kNone) note(entries_[unanswered_.first].ended_at + config_.late_server_ns);
  if (open_.first != kNone) note(entries_[open_.first].seen_at + config_.forget_ns);
}

void TraceAssembler::ForgetOld() {
  while (lingering_.first != kNone) {
    const uint32_t slot = lingering_.first;
    const bool too_many = lingering_.size > config_.max_lingering;
    if (!too_many && entries_[slot].ended_at + config_.hold_ns > now_) break;
    if (!too_many && links_.claimed(slot)) {  // a call that has not ended belongs to it
      entries_[slot].ended_at = now_;
      Move(slot, Stage::kLingering);
      continue;
    }
    if (too_many) ++counters_.lingering_evicted;
    ForgetLingering(slot);
  }
  while (unanswered_.first != kNone) {
    const uint32_t slot = unanswered_.first;
    const bool too_many = unanswered_.size > config_.max_unanswered;
    if (!too_many && entries_[slot].ended_at + config_.late_server_ns > now_) break;
    if (too_many) ++counters_.lingering_evicted;
    ForgetLingering(slot);
  }
  while (open_.first != kNone && entries_[open_.first].seen_at + config_.forget_ns <= now_) {
    Entry& oldest = entries_[open_.first];
    if ((oldest.continuity & kContinues) != 0 || oldest.decided) {  // spans of it are out already, and it may go on for days
      oldest.seen_at = now_;
      Move(open_.first, Stage::kOpen);
      continue;
    }
    ++counters_.exchanges_forgotten;
    Forget(open_.first);
  }
}

// A server that is still at work gets its place in the trace first: its client is decided, and so can it be.
void TraceAssembler::ForgetLingering(uint32_t slot) {
  const Entry& entry = entries_[slot];
  const Ref server = entry.role == ConnectionRole::kClient ? entry.partner : Ref{};
  if (links_.Alive(server) && !entries_[server.slot].decided) Decide(server.slot, Patience{});
  Forget(slot);
}

void TraceAssembler::Forget(uint32_t slot) {
  Entry& entry = entries_[slot];
  Unregister(slot);
  Move(slot, Stage::kFree);
  ReleaseContext(entry.context);
  if (entry.continuity != 0) [[unlikely]]
    continuities_.erase(slot);
  static_cast<EntryValues&>(entry) = {};
  entry.trace_state.clear();
  links_.Free(slot);
}

TraceAssembler::List* TraceAssembler::ListOf(Stage stage) {
  switch (stage) {
    case Stage::kOpen:
      return &open_;
    case Stage::kHeld:
      return &held_;
    case Stage::kLingering:
      return &lingering_;
    case Stage::kUnanswered:
      return &unanswered_;
    case Stage::kFree:
      break;
  }
  return nullptr;
}

// To the end of the list of `stage`.
void TraceAssembler::Move(uint32_t slot, Stage stage) {
  Entry& entry = entries_[slot];
  if (List* list = ListOf(entry.stage); list != nullptr) {
    (entry.previous == kNone ? list->first : entries_[entry.previous].next) = entry.next;
    (entry.next == kNone ? list->last : entries_[entry.next].previous) = entry.previous;
    --list->size;
  }
  entry.previous = entry.next = kNone;
  entry.stage = stage;
  if (List* list = ListOf(stage); list != nullptr) {
    if (list->last == kNone) next_expiry_ns_ = 0;  // it becomes the first: to be looked at
    entry.previous = list->last;
    (list->last == kNone ? list->first : entries_[list->last].next) = slot;
    list->last = slot;
    ++list->size;
  }
}

}  // namespace wirespan::trace
