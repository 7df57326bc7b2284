#include "agent/kernel/tracefs.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>

namespace wirespan::kernel {
namespace {

bool HasEvents(int root) { return ::faccessat(root, "events/syscalls", F_OK, AT_EACCESS) == 0; }

UniqueFd OpenDirectory(const char* path) { return UniqueFd(::open(path, O_PATH | O_DIRECTORY | O_CLOEXEC)); }

// A tracefs of our own, attached to no path; it goes when the descriptor is closed.
UniqueFd MountPrivately() {
  const UniqueFd context(static_cast<int>(::syscall(SYS_fsopen, "tracefs", FSOPEN_CLOEXEC)));
  if (!context.ok()) return {};
  if (::syscall(SYS_fsconfig, context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0) return {};
  return UniqueFd(static_cast<int>(::syscall(SYS_fsmount, context.get(), FSMOUNT_CLOEXEC, MOUNT_ATTR_RDONLY)));
}

}  // namespace

Result<Tracefs> Tracefs::Open() {
  for (const char* path : {"/sys/kernel/tracing", "/sys/kernel/debug/tracing"}) {
    UniqueFd root = OpenDirectory(path);
    if (root.ok() && HasEvents(root.get())) return Tracefs(std::move(root), path);
  }
  UniqueFd root = MountPrivately();
  const int mount_error = errno;
  if (root.ok() && HasEvents(root.get())) return Tracefs(std::move(root), "a private mount");
  const bool is_there = OpenDirectory("/sys/kernel/tracing").ok();
  const bool may_read = ::faccessat(AT_FDCWD, "/sys/kernel/tracing", R_OK | X_OK, AT_EACCESS) == 0;
  if (is_there && !may_read)
    return Error("open tracefs: this user may not read /sys/kernel/tracing; run as root, or with CAP_DAC_READ_SEARCH");
  return Error::FromErrno("open tracefs: not mounted at /sys/kernel/tracing, and a private mount failed", mount_error,
                          "mount -t tracefs tracefs /sys/kernel/tracing");
}

Result<uint64_t> Tracefs::TracepointId(const std::string& group, const std::string& name) const {
  const std::string path = "events/" + group + "/" + name + "/id";
  const UniqueFd file(::openat(root_.get(), path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.ok()) return Error::FromErrno("open tracepoint " + group + ":" + name, errno);
  std::array<char, 32> text{};
  const ssize_t size = ::read(file.get(), text.data(), text.size());
  if (size <= 0) return Error::FromErrno("read tracepoint id of " + group + ":" + name, errno);
  uint64_t id = 0;
  if (std::from_chars(text.data(), text.data() + size, id).ec != std::errc{}) {
    return Error("tracepoint id of " + group + ":" + name + " is no number");
  }
  return id;
}

}  // namespace wirespan::kernel
