#include "agent/kernel/capabilities.h"

#include <link.h>
#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <fstream>
#include <optional>

#include "agent/base/unique_fd.h"
#include "agent/kernel/tracer.h"

namespace wirespan::kernel {
namespace {

// Where the uprobe is tried. Nobody calls it.
[[gnu::noinline, gnu::used]] void UprobePlace() { asm volatile(""); }

struct Search {
  uintptr_t address = 0;
  std::optional<uint64_t> offset;  // in the file of the program
};

int LookInObject(dl_phdr_info* object, size_t /*size*/, void* data) {
  auto& search = *static_cast<Search*>(data);
  for (unsigned i = 0; i < object->dlpi_phnum; ++i) {
    const ElfW(Phdr)& segment = object->dlpi_phdr[i];
    const uintptr_t start = object->dlpi_addr + segment.p_vaddr;
    if (segment.p_type != PT_LOAD || search.address < start || search.address - start >= segment.p_filesz) continue;
    search.offset = search.address - start + segment.p_offset;
  }
  return 1;  // the first object is the program
}

}  // namespace

bool Has(const Capability& capability) { return ((EffectiveCapabilities() >> capability.number) & 1U) != 0; }

std::string Lacking(std::span<const Capability> wanted) {
  std::string names;
  for (const Capability& capability : wanted) {
    if (!Has(capability)) names += (names.empty() ? "" : ", ") + std::string(capability.name);
  }
  return names;
}

bool CountsLockedMemory(const std::string& release) {
  unsigned major = 0;
  unsigned minor = 0;
  if (std::sscanf(release.c_str(), "%u.%u", &major, &minor) != 2) return false;
  return major < 5 || (major == 5 && minor < 11);
}

Result<void> TryUprobe() {
  const char* const kTypeFile = "/sys/bus/event_source/devices/uprobe/type";
  perf_event_attr attributes{};
  attributes.size = sizeof(attributes);
  if (!(std::ifstream(kTypeFile) >> attributes.type)) return Error(std::string("this kernel has no ") + kTypeFile);
  Search search{reinterpret_cast<uintptr_t>(&UprobePlace), {}};
  ::dl_iterate_phdr(LookInObject, &search);
  if (!search.offset) return Error("the place of the probe is in no segment of the program");
  attributes.uprobe_path = reinterpret_cast<uintptr_t>("/proc/self/exe");
  attributes.probe_offset = *search.offset;
  const UniqueFd probe(static_cast<int>(::syscall(SYS_perf_event_open, &attributes, 0, -1, -1, PERF_FLAG_FD_CLOEXEC)));
  if (!probe.ok()) return Error::FromErrno("attach to wirespan itself", errno);
  return {};
}

}  // namespace wirespan::kernel
