// Selectors: which processes an operator means by --pid, --exe, --port, --cgroup, --container. Off the data path; any thread
// (reads /proc, keeps nothing).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agent/base/result.h"
#include "agent/process/proc_fs.h"

namespace wirespan::process {

struct Selectors {
  std::vector<uint32_t> pids{};
  std::vector<std::string> exes{};        // fnmatch(3) patterns for the executable's path, or, without '/', for its last part
  std::vector<uint16_t> ports{};          // TCP ports that the process listens on
  std::vector<std::string> cgroups{};     // paths below the cgroup root, or absolute paths in /sys/fs/cgroup; sub-groups match
  std::vector<std::string> containers{};  // beginnings of container ids, >= 4 hexadecimal digits
  bool empty() const { return pids.empty() && exes.empty() && ports.empty() && cgroups.empty() && containers.empty(); }
  bool operator==(const Selectors&) const = default;
};

// The processes that the selectors name now, ascending, without `self`. Error: a pid that does not exist, or a selector that
// nothing matches (what was looked at, how many processes, and how many of them could not be read).
Result<std::vector<uint32_t>> Resolve(const Selectors& selectors, const ProcFs& proc, uint32_t self);

// The processes whose ancestor is one of `tgids`, ascending, without those and without `self` and what descends from it.
std::vector<uint32_t> Descendants(const std::vector<uint32_t>& tgids, const ProcFs& proc, uint32_t self);

// Whether one process matches: for a process that has just exec'ed. `pids` match too; a process that is gone matches nothing.
bool Matches(const Selectors& selectors, const ProcFs& proc, uint32_t tgid);

// TCP ports on which the process holds a listening socket, ascending; empty where it is gone or unreadable.
std::vector<uint16_t> ListeningPorts(const ProcFs& proc, uint32_t tgid);

}  // namespace wirespan::process
