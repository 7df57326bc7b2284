#include "agent/live/summary.h"

#include <sys/resource.h>

#include <nlohmann/json.hpp>

#include "agent/kernel/event_reader.h"
#include "agent/trace/link_reason.h"

namespace wirespan::live {
namespace {

uint64_t Milliseconds(const timeval& time) {
  return static_cast<uint64_t>(time.tv_sec) * 1000U + static_cast<uint64_t>(time.tv_usec) / 1000U;
}

}  // namespace

void MeasureSelf(Summary& summary) {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  summary.cpu_ms = Milliseconds(usage.ru_utime) + Milliseconds(usage.ru_stime);
  summary.rss_peak_bytes = static_cast<uint64_t>(usage.ru_maxrss) * 1024U;
}

std::map<std::string, uint64_t> Summary::Dropped() const {
  std::map<std::string, uint64_t> dropped = Losses();
  std::erase_if(dropped, [](const auto& entry) { return entry.second == 0; });
  return dropped;
}

std::map<std::string, uint64_t> Summary::Losses() const {
  std::map<std::string, uint64_t> dropped;
  const auto add = [&](std::string_view name, uint64_t count) { dropped[std::string(name)] += count; };
  for (uint32_t i = 0; i < kernel.by_reason.size(); ++i) add(KernelLossName(i), kernel.by_reason[i]);
  add("missed_program_run", kernel.missed_runs);
  for (size_t i = 0; i < kLossCount; ++i) add(LossName(static_cast<Loss>(i)), shards.counts[i]);
  for (size_t i = 0; i < assembler.dropped.size(); ++i) add(Name(static_cast<trace::SpanDrop>(i)), assembler.dropped[i]);
  add("assembler_full", mailbox_dropped_spans);
  add("fact_dropped", mailbox_dropped_facts - mailbox_dropped_spans);
  add("record_failed", record_failures);
  add("policy_failed", policy_failures);
  for (const Exporter& exporter : exporters) {
    for (size_t i = 0; i < exporting::kQueueDropCount; ++i) {
      add(exporter.name + "_" + std::string(Name(static_cast<exporting::QueueDrop>(i))), exporter.counts.queue.dropped[i]);
    }
    add(exporter.name + "_rejected", exporter.counts.rejected);
    add(exporter.name + "_gave_up", exporter.counts.gave_up);
  }
  return dropped;
}

std::vector<trace::AssemblyNote> Summary::Notes() const {
  const auto assembled = trace::NotesOf(assembler, resolver);
  std::vector<trace::AssemblyNote> notes(assembled.begin(), assembled.end());
  for (const trace::AssemblyNote& note : {trace::AssemblyNote{"runtimes_go", runtimes.go},
                                          {"runtimes_python", runtimes.python},
                                          {"runtimes_refused", runtimes.refused},
                                          {"runtimes_failed", runtimes.failed},
                                          {"probes_refused", probes_refused},
                                          {"probes_shed", probes_shed}}) {
    notes.push_back(note);
  }
  return notes;
}

std::string Summary::ToJson() const {
  nlohmann::ordered_json json;
  json["type"] = "summary";
  json["packets"] = 0;
  json["chunks"] = shards.chunks;
  json["exchanges"] = shards.requests_seen;
  json["spans"] = shards.spans_emitted;
  json["dropped"] = Dropped();
  json["unknown_connections"] = shards[Loss::kUnknownConnection];
  json["incomplete_spans"] = shards.spans_incomplete;
  nlohmann::ordered_json counts;
  for (uint32_t i = 0; i < kernel.counts.size(); ++i) counts[std::string(KernelCountName(i))] = kernel.counts[i];
  counts["missed_notices"] = kernel.missed_notices;
  counts["wakes"] = wakes;
  json["kernel"] = std::move(counts);
  json["spans_assembled"] = assembler.spans_out;
  nlohmann::ordered_json exported = nlohmann::ordered_json::object();
  for (const Exporter& exporter : exporters) exported[exporter.name] = exporter.counts.exported;
  json["exported"] = std::move(exported);
  nlohmann::ordered_json links = nlohmann::ordered_json::object();
  for (size_t e = 0; e < trace::LinkCounters::kEvidenceCount; ++e) {
    for (size_t c = 0; c < trace::LinkCounters::kConfidenceCount; ++c) {
      const std::string name = std::string(exporters::Name(static_cast<exporters::LinkEvidence>(e))) + " " +
                               std::string(exporters::Name(static_cast<exporters::LinkConfidence>(c)));
      if (assembler.links.links[e][c] != 0) links[name] = assembler.links.links[e][c];
    }
  }
  json["links"] = std::move(links);
  nlohmann::ordered_json unlinked = nlohmann::ordered_json::object();
  for (size_t i = 0; i < trace::kUnlinkedReasonCount; ++i) {
    if (assembler.links.unlinked[i] != 0) {
      unlinked[std::string(Name(static_cast<trace::UnlinkedReason>(i)))] = assembler.links.unlinked[i];
    }
  }
  json["unlinked"] = std::move(unlinked);
  nlohmann::ordered_json notes = nlohmann::ordered_json::object();
  for (const trace::AssemblyNote& note : Notes()) {
    if (note.count != 0) notes[std::string(note.name)] = note.count;
  }
  json["assembly_notes"] = std::move(notes);
  json["agent_cpu_ms"] = cpu_ms;
  json["agent_rss_peak_bytes"] = rss_peak_bytes;
  json["bpf_map_bytes"] = map_bytes;
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace wirespan::live
