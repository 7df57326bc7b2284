#include "agent/status/board.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace wirespan::status {
namespace {

using std::chrono::milliseconds;
constexpr uint64_t kSecond = 1'000'000'000;

class FakeClock final : public Clock {
 public:
  uint64_t BootNs() const override { return now_ns; }
  uint64_t UnixNs() const override { return now_ns; }
  std::atomic<uint64_t> now_ns{100 * kSecond};
};

TEST(StatusBoard, IsHealthyButNotReadyWhileItStarts) {
  FakeClock clock;
  StatusBoard board(clock);
  EXPECT_TRUE(board.Health().good);
  EXPECT_FALSE(board.Readiness().good);
  EXPECT_EQ(board.Readiness().line, "the probes are not in place yet");
  clock.now_ns += 121 * kSecond;
  EXPECT_FALSE(board.Health().good);
  EXPECT_EQ(board.Health().line, "the start has not ended for 121 s");
}

TEST(StatusBoard, ALoopWithoutProgressIsNamed) {
  FakeClock clock;
  StatusBoard board(clock);
  board.Enter(Stage::kReady);
  board.Beat({clock.now_ns, "events-1", clock.now_ns - 4 * kSecond});
  EXPECT_TRUE(board.Readiness().good);
  EXPECT_TRUE(board.Health().good);
  board.Beat({clock.now_ns, "events-1", clock.now_ns - 7 * kSecond});
  EXPECT_FALSE(board.Health().good);
  EXPECT_EQ(board.Health().line, "the thread events-1 has made no progress for 7 s");
  board.Beat({clock.now_ns, "events-1", clock.now_ns + 1});  // looked at between two readings of the clock
  EXPECT_TRUE(board.Health().good);
  clock.now_ns += 6 * kSecond;
  EXPECT_FALSE(board.Health().good);
  EXPECT_EQ(board.Health().line, "the main thread has made no progress for 6 s");
}

TEST(StatusBoard, EndingIsHealthyAndNotReady) {
  FakeClock clock;
  StatusBoard board(clock);
  board.Enter(Stage::kEnding);
  clock.now_ns += 60 * kSecond;
  EXPECT_TRUE(board.Health().good);
  EXPECT_FALSE(board.Readiness().good);
}

TEST(StatusBoard, WithoutAnswerTheLastSnapshotIsGiven) {
  FakeClock clock;
  StatusBoard board(clock);
  EXPECT_EQ(board.Await(milliseconds(1)), nullptr);
  const auto snapshot = std::make_shared<const Snapshot>();
  board.Publish(snapshot);
  EXPECT_EQ(board.Await(milliseconds(1)), snapshot);
}

TEST(StatusBoard, AsksForASnapshotOnlyWhileSomebodyWaitsAndNotTooOften) {
  FakeClock clock;
  StatusBoard board(clock);
  EXPECT_FALSE(board.wants_snapshot());
  for (int round = 0; round < 2; ++round) {
    std::shared_ptr<const Snapshot> got;
    std::thread reader([&] { got = board.Await(std::chrono::minutes(1)); });
    if (round == 1) clock.now_ns += 300'000'000;  // past the least interval
    while (!board.wants_snapshot()) std::this_thread::yield();
    const auto fresh = std::make_shared<const Snapshot>();
    board.Publish(fresh);
    reader.join();
    EXPECT_EQ(got, fresh);
    EXPECT_FALSE(board.wants_snapshot());
  }
  std::thread reader([&] { board.Await(std::chrono::minutes(1)); });
  EXPECT_FALSE(board.wants_snapshot());  // nobody waits yet, or the last one is too young: either way not now
  board.Enter(Stage::kEnding);           // lets the reader go
  reader.join();
}

TEST(StatusBoard, NobodyWaitsAtTheEnd) {
  FakeClock clock;
  StatusBoard board(clock);
  board.Enter(Stage::kEnding);
  EXPECT_EQ(board.Await(std::chrono::minutes(1)), nullptr);
}

}  // namespace
}  // namespace wirespan::status
