#include "agent/live/child_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <sstream>
#include <string_view>
#include <utility>

namespace wirespan::live {
namespace {

struct Pipe {
  UniqueFd read_end;
  UniqueFd write_end;
};

Result<Pipe> MakePipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return Error::FromErrno("make a pipe to the command", errno);
  return Pipe{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

// In the child: nothing but async-signal-safe calls, since the parent may have threads.
[[noreturn]] void WaitAndExec(int go, int outcome, char* const* arguments) {
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  char byte = 0;
  ssize_t got = 0;
  do {
    got = ::read(go, &byte, 1);
  } while (got < 0 && errno == EINTR);
  if (got != 1) ::_exit(125);  // the parent gave up
  ::execvp(arguments[0], arguments);
  const int error_number = errno;
  [[maybe_unused]] const ssize_t told = ::write(outcome, &error_number, sizeof(error_number));
  ::_exit(127);
}

// As execvp will look for it, so that a misspelt command is told before anything is started.
Result<void> CheckExecutable(const std::string& name) {
  constexpr std::string_view kHint = "is it installed and executable?";
  if (name.find('/') != std::string::npos) {
    if (::access(name.c_str(), X_OK) == 0) return {};
    return Error::FromErrno("run '" + name + "'", errno, kHint);
  }
  const char* path = std::getenv("PATH");
  std::istringstream folders(path != nullptr ? path : "/usr/local/bin:/usr/bin:/bin");
  for (std::string folder; std::getline(folders, folder, ':');) {
    if (::access(((folder.empty() ? "." : folder) + "/" + name).c_str(), X_OK) == 0) return {};
  }
  return Error("run '" + name + "': not found in PATH; " + std::string(kHint));
}

}  // namespace

Result<ChildProcess> ChildProcess::Prepare(std::vector<std::string> command) {
  if (Result<void> done = CheckExecutable(command[0]); !done.ok()) return done.error();
  Result<Pipe> go = MakePipe();
  if (!go.ok()) return go.error();
  Result<Pipe> outcome = MakePipe();
  if (!outcome.ok()) return outcome.error();
  std::vector<char*> arguments;
  arguments.reserve(command.size() + 1);
  for (std::string& argument : command) arguments.push_back(argument.data());
  arguments.push_back(nullptr);
  const pid_t pid = ::fork();
  if (pid < 0) return Error::FromErrno("fork for '" + command[0] + "'", errno);
  if (pid == 0) {
    go->write_end.Reset();
    WaitAndExec(go->read_end.get(), outcome->write_end.get(), arguments.data());
  }
  return ChildProcess(pid, std::move(go->write_end), std::move(outcome->read_end), command[0]);
}

ChildProcess::~ChildProcess() { Abandon(); }

Result<void> ChildProcess::Release() {
  const char byte = 1;
  if (::write(go_.get(), &byte, 1) != 1) return Error::FromErrno("start '" + name_ + "'", errno);
  go_.Reset();
  int error_number = 0;
  ssize_t got = 0;
  do {
    got = ::read(outcome_.get(), &error_number, sizeof(error_number));
  } while (got < 0 && errno == EINTR);
  outcome_.Reset();
  if (got == 0) return {};
  ::waitpid(pid_, nullptr, 0);
  pid_ = -1;
  return Error::FromErrno("run '" + name_ + "'", error_number, "is it installed and executable?");
}

void ChildProcess::Abandon() {
  if (pid_ < 0 || !go_.ok()) return;
  go_.Reset();  // its read ends, and it exits by itself
  ::waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

int ExitCodeOf(int wait_status) {
  if (WIFSIGNALED(wait_status)) return 128 + WTERMSIG(wait_status);
  return WEXITSTATUS(wait_status);
}

}  // namespace wirespan::live
