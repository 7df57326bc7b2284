// ProcFs: bounded reads of /proc. What a process says of itself there (cmdline, environ, comm) is hostile: any bytes, any size,
// changing while it is read. Nothing here throws; a process that is gone or not readable is an absent value. Immutable; any
// thread.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace wirespan::process {

class ProcFs {
 public:
  static constexpr size_t kMaxRead = size_t{256} * 1024;  // of one file, where the caller says nothing less
  static constexpr size_t kMaxFds = 65'536;               // entries of one fd directory
  static constexpr size_t kMaxProcesses = 131'072;        // entries of /proc itself

  explicit ProcFs(std::string root = "/proc") : root_(std::move(root)) {}

  // The first `limit` bytes of /proc/<tgid>/<file>. Absent where it cannot be opened or the first read fails.
  std::optional<std::string> Read(uint32_t tgid, std::string_view file, size_t limit = kMaxRead) const;
  // A file that is not of a process: "/proc/<file>".
  std::optional<std::string> ReadRoot(std::string_view file, size_t limit = kMaxRead) const;
  // Target of a link (exe, cwd, root, ns/net, fd/3); absent where it cannot be read.
  std::optional<std::string> ReadLink(uint32_t tgid, std::string_view link) const;
  bool Exists(uint32_t tgid) const;
  // Owner of the process (of /proc/<tgid>); absent where it is gone.
  std::optional<uid_t> Owner(uint32_t tgid) const;
  // Every process, ascending.
  std::vector<uint32_t> Processes() const;
  // Inodes of the sockets among the process's files; absent where the directory cannot be read.
  std::optional<std::vector<uint64_t>> SocketInodes(uint32_t tgid) const;
  const std::string& root() const { return root_; }

 private:
  std::string PathOf(uint32_t tgid, std::string_view file) const;
  std::string root_;
};

// Fields of /proc/<pid>/stat that are used. `comm` may hold any byte but NUL, ')' and ' ' among them.
struct ProcStat {
  std::string comm;
  char state = 0;
  uint32_t parent = 0;
  uint64_t start_ticks = 0;  // since boot, USER_HZ
};
std::optional<ProcStat> ParseStat(std::string_view text);

// "a\0b\0" -> {"a","b"}, at most `limit` parts.
std::vector<std::string_view> SplitNul(std::string_view text, size_t limit);

}  // namespace wirespan::process
