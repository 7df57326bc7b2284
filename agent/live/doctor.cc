#include "agent/live/doctor.h"

#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <fstream>
#include <ostream>
#include <string>
#include <vector>

#include "agent/kernel/capabilities.h"
#include "agent/kernel/tracefs.h"

namespace wirespan::live {
namespace {

constexpr kernel::Capability kNeeded[] = {kernel::kCapBpf, kernel::kCapPerfmon};
constexpr size_t kNameWidth = 20;  // of the first column

std::string FirstLine(const char* path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

void PrintMachine(std::ostream& out) {
  utsname name{};
  ::uname(&name);
  out << "kernel              " << name.release << " " << name.machine << "\n";
  struct stat btf {};
  const bool has_btf = ::stat("/sys/kernel/btf/vmlinux", &btf) == 0;
  out << "kernel types        "
      << (has_btf ? "/sys/kernel/btf/vmlinux" : "MISSING: /sys/kernel/btf/vmlinux; use a kernel built with CONFIG_DEBUG_INFO_BTF")
      << "\n";
  const std::string lockdown = FirstLine("/sys/kernel/security/lockdown");
  out << "lockdown            " << (lockdown.empty() ? "not known" : lockdown) << "\n";
  char pid_namespace[64] = {};
  const ssize_t size = ::readlink("/proc/self/ns/pid", pid_namespace, sizeof(pid_namespace) - 1);
  const bool is_initial = size > 0 && std::string(pid_namespace) == "pid:[4026531836]";
  out << "pid namespace       "
      << (is_initial ? "the host's" : "not the host's: start the agent with the host's pid namespace (hostPID)") << "\n";
}

void PrintCapability(const kernel::Capability& capability, std::ostream& out) {
  std::string name = capability.name;
  name.resize(kNameWidth, ' ');
  out << name << (kernel::Has(capability) ? "yes" : "NO") << " (" << capability.use << ")"
      << (kernel::Has(capability) ? "" : std::string("; without it: ") + capability.without) << "\n";
}

void PrintPrivileges(std::ostream& out) {
  utsname name{};
  ::uname(&name);
  for (const kernel::Capability& capability :
       {kernel::kCapBpf, kernel::kCapPerfmon, kernel::kCapSysPtrace, kernel::kCapDacReadSearch}) {
    PrintCapability(capability, out);
  }
  if (kernel::CountsLockedMemory(name.release)) PrintCapability(kernel::kCapSysResource, out);
  const Result<void> uprobe = kernel::TryUprobe();
  // Where uprobes work without it, nothing else asks for it.
  if (kernel::Has(kernel::kCapSysAdmin) || !uprobe.ok()) PrintCapability(kernel::kCapSysAdmin, out);
  out << "uprobes             " << (uprobe.ok() ? "yes" : "NO") << " (for which request a goroutine or task was started)"
      << (uprobe.ok() ? "" : ": " + uprobe.error().message()) << "\n";
  const Result<kernel::Tracefs> tracefs = kernel::Tracefs::Open();
  out << "tracefs             " << (tracefs.ok() ? tracefs->where() : "no: " + tracefs.error().message()) << "\n";
}

bool LacksLockedMemory() {
  utsname name{};
  ::uname(&name);
  return kernel::CountsLockedMemory(name.release) && !kernel::Has(kernel::kCapSysResource);
}

// What a person can do about a failed attempt.
std::string Advice(const kernel::Attempt& attempt) {
  if (attempt.reason.find("Operation not permitted") != std::string::npos) {
    const std::string lacking = kernel::Lacking(kNeeded);
    if (lacking.empty() && LacksLockedMemory()) return "it needs CAP_SYS_RESOURCE, or a higher RLIMIT_MEMLOCK";
    return lacking.empty() ? "this kernel refuses it (lockdown, or built without it)" : "it needs " + lacking;
  }
  // Without the perf events of kprobes libbpf goes through tracefs, which others may not read.
  const bool is_denied = attempt.reason.find("Permission denied") != std::string::npos;
  if (is_denied && ::access("/sys/bus/event_source/devices/kprobe/type", F_OK) != 0)
    return "this kernel is built without kprobes";
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
    const std::string lacking = kernel::Lacking(kNeeded);
    out << "\nno capture source works here; run as root (or with CAP_BPF, CAP_PERFMON), on Linux 5.10 or newer with BTF"
        << (lacking.empty() ? "" : "; this user lacks " + lacking) << "\n";
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
