// CaptureReplayer: from the packets of a capture to spans, by the path of a live capture: packets -> TcpFlows -> Events -> Shard
// -> TraceAssembler. Each connection is told as its server's end saw it, so that an exchange gives one SERVER span; which process
// and thread moved the bytes is not in a capture, so that nothing is linked but by headers. One thread; the same file gives the
// same spans.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "agent/cli_replay/replayer.h"
#include "agent/pcap/capture_file.h"
#include "agent/pcap/packet.h"
#include "agent/pcap/tcp_flows.h"
#include "agent/pipeline/shard.h"
#include "agent/trace/assembler.h"

namespace wirespan::cli {

class CaptureReplayer {
 public:
  using End = pcap::CaptureFile::Next;

  explicit CaptureReplayer(const std::vector<PortHint>& hints);
  CaptureReplayer(const CaptureReplayer&) = delete;
  CaptureReplayer& operator=(const CaptureReplayer&) = delete;

  // All of `file`; afterwards every span is there. kEnd, kCut or kDamaged.
  End ReadAll(pcap::CaptureFile& file);
  std::vector<exporters::Span> TakeSpans() { return SortedSpans(spans_); }
  std::string Summary(size_t spans) const;

 private:
  class Resources final : public process::ResourceSource {
   public:
    Resources();
    std::shared_ptr<const exporters::Resource> ResourceOf(uint32_t /*tgid*/) override { return unknown_; }

   private:
    std::shared_ptr<const exporters::Resource> unknown_;  // shared: spans keep it
  };
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
  class ToAssembler final : public pipeline::FactSink {
   public:
    explicit ToAssembler(CaptureReplayer& replayer) : replayer_(replayer) {}
    void Deliver(trace::FactBatch& batch) override;

   private:
    CaptureReplayer& replayer_;
  };
  class ToShard final : public pcap::EventSink {
   public:
    explicit ToShard(pipeline::Shard& shard) : shard_(shard) {}
    void Tell(const Event& event) override { shard_.Accept(event); }

   private:
    pipeline::Shard& shard_;
  };

  void Take(const pcap::Packet& packet);
  void Tick(uint64_t time_ns);

  Resources resources_;
  NoPolicy policy_;
  NoMeasurements measurements_;
  trace::TraceAssembler assembler_;
  ToAssembler facts_;
  pipeline::Shard shard_;
  ToShard events_;
  pcap::TcpFlows flows_;
  pcap::FragmentTable fragments_;
  exporters::SpanBatch spans_;
  std::array<uint64_t, pcap::kPacketFateCount> fates_{};
  uint64_t packets_ = 0;
  uint64_t ticked_ns_ = 0;
};

}  // namespace wirespan::cli
