// ChildProcess: the command of `wirespan run`, held back before its exec until it is selected, so that not one byte of it is
// missed. Main thread.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "agent/base/result.h"
#include "agent/base/unique_fd.h"

namespace wirespan::live {

class ChildProcess {
 public:
  // Forks; the child waits for Release. It has its own default signal handling and standard streams as ours.
  static Result<ChildProcess> Prepare(std::vector<std::string> command);
  ChildProcess(ChildProcess&&) = default;
  ChildProcess& operator=(ChildProcess&&) = delete;
  ~ChildProcess();  // a child that was never released is ended

  pid_t pid() const { return pid_; }
  // Lets it exec. Error: the command cannot be executed (the child has ended).
  Result<void> Release();
  // Ends it when it was not released, and after a failed Release. Does nothing otherwise.
  void Abandon();

 private:
  ChildProcess(pid_t pid, UniqueFd go, UniqueFd outcome, std::string name)
      : pid_(pid), go_(std::move(go)), outcome_(std::move(outcome)), name_(std::move(name)) {}
  pid_t pid_ = -1;
  UniqueFd go_;       // written to let it go
  UniqueFd outcome_;  // errno of a failed exec; closed by a good one
  std::string name_;
};

// The exit code that `run` ends with, from a wait status: the command's own, or 128 + N for signal N.
int ExitCodeOf(int wait_status);

}  // namespace wirespan::live
