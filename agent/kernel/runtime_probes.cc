#include "agent/kernel/runtime_probes.h"

#include <bpf/libbpf.h>

#include <cerrno>
#include <optional>
#include <string>
#include <utility>

#include "bpf/shared/config.h"
#include "bpf/tracer.skel.h"

namespace wirespan::kernel {
namespace {

bpf_program* ProgramOf(const tracer& object, RuntimeProbe::Kind kind) {
  switch (kind) {
    case RuntimeProbe::Kind::kGoroutineStart:
      return object.progs.on_goroutine_start;
    case RuntimeProbe::Kind::kGoRoundTrip:
      return object.progs.on_go_round_trip;
    case RuntimeProbe::Kind::kContextCopied:
      return object.progs.on_context_copied;
    case RuntimeProbe::Kind::kContextFreed:
      return object.progs.on_context_freed;
  }
  return nullptr;
}

bool TellsOfBirths(RuntimeProbe::Kind kind) { return kind != RuntimeProbe::Kind::kGoRoundTrip; }

std::string PathOf(uint32_t tgid, const RuntimeProbe& probe) { return "/proc/" + std::to_string(tgid) + "/" + probe.file; }

}  // namespace

RuntimeProbes::Link RuntimeProbes::Open(uint32_t tgid, const RuntimeProbe& probe) const {
  return Link(bpf_program__attach_uprobe(ProgramOf(object_, probe.kind), probe.returns, static_cast<pid_t>(tgid),
                                         PathOf(tgid, probe).c_str(), probe.offset));
}

Result<void> RuntimeProbes::Attach(uint32_t tgid, const std::vector<RuntimeProbe>& probes) {
  Process process;
  std::optional<Error> failed;
  // What is freed comes before what is copied: without the first, the second would be believed of addresses that are used again.
  bool births_can_be_told = true;
  for (const RuntimeProbe& probe : probes) {
    if (TellsOfBirths(probe.kind) && !births_can_be_told) continue;
    process.probes.push_back({probe, Open(tgid, probe)});
    if (process.probes.back().link != nullptr) continue;
    births_can_be_told = births_can_be_told && !TellsOfBirths(probe.kind);
    if (!failed) failed = Error::FromErrno("attach a uprobe to " + PathOf(tgid, probe), errno);
  }
  process.counted = std::chrono::steady_clock::now();
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    std::swap(processes_[tgid], process);
  }
  if (failed) return *failed;
  return {};
}

bool RuntimeProbes::Has(uint32_t tgid) {
  const std::lock_guard<std::mutex> lock(mutex_);
  return processes_.contains(tgid);
}

void RuntimeProbes::Detach(uint32_t tgid) {
  Process process;  // goes after the lock: letting go waits for the kernel
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto found = processes_.find(tgid);
  if (found == processes_.end()) return;
  std::swap(process, found->second);
  processes_.erase(found);
}

std::vector<uint32_t> RuntimeProbes::Shed(const std::function<uint64_t(uint32_t tgid)>& passed, TimePoint now) {
  std::vector<uint32_t> tgids;
  std::vector<Link> shed;
  const std::lock_guard<std::mutex> lock(mutex_);
  for (auto& [tgid, process] : processes_) {
    const uint64_t count = passed(tgid);
    const std::chrono::duration<double> elapsed = now - std::exchange(process.counted, now);
    const uint64_t before = std::exchange(process.passed, count);
    const bool too_often = count > before && static_cast<double>(count - before) > kMostBirthsPerSecond * elapsed.count();
    if (too_often) {
      process.rests_until = now + kRest;
      tgids.push_back(tgid);
    }
    for (Held& held : process.probes) {
      if (!TellsOfBirths(held.probe.kind)) continue;
      if (too_often && held.link != nullptr) shed.push_back(std::move(held.link));
      const bool has_rested = process.rests_until != TimePoint() && process.rests_until <= now;
      if (!has_rested || held.link != nullptr) continue;
      held.link = Open(tgid, held.probe);
      if (held.link == nullptr) break;  // as in Attach: those behind it would mislead
    }
    if (process.rests_until <= now) process.rests_until = TimePoint();
  }
  return tgids;
}

}  // namespace wirespan::kernel
