#include "agent/live/agent.h"

#include <malloc.h>
#include <pthread.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "agent/base/log.h"
#include "agent/kernel/capabilities.h"
#include "agent/kernel/event_reader.h"
#include "agent/kernel/jiffies.h"
#include "agent/recording/settings.h"

namespace wirespan::live {
namespace {

using std::chrono::milliseconds;
// How long the assembler waits for facts; what it holds is let go by the clock, else only facts give it something to do.
constexpr milliseconds kHoldingPatience{5};
constexpr milliseconds kIdlePatience{1000};
constexpr uint64_t kRelaxNs = 10'000'000'000;
constexpr size_t kMailboxFacts = 262'144;

kernel::TracerOptions TracerOptionsOf(const config::Config& config) {
  kernel::TracerOptions options;
  switch (config.capture_source) {
    case config::CaptureSource::kAuto:
      options.source = kernel::CaptureSource::kAuto;
      break;
    case config::CaptureSource::kSocket:
      options.source = kernel::CaptureSource::kSocket;
      break;
    case config::CaptureSource::kSyscall:
      options.source = kernel::CaptureSource::kSyscall;
      break;
  }
  switch (config.existing_connections) {
    case config::ExistingConnections::kAuto:
      options.existing = kernel::ExistingSource::kAuto;
      break;
    case config::ExistingConnections::kIterator:
      options.existing = kernel::ExistingSource::kIterator;
      break;
    case config::ExistingConnections::kProc:
      options.existing = kernel::ExistingSource::kProc;
      break;
  }
  const config::Bounds& bounds = config.bounds;
  const uint32_t by_cpus = std::clamp(std::thread::hardware_concurrency() / 4, 1U, 8U);
  options.ring_count = bounds.rings != 0 ? bounds.rings : by_cpus;
  options.ring_bytes = static_cast<uint32_t>(bounds.ring_bytes);
  options.turn_budget_bytes = bounds.turn_budget_bytes;
  options.max_connections = bounds.max_connections;
  options.max_threads = bounds.max_threads;
  options.max_targets = bounds.max_targets;
  return options;
}

uint64_t Ns(milliseconds time) { return static_cast<uint64_t>(std::chrono::nanoseconds(time).count()); }

trace::AssemblerConfig AssemblerConfigOf(const config::Config& config) {
  trace::AssemblerConfig options;
  options.hold_ns = Ns(config.bounds.hold_time);
  options.max_held_spans = config.bounds.max_pending_spans;
  return options;
}

pipeline::ShardConfig ShardConfigOf(const config::Config& config, int64_t unix_minus_boot_ns, uint32_t hz,
                                    const span::IdKey& key) {
  pipeline::ShardConfig options;
  options.max_connections = config.bounds.max_connections;
  options.max_open_per_connection = config.bounds.max_open_exchanges;
  options.stream.undecided_bytes = config.bounds.stream_bytes;
  options.stream.open_span_ns =
      static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(config.open_span_after).count());
  options.websocket_messages = config.websocket_messages;
  options.spans = {unix_minus_boot_ns, hz};
  options.id_key = key;
  return options;
}

metrics::MetricTotalsOptions TotalsOptionsOf(const config::Config& config, const Clock& clock,
                                             std::shared_ptr<const exporters::Resource> self) {
  metrics::MetricTotalsOptions options;
  options.limits.series = config.bounds.max_series;
  options.start_unix_ns = clock.UnixNs();
  options.agent_resource = std::move(self);
  if (config.otlp.metrics_temporality) {
    if (const auto parsed = metrics::ParseTemporalityPreference(*config.otlp.metrics_temporality)) options.temporality = *parsed;
  }
  return options;
}

// What a replay needs to decide as this capture does (recording/settings.h).
recording::Settings SettingsOf(const trace::AssemblerConfig& assembler, const pipeline::ShardConfig& shard, uint32_t rings) {
  recording::Settings settings;
  settings.rings = rings;
  settings.hold_ns = assembler.hold_ns;
  settings.max_held_spans = assembler.max_held_spans;
  settings.max_connections = shard.max_connections;
  settings.max_open_per_connection = shard.max_open_per_connection;
  settings.undecided_bytes = shard.stream.undecided_bytes;
  return settings;
}

recording::CaptureHeader CaptureHeaderOf(int64_t unix_minus_boot_ns, const span::IdKey& key, uint32_t hz,
                                         const recording::Settings& settings) {
  recording::CaptureHeader header;
  header.unix_minus_boot_ns = unix_minus_boot_ns;
  header.id_key = key.bytes;
  header.jiffies_per_second = hz;
  utsname name{};
  if (::uname(&name) == 0) {
    header.host_name = name.nodename;
    header.kernel = name.release;
  }
  header.agent_version = WIRESPAN_VERSION;
  header.settings = recording::ToCounters(settings);
  return header;
}

// A shard that found nothing rests so long that what may come meanwhile fills its ring to a third, at 50 bytes a microsecond:
// that is 100,000 records a second of 500 bytes.
uint32_t LongestPauseUs(uint64_t ring_bytes) {
  constexpr uint64_t kLeastUs = 10'000, kMostUs = 50'000, kBytesPerUs = 50;
  return static_cast<uint32_t>(std::clamp(ring_bytes / kBytesPerUs / 3, kLeastUs, kMostUs));
}

// OTLP forgets a resource after ten intervals without a request; a scraper's interval is not known, so it is by our own.
constexpr uint32_t kIdleScrapes = 600;

std::unique_ptr<metrics::MetricTotals> ScrapedTotals(metrics::MetricTotalsOptions options) {
  options.temporality = exporters::Temporality::kCumulative;  // whatever OTLP asks for
  options.idle_collections = kIdleScrapes;
  return std::make_unique<metrics::MetricTotals>(std::move(options));
}

}  // namespace

Result<std::unique_ptr<Agent>> Agent::Open(const config::Config& config) {
  std::unique_ptr<Agent> agent(new Agent(config));
  Result<span::IdKey> key = span::RandomIdKey();
  if (!key.ok()) return key.error();

  const kernel::TracerOptions tracer_options = TracerOptionsOf(config);
  Result<std::unique_ptr<kernel::JiffiesMeter>> meter = kernel::JiffiesMeter::Start();  // while the programs are loaded
  Result<std::unique_ptr<kernel::Tracer>> tracer = kernel::Tracer::Open(tracer_options);
  if (!tracer.ok()) return tracer.error();
  agent->tracer_ = *std::move(tracer);
  agent->existing_ = std::make_unique<ExistingConnections>(*agent->tracer_);
  if (!meter.ok()) return meter.error();
  const int64_t unix_minus_boot_ns = MeasureUnixMinusBootNs(agent->clock_);

  process::ProcessTableOptions table_options;
  table_options.max_processes = config.bounds.max_targets;
  table_options.agent_version = WIRESPAN_VERSION;
  agent->processes_ = std::make_unique<process::ProcessTable>(process::ProcFs(), process::ReadHostFacts(), table_options);
  metrics::MetricTotalsOptions totals =
      TotalsOptionsOf(config, agent->clock_, agent->processes_->ResourceOf(static_cast<uint32_t>(::getpid())));
  if (config.status_listen) agent->scraped_ = ScrapedTotals(totals);
  agent->totals_ = std::make_unique<metrics::MetricTotals>(std::move(totals));

  agent->runtimes_ = std::make_unique<runtime::RuntimeWatch>(
      process::ProcFs(),
      runtime::RuntimeWatch::Told{
          [self = agent.get()](uint32_t tgid, const kernel::RuntimeLayout& layout) { return self->TellRuntime(tgid, layout); },
          [self = agent.get()](uint32_t tgid) { self->tracer_->DetachProbes(tgid); },
          [self = agent.get()] { self->ShedProbes(); }},
      config.bounds.max_targets);

  Result<std::unique_ptr<Outputs>> outputs = Outputs::Open(config, *agent->totals_, agent->clock_);
  if (!outputs.ok()) return outputs.error();
  agent->outputs_ = *std::move(outputs);
  const Result<uint32_t> hz = (*meter)->PerSecond();
  if (!hz.ok()) return hz.error();
  const trace::AssemblerConfig assembler_config = AssemblerConfigOf(config);
  const pipeline::ShardConfig shard_config = ShardConfigOf(config, unix_minus_boot_ns, *hz, *key);
  if (!config.record.empty()) {
    const recording::Settings settings = SettingsOf(assembler_config, shard_config, agent->tracer_->ring_count());
    Result<std::unique_ptr<recording::RecordingWriter>> recorder = recording::RecordingWriter::Create(
        config.record, CaptureHeaderOf(unix_minus_boot_ns, *key, *hz, settings), agent->clock_.BootNs(), *agent->processes_);
    if (!recorder.ok()) return recorder.error();
    agent->recorder_ = *std::move(recorder);
  }

  agent->mailbox_ = std::make_unique<FactMailbox>(kMailboxFacts);
  agent->assembler_ = std::make_unique<trace::TraceAssembler>(assembler_config, *key);
  Result<std::unique_ptr<Rests>> rests =
      Rests::Open(agent->tracer_->ring_count(), [self = agent.get()](bool wake) { self->tracer_->WakeReaders(wake); });
  if (!rests.ok()) return rests.error();
  agent->rests_ = *std::move(rests);
  const LoopParts parts{*agent->tracer_,
                        *agent->processes_,
                        *agent->mailbox_,
                        *agent->rests_,
                        agent->outputs_->metric_loop() != nullptr ? agent->totals_.get() : nullptr,
                        agent->scraped_.get(),
                        agent->clock_,
                        agent->recorder_.get(),
                        agent->live_targets_,
                        LongestPauseUs(config.bounds.ring_bytes),
                        [self = agent.get()](uint32_t parent_tgid, uint32_t tgid) {
                          // Its memory is its own: so are its probes.
                          if (self->tracer_->HasProbes(parent_tgid)) self->runtimes_->Look(tgid);
                        },
                        [self = agent.get()](uint32_t tgid) { self->OnExec(tgid); },
                        [self = agent.get()](uint32_t tgid) { self->runtimes_->Forget(tgid); },
                        [self = agent.get()](uint32_t from, std::span<const std::byte> record) {
                          for (uint32_t i = 0; i < self->loops_.size(); ++i) {
                            if (i != from) self->loops_[i]->Hand(record);
                          }
                        },
                        [self = agent.get()](uint64_t now_ns) { return self->LostAny(now_ns); }};
  for (uint32_t i = 0; i < agent->tracer_->ring_count(); ++i) {
    metrics::CardinalityLimits limits;
    limits.series = config.bounds.max_series;
    agent->loops_.push_back(std::make_unique<EventLoop>(i, shard_config, limits, parts));
  }
  agent->AddSelfMetrics();
  return agent;
}

Agent::~Agent() { Stop(); }

Result<void> Agent::Select(const std::vector<uint32_t>& tgids) {
  {
    const std::lock_guard<std::mutex> lock(roots_mutex_);
    roots_.insert(tgids.begin(), tgids.end());
  }
  for (const uint32_t tgid : tgids) {
    if (Result<void> done = SelectOne(tgid); !done.ok()) return done;
  }
  // Children forked from now on inherit in the kernel; those that live already are looked up, until there are no more.
  for (bool found_more = true; found_more;) {
    found_more = false;
    for (const uint32_t child : process::Descendants(tgids, process::ProcFs(), static_cast<uint32_t>(::getpid()))) {
      if (tracer_->IsTarget(child)) continue;
      if (Result<void> done = SelectOne(child); !done.ok()) return done;
      found_more = true;
    }
  }
  met_in_mid_life_.store(true, std::memory_order_release);
  existing_->Scan();
  return {};
}

Result<void> Agent::SelectOne(uint32_t tgid) {
  (void)processes_->ResourceOf(tgid);  // read while it lives
  hidden_.Look(tgid);
  if (Result<void> done = tracer_->AddTarget(tgid, true); !done.ok()) return done;
  live_targets_.fetch_add(1, std::memory_order_relaxed);
  runtimes_->LookNow(tgid);
  return {};
}

bool Agent::TellRuntimeOf(uint32_t tgid, const kernel::RuntimeLayout& layout) {
  if (!tracer_->SetRuntime(tgid, layout).ok()) return false;
  if (layout.probes.empty() || !config_.runtime_probes) return true;
  if (Result<void> done = tracer_->AttachProbes(tgid, layout.probes); !done.ok()) {
    if (probes_refused_.fetch_add(1, std::memory_order_relaxed) == 0) {
      const bool lacks = !kernel::Has(kernel::kCapSysAdmin);
      spdlog::warn("{}{}; links of this and such processes are told by threads alone", done.error().message(),
                   lacks ? "; this kernel may ask for CAP_SYS_ADMIN (`wirespan doctor` tells)" : "");
    }
  }
  return true;
}

void Agent::ShedProbes() {
  for (const uint32_t tgid : tracer_->ShedProbes()) {
    probes_shed_.fetch_add(1, std::memory_order_relaxed);
    spdlog::info(
        "process {} starts goroutines or copies contexts more than {} times a second: the probes that tell of it rest for a "
        "minute",
        tgid, kernel::kMostBirthsPerSecond);
  }
}

bool Agent::TellRuntime(uint32_t tgid, const kernel::RuntimeLayout& layout) {
  if (!TellRuntimeOf(tgid, layout)) return false;
  const process::ProcFs proc;
  const std::optional<std::string> program = proc.ReadLink(tgid, "exe");
  bool told = true;
  for (const uint32_t child : process::Descendants({tgid}, proc, static_cast<uint32_t>(::getpid()))) {
    if (!program || !tracer_->IsTarget(child) || proc.ReadLink(child, "exe") != program) continue;
    told = TellRuntimeOf(child, layout) && told;
  }
  return told;
}

void Agent::OnExec(uint32_t tgid) {
  runtimes_->Look(tgid);
  {
    const std::lock_guard<std::mutex> lock(roots_mutex_);
    if (roots_.count(tgid) == 0) return;  // a child of a target stays one, whatever it becomes
  }
  if (config_.targets.empty() || process::Matches(config_.targets, process::ProcFs(), tgid)) return;
  tracer_->RemoveTarget(tgid);
  runtimes_->Forget(tgid);
  live_targets_.fetch_sub(1, std::memory_order_relaxed);
}

void Agent::Start() {
  started_ns_ = clock_.BootNs();
  ::malloc_trim(0);  // loading took several MB that nothing needs any more (the kernel's types)
  assemble_thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "assemble");
    Assemble();
  });
  for (const auto& loop : loops_) loop->Start();
  runtimes_->Start();
}

void Agent::Housekeep() { existing_->Sweep(); }

// Links that are right only if nothing is missing are not made for a while after a loss, and after processes were met in
// mid-life.
bool Agent::LostAny(uint64_t now_ns) {
  constexpr uint64_t kIntervalNs = 500'000'000;
  if (met_in_mid_life_.exchange(false, std::memory_order_acq_rel)) return true;
  if (now_ns - losses_watched_ns_ < kIntervalNs) return false;
  losses_watched_ns_ = now_ns;
  uint64_t lost = mailbox_->dropped_facts() + tracer_->LostEvents();
  for (const auto& loop : loops_) {
    const Losses losses = loop->losses();
    for (const uint64_t count : losses.counts) lost += count;
  }
  return lost > std::exchange(losses_seen_, lost);
}

void Agent::Assemble() {
  std::vector<FactMailbox::Letter> letters;
  exporters::SpanBatch ready;
  bool holds_spans = false;
  uint64_t relaxed_ns = started_ns_;
  for (;;) {
    const bool stopping = assemble_stopping_.load(std::memory_order_acquire);
    // Read before the letters are taken: what a shard delivered before it came so far is among them.
    uint64_t progress_ns = clock_.BootNs();
    for (const auto& loop : loops_) progress_ns = std::min(progress_ns, loop->progress_ns());
    mailbox_->Collect(letters, holds_spans ? kHoldingPatience : kIdlePatience);
    for (FactMailbox::Letter& letter : letters) assembler_->Add(std::move(letter.facts), letter.shard, letter.told_after_ns);
    mailbox_->Return(letters);
    assembler_->Advance(progress_ns, ready);
    if (stopping) assembler_->Flush(ready);
    if (ready.size != 0) outputs_->Put(ready);
    holds_spans = assembler_->held_spans() != 0;
    {
      const std::lock_guard<std::mutex> lock(assembled_mutex_);
      assembled_ = assembler_->counters();
      resolved_ = assembler_->link_counters();
      held_spans_ = assembler_->held_spans();
    }
    const uint64_t now_ns = clock_.BootNs();
    assembled_ns_.store(now_ns, std::memory_order_relaxed);
    if (stopping) return;
    if (now_ns - relaxed_ns < kRelaxNs) continue;
    relaxed_ns = now_ns;
    if (assembler_->Relax()) ::malloc_trim(0);
  }
}

void Agent::Stop() {
  if (stopped_) return;
  stopped_ = true;
  const auto deadline = std::chrono::steady_clock::now() + config_.bounds.shutdown_time;
  if (runtimes_) runtimes_->Stop();
  if (tracer_) tracer_->RemoveAllTargets();  // nothing more is captured; what is on the rings is taken
  for (const auto& loop : loops_) loop->Stop();
  if (assemble_thread_.joinable()) {
    assemble_stopping_.store(true, std::memory_order_release);
    mailbox_->Close();
    assemble_thread_.join();
  }
  if (recorder_) FinishRecording();
  if (outputs_) outputs_->Shutdown(deadline);
}

void Agent::FinishRecording() {
  recording::CounterList counters;
  const kernel::KernelLosses losses = tracer_->Losses();
  for (uint32_t i = 0; i < losses.by_reason.size(); ++i) counters.emplace_back(KernelLossName(i), losses.by_reason[i]);
  if (Result<void> done = recorder_->Finish(counters, clock_.BootNs()); !done.ok()) spdlog::error("{}", done.error().message());
}

bool Agent::wrote_everything() const {
  if (recorder_ && recorder_->error()) return false;
  for (const auto& loop : outputs_->loops()) {
    if (loop->name() != "otlp" && loop->counts().gave_up != 0) return false;
  }
  return true;
}

Summary Agent::MakeSummary() const {
  Summary summary;
  summary.kernel = tracer_->Losses();
  for (const auto& loop : loops_) {
    summary.shards.Merge(loop->losses());
    summary.policy_failures += loop->policy_failures();
    summary.wakes += loop->wakes();
  }
  {
    const std::lock_guard<std::mutex> lock(assembled_mutex_);
    summary.assembler = assembled_;
    summary.resolver = resolved_;
  }
  summary.policy_failures += existing_->failures();
  summary.mailbox_dropped_facts = mailbox_->dropped_facts();
  summary.mailbox_dropped_spans = mailbox_->dropped_spans();
  summary.record_failures = recorder_ ? recorder_->counters().dropped : 0;
  summary.spans_put = outputs_->spans_put();
  for (const auto& loop : outputs_->loops()) summary.exporters.push_back({loop->name(), loop->counts()});
  summary.map_bytes = tracer_->MapBytes();
  summary.runtimes = runtimes_->counts();
  summary.probes_refused = probes_refused_.load(std::memory_order_relaxed);
  summary.probes_shed = probes_shed_.load(std::memory_order_relaxed);
  MeasureSelf(summary);
  return summary;
}

Gauges Agent::MakeGauges() const {
  Gauges gauges;
  gauges.targets = live_targets();
  for (const auto& loop : loops_) {
    gauges.open_connections += loop->open_connections();
    gauges.open_exchanges += loop->open_exchanges();
  }
  {
    const std::lock_guard<std::mutex> lock(assembled_mutex_);
    gauges.held_spans = held_spans_;
  }
  gauges.mailbox_facts = mailbox_->pending_facts();
  for (uint32_t i = 0; i < tracer_->ring_count(); ++i) gauges.ring_waiting_bytes.push_back(tracer_->Waiting(i));
  return gauges;
}

status::Heartbeat Agent::Beat() const {
  // A thread that has not had its first turn yet is as far as the start.
  status::Heartbeat beat{clock_.BootNs(), "assemble", std::max(started_ns_, assembled_ns_.load(std::memory_order_relaxed))};
  for (size_t i = 0; i < loops_.size(); ++i) {
    if (const uint64_t progress_ns = std::max(started_ns_, loops_[i]->progress_ns()); progress_ns < beat.progress_ns) {
      beat.slowest = "events-" + std::to_string(i);
      beat.progress_ns = progress_ns;
    }
  }
  return beat;
}

void Agent::CollectScraped(exporters::MetricBatch& out) {
  if (scraped_) scraped_->Collect(clock_.UnixNs(), out);
}

void Agent::AddSelfMetrics() {
  const auto add = [this](const char* reason, std::function<uint64_t()> read) {
    exporters::AttributeList attributes;
    attributes.String("reason", reason);
    const status::MetricName& losses = status::kLosses;
    totals_->AddCounter(std::string(losses.name), std::string(losses.unit), std::string(losses.help), std::move(attributes),
                        std::move(read));
  };
  for (uint32_t i = 0; i < kKernelLossCount; ++i) {
    add(std::string(KernelLossName(i)).c_str(), [this, i] { return tracer_->Losses().by_reason[i]; });
  }
  for (size_t i = 0; i < kLossCount; ++i) {
    add(std::string(LossName(static_cast<Loss>(i))).c_str(), [this, i] {
      uint64_t sum = 0;
      for (const auto& loop : loops_) sum += loop->losses().counts[i];
      return sum;
    });
  }
  add("assembler_full", [this] { return mailbox_->dropped_spans(); });
}

}  // namespace wirespan::live
