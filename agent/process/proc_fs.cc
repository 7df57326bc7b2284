#include "agent/process/proc_fs.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <climits>
#include <memory>

#include "agent/base/unique_fd.h"

namespace wirespan::process {
namespace {

struct DirectoryCloser {
  void operator()(DIR* directory) const { closedir(directory); }
};
using Directory = std::unique_ptr<DIR, DirectoryCloser>;

template <typename T>
std::optional<T> ParseNumber(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

// O_NONBLOCK: a root that is not /proc could hold a FIFO. A process's files are asked for once more where a signal came between.
std::optional<std::string> ReadFile(const std::string& path, size_t limit) {
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd.ok()) return std::nullopt;
  std::string text;
  std::array<char, size_t{16} * 1024> block;
  while (text.size() < limit) {
    const ssize_t size = read(fd.get(), block.data(), std::min(block.size(), limit - text.size()));
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return text.empty() ? std::nullopt : std::optional(std::move(text));  // it went away half-way
    if (size == 0) break;
    text.append(block.data(), static_cast<size_t>(size));
  }
  return text;
}

std::optional<std::string> ReadLinkAt(const std::string& path) {
  std::array<char, PATH_MAX> target;
  const ssize_t size = readlink(path.c_str(), target.data(), target.size());
  if (size < 0) return std::nullopt;
  return std::string(target.data(), static_cast<size_t>(size));
}

}  // namespace

std::string ProcFs::PathOf(uint32_t tgid, std::string_view file) const {
  return root_ + '/' + std::to_string(tgid) + '/' + std::string(file);
}

std::optional<std::string> ProcFs::Read(uint32_t tgid, std::string_view file, size_t limit) const {
  return ReadFile(PathOf(tgid, file), limit);
}

std::optional<std::string> ProcFs::ReadRoot(std::string_view file, size_t limit) const {
  return ReadFile(root_ + '/' + std::string(file), limit);
}

std::optional<std::string> ProcFs::ReadLink(uint32_t tgid, std::string_view link) const { return ReadLinkAt(PathOf(tgid, link)); }

bool ProcFs::Exists(uint32_t tgid) const { return tgid != 0 && Owner(tgid).has_value(); }

std::optional<uid_t> ProcFs::Owner(uint32_t tgid) const {
  struct stat status {};
  if (stat((root_ + '/' + std::to_string(tgid)).c_str(), &status) != 0) return std::nullopt;
  return status.st_uid;
}

std::vector<uint32_t> ProcFs::Processes() const {
  std::vector<uint32_t> found;
  const Directory directory(opendir(root_.c_str()));
  if (!directory) return found;
  while (const dirent* entry = readdir(directory.get())) {  // NOLINT(concurrency-mt-unsafe): one thread per DIR
    if (const auto tgid = ParseNumber<uint32_t>(entry->d_name); tgid && found.size() < kMaxProcesses) found.push_back(*tgid);
  }
  std::sort(found.begin(), found.end());
  return found;
}

std::optional<std::vector<uint64_t>> ProcFs::SocketInodes(uint32_t tgid) const {
  const std::string path = PathOf(tgid, "fd");
  const Directory directory(opendir(path.c_str()));
  if (!directory) return std::nullopt;
  constexpr std::string_view kPrefix = "socket:[";
  std::vector<uint64_t> inodes;
  size_t entries = 0;
  while (const dirent* entry = readdir(directory.get())) {  // NOLINT(concurrency-mt-unsafe): one thread per DIR
    if (++entries > kMaxFds) break;
    const auto target = ReadLinkAt(path + '/' + entry->d_name);
    if (!target || !target->starts_with(kPrefix) || !target->ends_with(']')) continue;
    const auto inode =
        ParseNumber<uint64_t>(std::string_view(*target).substr(kPrefix.size(), target->size() - kPrefix.size() - 1));
    if (inode) inodes.push_back(*inode);
  }
  return inodes;
}

std::optional<ProcStat> ParseStat(std::string_view text) {
  // pid (comm) state ppid ... starttime: comm may hold ") ", so the last ')' ends it (proc(5)).
  const size_t open = text.find('(');
  const size_t close = text.rfind(')');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open) return std::nullopt;
  ProcStat stat;
  stat.comm = text.substr(open + 1, close - open - 1);
  std::string_view rest = text.substr(close + 1);
  constexpr size_t kState = 3;
  constexpr size_t kParent = 4;
  constexpr size_t kStartTime = 22;
  for (size_t field = kState; field <= kStartTime; ++field) {
    const size_t begin = rest.find_first_not_of(" \n");
    if (begin == std::string_view::npos) return std::nullopt;
    rest.remove_prefix(begin);
    const std::string_view word = rest.substr(0, rest.find_first_of(" \n"));
    rest.remove_prefix(word.size());
    if (field == kState) {
      stat.state = word.front();
    } else if (field == kParent) {
      const auto parent = ParseNumber<uint32_t>(word);
      if (!parent) return std::nullopt;
      stat.parent = *parent;
    } else if (field == kStartTime) {
      const auto ticks = ParseNumber<uint64_t>(word);
      if (!ticks) return std::nullopt;
      stat.start_ticks = *ticks;
    }
  }
  return stat;
}

std::vector<std::string_view> SplitNul(std::string_view text, size_t limit) {
  std::vector<std::string_view> parts;
  while (!text.empty() && parts.size() < limit) {
    const size_t end = text.find('\0');
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return parts;
}

}  // namespace wirespan::process
