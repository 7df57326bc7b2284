#include "agent/live/trace_door.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <optional>

#include "agent/base/log.h"
#include "agent/live/agent.h"
#include "agent/live/child_process.h"
#include "agent/live/status_page.h"
#include "agent/process/selectors.h"

namespace wirespan::live {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kHousekeepingInterval{15'000};
constexpr int kForwarded[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGCONT, SIGWINCH};

constexpr int kFailure = 1;
constexpr int kUsage = 2;

int Fail(const Error& error, int code = kFailure) {
  std::fprintf(stderr, "wirespan: %s\n", error.message().c_str());
  return code;
}

// Blocks the signals that are waited for, in this thread and in every thread started later.
sigset_t BlockSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : kForwarded) sigaddset(&signals, signal);
  sigaddset(&signals, SIGCHLD);
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  return signals;
}

// The probes are in place and the first processes are selected.
void Ready(Agent& agent, StatusPage& page) {
  page.Attend(agent);
  page.Ready();
  const std::string status = page.url().empty() ? "" : " status=" + page.url();
  const kernel::ExistingSource existing =
      agent.existing().by_proc() ? kernel::ExistingSource::kProc : kernel::ExistingSource::kIterator;
  std::fprintf(stderr, "ready: source=%s existing=%s targets=%zu output=\"%s\"%s (%s; older connections by %s)\n",
               std::string(kernel::Name(agent.tracer().source())).c_str(), std::string(kernel::Name(existing)).c_str(),
               agent.live_targets(), agent.outputs().description().c_str(), status.c_str(), agent.tracer().Explanation().c_str(),
               agent.existing().Describe().c_str());
}

void SaySummary(const Agent& agent) { std::fprintf(stderr, "summary: %s\n", agent.MakeSummary().ToJson().c_str()); }

// 0 where everything that was asked for could be written. A collector that is away is no failure of the run: its losses are
// counted.
int OutcomeOf(const Agent& agent) { return agent.wrote_everything() ? 0 : 1; }

// What the main thread does while the others work.
class Waiting {
 public:
  Waiting(Agent& agent, StatusPage& page, const config::Config& config, const sigset_t& signals)
      : agent_(agent), page_(page), signals_(signals), next_housekeeping_(Clock::now() + kHousekeepingInterval) {
    if (config.duration) end_ = Clock::now() + *config.duration;
  }

  // The next signal, or nullopt after a short while; does what is due meanwhile.
  std::optional<siginfo_t> Next() {
    if (Clock::now() >= next_housekeeping_) {
      agent_.Housekeep();
      next_housekeeping_ = Clock::now() + kHousekeepingInterval;
    }
    page_.Attend(agent_);
    // Whoever scrapes waits for this thread.
    const timespec patience{0, page_.url().empty() ? 500'000'000 : 50'000'000};
    siginfo_t info{};
    if (::sigtimedwait(&signals_, &info, &patience) < 0) return std::nullopt;
    return info;
  }
  bool time_is_up() const { return end_ && Clock::now() >= *end_; }

 private:
  Agent& agent_;
  StatusPage& page_;
  const sigset_t signals_;
  std::optional<Clock::time_point> end_;
  Clock::time_point next_housekeeping_;
};

bool EndsAttach(int signal) { return signal == SIGINT || signal == SIGTERM || signal == SIGHUP || signal == SIGQUIT; }

// Signals of a terminal reach the command by themselves; those that somebody sent to us are passed on.
void Forward(const siginfo_t& info, pid_t child) {
  if (info.si_code <= 0) ::kill(child, info.si_signo);
}

// Waits for the command; its wait status.
int AwaitCommand(Waiting& waiting, pid_t child) {
  bool told = false;
  for (;;) {
    int status = 0;
    if (::waitpid(child, &status, WNOHANG) == child) return status;
    const std::optional<siginfo_t> info = waiting.Next();
    if (info && info->si_signo != SIGCHLD) Forward(*info, child);
    if (waiting.time_is_up() && !told) {
      ::kill(child, SIGTERM);
      told = true;
    }
  }
}

}  // namespace

int RunCommand(const config::Config& config, const std::vector<std::string>& command) {
  if (Result<void> done = Outputs::Check(config); !done.ok()) return Fail(done.error(), kUsage);
  if (Result<void> done = Outputs::LoadModules(config); !done.ok()) return Fail(done.error());
  Result<std::unique_ptr<StatusPage>> page = StatusPage::Open(config);
  if (!page.ok()) return Fail(page.error());
  // The child is made before any thread is, and before the signals are blocked for good.
  Result<ChildProcess> child = ChildProcess::Prepare(command);
  if (!child.ok()) return Fail(child.error());
  const sigset_t signals = BlockSignals();
  (*page)->Serve();
  Result<std::unique_ptr<Agent>> agent = Agent::Open(config);
  if (!agent.ok()) return Fail(agent.error());
  if (Result<void> done = (*agent)->Select({static_cast<uint32_t>(child->pid())}); !done.ok()) return Fail(done.error());
  (*agent)->Start();
  Ready(**agent, **page);
  if (Result<void> done = child->Release(); !done.ok()) {
    (*agent)->Stop();
    return Fail(done.error());
  }
  Waiting waiting(**agent, **page, config, signals);
  const int status = AwaitCommand(waiting, child->pid());
  (*page)->Ending();
  (*agent)->Stop();
  (*page)->Stop();
  SaySummary(**agent);
  const int code = ExitCodeOf(status);
  return code != 0 ? code : OutcomeOf(**agent);
}

int RunAttach(const config::Config& config) {
  if (Result<void> done = Outputs::Check(config); !done.ok()) return Fail(done.error(), kUsage);
  if (Result<void> done = Outputs::LoadModules(config); !done.ok()) return Fail(done.error());
  const sigset_t signals = BlockSignals();
  const Result<std::vector<uint32_t>> targets =
      process::Resolve(config.targets, process::ProcFs(), static_cast<uint32_t>(::getpid()));
  if (!targets.ok()) return Fail(targets.error());
  Result<std::unique_ptr<StatusPage>> page = StatusPage::Open(config);
  if (!page.ok()) return Fail(page.error());
  (*page)->Serve();
  Result<std::unique_ptr<Agent>> agent = Agent::Open(config);
  if (!agent.ok()) return Fail(agent.error());
  if (Result<void> done = (*agent)->Select(*targets); !done.ok()) return Fail(done.error());
  (*agent)->Start();
  Ready(**agent, **page);
  Waiting waiting(**agent, **page, config, signals);
  while (!waiting.time_is_up() && (*agent)->live_targets() > 0) {
    const std::optional<siginfo_t> info = waiting.Next();
    if (info && EndsAttach(info->si_signo)) break;
  }
  (*page)->Ending();
  (*agent)->Stop();
  (*page)->Stop();
  SaySummary(**agent);
  return OutcomeOf(**agent);
}

}  // namespace wirespan::live
