// RuntimeProbes: the uprobes in selected processes' language runtimes, by process. Each is the process's own (its mm): no other
// process that runs the same file is touched. A probe costs its process about a microsecond each time it is passed: one that is
// passed too often is let go for a while. Owned by the tracer; any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "agent/base/result.h"
#include "agent/kernel/loaded_object.h"
#include "agent/kernel/runtime_layout.h"

namespace wirespan::kernel {

class RuntimeProbes {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  static constexpr std::chrono::seconds kRest{60};

  explicit RuntimeProbes(const tracer& object) : object_(object) {}

  bool Has(uint32_t tgid);
  // In place of those that the process has. The error names the first that could not be attached; the others are.
  Result<void> Attach(uint32_t tgid, const std::vector<RuntimeProbe>& probes);
  // Waits until none of the process's probes runs any more: some milliseconds.
  void Detach(uint32_t tgid);
  // About once a second. `passed`: how often the process's probes of births have been passed so far. Lets go of those that were
  // passed more than kMostBirthsPerSecond since the last time, and takes them up again after kRest. Returns whose it let go of.
  std::vector<uint32_t> Shed(const std::function<uint64_t(uint32_t tgid)>& passed, TimePoint now);

 private:
  using Link = std::unique_ptr<bpf_link, LinkDeleter>;
  struct Held {
    RuntimeProbe probe;
    Link link;  // null while it rests, or where it could not be had
  };
  struct Process {
    std::vector<Held> probes;
    uint64_t passed = 0;  // at `counted`
    TimePoint counted;
    TimePoint rests_until;  // in the past: it does not
  };
  Link Open(uint32_t tgid, const RuntimeProbe& probe) const;

  const tracer& object_;
  std::mutex mutex_;
  std::unordered_map<uint32_t, Process> processes_;
};

}  // namespace wirespan::kernel
