#include "tests/bench/replay_path.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace wirespan::bench {
namespace {

constexpr size_t kMaxBodyBytes = size_t{4} << 20U;
constexpr uint64_t kHandOverNs = 1'000'000'000;
constexpr span::IdKey kKey = {{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}};

pipeline::ShardConfig ShardConfigOf(uint64_t connections) {
  pipeline::ShardConfig config;
  config.max_connections = std::max<size_t>(config.max_connections, connections + 1);
  config.id_key = kKey;
  config.spans = {.unix_minus_boot_ns = 1'790'000'000'000'000'000, .jiffies_per_second = 250};
  return config;
}

}  // namespace

OtlpEnd::OtlpEnd()
    : queue_(exporting::SpanQueueLimits{}), encoder_(exporters::otlp::NewProtobufTraceEncoder({.version = "0.1.0"})) {}

void OtlpEnd::Put(exporters::SpanBatch& ready, bool all) {
  queue_.Put(ready);
  constexpr uint64_t kBatch = exporting::SpanQueueLimits{}.batch_spans;
  for (uint64_t held = queue_.counts().held; held >= kBatch || (all && held > 0); held = queue_.counts().held) {
    if (!queue_.Take(batch_, std::chrono::milliseconds(0), exporting::SpanQueue::Clock::time_point::max())) return;
    encoder_->Begin(batch_);
    for (bool last = false; !last;) {
      const auto body = encoder_->Next(kMaxBodyBytes, body_);
      last = body.last;
      spans_ += body.items;
      oversized_ += body.oversized;
      bytes_ += body_.size();
    }
    for (size_t i = 0; i < batch_.size; ++i) batch_.spans[i].resource.reset();  // as ExportLoop does
    batch_.Clear();
  }
}

SpanEnd::SpanEnd(bool has_assembler) : has_assembler_(has_assembler), assembler_({}, kKey) {}

void SpanEnd::Add(uint32_t shard, uint64_t told_after_ns, trace::FactBatch& facts) {
  if (has_assembler_) return assembler_.Add(std::move(facts), shard, told_after_ns);
  for (trace::Fact& fact : facts) {
    if (auto* finished = std::get_if<trace::SpanFinished>(&fact)) ready_.Take(finished->span);
  }
}

void SpanEnd::Advance(uint64_t now_ns) {
  if (has_assembler_) assembler_.Advance(now_ns, ready_);
  otlp_.Put(ready_, false);
}

void SpanEnd::Finish() {
  if (has_assembler_) assembler_.Flush(ready_);
  otlp_.Put(ready_, true);
}

ShardLane::Resources::Resources(uint32_t first_process) : first_process_(first_process) {
  for (uint32_t i = 0; i < Workload::kProcesses; ++i) {
    auto resource = std::make_shared<exporters::Resource>();
    resource->id = first_process + i;
    resource->service_name = "service-" + std::to_string(i);
    resource->attributes.String("service.name", resource->service_name);
    resource->attributes.String("service.instance.id", "node-17-" + std::to_string(i));
    resource->attributes.String("host.name", "node-17.example.com");
    resource->attributes.Int("process.pid", first_process + i);
    known_.push_back(std::move(resource));
  }
}

std::shared_ptr<const exporters::Resource> ShardLane::Resources::ResourceOf(uint32_t tgid) {
  return known_[(tgid - first_process_) % known_.size()];
}

ShardLane::ShardLane(uint32_t first_process, uint64_t connections, metrics::MetricTotals& totals, FactTaker take)
    : resources_(first_process),
      facts_(std::move(take)),
      totals_(totals),
      shard_(ShardConfigOf(connections),
             {.resources = resources_, .policy = policy_, .facts = facts_, .measurements = durations_}) {}

void ShardLane::Round(const RecordRing& ring, uint64_t now_ns) {
  ring.ForEach([this](std::span<const std::byte> record) { shard_.Accept(record); });
  shard_.Tick(now_ns);
  facts_.told_after_ns = now_ns;
  if (now_ns - handed_over_ns_ < kHandOverNs) return;
  handed_over_ns_ = now_ns;
  totals_.Take(durations_.durations);
}

void ShardLane::Stop() {
  shard_.Stop();
  totals_.Take(durations_.durations);
}

}  // namespace wirespan::bench
