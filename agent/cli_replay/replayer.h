// Replayer: the path from a recording's records to spans, the one a live capture takes, without a kernel. One thread. Every
// shard is told what it was told in the capture, in its order, the time included; the settings are the capture's: so the spans
// are the same. Recordings of agents that did not write down when their shards were told the time (recording/format.h) are told
// it by their records; then what waits for time may end otherwise than it did.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "agent/pipeline/shard.h"
#include "agent/recording/reader.h"
#include "agent/recording/settings.h"
#include "agent/trace/assembler.h"

namespace wirespan::cli {

struct PortHint {
  uint16_t port = 0;
  decoders::ProtocolId protocol = decoders::kUnknownProtocol;
};

// Processes as the recording describes them.
class RecordedResources final : public process::ResourceSource {
 public:
  std::shared_ptr<const exporters::Resource> ResourceOf(uint32_t tgid) override;
  void Describe(const recording::ProcessRecord& process);

 private:
  std::shared_ptr<const exporters::Resource> Make(recording::ProcessRecord process);
  std::unordered_map<uint32_t, std::shared_ptr<const exporters::Resource>> known_;
  uint64_t last_id_ = 0;
};

// By their ends, then starts, then ids; `batch` is empty afterwards.
std::vector<exporters::Span> SortedSpans(exporters::SpanBatch& batch);

class Replayer {
 public:
  using End = recording::RecordingReader::Next;

  // `journal`, if any, is told of every link (trace/journal.h); it outlives the replayer.
  Replayer(const recording::CaptureHeader& header, std::vector<PortHint> hints, trace::LinkJournal* journal = nullptr);
  ~Replayer();

  // All of `reader`; afterwards every span is there. kEnd, kCut or kDamaged.
  End ReadAll(recording::RecordingReader& reader);
  // The recording was ended in order: its kernel's losses are in it.
  bool was_closed() const { return was_closed_; }

  // By their ends.
  std::vector<exporters::Span> TakeSpans() { return SortedSpans(spans_); }
  std::string Summary(const recording::CounterList& kernel, size_t spans) const;

 private:
  class NoPolicy final : public stream::ConnectionPolicy {
   public:
    void Off(ConnectionId /*connection*/) override {}
    void Budget(ConnectionId /*connection*/, uint32_t /*bytes*/, ConnectionRole /*role*/) override {}
    void Frames(ConnectionId /*connection*/, uint32_t /*bytes*/, ConnectionRole /*role*/) override {}
  };
  class NoMeasurements final : public pipeline::MeasurementSink {
   public:
    void Record(const metrics::Measurement& /*measurement*/) override {}
  };
  struct Lane;

  void Describe(const recording::ProcessRecord& process);
  void Accept(uint32_t ring, std::span<const std::byte> record);
  Lane& LaneOf(uint32_t ring);
  void Tick(uint32_t ring, uint64_t now_ns);
  void TickByRecord(std::span<const std::byte> record);

  const std::vector<PortHint> hints_;
  const recording::Settings settings_;
  pipeline::ShardConfig config_;
  RecordedResources resources_;
  NoPolicy policy_;
  NoMeasurements measurements_;
  trace::TraceAssembler assembler_;
  exporters::SpanBatch spans_;
  std::vector<std::unique_ptr<Lane>> lanes_;  // by ring
  uint64_t records_ = 0;
  uint64_t last_tick_ns_ = 0;  // TickByRecord's
  bool was_closed_ = false;
};

}  // namespace wirespan::cli
