// replay_bench: how much work the user-space path is, from ring records to OTLP bytes, on load made in memory
// (docs/benchmark.md). Prints one line of JSON. What is measured lies inside the function `wirespan_bench_measured`, so that
// callgrind can count its instructions alone (--toggle-collect). Exit code 1: a request has neither a span nor a counted loss.
#include <time.h>

#include <algorithm>
#include <barrier>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "agent/live/fact_mailbox.h"
#include "tests/bench/memory_meter.h"
#include "tests/bench/replay_path.h"

namespace wirespan::bench {

// One shard's load, and the lane that takes it.
struct Source {
  Source(const WorkloadOptions& options, size_t ring_bytes) : workload(options), ring(ring_bytes) {}
  Workload workload;
  RecordRing ring;
  std::unique_ptr<ShardLane> lane;
};

// One look at the ring, to the end of the path.
extern "C" [[gnu::noinline]] void wirespan_bench_measured(Source& source, SpanEnd& end) {
  source.lane->Round(source.ring, source.workload.now_ns());
  end.Advance(source.workload.now_ns());
}

namespace {

struct Options {
  uint64_t connections = 1'000;
  uint64_t exchanges = 100'000;      // measured
  uint64_t warm_exchanges = 60'000;  // before them
  uint64_t shards = 0;               // 0: all on one thread; else as many shard threads, and this one for the rest
  Shape shape = Shape::kProxy;
  std::string_view links = "on";
  bool idle = false;  // measure what idle connections take
};

constexpr char kUsage[] =
    "usage: replay_bench [--connections N] [--exchanges N] [--warm-exchanges N] [--shards 0..8] [--shape server|proxy]\n"
    "                    [--links on|tokenless|off] [--idle]\n"
    "N connections are shared by the shards; exchanges count on either side of the proxy.\n"
    "--links tokenless: the records say nothing of what a thread works for; off: no trace assembler, spans have no ids.\n"
    "--idle: after the warm exchanges all connections rest; prints the bytes that are still allocated.\n";
constexpr size_t kRingBytes = size_t{16} << 20U;
constexpr uint32_t kOpenedPerRound = 5'000;
constexpr uint32_t kRestRounds = 2'000;  // of 10 ms: beyond every time that anything is kept for
constexpr uint64_t kMaxShards = 8;
constexpr uint64_t kMaxConnections = 4'000'000;
constexpr uint64_t kRate = 40'000;

uint64_t ThreadCpuNs() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

WorkloadOptions WorkloadOf(const Options& options, uint32_t shard) {
  const uint64_t shards = std::max<uint64_t>(options.shards, 1);
  return {.shape = options.shape,
          .connections = static_cast<uint32_t>(options.connections / shards),
          .has_tokens = options.links != "tokenless",
          .first_process = 1 + 100 * shard,
          .rate = kRate / shards,
          .seed = 1 + shard};
}

void Append(std::string_view name, uint64_t value, std::string& out) {
  out += out.empty() ? "{\"" : ",\"";
  out.append(name).append("\":").append(std::to_string(value));
}

std::string Head(const Options& options) {
  std::string out;
  Append("connections", options.connections, out);
  Append("shards", options.shards, out);
  out += options.shape == Shape::kProxy ? R"(,"shape":"proxy")" : R"(,"shape":"server")";
  out.append(R"(,"links":")").append(options.links).append("\"");
  return out;
}

// What became of every request, and the line. 1: the account does not balance.
int Close(const std::vector<std::unique_ptr<Source>>& sources, const SpanEnd& end, uint64_t undelivered, std::string& out) {
  const trace::AssemblerCounters& assembled = end.assembler().counters();
  uint64_t sent = 0;
  uint64_t lost = end.otlp().dropped() + undelivered;
  for (const auto& source : sources) {
    sent += source->workload.requests_sent();
    lost += source->lane->shard().losses().ExchangesLost();
  }
  for (const uint64_t dropped : assembled.dropped) lost += dropped;
  const auto& same_thread = assembled.links.links[static_cast<size_t>(exporters::LinkEvidence::kSameThread)];
  Append("sent", sent, out);
  Append("spans", end.otlp().spans(), out);
  Append("lost", lost, out);
  Append("otlp_bytes", end.otlp().bytes(), out);
  Append("released_early", assembled.released_early, out);
  Append("linked_exactly", same_thread[static_cast<size_t>(exporters::LinkConfidence::kExact)], out);
  std::printf("%s}\n", out.c_str());
  if (sent == end.otlp().spans() + lost) return 0;
  std::fprintf(stderr, "replay_bench: requests sent are not spans plus losses\n");
  return 1;
}

// What one core can do, and what it takes.
int RunOnOneThread(const Options& options) {
  std::vector<std::unique_ptr<Source>> sources;
  Source& source = *sources.emplace_back(std::make_unique<Source>(WorkloadOf(options, 0), kRingBytes));
  const int64_t bytes_before = LiveBytes();
  metrics::MetricTotals totals{{}};
  SpanEnd end(options.links != "off");
  source.lane =
      std::make_unique<ShardLane>(source.workload.first_process(), options.connections, totals,
                                  [&end](uint64_t told_after_ns, trace::FactBatch& facts) { end.Add(0, told_after_ns, facts); });
  const auto round = [&source, &end] {
    source.lane->Round(source.ring, source.workload.now_ns());
    end.Advance(source.workload.now_ns());
    source.ring.Clear();
  };
  for (bool more = true; more; round()) more = source.workload.Open(kOpenedPerRound, source.ring);
  while (source.workload.requests_sent() < options.warm_exchanges) {
    source.workload.Round(source.ring);
    round();
  }
  std::string out = Head(options);
  const uint64_t first = source.workload.requests_sent();
  uint64_t cpu_ns = 0, records = 0, record_bytes = 0, allocations = 0;
  while (source.workload.requests_sent() < first + options.exchanges && !options.idle) {
    source.workload.Round(source.ring);
    records += source.ring.records();
    record_bytes += source.ring.bytes();
    const uint64_t allocations_before = Allocations();
    const uint64_t began_ns = ThreadCpuNs();
    wirespan_bench_measured(source, end);
    cpu_ns += ThreadCpuNs() - began_ns;
    allocations += Allocations() - allocations_before;
    source.ring.Clear();
  }
  const uint64_t measured = source.workload.requests_sent() - first;
  source.workload.Finish(source.ring);
  round();
  for (uint32_t i = 0; i < kRestRounds && options.idle; ++i) {
    source.workload.Rest();
    round();
  }
  if (options.idle) Append("bytes_at_rest", static_cast<uint64_t>(LiveBytes() - bytes_before), out);
  source.lane->Stop();
  end.Finish();
  Append("exchanges", measured, out);
  Append("records", records, out);
  Append("record_bytes", record_bytes, out);
  Append("cpu_ns", cpu_ns, out);
  Append("allocations", allocations, out);
  return Close(sources, end, 0, out);
}

// As the live agent runs: a thread per shard, and one for what comes after; all keep step by rounds, so that none runs away.
class Threads {
 public:
  explicit Threads(const Options& options)
      : options_(options),
        mailbox_(size_t{1} << 20U),
        end_(options.links != "off"),
        step_(static_cast<std::ptrdiff_t>(options.shards) + 1),
        cpu_ns_(options.shards) {
    for (uint32_t shard = 0; shard < options.shards; ++shard) {
      Source& source = *sources_.emplace_back(std::make_unique<Source>(WorkloadOf(options, shard), kRingBytes));
      source.lane = std::make_unique<ShardLane>(
          source.workload.first_process(), options.connections, totals_,
          [this, shard](uint64_t told_after_ns, trace::FactBatch& facts) { mailbox_.Deliver(shard, told_after_ns, facts); });
    }
    rounds_ = options.exchanges * 1'000'000'000 / kRate / Workload::kRoundNs;
    warm_rounds_ = options.warm_exchanges * 1'000'000'000 / kRate / Workload::kRoundNs;
    opening_rounds_ = options.connections / options.shards / kOpenedPerRound + 1;
  }

  int Run() {
    std::vector<std::thread> threads;
    for (uint32_t shard = 0; shard < options_.shards; ++shard) threads.emplace_back([this, shard] { RunShard(shard); });
    const uint64_t all = opening_rounds_ + warm_rounds_ + rounds_ + 1;
    uint64_t assemble_ns = 0;
    for (uint64_t round = 0; round < all; ++round) {
      step_.arrive_and_wait();
      const uint64_t began_ns = ThreadCpuNs();
      Assemble(Workload::kStartNs + (round + 1) * Workload::kRoundNs);
      if (IsMeasured(round)) assemble_ns += ThreadCpuNs() - began_ns;
      step_.arrive_and_wait();
    }
    for (std::thread& thread : threads) thread.join();
    Assemble(UINT64_MAX / 2);
    end_.Finish();
    std::string out = Head(options_);
    Append("exchanges", rounds_ * Workload::kRoundNs * kRate / 1'000'000'000, out);
    Append("slowest_shard_cpu_ns", *std::max_element(cpu_ns_.begin(), cpu_ns_.end()), out);
    Append("assemble_cpu_ns", assemble_ns, out);
    return Close(sources_, end_, mailbox_.dropped_spans(), out);
  }

 private:
  bool IsMeasured(uint64_t round) const {
    const uint64_t first = opening_rounds_ + warm_rounds_;
    return round >= first && round < first + rounds_;
  }

  // The facts of a round are taken while the shards are at their next one.
  void Assemble(uint64_t now_ns) {
    mailbox_.Collect(letters_, std::chrono::milliseconds(0));
    for (live::FactMailbox::Letter& letter : letters_) end_.Add(letter.shard, letter.told_after_ns, letter.facts);
    mailbox_.Return(letters_);
    end_.Advance(now_ns);
  }

  void RunShard(uint32_t shard) {
    Source& source = *sources_[shard];
    const uint64_t all = opening_rounds_ + warm_rounds_ + rounds_ + 1;
    for (uint64_t round = 0; round < all; ++round) {
      source.ring.Clear();
      if (round < opening_rounds_) source.workload.Open(kOpenedPerRound, source.ring);
      if (round < opening_rounds_) source.workload.RestUntil(Workload::kStartNs + (round + 1) * Workload::kRoundNs);
      if (round >= opening_rounds_ && round + 1 < all) source.workload.Round(source.ring);
      if (round + 1 == all) source.workload.Finish(source.ring);
      step_.arrive_and_wait();
      const uint64_t began_ns = ThreadCpuNs();
      source.lane->Round(source.ring, source.workload.now_ns());
      if (IsMeasured(round)) cpu_ns_[shard] += ThreadCpuNs() - began_ns;
      step_.arrive_and_wait();
    }
    source.lane->Stop();
  }

  const Options options_;
  metrics::MetricTotals totals_{{}};
  live::FactMailbox mailbox_;
  SpanEnd end_;
  std::barrier<> step_;
  std::vector<uint64_t> cpu_ns_;  // by shard, of the measured rounds
  std::vector<std::unique_ptr<Source>> sources_;
  std::vector<live::FactMailbox::Letter> letters_;
  uint64_t opening_rounds_ = 0, warm_rounds_ = 0, rounds_ = 0;
};

bool TakeNumber(std::string_view text, uint64_t least, uint64_t most, uint64_t& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc{} && end == text.data() + text.size() && out >= least && out <= most;
}

std::optional<Options> Parse(int count, char** arguments) {
  Options options;
  for (int i = 1; i < count; ++i) {
    const std::string_view name = arguments[i];
    if (name == "--idle") {
      options.idle = true;
      continue;
    }
    if (++i == count) return std::nullopt;
    const std::string_view value = arguments[i];
    bool valid = false;
    if (name == "--connections") valid = TakeNumber(value, 1, kMaxConnections, options.connections);
    if (name == "--exchanges") valid = TakeNumber(value, 1, UINT32_MAX, options.exchanges);
    if (name == "--warm-exchanges") valid = TakeNumber(value, 0, UINT32_MAX, options.warm_exchanges);
    if (name == "--shards") valid = TakeNumber(value, 0, kMaxShards, options.shards);
    if (name == "--shape") {
      valid = value == "server" || value == "proxy";
      options.shape = value == "server" ? Shape::kServer : Shape::kProxy;
    }
    if (name == "--links") {
      valid = value == "on" || value == "tokenless" || value == "off";
      options.links = value;
    }
    if (!valid) return std::nullopt;
  }
  if (options.connections / std::max<uint64_t>(options.shards, 1) < 2 * Workload::kWorkers) return std::nullopt;
  return options;
}

}  // namespace
}  // namespace wirespan::bench

int main(int count, char** arguments) {
  const auto options = wirespan::bench::Parse(count, arguments);
  if (!options) {
    std::fputs(wirespan::bench::kUsage, stderr);
    return 2;
  }
  return options->shards == 0 ? wirespan::bench::RunOnOneThread(*options) : wirespan::bench::Threads(*options).Run();
}
