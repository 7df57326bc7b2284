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
  RuntimeWatch::Told Told(bool handed = true) {
    return {[this, handed](uint32_t tgid, const kernel::RuntimeLayout&) {
              Note(found_, tgid);
              return handed;
            },
            [this](uint32_t tgid) { Note(gone_, tgid); }, [this] { Note(seconds_, 0); }};
  }
  void Note(std::vector<uint32_t>& list, uint32_t tgid) {
    const std::lock_guard<std::mutex> lock(mutex_);
    list.push_back(tgid);
    changed_.notify_all();
  }
  bool Await(const std::vector<uint32_t>& list, size_t count) {
    std::unique_lock<std::mutex> lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(30), [&] { return list.size() >= count; });
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
  std::vector<uint32_t> gone_;
  std::vector<uint32_t> seconds_;
};

TEST_F(RuntimeWatchTest, LookNowTellsBeforeItReturns) {
  Program(7, GoProgram("go1.22.1"));
  RuntimeWatch watch(proc_.proc(), Told(), 8);
  watch.LookNow(7);
  EXPECT_EQ(found_, std::vector<uint32_t>{7});
  EXPECT_EQ(watch.counts().go, 1U);
}

// A program that is nothing yet when it is looked at first: it is looked at again.
TEST_F(RuntimeWatchTest, LooksAgainUntilItIsFound) {
  RuntimeWatch watch(proc_.proc(), Told(), 8);
  watch.LookNow(7);
  EXPECT_TRUE(found_.empty());
  Program(7, GoProgram("go1.22.1"));
  watch.Start();
  EXPECT_TRUE(Await(found_, 1));
}

TEST_F(RuntimeWatchTest, EveryProcessThatExecsIsLookedAt) {
  RuntimeWatch watch(proc_.proc(), Told(), 8);
  watch.Start();
  for (const uint32_t tgid : {7U, 8U, 9U}) {
    Program(tgid, GoProgram("go1.22.1"));
    watch.Look(tgid);
  }
  EXPECT_TRUE(Await(found_, 3));
  watch.Stop();
  EXPECT_EQ(watch.counts().go, 3U);
}

TEST_F(RuntimeWatchTest, WhatFallsOffIsCounted) {
  RuntimeWatch watch(proc_.proc(), Told(false), 2);
  for (const uint32_t tgid : {1U, 2U, 2U, 3U}) watch.Look(tgid);
  EXPECT_EQ(watch.counts().refused, 1U);
  watch.Forget(1);
  watch.Look(3);
  EXPECT_EQ(watch.counts().refused, 1U);
  Program(7, GoProgram("go1.22.1"));
  watch.LookNow(7);
  EXPECT_EQ(watch.counts().failed, 1U);
}

// What was attached to the program that is gone is let go by the thread, not by who tells of it.
TEST_F(RuntimeWatchTest, WhatIsForgottenIsToldByTheThread) {
  Program(7, GoProgram("go1.22.1"));
  RuntimeWatch watch(proc_.proc(), Told(), 8);
  watch.LookNow(7);
  watch.Forget(7);
  EXPECT_TRUE(gone_.empty());
  watch.Start();
  EXPECT_TRUE(Await(gone_, 1));
  EXPECT_EQ(gone_, std::vector<uint32_t>{7});
}

TEST_F(RuntimeWatchTest, SecondsAreToldOnceSomethingWasFound) {
  Program(7, GoProgram("go1.22.1"));
  RuntimeWatch watch(proc_.proc(), Told(), 8);
  watch.Start();
  watch.Forget(9);
  ASSERT_TRUE(Await(gone_, 1)) << "the thread has had a round";
  EXPECT_TRUE(seconds_.empty());
  watch.LookNow(7);
  watch.Forget(9);
  EXPECT_TRUE(Await(seconds_, 1));
}

}  // namespace
}  // namespace wirespan::runtime
