// Shard: everything between one ring and the trace assembler. Event -> Connection{2 ByteStreams} -> decoder -> Message ->
// Exchange -> Span -> facts. One thread, no locks, no clock: time is what the events and Tick say, so the same records give the
// same facts. Owns its connections and all memory they take, which ShardConfig bounds. Allocates nothing per exchange in the
// steady state.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "agent/kernel/event.h"
#include "agent/pipeline/fact_writer.h"
#include "agent/pipeline/session_factory.h"
#include "agent/pipeline/shard_services.h"
#include "agent/stream/connection_table.h"
#include "agent/stream/losses.h"

namespace wirespan::pipeline {

// What a shard needs of the world; all of it outlives the shard and is called by its thread.
struct ShardParts {
  process::ResourceSource& resources;
  stream::ConnectionPolicy& policy;
  FactSink& facts;
  MeasurementSink& measurements;
};

class Shard {
 public:
  Shard(const ShardConfig& config, const ShardParts& parts);
  Shard(const Shard&) = delete;
  Shard& operator=(const Shard&) = delete;

  // A hint (`--port 8080=http1`): connections with that local or peer port are not guessed at. Before the first event.
  void HintPort(uint16_t port, decoders::ProtocolId protocol);

  // One ring record, or the event of one; its bytes are needed no longer than the call.
  void Accept(std::span<const std::byte> record);
  void Accept(const Event& event);
  // What was known of a process is asked anew (it exec'ed, and the event went to another ring).
  void ForgetProcess(uint32_t tgid) { resources_.Forget(tgid); }
  // Events up to now may be missing, here or in other shards: tells the assembler.
  void NoteLosses(uint64_t now_boot_ns) { facts_.Add<trace::LossNoted>().time_ns = now_boot_ns; }
  // Every few milliseconds: lets go of what waited for its time, looks after idle connections, hands facts on.
  void Tick(uint64_t now_boot_ns);
  // No more events: every open exchange ends as kAgentStopped; all facts are handed on.
  void Stop();

  const Losses& losses() const { return losses_; }
  size_t connections() const { return table_.size(); }
  bool waits() const { return !waiting_.empty(); }  // chunks wait for time to pass: for a Tick soon
  size_t open_exchanges() const { return sessions_.open_exchanges(); }
  size_t sessions_in_use() const { return sessions_.lent(); }
  size_t stores_in_use() const { return stores_.lent(); }

 private:
  void On(const ConnectionOpened& event);
  void On(const DataChunk& chunk);
  void On(const StreamEnded& event);
  void On(const ConnectionClosed& event);
  void On(const ProcessForked& event);
  void On(const ProcessExeced& event);
  void On(const ProcessExited& event);
  void On(const CompletionWake& event);
  void Advance(uint64_t time_ns);
  stream::Connection* ConnectionFor(const DataChunk& chunk);
  void ApplyHint(stream::Connection& connection);
  bool HasExited(uint32_t tgid) const;

  struct PortHint {
    uint16_t port;
    decoders::ProtocolId protocol;
  };
  static constexpr size_t kRememberedExits = 64;

  ShardConfig config_;
  Losses losses_;
  FactWriter facts_;
  span::SpanBuilder spans_;
  span::CarrierReader contexts_;
  ResourceCache resources_;
  ShardServices services_;
  SessionFactory sessions_;
  stream::StorePool stores_;
  stream::PendingChunk scratch_;
  stream::StreamContext context_;
  stream::ConnectionTable table_;
  Event event_;  // decoded in place, record by record
  std::vector<PortHint> hints_;
  std::vector<ConnectionId> waiting_;  // connections with chunks that wait for a tick
  std::vector<uint32_t> exited_;       // processes that ended last
  size_t next_exited_ = 0;
};

}  // namespace wirespan::pipeline
