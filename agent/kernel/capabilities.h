// What the capabilities of this process allow and what is lost without one: the one list that doctor prints, and that errors and
// warnings name. No state; any thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "agent/base/result.h"

namespace wirespan::kernel {

struct Capability {
  unsigned number;  // linux/capability.h
  const char* name;
  const char* use;      // what it is for
  const char* without;  // what there is not without it
};

inline constexpr Capability kCapBpf{39, "CAP_BPF", "loads BPF programs", "no start"};
inline constexpr Capability kCapPerfmon{38, "CAP_PERFMON", "attaches them, reads memory of traced processes", "no start"};
inline constexpr Capability kCapSysPtrace{
    19, "CAP_SYS_PTRACE", "/proc of processes of other users: executable, runtime, sockets",
    "of processes of other users: no executable's path, no goroutines or tasks, not found by "
    "--exe and --port"};
inline constexpr Capability kCapDacReadSearch{2, "CAP_DAC_READ_SEARCH",
                                              "files of other users: environment and open files in /proc, tracefs",
                                              "of processes of other users: no OTEL_SERVICE_NAME, not found by --port"};
// perf_uprobe_event_init() asks for it again since Linux 6.16 (commit ba677dbe77af, July 2025) and in the stable kernels of that
// month.
inline constexpr Capability kCapSysAdmin{21, "CAP_SYS_ADMIN",
                                         "uprobes where the kernel asks for it (6.16 and later, stable kernels since July 2025)",
                                         "no uprobes: links of goroutines and tasks are told by threads alone"};
// Until 5.11 the memory of maps counts against RLIMIT_MEMLOCK (commit d5299b67dd59), which libbpf raises.
inline constexpr Capability kCapSysResource{24, "CAP_SYS_RESOURCE", "the memory of maps before Linux 5.11",
                                            "no start before Linux 5.11"};

// Whether this process has it in effect.
bool Has(const Capability& capability);

// "CAP_BPF, CAP_PERFMON": of those given, the ones that this process lacks; empty where it has all.
std::string Lacking(std::span<const Capability> wanted);
inline std::string Lacking(const Capability& one) { return Lacking(std::span<const Capability>(&one, 1)); }

// Whether the kernel counts the maps of this process against RLIMIT_MEMLOCK: by its release, "5.10.0-32-cloud-amd64".
bool CountsLockedMemory(const std::string& release);

// Opens a uprobe on a function of this very process that nobody calls, and closes it. The error says what the kernel refused.
// Some milliseconds.
Result<void> TryUprobe();

}  // namespace wirespan::kernel
