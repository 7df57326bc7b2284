// Summary: what a run did, as the line `summary: {...}` of run and attach tells it. Plain values; any thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "agent/export/export_loop.h"
#include "agent/kernel/tracer.h"
#include "agent/runtime/runtime_watch.h"
#include "agent/stream/losses.h"
#include "agent/trace/notes.h"

namespace wirespan::live {

struct Summary {
  kernel::KernelLosses kernel;
  wirespan::Losses shards;
  trace::AssemblerCounters assembler;
  trace::ResolverCounters resolver;
  uint64_t mailbox_dropped_spans = 0;
  uint64_t mailbox_dropped_facts = 0;
  uint64_t record_failures = 0;
  uint64_t policy_failures = 0;
  uint64_t spans_put = 0;  // handed to every way out
  struct Exporter {
    std::string name;
    exporting::ExportCounts counts;
  };
  std::vector<Exporter> exporters;
  uint64_t cpu_ms = 0;
  uint64_t rss_peak_bytes = 0;
  uint64_t map_bytes = 0;
  runtime::RuntimeWatch::Counts runtimes;
  uint64_t probes_refused = 0;
  uint64_t probes_shed = 0;
  uint64_t wakes = 0;  // rests of the threads that read the rings which a record ended

  // Everything that was lost anywhere, by name; only what is not zero.
  std::map<std::string, uint64_t> Dropped() const;
  // Every reason there is, by the same names, with zeros.
  std::map<std::string, uint64_t> Losses() const;
  // What is no loss, and told all the same (docs/linking.md); zeros too.
  std::vector<trace::AssemblyNote> Notes() const;
  std::string ToJson() const;
};

// How things stand at one moment.
struct Gauges {
  size_t targets = 0;
  size_t open_connections = 0;
  size_t open_exchanges = 0;
  size_t held_spans = 0;
  size_t mailbox_facts = 0;
  std::vector<uint64_t> ring_waiting_bytes;  // by ring
};

// Of this process: CPU time of all threads, largest resident size.
void MeasureSelf(Summary& summary);

}  // namespace wirespan::live
