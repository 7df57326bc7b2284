#include "agent/cli_replay/replayer.h"

#include <algorithm>
#include <optional>
#include <tuple>
#include <utility>

#include "agent/cli_replay/summary_line.h"
#include "agent/kernel/event_reader.h"

namespace wirespan::cli {
namespace {

constexpr size_t kMaxRings = 64;
constexpr uint64_t kTickNs = 10'000'000;

class ToAssembler final : public pipeline::FactSink {
 public:
  ToAssembler(trace::TraceAssembler& assembler, uint32_t ring) : assembler_(assembler), ring_(ring) {}
  void Deliver(trace::FactBatch& batch) override { assembler_.Add(std::move(batch), ring_, ticked_ns_); }
  // The shard was given that time.
  void Ticked(uint64_t now_ns) { ticked_ns_ = now_ns; }
  uint64_t ticked_ns() const { return ticked_ns_; }

 private:
  trace::TraceAssembler& assembler_;
  uint32_t ring_;
  uint64_t ticked_ns_ = 0;
};

trace::AssemblerConfig AssemblerConfigOf(const recording::Settings& settings) {
  trace::AssemblerConfig config;
  if (settings.hold_ns != 0) config.hold_ns = settings.hold_ns;
  if (settings.max_held_spans != 0) config.max_held_spans = static_cast<uint32_t>(settings.max_held_spans);
  return config;
}

pipeline::ShardConfig ShardConfigOf(const recording::CaptureHeader& header, const recording::Settings& settings) {
  pipeline::ShardConfig config;
  if (settings.max_connections != 0) config.max_connections = settings.max_connections;
  if (settings.max_open_per_connection != 0) config.max_open_per_connection = settings.max_open_per_connection;
  if (settings.undecided_bytes != 0) config.stream.undecided_bytes = settings.undecided_bytes;
  config.id_key = {header.id_key};
  config.spans = {.unix_minus_boot_ns = header.unix_minus_boot_ns, .jiffies_per_second = header.jiffies_per_second};
  return config;
}

}  // namespace

std::shared_ptr<const exporters::Resource> RecordedResources::ResourceOf(uint32_t tgid) {
  std::shared_ptr<const exporters::Resource>& known = known_[tgid];
  if (known == nullptr) {
    recording::ProcessRecord unknown;
    unknown.tgid = tgid;
    unknown.service_name = "unknown_service";
    unknown.attributes.String("service.name", unknown.service_name);
    unknown.attributes.Int("process.pid", tgid);
    known = Make(std::move(unknown));
  }
  return known;
}

void RecordedResources::Describe(const recording::ProcessRecord& process) { known_[process.tgid] = Make(process); }

std::shared_ptr<const exporters::Resource> RecordedResources::Make(recording::ProcessRecord process) {
  auto resource = std::make_shared<exporters::Resource>();  // shared: spans keep it
  resource->id = ++last_id_;
  resource->service_name = std::move(process.service_name);
  resource->attributes = std::move(process.attributes);
  return resource;
}

struct Replayer::Lane {
  Lane(Replayer& replayer, uint32_t ring)
      : facts(replayer.assembler_, ring),
        shard(replayer.config_, {.resources = replayer.resources_,
                                 .policy = replayer.policy_,
                                 .facts = facts,
                                 .measurements = replayer.measurements_}) {}
  ToAssembler facts;
  pipeline::Shard shard;
};

Replayer::Replayer(const recording::CaptureHeader& header, std::vector<PortHint> hints, trace::LinkJournal* journal)
    : hints_(std::move(hints)),
      settings_(recording::ToSettings(header.settings)),
      config_(ShardConfigOf(header, settings_)),
      assembler_(AssemblerConfigOf(settings_), span::IdKey{header.id_key}, journal),
      lanes_(kMaxRings) {
  // A ring that has said nothing yet is waited for too.
  for (uint32_t ring = 0; ring < settings_.rings; ++ring) LaneOf(ring);
}

Replayer::~Replayer() = default;

Replayer::End Replayer::ReadAll(recording::RecordingReader& reader) {
  std::span<const std::byte> record;
  End next = End::kEnd;
  while ((next = reader.Read(record)) != End::kEnd && next != End::kCut && next != End::kDamaged) {
    if (next == End::kRecord) Accept(reader.ring(), record);
    if (next == End::kTick) Tick(reader.ring(), reader.time_ns());
    if (next == End::kLossNoted) LaneOf(reader.ring()).shard.NoteLosses(reader.time_ns());
    if (next == End::kProcess) Describe(reader.process());
    if (next == End::kLosses) was_closed_ = true;
  }
  for (const auto& lane : lanes_) {
    if (lane != nullptr) lane->shard.Stop();
  }
  assembler_.Flush(spans_);
  return next;
}

void Replayer::Describe(const recording::ProcessRecord& process) {
  resources_.Describe(process);
  for (const auto& lane : lanes_) {
    if (lane != nullptr) lane->shard.ForgetProcess(process.tgid);
  }
}

void Replayer::Accept(uint32_t ring, std::span<const std::byte> record) {
  ++records_;
  LaneOf(ring).shard.Accept(record);
  if (settings_.rings == 0) TickByRecord(record);
}

Replayer::Lane& Replayer::LaneOf(uint32_t ring) {
  std::unique_ptr<Lane>& lane = lanes_[ring % kMaxRings];
  if (lane == nullptr) {
    lane = std::make_unique<Lane>(*this, ring % kMaxRings);
    for (const PortHint& hint : hints_) lane->shard.HintPort(hint.port, hint.protocol);
  }
  return *lane;
}

void Replayer::Tick(uint32_t ring, uint64_t now_ns) {
  Lane& ticked = LaneOf(ring);
  ticked.shard.Tick(now_ns);
  ticked.facts.Ticked(now_ns);
  for (const auto& lane : lanes_) {
    if (lane != nullptr) now_ns = std::min(now_ns, lane->facts.ticked_ns());
  }
  assembler_.Advance(now_ns, spans_);
}

// A time out of nowhere must not pass for the time it is: one tick per record at most, and never backwards.
void Replayer::TickByRecord(std::span<const std::byte> record) {
  const std::optional<RecordHeader> header = ReadRecordHeader(record);
  if (!header || header->time_ns < last_tick_ns_ + kTickNs) return;
  last_tick_ns_ = header->time_ns;
  for (const auto& lane : lanes_) {
    if (lane != nullptr) lane->shard.Tick(last_tick_ns_);
  }
  assembler_.Advance(last_tick_ns_, spans_);
}

std::vector<exporters::Span> SortedSpans(exporters::SpanBatch& batch) {
  std::vector<exporters::Span> spans;
  spans.reserve(batch.size);
  for (size_t i = 0; i < batch.size; ++i) spans.push_back(std::move(batch.spans[i]));
  batch = {};
  std::sort(spans.begin(), spans.end(), [](const exporters::Span& a, const exporters::Span& b) {
    return std::tie(a.end_unix_ns, a.start_unix_ns, a.span_id) < std::tie(b.end_unix_ns, b.start_unix_ns, b.span_id);
  });
  return spans;
}

std::string Replayer::Summary(const recording::CounterList& kernel, size_t spans) const {
  Losses losses;
  for (const auto& lane : lanes_) {
    if (lane != nullptr) losses.Merge(lane->shard.losses());
  }
  DroppedByName dropped;
  AddLosses(losses, assembler_, dropped);
  for (const auto& [name, count] : kernel) {
    for (uint32_t reason = 0; reason < kKernelLossCount; ++reason) {
      if (count > 0 && name == KernelLossName(reason)) dropped[name] += count;
    }
  }
  return SummaryLine(records_, losses, spans, dropped, losses[Loss::kUnknownConnection]);
}

}  // namespace wirespan::cli
