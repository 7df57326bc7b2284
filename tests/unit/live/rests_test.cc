#include "agent/live/rests.h"

#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <thread>
#include <vector>

namespace wirespan::live {
namespace {

using std::chrono::microseconds;

// Readable as a ring is once it has a record.
class FakeRing {
 public:
  FakeRing() : fd_(::eventfd(0, EFD_CLOEXEC)) {}
  int fd() const { return fd_.get(); }
  void Record() {
    const uint64_t one = 1;
    ASSERT_EQ(::write(fd(), &one, sizeof(one)), static_cast<ssize_t>(sizeof(one)));
  }

 private:
  UniqueFd fd_;
};

// What the kernel was told, in order.
struct Told {
  std::vector<bool> wakes;
  std::unique_ptr<Rests> Open(uint32_t loops) {
    Result<std::unique_ptr<Rests>> rests = Rests::Open(loops, [this](bool wake) { wakes.push_back(wake); });
    EXPECT_TRUE(rests.ok());
    return *std::move(rests);
  }
};

TEST(Rests, ARecordEndsTheRestOfItsReader) {
  Told told;
  const std::unique_ptr<Rests> rests = told.Open(1);
  FakeRing ring;
  ring.Record();
  EXPECT_EQ(rests->Rest(0, ring.fd(), microseconds(1)), Rests::End::kRecord);
  EXPECT_EQ(told.wakes, std::vector<bool>{true});
  rests->Work(0);
  EXPECT_EQ(told.wakes, (std::vector<bool>{true, false}));
  rests->Work(0);  // it goes on working: that is no news
  EXPECT_EQ(told.wakes.size(), 2U);
}

TEST(Rests, TheKernelIsToldOnlyWhenAllRest) {
  Told told;
  const std::unique_ptr<Rests> rests = told.Open(2);
  FakeRing rings[2];
  EXPECT_EQ(rests->Rest(0, rings[0].fd(), microseconds(1)), Rests::End::kTime);  // the other works: a short rest
  EXPECT_TRUE(told.wakes.empty());
  rings[1].Record();
  EXPECT_EQ(rests->Rest(1, rings[1].fd(), microseconds(1)), Rests::End::kRecord);
  EXPECT_EQ(told.wakes, std::vector<bool>{true});
}

TEST(Rests, WhoFindsWorkCallsTheOthers) {
  Told told;
  const std::unique_ptr<Rests> rests = told.Open(2);
  FakeRing rings[2];
  EXPECT_EQ(rests->Rest(0, rings[0].fd(), microseconds(1)), Rests::End::kTime);
  rings[1].Record();
  EXPECT_EQ(rests->Rest(1, rings[1].fd(), microseconds(1)), Rests::End::kRecord);
  rests->Work(1);
  EXPECT_EQ(told.wakes, (std::vector<bool>{true, false}));
  EXPECT_EQ(rests->Rest(0, rings[0].fd(), microseconds(1)), Rests::End::kCalled);
  EXPECT_EQ(rests->Rest(0, rings[0].fd(), microseconds(1)), Rests::End::kTime);  // once
  EXPECT_EQ(told.wakes.size(), 2U);
}

TEST(Rests, ACallEndsARestOfAnotherThread) {
  Told told;
  const std::unique_ptr<Rests> rests = told.Open(1);
  FakeRing ring;
  bool called = false;
  std::thread loop([&] {
    // However many rests are over before the call comes.
    while (!called) called = rests->Rest(0, ring.fd(), microseconds(1)) == Rests::End::kCalled;
  });
  rests->Call(0);
  loop.join();
  EXPECT_TRUE(called);
}

}  // namespace
}  // namespace wirespan::live
