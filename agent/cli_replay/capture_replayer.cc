#include "agent/cli_replay/capture_replayer.h"

#include <utility>

#include "agent/cli_replay/summary_line.h"

namespace wirespan::cli {
namespace {

constexpr uint64_t kTickNs = 10'000'000;

// Packets have Unix time, so that nothing is added to it; and nothing of this host is in the ids, so that they are the same
// anywhere.
pipeline::ShardConfig ConfigOfCaptures() {
  pipeline::ShardConfig config;
  config.id_key = {};
  config.spans = {.unix_minus_boot_ns = 0, .jiffies_per_second = 0};
  return config;
}

}  // namespace

CaptureReplayer::Resources::Resources() {
  auto resource = std::make_shared<exporters::Resource>();  // shared: spans keep it
  resource->id = 1;
  resource->service_name = "unknown_service";
  resource->attributes.String("service.name", resource->service_name);
  unknown_ = std::move(resource);
}

void CaptureReplayer::ToAssembler::Deliver(trace::FactBatch& batch) {
  replayer_.assembler_.Add(std::move(batch), 0, replayer_.ticked_ns_);
}

CaptureReplayer::CaptureReplayer(const std::vector<PortHint>& hints)
    : assembler_(trace::AssemblerConfig{}, span::IdKey{}),
      facts_(*this),
      shard_(ConfigOfCaptures(), {.resources = resources_, .policy = policy_, .facts = facts_, .measurements = measurements_}),
      events_(shard_),
      flows_(events_) {
  for (const PortHint& hint : hints) shard_.HintPort(hint.port, hint.protocol);
}

CaptureReplayer::End CaptureReplayer::ReadAll(pcap::CaptureFile& file) {
  pcap::Packet packet;
  End end = End::kPacket;
  while ((end = file.ReadPacket(packet)) == End::kPacket) Take(packet);
  flows_.Finish();
  shard_.Stop();
  assembler_.Flush(spans_);
  return end;
}

void CaptureReplayer::Take(const pcap::Packet& packet) {
  ++packets_;
  pcap::Segment segment;
  const pcap::PacketFate fate = pcap::ReadSegment(packet, fragments_, segment);
  ++fates_[static_cast<size_t>(fate)];
  if (fate == pcap::PacketFate::kSegment) flows_.Take(segment);
  Tick(packet.time_ns);
}

void CaptureReplayer::Tick(uint64_t time_ns) {
  if (time_ns < ticked_ns_ + kTickNs) return;
  ticked_ns_ = time_ns;
  shard_.Tick(time_ns);
  assembler_.Advance(time_ns, spans_);
}

std::string CaptureReplayer::Summary(size_t spans) const {
  DroppedByName dropped;
  AddLosses(shard_.losses(), assembler_, dropped);
  const auto add = [&dropped](std::string_view name, uint64_t count) {
    if (count > 0) dropped[std::string(name)] += count;
  };
  for (size_t i = 0; i < fates_.size(); ++i) {
    const auto fate = static_cast<pcap::PacketFate>(i);
    // A fragment is used, or given up, with its datagram.
    if (fate != pcap::PacketFate::kSegment && fate != pcap::PacketFate::kFragment) add(Name(fate), fates_[i]);
  }
  add(Name(pcap::PacketFate::kBadFragment), fragments_.given_up() + fragments_.held());
  add("segment_out_of_window", flows_.counters().out_of_window);
  add("segment_missing", flows_.counters().holes);
  add("flow_evicted", flows_.counters().evicted);
  return SummaryLine(packets_, shard_.losses(), spans, dropped, flows_.counters().unseen_openings);
}

}  // namespace wirespan::cli
