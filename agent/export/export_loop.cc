#include "agent/export/export_loop.h"

#include <pthread.h>
#include <sys/resource.h>

#include <algorithm>
#include <utility>

#include "agent/base/log.h"

namespace wirespan::exporting {
namespace {

constexpr std::chrono::seconds kLogInterval{10};
constexpr size_t kMaxThreadName = 15;  // of Linux

// A batch takes a millisecond and more at a stretch; whoever is traced does not wait for it, where both want one processor. What
// must not fall behind (the rings) keeps its weight, and whoever started the agent with less keeps theirs. Of this thread alone
// (Linux). Refused or not, spans go out: what the queue has no room for is counted there.
constexpr int kNiceness = 10;
void GiveWay() {
  if (::getpriority(PRIO_PROCESS, 0) < kNiceness) (void)::setpriority(PRIO_PROCESS, 0, kNiceness);
}

void NameThisThread(const std::string& name) { pthread_setname_np(pthread_self(), name.substr(0, kMaxThreadName).c_str()); }

}  // namespace

ExportLoop::ExportLoop(ExportLoopOptions options, std::unique_ptr<exporters::SpanExporter> exporter)
    : options_(std::move(options)), exporter_(std::move(exporter)), queue_(options_.queue), thread_([this] { Run(); }) {}

ExportLoop::~ExportLoop() { Shutdown(Clock::now()); }

void ExportLoop::Run() {
  NameThisThread("export-" + options_.name);
  GiveWay();
  exporters::SpanBatch batch;
  auto delay = std::min(options_.first_delay, options_.schedule_delay);
  while (!queue_.closed_and_empty()) {
    if (queue_.Take(batch, delay, Clock::now() + options_.schedule_delay)) {
      delay = options_.schedule_delay;
      in_flight_ += batch.size;
      exporters::ExportOutcome outcome;
      if (abandon_.load()) {
        outcome.gave_up = batch.size;
        outcome.message = "the time to end was over";
      } else {
        outcome = exporter_->Export(batch);
      }
      Account(batch, outcome);
      for (size_t i = 0; i < batch.size; ++i) batch.spans[i].resource.reset();  // a spare span keeps no process alive
      batch.Clear();
    }
    exporter_->OnTick(Clock::now());
  }
  exporter_->Finish();
  const std::lock_guard lock(mutex_);
  finished_ = true;
  finished_changed_.notify_all();
}

// An exporter that forgets spans must not make them vanish: what it does not account for was given up.
void ExportLoop::Account(const exporters::SpanBatch& batch, const exporters::ExportOutcome& outcome) {
  const uint64_t exported = std::min<uint64_t>(outcome.accepted, batch.size);
  const uint64_t rejected = std::min<uint64_t>(outcome.rejected, batch.size - exported);
  exported_ += exported;
  rejected_ += rejected;
  gave_up_ += batch.size - exported - rejected;
  attempts_ += outcome.attempts;
  in_flight_ -= batch.size;
  LogOutcome(outcome, batch.size);
}

// One line when something changes, and not one per batch where it keeps changing: a collector that is away for an hour says so
// twice.
void ExportLoop::LogOutcome(const exporters::ExportOutcome& outcome, size_t spans) {
  const bool failing = outcome.accepted < spans;
  if (outcome.message.empty() && (failing || last_message_.empty())) return;
  const auto now = Clock::now();
  if (outcome.message == last_message_ || now < next_log_) {
    ++suppressed_;
    return;
  }
  next_log_ = now + kLogInterval;
  if (outcome.message.empty()) {
    spdlog::info("export to {}: works again", options_.name);
  } else if (failing) {
    spdlog::warn("export to {}: {} of {} spans not delivered: {} ({} batches before were not told of)", options_.name,
                 spans - outcome.accepted, spans, outcome.message, suppressed_);
  } else {
    spdlog::warn("export to {}: {}", options_.name, outcome.message);
  }
  last_message_ = outcome.message;
  suppressed_ = 0;
}

ExportCounts ExportLoop::counts() const {
  ExportCounts out;
  out.queue = queue_.counts();
  out.exported = exported_;
  out.rejected = rejected_;
  out.gave_up = gave_up_;
  out.attempts = attempts_;
  out.in_flight = in_flight_;
  return out;
}

void ExportLoop::Shutdown(Clock::time_point deadline) {
  {
    const std::lock_guard lock(mutex_);
    if (shut_down_) return;
    shut_down_ = true;
  }
  queue_.Close();
  {
    std::unique_lock lock(mutex_);
    finished_changed_.wait_until(lock, deadline, [this] { return finished_; });
  }
  abandon_ = true;
  exporter_->Shutdown(deadline);
  thread_.join();
}

}  // namespace wirespan::exporting
