#include "agent/process/selectors.h"

#include <fnmatch.h>

#include <algorithm>
#include <charconv>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "agent/process/container_id.h"
#include "agent/process/sockets.h"

namespace wirespan::process {
namespace {

constexpr size_t kLeastContainerPrefix = 4;
constexpr std::string_view kCgroupRoot = "/sys/fs/cgroup";

template <typename T>
bool ParseNumber(std::string_view text, int base, T& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out, base);
  return !text.empty() && error == std::errc() && end == text.data() + text.size();
}

// Of the network namespace that the process is in; absent where it cannot be read through this process.
std::optional<std::unordered_map<uint64_t, uint16_t>> ListeningSockets(const ProcFs& proc, uint32_t tgid) {
  std::optional<std::unordered_map<uint64_t, uint16_t>> sockets;
  for (const char* table : {"net/tcp", "net/tcp6"}) {
    const auto text = proc.Read(tgid, table, kMaxSocketTable);
    if (!text) continue;
    if (!sockets) sockets.emplace();
    ForEachTcp(*text, [&](const TcpSocket& socket) {
      if (socket.state == TcpSocket::kListen && socket.inode != 0) sockets->emplace(socket.inode, socket.local.port);
    });
  }
  return sockets;
}

bool MatchesExe(const std::string& pattern, const ProcFs& proc, uint32_t tgid) {
  std::optional<std::string> path = proc.ReadLink(tgid, "exe");
  if (!path) return false;
  constexpr std::string_view kDeleted = " (deleted)";
  if (path->ends_with(kDeleted)) path->resize(path->size() - kDeleted.size());
  const bool whole = pattern.find('/') != std::string::npos;
  return fnmatch(pattern.c_str(), whole ? path->c_str() : path->c_str() + path->rfind('/') + 1, 0) == 0;
}

// "/sys/fs/cgroup/system.slice/x" and "system.slice/x/" -> "/system.slice/x"
std::string NormalCgroup(std::string_view path) {
  if (path.starts_with(kCgroupRoot)) path.remove_prefix(kCgroupRoot.size());
  while (!path.empty() && path.front() == '/') path.remove_prefix(1);
  while (!path.empty() && path.back() == '/') path.remove_suffix(1);
  return '/' + std::string(path);
}

bool IsBelow(std::string_view path, std::string_view group) {
  if (group == "/") return true;
  return path.starts_with(group) && (path.size() == group.size() || path[group.size()] == '/');
}

// "hierarchy:controllers:path" on every line; with v1, each controller has a path of its own, and the selector may begin with the
// controller ("/sys/fs/cgroup/memory/x").
bool MatchesCgroup(const std::string& group, std::string_view text) {
  while (!text.empty()) {
    const size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    const size_t first = line.find(':');
    const size_t second = first == std::string_view::npos ? first : line.find(':', first + 1);
    if (second == std::string_view::npos) continue;
    const std::string_view path = line.substr(second + 1);
    const std::string_view controllers = line.substr(first + 1, second - first - 1);
    if (IsBelow(path, group)) return true;
    const std::string prefix = '/' + std::string(controllers);
    if (!controllers.empty() && group.starts_with(prefix + '/') && IsBelow(path, std::string_view(group).substr(prefix.size()))) {
      return true;
    }
  }
  return false;
}

bool MatchesContainer(const std::string& prefix, const ProcFs& proc, uint32_t tgid) {
  return ContainerIdOf(proc.Read(tgid, "cgroup").value_or(""), proc.Read(tgid, "mountinfo").value_or("")).starts_with(prefix);
}

// The whole of the machine as one --resolve sees it: read once for all selectors.
class Search {
 public:
  Search(const ProcFs& proc, uint32_t self) : proc_(proc), processes_(proc.Processes()) { std::erase(processes_, self); }

  void Where(const std::function<bool(uint32_t)>& matches, std::set<uint32_t>& out) const {
    for (const uint32_t tgid : processes_) {
      if (matches(tgid)) out.insert(tgid);
    }
  }

  void Listening(uint16_t port, std::set<uint32_t>& out) {
    if (!sockets_read_) ReadSockets();
    for (const auto& [tgid, ports] : ports_) {
      if (ports.contains(port)) out.insert(tgid);
    }
  }

  // "212 processes looked at, 15 of them not readable; run as root, or with CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH, to see those"
  std::string Tally() const {
    // A kernel thread has no executable and no command line: it is not hidden from us.
    const auto unreadable = std::count_if(processes_.begin(), processes_.end(), [this](uint32_t tgid) {
      const bool is_hidden = !proc_.ReadLink(tgid, "exe") || (sockets_read_ && !proc_.SocketInodes(tgid));
      return is_hidden && !proc_.Read(tgid, "cmdline", 1).value_or("").empty();
    });
    std::string text = std::to_string(processes_.size()) + " processes looked at";
    if (unreadable > 0)
      text += ", " + std::to_string(unreadable) +
              " of them not readable; run as root, or with CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH, to see those";
    return text;
  }

 private:
  void ReadSockets() {
    sockets_read_ = true;
    std::map<std::string, std::optional<std::unordered_map<uint64_t, uint16_t>>> by_namespace;
    for (const uint32_t tgid : processes_) {
      const std::optional<std::string> net = proc_.ReadLink(tgid, "ns/net");
      if (!net) continue;
      std::optional<std::unordered_map<uint64_t, uint16_t>>& sockets = by_namespace[*net];
      if (!sockets) sockets = ListeningSockets(proc_, tgid);
      if (!sockets || sockets->empty()) continue;
      for (const uint64_t inode : proc_.SocketInodes(tgid).value_or(std::vector<uint64_t>{})) {
        const auto found = sockets->find(inode);
        if (found != sockets->end()) ports_[tgid].insert(found->second);
      }
    }
  }

  const ProcFs& proc_;
  std::vector<uint32_t> processes_;
  bool sockets_read_ = false;
  std::map<uint32_t, std::set<uint16_t>> ports_;
};

// /proc/<tid> exists for every thread, though it is not listed: `Tgid` tells whose thread it is.
Result<void> CheckPid(const ProcFs& proc, uint32_t pid, uint32_t self) {
  const std::string flag = "--pid " + std::to_string(pid);
  if (!proc.Exists(pid)) return Error(flag + ": no such process");
  if (pid == self) return Error(flag + ": this is wirespan itself");
  const std::string status = proc.Read(pid, "status", 4096).value_or("");
  constexpr std::string_view kTgid = "\nTgid:\t";
  const size_t place = status.find(kTgid);
  if (place == std::string::npos) return {};
  const std::string_view rest = std::string_view(status).substr(place + kTgid.size());
  uint32_t tgid = 0;
  if (ParseNumber(rest.substr(0, rest.find('\n')), 10, tgid) && tgid != pid) {
    return Error(flag + ": this is a thread; its process is --pid " + std::to_string(tgid));
  }
  return {};
}

Result<std::string> NormalContainer(const std::string& prefix) {
  const bool is_hex = std::all_of(prefix.begin(), prefix.end(),
                                  [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || c == '-'; });
  if (prefix.size() < kLeastContainerPrefix || !is_hex) {
    return Error("--container '" + prefix + "': not the beginning of a container id (at least " +
                 std::to_string(kLeastContainerPrefix) + " lower-case hexadecimal digits)");
  }
  return prefix;
}

}  // namespace

Result<std::vector<uint32_t>> Resolve(const Selectors& selectors, const ProcFs& proc, uint32_t self) {
  std::set<uint32_t> found;
  for (const uint32_t pid : selectors.pids) {
    if (const Result<void> checked = CheckPid(proc, pid, self); !checked) return checked.error();
    found.insert(pid);
  }
  Search search(proc, self);
  const auto add = [&](const std::string& flag, const auto& look) -> Result<void> {
    std::set<uint32_t> matching;
    look(matching);
    if (matching.empty()) return Error(flag + ": no process matches; " + search.Tally());
    found.insert(matching.begin(), matching.end());
    return {};
  };
  for (const std::string& exe : selectors.exes) {
    const auto look = [&](auto& out) { search.Where([&](uint32_t tgid) { return MatchesExe(exe, proc, tgid); }, out); };
    if (const auto added = add("--exe '" + exe + "'", look); !added) return added.error();
  }
  for (const uint16_t port : selectors.ports) {
    const auto look = [&](auto& out) { search.Listening(port, out); };
    if (const auto added = add("--port " + std::to_string(port) + " (TCP, listening)", look); !added) return added.error();
  }
  for (const std::string& path : selectors.cgroups) {
    const std::string group = NormalCgroup(path);
    const auto look = [&](auto& out) {
      search.Where([&](uint32_t tgid) { return MatchesCgroup(group, proc.Read(tgid, "cgroup").value_or("")); }, out);
    };
    if (const auto added = add("--cgroup '" + path + "'", look); !added) return added.error();
  }
  for (const std::string& prefix : selectors.containers) {
    if (const auto normal = NormalContainer(prefix); !normal) return normal.error();
    const auto look = [&](auto& out) { search.Where([&](uint32_t tgid) { return MatchesContainer(prefix, proc, tgid); }, out); };
    if (const auto added = add("--container " + prefix, look); !added) return added.error();
  }
  return std::vector<uint32_t>(found.begin(), found.end());
}

std::vector<uint32_t> Descendants(const std::vector<uint32_t>& tgids, const ProcFs& proc, uint32_t self) {
  std::unordered_map<uint32_t, std::vector<uint32_t>> children;
  for (const uint32_t tgid : proc.Processes()) {
    const std::optional<std::string> text = proc.Read(tgid, "stat", 4096);
    const std::optional<ProcStat> stat = text ? ParseStat(*text) : std::nullopt;
    if (stat && tgid != self) children[stat->parent].push_back(tgid);
  }
  std::unordered_set<uint32_t> seen(tgids.begin(), tgids.end());
  std::vector<uint32_t> found;
  std::vector<uint32_t> open = tgids;
  while (!open.empty()) {
    const uint32_t parent = open.back();
    open.pop_back();
    for (const uint32_t child : children[parent]) {
      if (!seen.insert(child).second) continue;
      found.push_back(child);
      open.push_back(child);
    }
  }
  std::sort(found.begin(), found.end());
  return found;
}

bool Matches(const Selectors& selectors, const ProcFs& proc, uint32_t tgid) {
  if (!proc.Exists(tgid)) return false;
  const auto any = [](const auto& list, const auto& matches) { return std::any_of(list.begin(), list.end(), matches); };
  if (any(selectors.pids, [&](uint32_t pid) { return pid == tgid; })) return true;
  if (any(selectors.exes, [&](const std::string& exe) { return MatchesExe(exe, proc, tgid); })) return true;
  if (!selectors.cgroups.empty()) {
    const std::string text = proc.Read(tgid, "cgroup").value_or("");
    if (any(selectors.cgroups, [&](const std::string& path) { return MatchesCgroup(NormalCgroup(path), text); })) return true;
  }
  if (any(selectors.containers, [&](const std::string& prefix) { return MatchesContainer(prefix, proc, tgid); })) return true;
  if (selectors.ports.empty()) return false;
  const std::vector<uint16_t> listening = ListeningPorts(proc, tgid);
  return any(selectors.ports, [&](uint16_t port) { return std::binary_search(listening.begin(), listening.end(), port); });
}

std::vector<uint16_t> ListeningPorts(const ProcFs& proc, uint32_t tgid) {
  const auto sockets = ListeningSockets(proc, tgid);
  if (!sockets) return {};
  std::set<uint16_t> ports;
  for (const uint64_t inode : proc.SocketInodes(tgid).value_or(std::vector<uint64_t>{})) {
    if (const auto found = sockets->find(inode); found != sockets->end()) ports.insert(found->second);
  }
  return {ports.begin(), ports.end()};
}

}  // namespace wirespan::process
