// MetricTotals: what all shards measured, merged, and the agent's own counters; makes the batches that are exported. Thread-safe
// (one mutex, taken once per hand-over and once per export, never per request).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/metrics/durations.h"
#include "exporters/metric.h"

namespace wirespan::metrics {

struct MetricTotalsOptions {
  exporters::Temporality temporality = exporters::Temporality::kCumulative;  // of histograms and counters
  CardinalityLimits limits;
  uint32_t idle_collections = 10;                             // a resource that measured nothing for so many exports is forgotten
  uint64_t start_unix_ns = 0;                                 // when counting began
  std::shared_ptr<const exporters::Resource> agent_resource;  // of the agent's own counters; shared with every batch
};

// OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE: cumulative, delta or lowmemory, in any case; nullopt for another word.
std::optional<exporters::Temporality> ParseTemporalityPreference(std::string_view word);

class MetricTotals {
 public:
  explicit MetricTotals(MetricTotalsOptions options);

  // Takes what `shard` holds and resets it. Called by the shard's thread, about once a second and when it ends.
  void Take(Durations& shard);
  // As Take, and leaves the shard as it was: for all but the last of several totals. False: a collection is under way, nothing
  // was taken; a later hand-over has it.
  bool TryAdd(Durations& shard);

  // Reads a counter of the agent at every export: monotonic, unit in UCUM braces, e.g. ("wirespan.losses", "{event}", ...,
  // attributes {reason=ring_full}). Several with one name make one metric with several series. `read` is called by the exporting
  // thread and must not call this object.
  void AddCounter(std::string name, std::string unit, std::string description, exporters::AttributeList attributes,
                  std::function<uint64_t()> read);

  // Everything measured up to now. `out` is replaced. With delta temporality what was given out is not given again.
  void Collect(uint64_t unix_now_ns, exporters::MetricBatch& out);

  uint64_t overflowed() const;  // measurements that no series of their own was left for, here or in a shard

 private:
  struct Resource {
    std::shared_ptr<const exporters::Resource> resource;
    uint64_t start_unix_ns = 0;
    uint32_t idle = 0;  // collections since its last measurement
    bool touched = false;
  };
  struct Counter {
    std::string name, unit, description;
    exporters::AttributeList attributes;
    std::function<uint64_t()> read;
    uint64_t last = 0;
  };

  void Add(Durations& shard);  // mutex_ held
  uint32_t ResourceIndex(const std::shared_ptr<const exporters::Resource>& resource);
  void ForgetIdleResources();
  void AppendDurations(uint64_t now, exporters::MetricBatch& out);
  void AppendCounters(uint64_t now, exporters::MetricBatch& out);

  mutable std::mutex mutex_;
  MetricTotalsOptions options_;
  SeriesTable table_;
  std::vector<Resource> resources_;
  std::vector<Counter> counters_;
  uint64_t last_collection_unix_ns_;
  uint64_t overflowed_here_ = 0;
  std::vector<std::pair<uint64_t, uint64_t>> overflowed_in_shards_;
};

}  // namespace wirespan::metrics
