#include "agent/live/status_page.h"

#include <sys/resource.h>
#include <unistd.h>

#include <fstream>
#include <string_view>
#include <utility>

#include "agent/kernel/event_reader.h"
#include "agent/live/agent.h"
#include "agent/trace/link_reason.h"

namespace wirespan::live {
namespace {

using status::Family;
using status::FamilyOf;
using status::MetricName;
using Labels = std::vector<std::pair<std::string, std::string>>;

double SecondsOf(const timeval& time) { return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6; }

double ResidentBytes() {
  std::ifstream file("/proc/self/statm");
  uint64_t total = 0;
  uint64_t resident = 0;
  file >> total >> resident;
  return static_cast<double>(resident) * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

class Families {
 public:
  void One(const MetricName& name, double value, Labels labels = {}) {
    Family family = FamilyOf(name);
    family.samples.push_back({std::move(labels), value});
    list_.push_back(std::move(family));
  }
  void One(const MetricName& name, uint64_t value) { One(name, static_cast<double>(value)); }
  void Add(Family family) { list_.push_back(std::move(family)); }
  std::vector<Family> Take() { return std::move(list_); }

 private:
  std::vector<Family> list_;
};

void AddLosses(const Summary& summary, Families& out) {
  Family family = FamilyOf(status::kLosses);
  for (const auto& [reason, count] : summary.Losses())
    family.samples.push_back({{{"reason", reason}}, static_cast<double>(count)});
  out.Add(std::move(family));
}

void AddKernel(const Summary& summary, const Gauges& gauges, Families& out) {
  for (uint32_t i = 0; i < summary.kernel.counts.size(); ++i) {
    const std::string name(KernelCountName(i));
    Family family{std::string(status::kKernelCountPrefix) + name,
                  name.ends_with("_bytes") ? "By" : "",
                  std::string(status::kKernelCountHelp),
                  status::MetricType::kCounter,
                  {}};
    family.samples.push_back({{}, static_cast<double>(summary.kernel.counts[i])});
    out.Add(std::move(family));
  }
  out.One(status::kMapMemory, summary.map_bytes);
  out.One(status::kTargets, gauges.targets);
  Family rings = FamilyOf(status::kRingWaiting);
  for (size_t i = 0; i < gauges.ring_waiting_bytes.size(); ++i) {
    rings.samples.push_back({{{"ring", std::to_string(i)}}, static_cast<double>(gauges.ring_waiting_bytes[i])});
  }
  out.Add(std::move(rings));
}

void AddPath(const Summary& summary, const Gauges& gauges, Families& out) {
  out.One(status::kEvents, summary.shards.events);
  out.One(status::kChunks, summary.shards.chunks);
  out.One(status::kIgnoredChunks, summary.shards.ignored_chunks);
  out.One(status::kConnections, gauges.open_connections);
  out.One(status::kExchanges, summary.shards.requests_seen);
  out.One(status::kOpenExchanges, gauges.open_exchanges);
  out.One(status::kSpans, summary.shards.spans_emitted);
  out.One(status::kIncompleteSpans, summary.shards.spans_incomplete);
  out.One(status::kMailboxFacts, gauges.mailbox_facts);
  out.One(status::kHeldSpans, gauges.held_spans);
  out.One(status::kAssembledSpans, summary.assembler.spans_out);
}

void AddLinks(const trace::LinkCounters& counters, Families& out) {
  Family links = FamilyOf(status::kLinks);
  for (size_t e = 1; e < trace::LinkCounters::kEvidenceCount; ++e) {
    for (size_t c = 1; c < trace::LinkCounters::kConfidenceCount; ++c) {
      links.samples.push_back({{{"evidence", std::string(exporters::Name(static_cast<exporters::LinkEvidence>(e)))},
                                {"confidence", std::string(exporters::Name(static_cast<exporters::LinkConfidence>(c)))}},
                               static_cast<double>(counters.links[e][c])});
    }
  }
  out.Add(std::move(links));
  Family unlinked = FamilyOf(status::kUnlinked);
  for (size_t i = 0; i < trace::kUnlinkedReasonCount; ++i) {
    unlinked.samples.push_back(
        {{{"reason", std::string(Name(static_cast<trace::UnlinkedReason>(i)))}}, static_cast<double>(counters.unlinked[i])});
  }
  out.Add(std::move(unlinked));
}

void AddNotes(const Summary& summary, Families& out) {
  Family family = FamilyOf(status::kAssemblyNotes);
  for (const trace::AssemblyNote& note : summary.Notes())
    family.samples.push_back({{{"note", std::string(note.name)}}, static_cast<double>(note.count)});
  out.Add(std::move(family));
}

void AddExporters(const Summary& summary, Families& out) {
  const auto add = [&](const MetricName& name, auto read) {
    Family family = FamilyOf(name);
    for (const Summary::Exporter& exporter : summary.exporters) {
      family.samples.push_back({{{"exporter", exporter.name}}, static_cast<double>(read(exporter.counts))});
    }
    out.Add(std::move(family));
  };
  using Counts = exporting::ExportCounts;
  add(status::kOffered, [](const Counts& counts) { return counts.queue.offered; });
  add(status::kExported, [](const Counts& counts) { return counts.exported; });
  add(status::kAttempts, [](const Counts& counts) { return counts.attempts; });
  add(status::kQueuedSpans, [](const Counts& counts) { return counts.queue.held; });
  add(status::kQueuedBytes, [](const Counts& counts) { return counts.queue.held_bytes; });
  add(status::kInFlight, [](const Counts& counts) { return counts.in_flight; });
}

void AddProcess(const std::string& source, Families& out) {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  Family cpu = FamilyOf(status::kCpuTime);
  cpu.samples.push_back({{{"cpu.mode", "user"}}, SecondsOf(usage.ru_utime)});
  cpu.samples.push_back({{{"cpu.mode", "system"}}, SecondsOf(usage.ru_stime)});
  out.Add(std::move(cpu));
  out.One(status::kMemory, ResidentBytes());
  out.One(status::kAbout, 1.0, {{"version", WIRESPAN_VERSION}, {"source", source}});
}

}  // namespace

std::vector<Family> OwnMetrics(const Summary& summary, const Gauges& gauges, const std::string& source) {
  Families out;
  AddLosses(summary, out);
  AddKernel(summary, gauges, out);
  AddPath(summary, gauges, out);
  AddLinks(summary.assembler.links, out);
  AddNotes(summary, out);
  AddExporters(summary, out);
  AddProcess(source, out);
  return out.Take();
}

Result<std::unique_ptr<StatusPage>> StatusPage::Open(const config::Config& config) {
  std::unique_ptr<StatusPage> page(new StatusPage());
  if (!config.status_listen) return page;
  Result<std::unique_ptr<status::Listener>> listener = status::Listener::Open(*config.status_listen);
  if (!listener.ok()) return listener.error();
  page->listener_ = *std::move(listener);
  return page;
}

void StatusPage::Serve() {
  if (listener_) listener_->Serve(board_);
}

void StatusPage::Attend(Agent& agent) {
  if (!listener_) return;
  board_.Beat(agent.Beat());
  if (!board_.wants_snapshot()) return;
  auto snapshot = std::make_shared<status::Snapshot>();
  snapshot->scope_name = "wirespan";
  snapshot->scope_version = WIRESPAN_VERSION;
  snapshot->own = OwnMetrics(agent.MakeSummary(), agent.MakeGauges(), std::string(kernel::Name(agent.tracer().source())));
  agent.CollectScraped(snapshot->measured);
  board_.Publish(std::move(snapshot));
}

void StatusPage::Stop() {
  if (listener_) listener_->Stop();
}

}  // namespace wirespan::live
