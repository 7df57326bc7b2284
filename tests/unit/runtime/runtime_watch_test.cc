#include "agent/runtime/runtime_watch.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>

#include "tests/unit/process/fake_proc.h"
#include "tests/unit/runtime/elf_maker.h"

namespace wirespan::runtime {
namespace {

using process::FakeProc;

class RuntimeWatchTest : public testing::Test {
 protected:
  RuntimeWatch::OnFound Note(bool handed = true) {
    return [this, handed](uint32_t tgid, const kernel::RuntimeLayout&) {
      const std::lock_guard<std::mutex> lock(mutex_);
      found_.push_back(tgid);
      changed_.notify_all();
      return handed;
    };
  }
  bool AwaitFound(size_t count) {
    std::unique_lock<std::mutex> lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(30), [&] { return found_.size() >= count; });
  }
  void Program(uint32_t tgid, const std::string& content) {
    const std::string name = "program" + std::to_string(tgid);
    proc_.Write(name, content);
    proc_.Link(std::to_string(tgid) + "/exe", (proc_.root() / name).string());
  }

  FakeProc proc_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<uint32_t> found_;
};

TEST_F(RuntimeWatchTest, LookNowTellsBeforeItReturns) {
  Program(7, GoProgram("go1.22.1"));
  RuntimeWatch watch(proc_.proc(), Note(), 8);
  watch.LookNow(7);
  EXPECT_EQ(found_, std::vector<uint32_t>{7});
  EXPECT_EQ(watch.counts().go, 1U);
}

// A program that is nothing yet when it is looked at first: it is looked at again.
TEST_F(RuntimeWatchTest, LooksAgainUntilItIsFound) {
  RuntimeWatch watch(proc_.proc(), Note(), 8);
  watch.LookNow(7);
  EXPECT_TRUE(found_.empty());
  Program(7, GoProgram("go1.22.1"));
  watch.Start();
  EXPECT_TRUE(AwaitFound(1));
}

TEST_F(RuntimeWatchTest, EveryProcessThatExecsIsLookedAt) {
  RuntimeWatch watch(proc_.proc(), Note(), 8);
  watch.Start();
  for (const uint32_t tgid : {7U, 8U, 9U}) {
    Program(tgid, GoProgram("go1.22.1"));
    watch.Look(tgid);
  }
  EXPECT_TRUE(AwaitFound(3));
  watch.Stop();
  EXPECT_EQ(watch.counts().go, 3U);
}

TEST_F(RuntimeWatchTest, WhatFallsOffIsCounted) {
  RuntimeWatch watch(proc_.proc(), Note(false), 2);
  for (const uint32_t tgid : {1U, 2U, 2U, 3U}) watch.Look(tgid);
  EXPECT_EQ(watch.counts().refused, 1U);
  watch.Forget(1);
  watch.Look(3);
  EXPECT_EQ(watch.counts().refused, 1U);
  Program(7, GoProgram("go1.22.1"));
  watch.LookNow(7);
  EXPECT_EQ(watch.counts().failed, 1U);
}

}  // namespace
}  // namespace wirespan::runtime
