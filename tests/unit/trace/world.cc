#include "tests/unit/trace/world.h"

#include <algorithm>
#include <utility>

namespace wirespan::trace {

namespace {
Token TokenOf(const WorldEnd& end) { return (end.inode << 24U) | (end.turn & 0xffffffU); }
std::string NameOf(ConnectionRole role, int number) {
  return (role == ConnectionRole::kClient ? "c" : "s") + std::to_string(number);
}
}  // namespace

int World::NewRequest(int parent, std::optional<IncomingContext> header) {
  const int number = static_cast<int>(requests.size());
  const auto id = static_cast<uint64_t>(number) + 1;
  requests.push_back(
      {.number = number, .join = {MixBits(id), id}, .sequences = {}, .header = std::move(header), .parent = parent});
  return number;
}

WorldEnd& World::NewEnd() {
  WorldEnd& end = ends_[next_inode_];
  end.inode = next_inode_++;
  return end;
}

void World::Tick() { now_ns += 1'000 + random_() % 20'000; }

ThreadStamp World::Stamp(WorldThread& thread) {
  const bool woken = thread.active == 0 && thread.woken_active != 0;
  return {.tgid = thread.tgid,
          .tid = thread.tid,
          .sequence = thread.sequence++,
          .turn = thread.turn,
          .active = woken ? thread.woken_active : thread.active,
          .last_call = woken ? thread.woken_call : thread.last_call,
          .active_source = woken ? ActiveSource::kNone : thread.source};
}

// The server connection whose exchange `token` is open.
WorldEnd* World::OpenExchange(Token token) {
  const auto found = ends_.find(ConnectionOf(token));
  if (token == 0 || found == ends_.end()) return nullptr;
  WorldEnd& end = found->second;
  return end.is_server && end.current == token && end.open ? &end : nullptr;
}

void World::MarkActed(WorldEnd& exchange, WorldThread& thread) {
  if (std::exchange(exchange.has_acted, true)) return;
  --unacted_[thread.tgid];
  if (exchange.reader_tid == thread.tid && exchange.reader_turn == thread.turn && thread.unacted > 0) --thread.unacted;
}

bool World::OtherUnresolved(const WorldThread& thread) {
  const WorldEnd* active = OpenExchange(thread.active);
  return thread.unacted > (active != nullptr && !active->has_acted ? 1 : 0);
}

void World::CountRead(WorldThread& thread, const WorldEnd& end) {
  if (thread.reads > 0 && thread.read_inode == end.inode) return;
  thread.read_inode = end.inode;
  ++thread.reads;
}

void World::ServerReads(WorldThread& thread, WorldEnd& end, int request) {
  Tick();
  ++end.turn;
  WorldRequest& record = requests[static_cast<size_t>(request)];
  record.has_server = true;
  record.server_start_ns = now_ns;
  RequestSeen seen;
  seen.time_ns = now_ns;
  seen.token = TokenOf(end);
  seen.role = ConnectionRole::kServer;
  seen.join = JoinOf(record, ConnectionRole::kServer);
  seen.sequences = record.sequences;
  seen.incoming = record.header;
  seen.tgid = thread.tgid;
  seen.active_open = OpenExchange(thread.active) != nullptr;
  seen.thread = Stamp(thread);
  seen.loop_thread = thread.loop;
  ++thread.activity;
  facts.emplace_back(std::move(seen));
  if (end.is_server && !end.has_acted) --unacted_[thread.tgid];
  end.is_server = true;
  end.current = TokenOf(end);
  end.request = request;
  end.open = true;
  end.has_acted = false;
  end.reader_tid = thread.tid;
  end.reader_turn = thread.turn;
  ++unacted_[thread.tgid];
  ++thread.unacted;
  thread.active = end.current;
  thread.woken_active = 0;
  thread.source = ActiveSource::kRead;
}

void World::ServerAnswers(WorldThread& thread, WorldEnd& end, bool finish) {
  Tick();
  ResponseStarted started;
  started.time_ns = now_ns;
  started.token = end.current;
  started.active_open = OpenExchange(thread.active) != nullptr;
  started.thread = Stamp(thread);
  started.timer_due = thread.timer_due;
  started.loop_thread = thread.loop;
  started.several_reads = thread.reads > 1;
  started.handed_over = thread.handed_over;
  if (thread.reads <= 1) thread.reads = 0;
  facts.emplace_back(started);
  MarkActed(end, thread);
  end.open = false;
  ++end.turn;
  thread.active = thread.woken_active = 0;
  thread.source = ActiveSource::kNone;
  if (finish) ServerFinishes(thread, end);
}

void World::ServerFinishes(WorldThread& thread, WorldEnd& end) { Finish(thread, end, ConnectionRole::kServer); }

void World::Connects(WorldThread& thread, WorldEnd& end) {
  Tick();
  end.fresh = true;
  WorldEnd* exchange = OpenExchange(thread.active);
  const auto active = ends_.find(ConnectionOf(thread.active));
  const bool is_call = active != ends_.end() && !active->second.is_server;
  end.stored = exchange != nullptr || is_call ? thread.active : 0;
  const bool woken = thread.active == 0 && OpenExchange(thread.woken_active) != nullptr;
  if (woken) end.stored = thread.woken_active;
  end.stored_turn = thread.turn;
  end.stored_activity = thread.activity;
  end.stored_timer = thread.loop && thread.timer_due && (end.stored != 0 || (thread.active == 0 && !thread.handed_over));
  if (exchange != nullptr) MarkActed(*exchange, thread);
  end.stored_doubtful = end.stored != 0 && (woken || thread.unacted > 0 || (exchange == nullptr && thread.reads > 1));
  if (thread.reads <= 1 && end.stored != 0 && !woken) thread.reads = 0;
}

void World::ConnectDone(WorldThread& thread, const WorldEnd& end) {
  if (!end.fresh || end.stored == 0) return;
  thread.woken_active = 0;
  thread.active = end.stored;
  thread.source = ActiveSource::kConnect;
  ++thread.activity;
}

void World::ClientSends(WorldThread& thread, WorldEnd& end, int request) {
  Tick();
  const bool fresh = std::exchange(end.fresh, false);
  const Token stored = std::exchange(end.stored, 0);
  const bool active_open = OpenExchange(thread.active) != nullptr;
  const bool conflict = fresh && stored != 0 && thread.active != 0 && thread.active != stored;
  const bool read_here = thread.loop && !fresh && end.reader_tid == thread.tid && end.reader_turn == thread.turn;
  const bool reuse = thread.loop && thread.source == ActiveSource::kResponse && ConnectionOf(thread.last_call) == end.inode;
  WorldRequest& record = requests[static_cast<size_t>(request)];
  record.has_client = true;
  record.client_start_ns = now_ns;
  ++end.turn;
  RequestSeen seen;
  seen.time_ns = now_ns;
  seen.token = TokenOf(end);
  seen.role = ConnectionRole::kClient;
  seen.join = JoinOf(record, ConnectionRole::kClient);
  seen.sequences = record.sequences;
  seen.incoming = record.header;
  seen.tgid = thread.tgid;
  seen.thread = Stamp(thread);
  seen.stored = stored;
  const int activity = thread.turn == end.stored_turn ? thread.activity : thread.past[end.stored_turn];
  seen.stored_timer = fresh && end.stored_timer && (stored == 0 || activity <= end.stored_activity);
  seen.stored_sandwiched = fresh && stored != 0 && end.stored_timer && activity > end.stored_activity;
  seen.handed_over = thread.handed_over;
  seen.stored_doubtful = fresh && stored != 0 && end.stored_doubtful;
  const bool doubted = seen.stored_timer || seen.stored_doubtful;
  seen.active_open = active_open;
  seen.fresh = fresh;
  seen.stored_conflict = conflict;
  seen.other_unresolved = OtherUnresolved(thread);
  seen.timer_due = thread.timer_due;
  seen.loop_thread = thread.loop;
  seen.queued_reuse = reuse || read_here;
  if (thread.reads <= 1) thread.reads = 0;
  facts.emplace_back(std::move(seen));

  Token parent = active_open && !thread.timer_due ? thread.active : 0;
  if (fresh && stored != 0) parent = conflict || doubted ? 0 : stored;
  if (reuse && unacted_[thread.tgid] > 0) parent = 0;
  WorldEnd* exchange = OpenExchange(parent);
  end.current = TokenOf(end);
  end.request = request;
  end.parent = exchange != nullptr ? parent : 0;
  if (exchange == nullptr && thread.timer_due) exchange = OpenExchange(thread.active);
  if (exchange != nullptr) MarkActed(*exchange, thread);
}

void World::ClientReads(WorldThread& thread, WorldEnd& end, bool finish) {
  Tick();
  ++end.turn;
  end.reader_tid = thread.tid;
  end.reader_turn = thread.turn;
  thread.last_call = end.current;
  thread.active = end.parent != 0 ? end.parent : end.current;
  thread.woken_active = 0;
  thread.source = ActiveSource::kResponse;
  CountRead(thread, end);
  ++thread.activity;
  if (finish) ClientFinishes(thread, end);
}

void World::ClientFinishes(WorldThread& thread, WorldEnd& end) { Finish(thread, end, ConnectionRole::kClient); }

void World::Finish(WorldThread& thread, WorldEnd& end, ConnectionRole role) {
  Tick();
  const WorldRequest& record = requests[static_cast<size_t>(end.request)];
  SpanFinished finished;
  finished.time_ns = now_ns;
  finished.start_ns = role == ConnectionRole::kClient ? record.client_start_ns : record.server_start_ns;
  finished.token = end.current;
  finished.role = role;
  finished.tgid = thread.tgid;
  finished.join = JoinOf(record, role);
  finished.last_tid = thread.tid;
  finished.last_turn = thread.turn;
  finished.span->name = NameOf(role, record.number);
  finished.span->kind = role == ConnectionRole::kClient ? exporters::SpanKind::kClient : exporters::SpanKind::kServer;
  facts.emplace_back(std::move(finished));
}

void World::EndTurn(WorldThread& thread) {
  thread.active = 0;
  thread.source = ActiveSource::kNone;
  thread.last_call = 0;
  thread.unacted = 0;
  thread.reads = 0;
  thread.past[thread.turn] = std::exchange(thread.activity, 0);
  ++thread.turn;
}

void World::Wait(WorldThread& thread) {
  EndTurn(thread);
  thread.timer_due = thread.handed_over = false;
  thread.woken_active = 0;
}

void World::FutexWakes(WorldThread& thread) {
  if (!thread.loop) return;
  if (thread.active != 0) {
    thread.woken_active = thread.active;
    thread.woken_call = thread.last_call;
  }
  EndTurn(thread);
  thread.handed_over = true;
}

void World::EventfdRead(WorldThread& thread) {
  thread.handed_over = true;
  thread.active = thread.woken_active = 0;
  thread.source = ActiveSource::kNone;
}

void World::Wakes(WorldThread& waker, const WorldThread& wakee) {
  Tick();
  CompletionWake wake;
  wake.time_ns = now_ns;
  wake.waker = Stamp(waker);
  wake.token = waker.active;
  wake.wakee_exchange = wakee.active;
  wake.wakee_tid = wakee.tid;
  wake.wakee_tgid = wakee.tgid;
  facts.emplace_back(std::move(wake));
  waker.active = 0;
}

// ---- Outcome ----

JoinKey JoinOf(const WorldRequest& request, ConnectionRole role) {
  const bool other = request.translated && role == ConnectionRole::kServer;
  return other ? JoinKey{request.join.high, ~request.join.low} : request.join;
}

exporters::SpanId SpanIdOf(const WorldRequest& request, ConnectionRole role) {
  const uint64_t start = role == ConnectionRole::kClient ? request.client_start_ns : request.server_start_ns;
  return span::MakeSpanId(kTestKey, JoinOf(request, role), role, start);
}

IncomingContext Header(uint8_t trace, uint8_t parent, uint8_t flags, std::string trace_state) {
  IncomingContext context;
  context.trace_id.fill(trace);
  context.parent_span_id.fill(parent);
  context.flags = flags;
  context.trace_state = std::move(trace_state);
  return context;
}

Outcome::Outcome(const World& world, const exporters::SpanBatch& batch) : world_(world) {
  for (size_t i = 0; i < batch.size; ++i) {
    by_name_[batch.spans[i].name] = i;
    spans_.push_back(batch.spans[i]);
  }
  for (const WorldRequest& request : world.requests) {
    if (request.has_client) names_[SpanIdOf(request, ConnectionRole::kClient)] = NameOf(ConnectionRole::kClient, request.number);
    if (request.has_server) names_[SpanIdOf(request, ConnectionRole::kServer)] = NameOf(ConnectionRole::kServer, request.number);
  }
}

const exporters::Span* Outcome::Find(const std::string& name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : &spans_[found->second];
}

std::string Outcome::ParentOf(const std::string& name) const {
  const exporters::Span* span = Find(name);
  if (span == nullptr) return "no span " + name;
  if (exporters::IsZero(span->parent_span_id)) return "";
  const auto found = names_.find(span->parent_span_id);
  return found == names_.end() ? "remote" : found->second;
}

std::string Outcome::ReasonOf(const std::string& name) const {
  const exporters::Span* span = Find(name);
  if (span == nullptr) return "no span " + name;
  const auto found = span->attributes.Find("wirespan.unlinked.reason");
  return found ? std::string(found->string_value) : "";
}

std::string Outcome::TraceOf(const std::string& name) const {
  const exporters::Span* span = Find(name);
  return span == nullptr ? "no span " + name : exporters::ToHex(span->trace_id);
}

Verdict Outcome::Judge() const {
  Verdict verdict;
  for (const exporters::Span& span : spans_) {
    ++verdict.spans;
    const WorldRequest& request = world_.requests[static_cast<size_t>(std::stoi(span.name.substr(1)))];
    std::string truth;
    if (span.kind == exporters::SpanKind::kServer) {
      if (request.has_client) truth = NameOf(ConnectionRole::kClient, request.number);
    } else if (request.parent >= 0) {
      truth = NameOf(ConnectionRole::kServer, request.parent);
    }
    const std::string parent = ParentOf(span.name);
    if (parent.empty()) {
      verdict.missing += truth.empty() ? 0U : 1U;
      continue;
    }
    ++verdict.links;
    if (parent != truth) {
      ++verdict.wrong;
      if (verdict.first_wrong.empty()) {
        verdict.first_wrong.append(span.name).append(" -> ").append(parent).append(" (");
        verdict.first_wrong.append(exporters::Name(span.link_evidence)).append("), truly ").append(truth);
      }
    }
    const exporters::Span* above = Find(parent);
    if (above != nullptr && above->trace_id != span.trace_id) ++verdict.split;
  }
  return verdict;
}

std::vector<std::string> Outcome::Lines() const {
  std::vector<std::string> lines;
  for (const exporters::Span& span : spans_) {
    std::string line = span.name;
    line.append(" ").append(exporters::ToHex(span.trace_id)).append(" ").append(exporters::ToHex(span.span_id));
    line.append(" ").append(exporters::ToHex(span.parent_span_id)).append(" ").append(std::to_string(span.flags));
    line.append(" ").append(span.trace_state).append(" ").append(exporters::Name(span.link_evidence));
    line.append(" ").append(exporters::Name(span.link_confidence)).append(" ").append(ReasonOf(span.name));
    lines.push_back(std::move(line));
  }
  std::sort(lines.begin(), lines.end());
  return lines;
}

Outcome Assemble(const World& world, TraceAssembler& assembler) {
  FactBatch batch = world.facts;
  exporters::SpanBatch out;
  assembler.Add(std::move(batch));
  assembler.Flush(out);
  return Outcome(world, out);
}

Outcome Assemble(const World& world, const AssemblerConfig& config) {
  TraceAssembler assembler(config, kTestKey);
  return Assemble(world, assembler);
}

}  // namespace wirespan::trace
