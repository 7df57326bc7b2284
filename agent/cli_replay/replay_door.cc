#include "agent/cli_replay/replay_door.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

#include "agent/kernel/event_reader.h"
#include "agent/pipeline/shard.h"
#include "agent/recording/reader.h"
#include "agent/trace/assembler.h"
#include "exporters/console/waterfall.h"
#include "exporters/file/span_files.h"
#include "exporters/json.h"
#include "exporters/otlp/encoder.h"

namespace wirespan::cli {
namespace {

constexpr size_t kMaxRings = 64;
constexpr uint64_t kTickNs = 10'000'000;

struct PortHint {
  uint16_t port = 0;
  decoders::ProtocolId protocol = decoders::kUnknownProtocol;
};

// nullopt: not PORT=PROTOCOL, or no protocol of that name.
std::optional<PortHint> ParsePortHint(std::string_view text) {
  const size_t equals = text.find('=');
  if (equals == std::string_view::npos) return std::nullopt;
  PortHint hint;
  const std::string_view port = text.substr(0, equals);
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), hint.port);
  if (error != std::errc{} || end != port.data() + port.size() || hint.port == 0) return std::nullopt;
  const std::optional<decoders::ProtocolId> protocol = decoders::ProtocolByName(text.substr(equals + 1));
  if (!protocol) return std::nullopt;
  hint.protocol = *protocol;
  return hint;
}

std::string KnownProtocols() {
  std::string names;
  decoders::ForEachProtocol([&names](auto entry) {
    if (!names.empty()) names += ", ";
    names += entry.kName;
  });
  return names;
}

bool IsPcap(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::array<char, 4> magic{};
  if (!file.read(magic.data(), magic.size())) return false;
  const std::string_view seen(magic.data(), magic.size());
  return seen == "\xa1\xb2\xc3\xd4" || seen == "\xd4\xc3\xb2\xa1" || seen == "\xa1\xb2\x3c\x4d" || seen == "\x4d\x3c\xb2\xa1" ||
         seen == "\x0a\x0d\x0d\x0a";
}

// Processes as the recording describes them.
class RecordedResources final : public process::ResourceSource {
 public:
  std::shared_ptr<const exporters::Resource> ResourceOf(uint32_t tgid) override {
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
  void Describe(const recording::ProcessRecord& process) { known_[process.tgid] = Make(process); }

 private:
  std::shared_ptr<const exporters::Resource> Make(recording::ProcessRecord process) {
    auto resource = std::make_shared<exporters::Resource>();  // shared: spans keep it
    resource->id = ++last_id_;
    resource->service_name = std::move(process.service_name);
    resource->attributes = std::move(process.attributes);
    return resource;
  }
  std::unordered_map<uint32_t, std::shared_ptr<const exporters::Resource>> known_;
  uint64_t last_id_ = 0;
};

class NoPolicy final : public stream::ConnectionPolicy {
 public:
  void Off(ConnectionId /*connection*/) override {}
  void Budget(ConnectionId /*connection*/, uint32_t /*bytes*/) override {}
};

class NoMeasurements final : public pipeline::MeasurementSink {
 public:
  void Record(const metrics::Measurement& /*measurement*/) override {}
};

class ToAssembler final : public pipeline::FactSink {
 public:
  ToAssembler(trace::TraceAssembler& assembler, uint32_t ring) : assembler_(assembler), ring_(ring) {}
  void Deliver(trace::FactBatch& batch) override { assembler_.Add(std::move(batch), ring_); }

 private:
  trace::TraceAssembler& assembler_;
  uint32_t ring_;
};

// The path from a recording's records to spans.
class Replay {
 public:
  Replay(const recording::CaptureHeader& header, std::vector<PortHint> hints)
      : hints_(std::move(hints)), assembler_(trace::AssemblerConfig{}, span::IdKey{header.id_key}) {
    config_.id_key = {header.id_key};
    config_.spans = {.unix_minus_boot_ns = header.unix_minus_boot_ns, .jiffies_per_second = header.jiffies_per_second};
  }

  void Describe(const recording::ProcessRecord& process) {
    resources_.Describe(process);
    for (const auto& lane : lanes_) {
      if (lane != nullptr) lane->shard.ForgetProcess(process.tgid);
    }
  }

  void Accept(uint32_t ring, std::span<const std::byte> record) {
    ++records_;
    LaneOf(ring).shard.Accept(record);
    const std::optional<RecordHeader> header = ReadRecordHeader(record);
    // A time out of nowhere must not pass for the time it is: one tick per record at most, and never backwards.
    if (header && header->time_ns >= last_tick_ns_ + kTickNs) Tick(header->time_ns);
  }

  void Finish() {
    for (const auto& lane : lanes_) {
      if (lane != nullptr) lane->shard.Stop();
    }
    assembler_.Flush(spans_);
  }

  std::vector<exporters::Span> TakeSpans() {
    std::vector<exporters::Span> spans = std::move(spans_.spans);
    spans.resize(spans_.size);
    std::sort(spans.begin(), spans.end(), [](const exporters::Span& a, const exporters::Span& b) {
      return std::tie(a.end_unix_ns, a.start_unix_ns, a.span_id) < std::tie(b.end_unix_ns, b.start_unix_ns, b.span_id);
    });
    return spans;
  }

  std::string Summary(const recording::CounterList& kernel, size_t spans) const {
    Losses losses;
    for (const auto& lane : lanes_) {
      if (lane != nullptr) losses.Merge(lane->shard.losses());
    }
    std::string out = R"({"type":"summary","packets":)";
    exporters::json::AppendUint(records_, out);
    Number(",\"chunks\":", losses.chunks, out);
    Number(",\"exchanges\":", losses.requests_seen, out);
    Number(",\"spans\":", spans, out);
    out += ",\"dropped\":{";
    for (const auto& [reason, count] : Dropped(losses, kernel)) {
      if (out.back() != '{') out += ',';
      exporters::json::AppendString(reason, out);
      Number(":", count, out);
    }
    Number("},\"unknown_connections\":", losses[Loss::kUnknownConnection], out);
    return out += "}\n";
  }

 private:
  struct Lane {
    Lane(const pipeline::ShardConfig& config, Replay& replay, uint32_t ring)
        : facts(replay.assembler_, ring),
          shard(
              config,
              {.resources = replay.resources_, .policy = replay.policy_, .facts = facts, .measurements = replay.measurements_}) {}
    ToAssembler facts;
    pipeline::Shard shard;
  };

  Lane& LaneOf(uint32_t ring) {
    std::unique_ptr<Lane>& lane = lanes_[ring % kMaxRings];
    if (lane == nullptr) {
      lane = std::make_unique<Lane>(config_, *this, ring % kMaxRings);
      for (const PortHint& hint : hints_) lane->shard.HintPort(hint.port, hint.protocol);
    }
    return *lane;
  }

  void Tick(uint64_t now_ns) {
    last_tick_ns_ = now_ns;
    for (const auto& lane : lanes_) {
      if (lane != nullptr) lane->shard.Tick(now_ns);
    }
    assembler_.Advance(now_ns, spans_);
  }

  static void Number(std::string_view before, uint64_t value, std::string& out) {
    out += before;
    exporters::json::AppendUint(value, out);
  }

  // By name; only what happened.
  std::map<std::string, uint64_t> Dropped(const Losses& losses, const recording::CounterList& kernel) const {
    std::map<std::string, uint64_t> dropped;
    for (size_t i = 0; i < kLossCount; ++i) {
      const Loss loss = static_cast<Loss>(i);
      if (loss != Loss::kUnknownConnection && losses[loss] > 0) dropped[std::string(LossName(loss))] = losses[loss];
    }
    for (size_t i = 0; i < assembler_.counters().dropped.size(); ++i) {
      const uint64_t count = assembler_.counters().dropped[i];
      if (count > 0) dropped[std::string(trace::Name(static_cast<trace::SpanDrop>(i)))] += count;
    }
    for (const auto& [name, count] : kernel) {
      for (uint32_t reason = 0; reason < kKernelLossCount; ++reason) {
        if (count > 0 && name == KernelLossName(reason)) dropped[name] += count;
      }
    }
    return dropped;
  }

  const std::vector<PortHint> hints_;
  pipeline::ShardConfig config_;
  RecordedResources resources_;
  NoPolicy policy_;
  NoMeasurements measurements_;
  trace::TraceAssembler assembler_;
  exporters::SpanBatch spans_;
  std::array<std::unique_ptr<Lane>, kMaxRings> lanes_;
  uint64_t records_ = 0;
  uint64_t last_tick_ns_ = 0;
};

void WriteLines(const std::vector<exporters::Span>& spans, std::ostream& out) {
  std::string line;
  for (const exporters::Span& span : spans) {
    line.clear();
    exporters::AppendSpanLine(span, line);
    out << line;
  }
}

// Traces by the first start of their spans.
void WriteTree(std::vector<exporters::Span> spans, std::ostream& out) {
  std::map<exporters::TraceId, std::vector<exporters::Span>> traces;
  for (exporters::Span& span : spans) traces[span.trace_id].push_back(std::move(span));
  std::vector<std::pair<uint64_t, const std::vector<exporters::Span>*>> order;
  for (const auto& [id, members] : traces) {
    const auto first = std::min_element(members.begin(), members.end(),
                                        [](const auto& a, const auto& b) { return a.start_unix_ns < b.start_unix_ns; });
    order.emplace_back(first->start_unix_ns, &members);
  }
  std::stable_sort(order.begin(), order.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::string text;
  for (const auto& [start, members] : order) {
    text.clear();
    exporters::console::AppendWaterfall(*members, false, exporters::ConsoleOptions{}, text);
    out << text;
  }
}

void WriteOtlp(std::vector<exporters::Span> spans, std::ostream& out) {
  exporters::SpanBatch batch;
  batch.spans = std::move(spans);
  batch.size = batch.spans.size();
  const auto encoder = exporters::otlp::NewJsonTraceEncoder(exporters::otlp::Scope{});
  encoder->Begin(batch);
  std::string body;
  if (encoder->Next(SIZE_MAX, body).items == 0) body = R"({"resourceSpans":[]})";
  out << body << '\n';
}

int Usage(std::ostream& err, const std::string& message) {
  err << "wirespan replay: " << message << '\n';
  return 2;
}

}  // namespace

int RunReplay(const ReplayOptions& options, std::ostream& out, std::ostream& err) {
  if (options.format != "json" && options.format != "tree" && options.format != "otlp-json") {
    return Usage(err, "unknown format '" + options.format + "'; known: json, tree, otlp-json");
  }
  std::vector<PortHint> hints;
  for (const std::string& text : options.port_hints) {
    const std::optional<PortHint> hint = ParsePortHint(text);
    if (!hint) return Usage(err, "--port '" + text + "' is not PORT=PROTOCOL; known protocols: " + KnownProtocols());
    hints.push_back(*hint);
  }
  if (IsPcap(options.path))
    return Usage(err, "'" + options.path + "' is a packet capture: not supported yet, only .wscap recordings are");

  auto opened = recording::RecordingReader::Open(options.path);
  if (!opened) {
    err << "wirespan replay: " << opened.error().message() << '\n';
    return 1;
  }
  recording::RecordingReader& reader = **opened;
  Replay replay(reader.header(), std::move(hints));
  using Next = recording::RecordingReader::Next;
  std::span<const std::byte> record;
  bool was_closed = false;
  Next next = Next::kEnd;
  while ((next = reader.Read(record)) != Next::kEnd && next != Next::kCut && next != Next::kDamaged) {
    if (next == Next::kRecord) replay.Accept(reader.ring(), record);
    if (next == Next::kProcess) replay.Describe(reader.process());
    if (next == Next::kLosses) was_closed = true;
  }
  replay.Finish();
  if (next != Next::kEnd) err << "wirespan replay: " << reader.problem() << '\n';
  if (next == Next::kEnd && !was_closed)
    err << "wirespan replay: the recording was not ended in order: the kernel's losses are not in it\n";

  std::vector<exporters::Span> spans = replay.TakeSpans();
  const std::string summary = replay.Summary(reader.losses(), spans.size());
  if (options.format == "json") WriteLines(spans, out);
  if (options.format == "tree") WriteTree(std::move(spans), out);
  if (options.format == "otlp-json") WriteOtlp(std::move(spans), out);
  out << summary << std::flush;
  if (!out) {
    err << "wirespan replay: the output could not be written\n";
    return 1;
  }
  return next == Next::kDamaged ? 1 : 0;
}

}  // namespace wirespan::cli
