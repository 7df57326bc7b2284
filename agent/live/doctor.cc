#include "agent/live/doctor.h"

#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <fstream>
#include <ostream>
#include <string>
#include <vector>

#include "agent/kernel/tracefs.h"

namespace wirespan::live {
namespace {

struct Capability {
  int bit;
  const char* name;
  const char* use;
};
// linux/capability.h
constexpr Capability kCapabilities[] = {
    {39, "CAP_BPF", "load BPF programs"},
    {38, "CAP_PERFMON", "attach them, read memory of traced processes"},
    {19, "CAP_SYS_PTRACE", "read /proc of processes of other users"},
    {21, "CAP_SYS_ADMIN", "replaces CAP_BPF and CAP_PERFMON before Linux 5.8; mounts tracefs privately"},
};

std::string FirstLine(const char* path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

void PrintMachine(std::ostream& out) {
  utsname name{};
  ::uname(&name);
  out << "kernel            " << name.release << " " << name.machine << "\n";
  struct stat btf {};
  const bool has_btf = ::stat("/sys/kernel/btf/vmlinux", &btf) == 0;
  out << "kernel types      "
      << (has_btf ? "/sys/kernel/btf/vmlinux" : "MISSING: /sys/kernel/btf/vmlinux; use a kernel built with CONFIG_DEBUG_INFO_BTF")
      << "\n";
  const std::string lockdown = FirstLine("/sys/kernel/security/lockdown");
  out << "lockdown          " << (lockdown.empty() ? "not known" : lockdown) << "\n";
  char pid_namespace[64] = {};
  const ssize_t size = ::readlink("/proc/self/ns/pid", pid_namespace, sizeof(pid_namespace) - 1);
  const bool is_initial = size > 0 && std::string(pid_namespace) == "pid:[4026531836]";
  out << "pid namespace     "
      << (is_initial ? "the host's" : "not the host's: start the agent with the host's pid namespace (hostPID)") << "\n";
}

void PrintPrivileges(std::ostream& out) {
  const uint64_t capabilities = kernel::EffectiveCapabilities();
  for (const Capability& capability : kCapabilities) {
    const bool has = ((capabilities >> static_cast<unsigned>(capability.bit)) & 1U) != 0;
    std::string name = capability.name;
    name.resize(18, ' ');
    out << name << (has ? "yes" : "NO") << " (" << capability.use << ")\n";
  }
  const Result<kernel::Tracefs> tracefs = kernel::Tracefs::Open();
  const bool has_uprobes = ::access("/sys/bus/event_source/devices/uprobe/type", F_OK) == 0;
  out << "uprobes           " << (has_uprobes ? "yes" : "NO") << " (for which request a goroutine or task was started)\n";
  out << "tracefs           " << (tracefs.ok() ? tracefs->where() : "no: " + tracefs.error().message()) << "\n";
}

// What a person can do about a failed attempt.
std::string Advice(const kernel::Attempt& attempt) {
  if (attempt.reason.find("Operation not permitted") != std::string::npos) {
    if (::geteuid() != 0) return "run as root or with CAP_BPF and CAP_PERFMON";
    return "this kernel refuses it (lockdown, or built without it)";
  }
  if (attempt.reason.find("No such file") != std::string::npos)
    return "this kernel is built without kprobes, or without the function";
  return {};
}

}  // namespace

int RunDoctor(const kernel::TracerOptions& options, std::ostream& out) {
  PrintMachine(out);
  PrintPrivileges(out);
  const std::vector<kernel::Attempt> attempts = kernel::Tracer::TryAll(options);
  out << "\ncapture sources, in order of preference:\n";
  bool any = false;
  for (const kernel::Attempt& attempt : attempts) {
    out << "  " << (attempt.works ? "works   " : "fails   ") << kernel::Name(attempt.source) << " by " << attempt.mechanism;
    if (!attempt.works) {
      const std::string advice = Advice(attempt);
      out << ": " << attempt.reason << (advice.empty() ? "" : "; " + advice);
    }
    out << "\n";
    any = any || attempt.works;
  }
  if (!any) {
    out << "\nno capture source works here; run as root (or with CAP_BPF, CAP_PERFMON), on Linux 5.10 or newer with BTF\n";
    return 1;
  }
  const Result<std::unique_ptr<kernel::Tracer>> tracer = kernel::Tracer::Open(options);
  if (!tracer.ok()) {
    out << "\n" << tracer.error().message() << "\n";
    return 1;
  }
  out << "\nwould be used: " << (*tracer)->Explanation() << "\n";
  const bool by_proc = (*tracer)->existing() == kernel::ExistingSource::kProc;
  out << "connections older than the start: by "
      << (by_proc ? "/proc, because " + (*tracer)->ExistingReason() : "the iterator over open files") << "\n";
  out << "kernel memory of all maps: " << (*tracer)->MapBytes() / 1024 << " KiB\n";
  out << "instructions the verifier walked:";
  for (const auto& [name, count] : (*tracer)->VerifierCost()) out << " " << name << "=" << count;
  out << "\n";
  return 0;
}

}  // namespace wirespan::live
