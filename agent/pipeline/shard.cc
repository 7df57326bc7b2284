#include "agent/pipeline/shard.h"

#include <algorithm>
#include <string>
#include <utility>
#include <variant>

#include "agent/kernel/event_reader.h"

namespace wirespan::pipeline {

using decoders::ExchangeEnd;
using stream::Connection;

Shard::Shard(const ShardConfig& config, const ShardParts& parts)
    : config_(config),
      facts_(parts.facts, config.facts_per_batch),
      spans_(config.spans),
      resources_(parts.resources),
      services_{.config = &config_,
                .losses = &losses_,
                .facts = &facts_,
                .measurements = &parts.measurements,
                .spans = &spans_,
                .contexts = &contexts_,
                .resources = &resources_},
      sessions_(services_, config.max_open_exchanges),
      context_{.limits = config.stream,
               .losses = &losses_,
               .stores = &stores_,
               .sessions = &sessions_,
               .policy = &parts.policy,
               .scratch = &scratch_},
      table_(config.max_connections) {}

void Shard::HintPort(uint16_t port, decoders::ProtocolId protocol) { hints_.push_back({port, protocol}); }

void Shard::Accept(std::span<const std::byte> record) {
  switch (ToEvent(record, event_)) {
    case EventFault::kNone:
      Accept(event_);
      return;
    case EventFault::kUnknownType:
      losses_.Add(Loss::kUnknownEvent);
      return;
    default:
      losses_.Add(Loss::kMalformedEvent);
      return;
  }
}

void Shard::Accept(const Event& event) {
  ++losses_.events;
  std::visit(
      [this](const auto& e) {
        Advance(e.time_ns);
        On(e);
      },
      event);
}

void Shard::Advance(uint64_t time_ns) { context_.now_ns = std::max(context_.now_ns, time_ns); }

void Shard::On(const ConnectionOpened& event) {
  Connection* connection = table_.Find(event.connection);
  if (connection != nullptr && connection->facts.opening_seen && !event.preexisting) {
    // The inode is used again: the end of its last connection was not seen.
    connection->Close(ExchangeEnd::kNoResponse, event.time_ns, context_);
    table_.Remove(event.connection, context_);
    connection = nullptr;
  }
  if (connection == nullptr) connection = table_.Add(event.connection, context_);
  if (connection == nullptr) {
    losses_.Add(Loss::kConnectionsFull);
    context_.policy->Off(event.connection);
    return;
  }
  stream::ConnectionFacts& facts = connection->facts;
  facts.peer = event.peer;
  facts.net_namespace = event.net_namespace;
  facts.address = event.address;
  facts.unix_path.assign(event.unix_path);
  if (!facts.unix_path.empty() && facts.unix_path.front() == '\0') facts.unix_path.front() = '@';
  facts.tgid = event.tgid;
  if (event.role != ConnectionRole::kUnknown && facts.role == ConnectionRole::kUnknown) facts.role = event.role;
  facts.preexisting = event.preexisting;
  facts.opening_seen = true;
  connection->last_event_ns = event.time_ns;
  ApplyHint(*connection);
}

void Shard::ApplyHint(Connection& connection) {
  for (const PortHint& hint : hints_) {
    const Address& address = connection.facts.address;
    if (address.local_port == hint.port || address.peer_port == hint.port) connection.Assume(hint.protocol);
  }
}

Connection* Shard::ConnectionFor(const DataChunk& chunk) {
  if (Connection* known = table_.Find(chunk.connection)) return known;
  if (table_.WasClosed(chunk.connection)) {
    losses_.Add(Loss::kLateEvent);
    return nullptr;
  }
  Connection* added = table_.Add(chunk.connection, context_);
  if (added == nullptr) {
    losses_.Add(Loss::kConnectionsFull);
    context_.policy->Off(chunk.connection);
    return nullptr;
  }
  losses_.Add(Loss::kUnknownConnection);
  added->facts.role = chunk.role;
  added->facts.preexisting = true;
  return added;
}

void Shard::On(const DataChunk& chunk) {
  ++losses_.chunks;
  Connection* connection = ConnectionFor(chunk);
  if (connection == nullptr) return;
  const bool was_waiting = connection->is_waiting();
  connection->Accept(chunk, context_);
  if (!was_waiting && connection->is_waiting()) waiting_.push_back(chunk.connection);
}

void Shard::On(const StreamEnded& event) {
  if (Connection* connection = table_.Find(event.connection)) connection->EndStream(event, context_);
}

void Shard::On(const ConnectionClosed& event) {
  Connection* connection = table_.Find(event.connection);
  if (connection == nullptr) return;
  ExchangeEnd end = event.error == 0 ? ExchangeEnd::kNoResponse : ExchangeEnd::kConnectionReset;
  if (HasExited(connection->facts.tgid)) end = ExchangeEnd::kProcessExited;
  connection->Close(end, event.time_ns, context_);
  table_.Remove(event.connection, context_);
}

void Shard::On(const ProcessForked& event) { std::erase(exited_, event.tgid); }  // the pid is used again

void Shard::On(const ProcessExeced& event) {
  resources_.Forget(event.tgid);
  std::erase(exited_, event.tgid);
}

// Comes before the process's sockets are closed, if on the same ring.
void Shard::On(const ProcessExited& event) {
  table_.ForEach([&](Connection& connection) {
    if (connection.facts.tgid == event.tgid) connection.AbandonOpen(ExchangeEnd::kProcessExited, event.time_ns);
  });
  if (exited_.size() < kRememberedExits) {
    exited_.push_back(event.tgid);
  } else {
    exited_[next_exited_++ % kRememberedExits] = event.tgid;
  }
  auto& fact = facts_.Add<trace::ProcessEnded>();
  fact.time_ns = event.time_ns;
  fact.tgid = event.tgid;
  resources_.Forget(event.tgid);
}

bool Shard::HasExited(uint32_t tgid) const { return std::find(exited_.begin(), exited_.end(), tgid) != exited_.end(); }

void Shard::On(const CompletionWake& event) { facts_.Add<CompletionWake>() = event; }

void Shard::Tick(uint64_t now_boot_ns) {
  Advance(now_boot_ns);
  size_t kept = 0;
  for (size_t i = 0; i < waiting_.size(); ++i) {
    Connection* connection = table_.Find(waiting_[i]);
    if (connection == nullptr) continue;
    connection->Tick(context_);
    if (connection->is_waiting()) waiting_[kept++] = waiting_[i];
  }
  waiting_.resize(kept);
  const bool tells_open = context_.limits.open_span_ns != 0;
  table_.Sweep(config_.sweep_per_tick, [this, tells_open](Connection& connection) {
    if (tells_open) connection.TellOpen(context_);
    connection.Rest(context_);
  });
  facts_.Flush();
}

void Shard::Stop() {
  table_.ForEach([this](Connection& connection) { connection.Close(ExchangeEnd::kAgentStopped, context_.now_ns, context_); });
  facts_.Flush();
}

}  // namespace wirespan::pipeline
