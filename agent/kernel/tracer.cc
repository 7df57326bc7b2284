#include "agent/kernel/tracer.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <optional>

#include "agent/kernel/capabilities.h"
#include "agent/kernel/loaded_object.h"
#include "agent/kernel/ring.h"
#include "agent/kernel/runtime_probes.h"
#include "bpf/shared/config.h"
#include "bpf/tracer.skel.h"

namespace wirespan::kernel {
namespace {

// "memlock:" of the map's fdinfo: what the kernel says the map takes.
uint64_t MemoryOf(int map_fd) {
  std::ifstream info("/proc/self/fdinfo/" + std::to_string(map_fd));
  std::string key;
  uint64_t value = 0;
  while (info >> key) {
    if (key == "memlock:" && info >> value) return value;
  }
  return 0;
}

// What a ring takes; a kernel as late as 6.1 says 0, so that its data is counted at least.
uint64_t MemoryOfRing(int map_fd) {
  bpf_map_info info{};
  uint32_t size = sizeof(info);
  bpf_map_get_info_by_fd(map_fd, &info, &size);
  return std::max<uint64_t>(MemoryOf(map_fd), info.max_entries);
}

// How connections older than the agent are found, and why not by the iterator.
struct Existing {
  ExistingSource source = ExistingSource::kIterator;
  std::string reason;
};

// Of an object whose every program is loaded at once, a program that does not load takes the others with it: so it is tried
// before.
Result<Existing> ChooseExisting(ExistingSource wanted, const KernelFunctions& kernel) {
  if (wanted == ExistingSource::kProc) return Existing{ExistingSource::kProc, "it was asked for"};
  const Result<void> tried = TryIterator(kernel);
  if (tried.ok()) return Existing{};
  const Error error = tried.error().In("iterator over open files");
  if (wanted == ExistingSource::kIterator) return error;
  return Existing{ExistingSource::kProc, error.message()};
}

class LoadedTracer final : public Tracer {
  using Maps = decltype(tracer::maps);
  const Maps& maps() const { return object_->skeleton()->maps; }

 public:
  LoadedTracer(std::unique_ptr<LoadedObject> object, Plan plan, std::vector<Attempt> failed, Existing existing)
      : object_(std::move(object)),
        plan_(plan),
        failed_(std::move(failed)),
        existing_(std::move(existing)),
        probes_(*object_->skeleton()) {}

  Result<void> OpenRings() {
    for (const UniqueFd& fd : object_->rings()) {
      Result<std::unique_ptr<Ring>> ring = Ring::Open(fd.get());
      if (!ring.ok()) return ring.error();
      rings_.push_back(*std::move(ring));
    }
    return {};
  }

  CaptureSource source() const override { return plan_.source; }

  std::string Explanation() const override {
    std::string text = std::string(Name(plan_.source)) + " by " + Describe(plan_);
    for (size_t i = 0; i < failed_.size(); ++i) {
      text += (i == 0 ? ", because " : "; ") + std::string(Name(failed_[i].source)) + " by " + failed_[i].mechanism + ": " +
              failed_[i].reason;
    }
    return text;
  }

  Result<void> AddTarget(uint32_t tgid, bool inherit) override {
    ws_target target{};
    if (inherit) target.flags = WS_TARGET_INHERIT;
    if (bpf_map_update_elem(Fd(maps().targets), &tgid, &target, BPF_ANY) != 0) {
      return Error::FromErrno("select process " + std::to_string(tgid), errno, "raise max-targets");
    }
    return {};
  }
  void RemoveTarget(uint32_t tgid) override {
    bpf_map_delete_elem(Fd(maps().targets), &tgid);
    bpf_map_delete_elem(Fd(maps().runtimes), &tgid);
    probes_.Detach(tgid);
  }
  void RemoveAllTargets() override {
    uint32_t tgid = 0;
    while (bpf_map_get_next_key(Fd(maps().targets), nullptr, &tgid) == 0) RemoveTarget(tgid);
  }
  bool IsTarget(uint32_t tgid) const override {
    ws_target target{};
    return bpf_map_lookup_elem(Fd(maps().targets), &tgid, &target) == 0;
  }

  Result<void> SetRuntime(uint32_t tgid, const RuntimeLayout& layout) override {
    ws_runtime runtime{};
    runtime.kind = layout.kind == RuntimeLayout::Kind::kGo ? WS_RUNTIME_GO : WS_RUNTIME_PYTHON;
    runtime.base_offset = layout.base_offset;
    runtime.machine_offset = layout.machine_offset;
    runtime.id_offset = layout.id_offset;
    runtime.parent_offset = layout.parent_offset;
    runtime.threads_offset = layout.threads_offset;
    runtime.next_offset = layout.next_offset;
    runtime.thread_id_offset = layout.thread_id_offset;
    runtime.context_offset = layout.context_offset;
    runtime.type_offset = layout.type_offset;
    runtime.interpreter_address = layout.interpreter_address;
    runtime.context_type = layout.context_type;
    runtime.epoch = layout.probes.empty() ? 0 : NextEpoch();
    if (bpf_map_update_elem(Fd(maps().runtimes), &tgid, &runtime, BPF_ANY) != 0) {
      return Error::FromErrno("tell the runtime of process " + std::to_string(tgid), errno, "raise max-targets");
    }
    // A process that ended meanwhile leaves nothing behind.
    if (!IsTarget(tgid)) bpf_map_delete_elem(Fd(maps().runtimes), &tgid);
    // Threads that found nothing look again.
    std::atomic_ref<uint32_t>(const_cast<uint32_t&>(object_->skeleton()->bss->runtime_generation)).fetch_add(1);
    return {};
  }
  Result<void> AttachProbes(uint32_t tgid, const std::vector<RuntimeProbe>& probes) override {
    return probes_.Attach(tgid, probes);
  }
  void DetachProbes(uint32_t tgid) override { probes_.Detach(tgid); }
  bool HasProbes(uint32_t tgid) override { return probes_.Has(tgid); }
  std::vector<uint32_t> ShedProbes() override {
    const auto births = [this](uint32_t tgid) {
      ws_runtime runtime{};
      return bpf_map_lookup_elem(Fd(maps().runtimes), &tgid, &runtime) == 0 ? uint64_t{runtime.births} : 0;
    };
    std::vector<uint32_t> shed = probes_.Shed(births, std::chrono::steady_clock::now());
    for (const uint32_t tgid : shed) BeginEpoch(tgid);
    return shed;
  }

  std::vector<uint32_t> Targets() const override {
    std::vector<uint32_t> tgids;
    uint32_t tgid = 0;
    const uint32_t* previous = nullptr;
    // Forks and exits change the map meanwhile, and a key that is gone begins it anew: so it ends by number, too.
    const uint32_t limit = 2 * bpf_map__max_entries(maps().targets);
    while (tgids.size() < limit && bpf_map_get_next_key(Fd(maps().targets), previous, &tgid) == 0) {
      tgids.push_back(tgid);
      previous = &tgids.back();
    }
    std::sort(tgids.begin(), tgids.end());
    tgids.erase(std::unique(tgids.begin(), tgids.end()), tgids.end());
    return tgids;
  }

  ExistingSource existing() const override { return existing_.source; }
  std::string ExistingReason() const override { return existing_.reason; }

  Result<void> AddListener(uint64_t net_namespace, uint16_t port) override {
    const uint64_t key = (net_namespace << 16U) | port;  // listener_key() of bpf/lib/core_read.bpf.h
    const uint32_t one = 1;
    if (bpf_map_update_elem(Fd(maps().listeners), &key, &one, BPF_ANY) != 0) {
      return Error::FromErrno("tell the kernel of a listening port", errno);
    }
    return {};
  }
  bool SetPolicyRole(ConnectionId connection, ConnectionRole role) override {
    const ws_policy policy{WS_POLICY_BUDGET, 0, static_cast<uint32_t>(role), 0};
    return bpf_map_update_elem(Fd(maps().policies), &connection, &policy, BPF_NOEXIST) == 0 || errno == EEXIST;
  }

  Result<void> ScanExisting() override {
    for (const ws_iteration what : {WS_ITERATE_LISTENERS, WS_ITERATE_CONNECTIONS}) {
      if (Result<void> done = RunIterator(what); !done.ok()) return done;
    }
    return {};
  }

  Result<size_t> Sweep() override {
    BeginSweep();
    if (Result<void> done = RunIterator(WS_ITERATE_SWEEP); !done.ok()) return done.error();
    return EndSweep({});
  }
  // From here on, new connections carry the new number: they stay, whether they were looked at or not.
  void BeginSweep() override { ++object_->skeleton()->bss->sweep_number; }
  size_t EndSweep(const std::unordered_set<uint64_t>& open_inodes) override {
    return RemoveUnswept(object_->skeleton()->bss->sweep_number, open_inodes);
  }

  bool SetPolicyOff(ConnectionId connection) override { return SetPolicy(connection, {WS_POLICY_OFF, 0, 0, 0}); }
  bool SetPolicyBudget(ConnectionId connection, uint32_t budget_bytes, ConnectionRole role) override {
    return SetPolicy(connection, {WS_POLICY_BUDGET, budget_bytes, static_cast<uint32_t>(role), 0});
  }
  bool SetPolicyFrames(ConnectionId connection, uint32_t budget_bytes, ConnectionRole role) override {
    return SetPolicy(connection, {WS_POLICY_FRAMES, budget_bytes, static_cast<uint32_t>(role), 0});
  }
  void ErasePolicy(ConnectionId connection) override { bpf_map_delete_elem(Fd(maps().policies), &connection); }

  size_t Consume(uint32_t index, const std::function<void(std::span<const std::byte>)>& callback) override {
    return rings_[index]->reader().Consume(callback);
  }
  uint32_t ring_count() const override { return static_cast<uint32_t>(rings_.size()); }
  int RingFd(uint32_t index) const override { return object_->rings()[index].get(); }
  void WakeReaders(bool wake) override {
    std::atomic_ref<uint32_t>(const_cast<uint32_t&>(object_->skeleton()->bss->readers_rest)).store(wake ? 1 : 0);
  }
  uint64_t Waiting(uint32_t index) const override { return rings_[index]->reader().waiting(); }

  KernelLosses Losses() const override {
    KernelLosses losses;
    for (uint32_t i = 0; i < WS_LOSS_REASON_COUNT; ++i) losses.by_reason.push_back(Count(i));
    for (uint32_t i = 0; i < WS_COUNT_COUNT; ++i) losses.counts.push_back(Count(WS_LOSS_REASON_COUNT + i));
    const auto& programs = object_->skeleton()->progs;
    for (const bpf_program* program : object_->programs()) {
      const bool is_notice =
          program == programs.on_socket_state || program == programs.on_socket_destroyed || program == programs.on_waking;
      (is_notice ? losses.missed_notices : losses.missed_runs) += ProgramInfo(program).recursion_misses;
    }
    return losses;
  }

  uint64_t LostEvents() const override {
    uint64_t sum = 0;
    for (uint32_t i = 0; i < WS_LOSS_REASON_COUNT; ++i) sum += Count(i);
    return sum;
  }

  uint64_t MapBytes() const override {
    uint64_t bytes = 0;
    for (const UniqueFd& ring : object_->rings()) bytes += MemoryOfRing(ring.get());
    bpf_map* map = nullptr;
    bpf_object__for_each_map(map, object_->skeleton()->obj) bytes += MemoryOf(bpf_map__fd(map));
    return bytes;
  }

  std::vector<std::pair<std::string, uint32_t>> VerifierCost() const override {
    std::vector<std::pair<std::string, uint32_t>> cost;
    for (const bpf_program* program : object_->programs()) {
      cost.emplace_back(bpf_program__name(program), ProgramInfo(program).verified_insns);
    }
    return cost;
  }

 private:
  uint32_t NextEpoch() {
    const uint32_t next = epochs_.fetch_add(1, std::memory_order_relaxed) + 1;
    return next == 0 ? NextEpoch() : next;
  }
  // What was told of the process's contexts so far is not believed any more: meanwhile others may have got their addresses.
  void BeginEpoch(uint32_t tgid) {
    ws_runtime runtime{};
    if (bpf_map_lookup_elem(Fd(maps().runtimes), &tgid, &runtime) != 0) return;
    runtime.epoch = NextEpoch();
    bpf_map_update_elem(Fd(maps().runtimes), &tgid, &runtime, BPF_EXIST);
  }

  // Of all CPUs. The memory is the kernel's own, mapped: while one looks a map up by a system call, the kernel runs no kprobe and
  // no tracepoint program on that processor, and one that is due meanwhile is missed (bpf_disable_instrumentation;
  // trace_call_bpf).
  uint64_t Count(uint32_t counter) const {
    uint64_t sum = 0;
    for (size_t row = 0; row < WS_COUNTER_ROWS; ++row) {
      sum += __atomic_load_n(&object_->skeleton()->bss->counters[row * WS_COUNTERS + counter], __ATOMIC_RELAXED);
    }
    return sum;
  }

  static int Fd(const bpf_map* map) { return bpf_map__fd(map); }

  static bpf_prog_info ProgramInfo(const bpf_program* program) {
    bpf_prog_info info{};
    uint32_t size = sizeof(info);
    bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &size);
    return info;
  }

  bool SetPolicy(ConnectionId connection, const ws_policy& policy) {
    return bpf_map_update_elem(Fd(maps().policies), &connection, &policy, BPF_ANY) == 0;
  }

  // Removes unix sockets that are neither of sweep number `sweep` nor in `open`; TCP's entries go with the socket.
  size_t RemoveUnswept(uint32_t sweep, const std::unordered_set<uint64_t>& open) {
    std::vector<uint64_t> gone;
    uint64_t key = 0;
    const uint64_t* previous = nullptr;
    const int map = Fd(maps().connections);
    std::vector<std::byte> value(bpf_map__value_size(maps().connections));
    while (bpf_map_get_next_key(map, previous, &key) == 0) {
      previous = &key;
      if (bpf_map_lookup_elem(map, &key, value.data()) != 0) continue;
      ws_connection_life life{};
      std::memcpy(&life, value.data(), sizeof(life));
      if (life.is_unix != 0 && life.sweep != sweep && open.count(life.inode) == 0) gone.push_back(key);
    }
    for (const uint64_t sock : gone) bpf_map_delete_elem(map, &sock);
    return gone.size();
  }

  Result<void> RunIterator(ws_iteration what) {
    object_->skeleton()->bss->iteration = what;
    const std::unique_ptr<bpf_link, LinkDeleter> link(bpf_program__attach_iter(object_->skeleton()->progs.on_task_file, nullptr));
    if (!link) return Error::FromErrno("attach the iterator over open files", errno);
    const UniqueFd iterator(bpf_iter_create(bpf_link__fd(link.get())));
    if (!iterator.ok()) return Error::FromErrno("run the iterator over open files", errno);
    char buffer[256];
    ssize_t size = 0;
    do {
      size = ::read(iterator.get(), buffer, sizeof(buffer));
    } while (size > 0 || (size < 0 && errno == EAGAIN));
    if (size < 0) return Error::FromErrno("read the iterator over open files", errno);
    return {};
  }

  std::unique_ptr<LoadedObject> object_;
  Plan plan_;
  std::vector<Attempt> failed_;
  const Existing existing_;
  RuntimeProbes probes_;
  std::atomic<uint32_t> epochs_{0};
  std::vector<std::unique_ptr<Ring>> rings_;
};

Result<std::unique_ptr<LoadedObject>> TryThenOpen(const Plan& plan, const TracerOptions& options, const KernelFunctions& kernel) {
  const Result<Tried> tried = Try(plan, kernel);
  if (!tried.ok()) return tried.error();
  return LoadedObject::Open(plan, options, kernel);
}

// What stops every plan, said before any is tried; nullopt where nothing does.
std::optional<Error> Obstacle() {
  if (::access("/sys/kernel/btf/vmlinux", R_OK) != 0) {
    return Error::FromErrno("read the kernel's types in /sys/kernel/btf/vmlinux", errno,
                            "use a kernel built with CONFIG_DEBUG_INFO_BTF");
  }
  if (!HasCapabilityToTrace()) {
    constexpr Capability kNeeded[] = {kCapBpf, kCapPerfmon};
    return Error("load BPF programs: this user may not, without " + Lacking(kNeeded) +
                 "; run as root, or with CAP_BPF and CAP_PERFMON");
  }
  return std::nullopt;
}

}  // namespace

bool HasCapabilityToTrace() {
  constexpr uint64_t kSysAdmin = 1ULL << 21U;
  constexpr uint64_t kNeeded = (1ULL << 38U) | (1ULL << 39U);  // CAP_PERFMON, CAP_BPF (linux/capability.h)
  const uint64_t held = EffectiveCapabilities();
  return (held & kSysAdmin) != 0 || (held & kNeeded) == kNeeded;
}

uint64_t EffectiveCapabilities() {
  std::ifstream status("/proc/self/status");
  std::string line;
  while (std::getline(status, line)) {
    if (line.rfind("CapEff:", 0) == 0) return std::strtoull(line.c_str() + 7, nullptr, 16);
  }
  return 0;
}

std::string_view Name(CaptureSource source) {
  switch (source) {
    case CaptureSource::kAuto:
      return "auto";
    case CaptureSource::kSocket:
      return "socket";
    case CaptureSource::kSyscall:
      return "syscall";
  }
  return "";
}

std::string_view Name(ExistingSource source) {
  switch (source) {
    case ExistingSource::kAuto:
      return "auto";
    case ExistingSource::kIterator:
      return "iterator";
    case ExistingSource::kProc:
      return "proc";
  }
  return "";
}

Result<std::unique_ptr<Tracer>> Tracer::Open(const TracerOptions& wanted) {
  KeepLibbpfWarnings();
  if (std::optional<Error> obstacle = Obstacle()) return *std::move(obstacle);
  const KernelFunctions kernel;
  Result<Existing> existing = ChooseExisting(wanted.existing, kernel);
  if (!existing.ok()) return existing.error();
  TracerOptions options = wanted;
  options.existing = existing->source;
  std::vector<Attempt> failed;
  for (const Plan& plan : PlansFor(options.source)) {
    Result<std::unique_ptr<LoadedObject>> object = TryThenOpen(plan, options, kernel);
    if (!object.ok()) {
      failed.push_back({plan.source, Describe(plan), false, object.error().message()});
      continue;
    }
    auto loaded = std::make_unique<LoadedTracer>(*std::move(object), plan, std::move(failed), *existing);
    if (Result<void> done = loaded->OpenRings(); !done.ok()) return done.error();
    return std::unique_ptr<Tracer>(std::move(loaded));
  }
  std::string message = "attach capture source '" + std::string(Name(options.source)) + "'";
  for (const Attempt& attempt : failed) {
    message += "; " + std::string(Name(attempt.source)) + " by " + attempt.mechanism + ": " + attempt.reason;
  }
  return Error(message + "; `wirespan doctor` says what to change");
}

std::vector<Attempt> Tracer::TryAll(const TracerOptions& wanted) {
  KeepLibbpfWarnings();
  const KernelFunctions kernel;
  const Result<Existing> existing = ChooseExisting(wanted.existing, kernel);
  TracerOptions options = wanted;
  if (existing.ok()) options.existing = existing->source;
  std::vector<Attempt> attempts;
  for (const Plan& plan : PlansFor(CaptureSource::kAuto)) {
    const Result<std::unique_ptr<LoadedObject>> object = TryThenOpen(plan, options, kernel);
    attempts.push_back({plan.source, Describe(plan), object.ok(), object.ok() ? "" : object.error().message()});
  }
  return attempts;
}

}  // namespace wirespan::kernel
