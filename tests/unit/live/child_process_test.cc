#include "agent/live/child_process.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

namespace wirespan::live {
namespace {

int Await(const ChildProcess& child) {
  int status = 0;
  EXPECT_EQ(::waitpid(child.pid(), &status, 0), child.pid());
  return status;
}

std::string ExecutableOf(pid_t pid) {
  char path[4096] = {};
  const ssize_t size = ::readlink(("/proc/" + std::to_string(pid) + "/exe").c_str(), path, sizeof(path) - 1);
  return size > 0 ? std::string(path, static_cast<size_t>(size)) : std::string();
}

TEST(ChildProcess, IsHeldBackUntilItIsReleased) {
  Result<ChildProcess> child = ChildProcess::Prepare({"/bin/sh", "-c", "exit 7"});
  ASSERT_TRUE(child.ok()) << child.error().message();
  EXPECT_EQ(ExecutableOf(child->pid()), ExecutableOf(::getpid())) << "not exec'ed yet";
  ASSERT_TRUE(child->Release().ok());
  EXPECT_EQ(ExitCodeOf(Await(*child)), 7);
}

TEST(ChildProcess, EndsByItselfWhereItIsNeverReleased) {
  pid_t pid = -1;
  {
    Result<ChildProcess> child = ChildProcess::Prepare({"/bin/sh", "-c", "exit 0"});
    ASSERT_TRUE(child.ok());
    pid = child->pid();
  }
  EXPECT_EQ(::waitpid(pid, nullptr, WNOHANG), -1) << "it was waited for";
}

TEST(ChildProcess, MisspeltCommandIsToldBeforeAnythingStarts) {
  for (const std::string name : {"/no/such/command", "no-such-command-anywhere"}) {
    const Result<ChildProcess> child = ChildProcess::Prepare({name});
    ASSERT_FALSE(child.ok());
    EXPECT_THAT(child.error().message(), testing::HasSubstr(name));
  }
}

TEST(ChildProcess, CommandThatCannotBeExecutedIsAFailureOfRelease) {
  Result<ChildProcess> child = ChildProcess::Prepare({testing::TempDir()});  // a folder
  ASSERT_TRUE(child.ok());
  const Result<void> released = child->Release();
  ASSERT_FALSE(released.ok());
  EXPECT_THAT(released.error().message(), testing::HasSubstr("Permission denied"));
}

TEST(ChildProcess, ExitCodeIsTheCommandsOr128PlusTheSignal) {
  EXPECT_EQ(ExitCodeOf(7 << 8), 7);
  EXPECT_EQ(ExitCodeOf(SIGTERM), 128 + SIGTERM);
}

}  // namespace
}  // namespace wirespan::live
