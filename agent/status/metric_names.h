// The agent's own metrics: every name, unit and description there is, in OpenTelemetry's form. /metrics translates them
// (exposition.h), OTLP sends them as they are. Constants; any thread.
#pragma once

#include <cstdint>
#include <string_view>

namespace wirespan::status {

enum class MetricType : uint8_t { kCounter, kGauge };

struct MetricName {
  std::string_view name;
  std::string_view unit;  // UCUM; what is counted stands in braces
  std::string_view help;
  MetricType type = MetricType::kCounter;
};

inline constexpr MetricName kLosses{"wirespan.losses", "{event}", "What was lost, by reason; docs/architecture.md explains each"};

// Kernel. The counts of enum ws_count are `wirespan.kernel.` and their name.
inline constexpr std::string_view kKernelCountPrefix = "wirespan.kernel.";
inline constexpr std::string_view kKernelCountHelp = "Counted by the BPF programs";
inline constexpr MetricName kMapMemory{"wirespan.bpf.maps.memory", "By", "Kernel memory of all BPF maps and rings",
                                       MetricType::kGauge};
inline constexpr MetricName kRingWaiting{"wirespan.ring.waiting", "By", "Bytes on a ring that wait to be read",
                                         MetricType::kGauge};
inline constexpr MetricName kTargets{"wirespan.targets", "{process}", "Processes that are traced now", MetricType::kGauge};

// Shards.
inline constexpr MetricName kEvents{"wirespan.events", "{event}", "Records that the shards accepted, of any type"};
inline constexpr MetricName kChunks{"wirespan.chunks", "{chunk}", "Data records that the shards accepted"};
inline constexpr MetricName kIgnoredChunks{"wirespan.chunks.ignored", "{chunk}", "Of them, on connections that are switched off"};
inline constexpr MetricName kConnections{"wirespan.connections.open", "{connection}", "Connections that are known now",
                                         MetricType::kGauge};
inline constexpr MetricName kExchanges{"wirespan.exchanges", "{exchange}", "Requests seen"};
inline constexpr MetricName kOpenExchanges{"wirespan.exchanges.open", "{exchange}", "Requests without their whole response",
                                           MetricType::kGauge};
inline constexpr MetricName kSpans{"wirespan.spans", "{span}", "Spans made of exchanges"};
inline constexpr MetricName kIncompleteSpans{"wirespan.spans.incomplete", "{span}",
                                             "Of them, those of which a part was not seen"};

// Assembler.
inline constexpr MetricName kMailboxFacts{"wirespan.mailbox.facts", "{fact}", "Facts that wait for the assembler",
                                          MetricType::kGauge};
inline constexpr MetricName kHeldSpans{"wirespan.spans.held", "{span}", "Spans that wait for their place in a trace",
                                       MetricType::kGauge};
inline constexpr MetricName kAssembledSpans{"wirespan.spans.assembled", "{span}", "Spans let go by the assembler"};
inline constexpr MetricName kLinks{"wirespan.links", "{span}", "Spans with a parent, by the evidence for it and its confidence"};
inline constexpr MetricName kUnlinked{"wirespan.unlinked", "{span}",
                                      "Spans without a parent, by reason; docs/linking.md explains each"};
inline constexpr MetricName kAssemblyNotes{"wirespan.assembly.notes", "{note}",
                                           "What was noted while links were made; docs/linking.md explains each"};

// Ways out, each with the label `exporter`.
inline constexpr MetricName kOffered{"wirespan.exporter.offered", "{span}", "Spans offered to a way out"};
inline constexpr MetricName kExported{"wirespan.exporter.exported", "{span}", "Spans that a way out has taken"};
inline constexpr MetricName kAttempts{"wirespan.exporter.attempts", "{attempt}", "Times that a way out was tried"};
inline constexpr MetricName kQueuedSpans{"wirespan.exporter.queued", "{span}", "Spans that wait for a way out",
                                         MetricType::kGauge};
inline constexpr MetricName kQueuedBytes{"wirespan.exporter.queue.memory", "By", "Memory of the spans that wait for a way out",
                                         MetricType::kGauge};
inline constexpr MetricName kInFlight{"wirespan.exporter.in_flight", "{span}", "Spans that are on their way, outcome not known",
                                      MetricType::kGauge};

// The agent's process, by OpenTelemetry's semantic conventions, and what it is.
inline constexpr MetricName kCpuTime{"process.cpu.time", "s", "CPU time of the agent"};
inline constexpr MetricName kMemory{"process.memory.usage", "By", "Resident memory of the agent", MetricType::kGauge};
inline constexpr MetricName kAbout{"wirespan.about", "", "1; its labels say which agent this is and how it captures",
                                   MetricType::kGauge};

}  // namespace wirespan::status
