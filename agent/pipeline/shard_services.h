// ShardConfig, and what the sessions of one shard share. The shard owns all of it; its thread alone uses it.
#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>

#include "agent/pipeline/fact_writer.h"
#include "agent/process/resource_source.h"
#include "agent/span/carriers.h"
#include "agent/span/ids.h"
#include "agent/span/span_builder.h"
#include "agent/stream/connection.h"
#include "agent/stream/losses.h"

namespace wirespan::pipeline {

struct ShardConfig {
  stream::StreamLimits stream;
  size_t max_connections = 65'536;
  size_t max_open_exchanges = 65'536;  // of the shard
  size_t max_open_per_connection = 64;
  size_t facts_per_batch = 512;
  size_t sweep_per_tick = 256;      // connections looked at for rest, per tick
  bool websocket_messages = false;  // a span of each, besides that of their connection
  span::SpanBuilderOptions spans;
  span::IdKey id_key;
};

// Resources by process, asked once per process and exec.
class ResourceCache {
 public:
  explicit ResourceCache(process::ResourceSource& source) : source_(&source) {}

  const std::shared_ptr<const exporters::Resource>& Of(uint32_t tgid) {
    if (tgid == last_tgid_ && last_ != nullptr) return last_;
    auto found = known_.find(tgid);
    if (found == known_.end()) {
      if (known_.size() >= kMaxProcesses) known_.clear();
      found = known_.emplace(tgid, source_->ResourceOf(tgid)).first;
    }
    last_tgid_ = tgid;
    last_ = found->second;
    return last_;
  }
  void Forget(uint32_t tgid) {
    known_.erase(tgid);
    last_ = nullptr;
  }

 private:
  static constexpr size_t kMaxProcesses = 4096;
  process::ResourceSource* source_;
  std::unordered_map<uint32_t, std::shared_ptr<const exporters::Resource>> known_;
  uint32_t last_tgid_ = 0;
  std::shared_ptr<const exporters::Resource> last_;  // shared: spans keep it beyond an exec
};

struct ShardServices {
  const ShardConfig* config = nullptr;
  Losses* losses = nullptr;
  FactWriter* facts = nullptr;
  MeasurementSink* measurements = nullptr;
  span::SpanBuilder* spans = nullptr;
  span::CarrierReader* contexts = nullptr;
  ResourceCache* resources = nullptr;
};

}  // namespace wirespan::pipeline
