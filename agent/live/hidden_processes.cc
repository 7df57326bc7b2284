#include "agent/live/hidden_processes.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "agent/base/log.h"
#include "agent/base/unique_fd.h"

namespace wirespan::live {
namespace {

std::string PathOf(uint32_t tgid, const char* file) { return "/proc/" + std::to_string(tgid) + "/" + file; }

bool MayFollow(const std::string& path) {
  char target[1];
  return ::readlink(path.c_str(), target, sizeof(target)) >= 0 || errno != EACCES;
}

bool MayOpen(const std::string& path) { return UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC)).ok() || errno != EACCES; }

}  // namespace

void HiddenProcesses::Look(uint32_t tgid) {
  if (!MayFollow(PathOf(tgid, "exe"))) {
    Warn(told_ptrace_, tgid, "exe", kernel::kCapSysPtrace);
  } else if (!MayOpen(PathOf(tgid, "environ"))) {
    Warn(told_read_search_, tgid, "environ", kernel::kCapDacReadSearch);
  }
}

void HiddenProcesses::Warn(bool& told, uint32_t tgid, const char* file, const kernel::Capability& capability) {
  if (told) return;
  told = true;
  const std::string why =
      kernel::Has(capability) ? std::string() : "; without " + std::string(capability.name) + " " + capability.without;
  spdlog::warn("read {}: Permission denied{}", PathOf(tgid, file), why);
}

}  // namespace wirespan::live
