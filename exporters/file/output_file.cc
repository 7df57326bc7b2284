#include "exporters/file/output_file.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstring>
#include <ctime>
#include <utility>

namespace wirespan::exporters {
namespace {

// SIGPIPE blocked in this thread for the length of a write; one that the write caused is taken back.
class SigpipeGuard {
 public:
  SigpipeGuard() {
    sigemptyset(&sigpipe_);
    sigaddset(&sigpipe_, SIGPIPE);
    sigset_t pending;
    sigpending(&pending);
    was_pending_ = sigismember(&pending, SIGPIPE) == 1;
    pthread_sigmask(SIG_BLOCK, &sigpipe_, &old_mask_);
  }
  ~SigpipeGuard() {
    if (!was_pending_) {
      constexpr timespec kNow{0, 0};
      while (sigtimedwait(&sigpipe_, nullptr, &kNow) == -1 && errno == EINTR) {
      }
    }
    pthread_sigmask(SIG_SETMASK, &old_mask_, nullptr);
  }
  SigpipeGuard(const SigpipeGuard&) = delete;
  SigpipeGuard& operator=(const SigpipeGuard&) = delete;

 private:
  sigset_t sigpipe_;
  sigset_t old_mask_;
  bool was_pending_ = false;
};

std::string Describe(const std::string& action, const std::string& name, int error_number) {
  std::string out = action + " " + name + ": " + std::strerror(error_number);  // NOLINT(concurrency-mt-unsafe)
  if (error_number == ENOSPC || error_number == EDQUOT) out += "; free space there or choose another file";
  return out;
}

}  // namespace

ValueOr<OutputFile> OutputFile::Create(const std::string& path) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) return Failure{Describe("create", path, errno)};
  return OutputFile(fd, true, path);
}

OutputFile OutputFile::Borrow(int fd, std::string name) { return {fd, false, std::move(name)}; }

OutputFile::OutputFile(int fd, bool owned, std::string name)
    : fd_(fd),
      owned_(owned),
      name_(std::move(name)),
      stop_(std::make_unique<std::atomic<Ticks>>(std::chrono::steady_clock::duration::max().count())) {
  struct stat status {};
  regular_ = ::fstat(fd_, &status) == 0 && S_ISREG(status.st_mode);
}

OutputFile::OutputFile(OutputFile&& other) noexcept { *this = std::move(other); }

OutputFile& OutputFile::operator=(OutputFile&& other) noexcept {
  if (this == &other) return *this;
  if (owned_ && fd_ >= 0) ::close(fd_);
  fd_ = std::exchange(other.fd_, -1);
  owned_ = std::exchange(other.owned_, false);
  regular_ = other.regular_;
  gone_ = other.gone_;
  broken_record_ = other.broken_record_;
  name_ = std::move(other.name_);
  error_ = std::move(other.error_);
  stop_ = std::move(other.stop_);
  return *this;
}

OutputFile::~OutputFile() {
  if (owned_ && fd_ >= 0) ::close(fd_);
}

bool OutputFile::is_terminal() const { return fd_ >= 0 && ::isatty(fd_) == 1; }

// False, with errno: the descriptor takes nothing and Interrupt's deadline has come. A regular file never makes one wait.
bool OutputFile::WaitWritable() {
  constexpr int kSliceMs = 50;  // only while a reader holds us up: how late an Interrupt may be seen
  while (!regular_) {
    pollfd waiting{fd_, POLLOUT, 0};
    const int ready = ::poll(&waiting, 1, kSliceMs);
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return false;
    if (std::chrono::steady_clock::now().time_since_epoch().count() >= stop_->load()) {
      errno = ETIMEDOUT;
      return false;
    }
  }
  return true;
}

bool OutputFile::Write(std::string_view bytes, size_t& written) {
  written = 0;
  if (gone_) return false;
  const SigpipeGuard guard;
  if (broken_record_) {
    if (!WaitWritable() || ::write(fd_, "\n", 1) != 1) return false;
    broken_record_ = false;
  }
  size_t done = 0;
  while (done < bytes.size()) {
    // A pipe that is writable takes PIPE_BUF bytes without blocking.
    const size_t most = regular_ ? bytes.size() - done : std::min<size_t>(bytes.size() - done, PIPE_BUF);
    const ssize_t count = WaitWritable() ? ::write(fd_, bytes.data() + done, most) : -1;
    if (count > 0) {
      done += static_cast<size_t>(count);
      continue;
    }
    if (count < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    const int error_number = count < 0 ? errno : ENOSPC;
    error_ = Describe("write to", name_, error_number);
    gone_ = error_number == EPIPE;
    Recover(bytes, done, written);
    return false;
  }
  written = done;
  return true;
}

// Keeps the whole records (lines) among the first `done` bytes, and takes the rest back where that can be done.
void OutputFile::Recover(std::string_view bytes, size_t done, size_t& written) {
  const size_t line_end = bytes.substr(0, done).rfind('\n');
  written = line_end == std::string_view::npos ? 0 : line_end + 1;
  if (written == done) return;
  const off_t excess = static_cast<off_t>(done - written);
  if (regular_) {
    const off_t end = ::lseek(fd_, 0, SEEK_CUR);
    if (end >= excess && ::ftruncate(fd_, end - excess) == 0 && ::lseek(fd_, end - excess, SEEK_SET) >= 0) return;
  }
  broken_record_ = true;
}

}  // namespace wirespan::exporters
