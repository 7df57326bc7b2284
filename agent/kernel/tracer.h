// Tracer: the loaded and attached BPF programs. Chooses how to attach by trying, owns every map, link and ring, and lets go of
// all of them when it is destroyed: nothing is pinned, so nothing outlives the process. One thread, but for the methods that say
// otherwise.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <unordered_set>
#include <vector>

#include "agent/base/result.h"
#include "agent/kernel/event.h"
#include "agent/kernel/runtime_layout.h"

namespace wirespan::kernel {

enum class CaptureSource : uint8_t { kAuto, kSocket, kSyscall };
std::string_view Name(CaptureSource source);  // "auto", "socket", "syscall"

// How connections and listeners that are older than the agent are found: by the kernel's iterator over open files, or by user
// space in /proc. kAuto: the former where it can be had.
enum class ExistingSource : uint8_t { kAuto, kIterator, kProc };
std::string_view Name(ExistingSource source);  // "auto", "iterator", "proc"

struct TracerOptions {
  CaptureSource source = CaptureSource::kAuto;
  ExistingSource existing = ExistingSource::kAuto;
  uint32_t ring_count = 1;
  uint32_t ring_bytes = 8U << 20U;  // each; a power of two, at least a page
  uint32_t turn_budget_bytes = 4096;
  uint32_t max_connections = 32768;
  uint32_t max_threads = 8192;
  uint32_t max_targets = 4096;
  bool completion_wakes = true;
};

// One way of attaching that was tried.
struct Attempt {
  CaptureSource source = CaptureSource::kAuto;
  std::string mechanism;  // "fentry/fexit", "kprobes", "tp_btf", "raw tracepoints", "tracepoints"
  bool works = false;
  std::string reason;  // why it does not
};

struct KernelLosses {
  std::vector<uint64_t> by_reason;  // index: enum ws_loss_reason
  std::vector<uint64_t> counts;     // index: enum ws_count
  uint64_t missed_runs = 0;         // runs the kernel skipped because of recursion (bpf_prog_info.recursion_misses)
  uint64_t missed_notices = 0;  // the same of the programs that tell of sockets' states and of wakes: interrupted by a softirq
                                // that hits the same tracepoint. No byte is lost; the end of a socket is told by a second hook.
};

class Tracer {
 public:
  // Tries the sources in order of preference (or the forced one alone) until one is attached. The error names every attempt.
  static Result<std::unique_ptr<Tracer>> Open(const TracerOptions& options);
  // Tries every way there is and attaches none for good: for `doctor`.
  static std::vector<Attempt> TryAll(const TracerOptions& options);

  virtual ~Tracer() = default;

  virtual CaptureSource source() const = 0;
  // "syscall by tp_btf, because socket by fentry/fexit: ...; socket by kprobes: ...". One line.
  virtual std::string Explanation() const = 0;

  // From now on the process is captured; `inherit`: its future children too. Any thread.
  virtual Result<void> AddTarget(uint32_t tgid, bool inherit) = 0;
  virtual void RemoveTarget(uint32_t tgid) = 0;
  virtual void RemoveAllTargets() = 0;
  virtual bool IsTarget(uint32_t tgid) const = 0;
  // From now on the identities of what runs on the target's threads are read, until it execs or ends. Any thread.
  virtual Result<void> SetRuntime(uint32_t tgid, const RuntimeLayout& layout) = 0;
  // Attaches the target's probes in place of those it has. The error names the first that could not be; the others are. The
  // caller detaches them when the process ends or has another program: that waits for the kernel. Some milliseconds; any thread.
  virtual Result<void> AttachProbes(uint32_t tgid, const std::vector<RuntimeProbe>& probes) = 0;
  virtual void DetachProbes(uint32_t tgid) = 0;
  virtual bool HasProbes(uint32_t tgid) = 0;
  // About once a second: lets go of probes that are passed too often, for a while (RuntimeProbes::Shed). Returns whose.
  virtual std::vector<uint32_t> ShedProbes() = 0;
  virtual std::vector<uint32_t> Targets() const = 0;

  // Which of the two there is here, and for kProc why: "iterator: load: Operation not permitted", or that it was asked for.
  virtual ExistingSource existing() const = 0;
  virtual std::string ExistingReason() const = 0;
  // With the iterator: tells the kernel of the connections and listeners that the targets have already. Call after AddTarget;
  // again after each batch. Where it fails, /proc is left.
  virtual Result<void> ScanExisting() = 0;
  // With /proc: what the caller found there. A connection that user space has decided about already keeps that.
  virtual Result<void> AddListener(uint64_t net_namespace, uint16_t port) = 0;
  virtual bool SetPolicyRole(ConnectionId connection, ConnectionRole role) = 0;

  // Forgets unix connections whose socket is gone (TCP's go by themselves): a process that is killed closes them without a call.
  // Returns how many. Every half minute or so, off the data path.
  virtual Result<size_t> Sweep() = 0;
  // The same with /proc. BeginSweep first; then the caller looks which sockets the targets have open.
  virtual void BeginSweep() = 0;
  virtual size_t EndSweep(const std::unordered_set<uint64_t>& open_inodes) = 0;

  // What user space decided about a connection. Any thread; a failure is counted by the caller.
  virtual bool SetPolicyOff(ConnectionId connection) = 0;
  // `role` counts where the kernel does not know it.
  virtual bool SetPolicyBudget(ConnectionId connection, uint32_t budget_bytes, ConnectionRole role) = 0;
  virtual bool SetPolicyFrames(ConnectionId connection, uint32_t budget_bytes, ConnectionRole role) = 0;
  virtual void ErasePolicy(ConnectionId connection) = 0;

  // Hands every record that waits on ring `index` to `callback`; returns how many. One thread per ring.
  virtual size_t Consume(uint32_t index, const std::function<void(std::span<const std::byte>)>& callback) = 0;
  virtual uint32_t ring_count() const = 0;
  // Readable while there is something on ring `index`. While WakeReaders(true) holds, a record on an empty ring wakes whoever
  // waits for that; else nobody is woken. Any thread.
  virtual int RingFd(uint32_t index) const = 0;
  virtual void WakeReaders(bool wake) = 0;
  // Bytes on the ring that wait to be consumed.
  virtual uint64_t Waiting(uint32_t index) const = 0;

  virtual KernelLosses Losses() const = 0;  // any thread
  // The sum of Losses().by_reason, without a system call. Any thread.
  virtual uint64_t LostEvents() const = 0;
  virtual uint64_t MapBytes() const = 0;  // memory of all maps, as the kernel accounts it where it does
  // Instructions the verifier walked, per loaded program: "name count" pairs.
  virtual std::vector<std::pair<std::string, uint32_t>> VerifierCost() const = 0;
};

// The capabilities of this process as a mask by number (linux/capability.h), and whether they suffice.
uint64_t EffectiveCapabilities();
bool HasCapabilityToTrace();

}  // namespace wirespan::kernel
