// What becomes of a request through all its attempts, on a transport that does as it is told.
#include "exporters/otlp/sender.h"

#include <gtest/gtest.h>

#include <deque>
#include <latch>
#include <thread>

namespace wirespan::exporters::otlp {
namespace {

using Result = Attempt::Result;

class FakeTransport final : public Transport {
 public:
  explicit FakeTransport(std::deque<Attempt> answers, bool compresses = false)
      : answers_(std::move(answers)), compresses_(compresses) {}
  Attempt Send(std::string_view body, bool is_gzip) override {
    bodies.emplace_back(body);
    was_gzip = is_gzip;
    sent_once.count_down(sends++ == 0 ? 1 : 0);
    if (answers_.empty()) return {Result::kRetry, 0, std::nullopt, "busy"};
    Attempt answer = answers_.front();
    answers_.pop_front();
    return answer;
  }
  void Interrupt(Clock::time_point /*deadline*/) override { ++interrupts; }
  bool compresses() const override { return compresses_; }

  std::vector<std::string> bodies;
  bool was_gzip = false;
  int sends = 0;
  std::atomic<int> interrupts{0};
  std::latch sent_once{1};

 private:
  std::deque<Attempt> answers_;
  bool compresses_;
};

struct Rig {
  explicit Rig(std::deque<Attempt> answers, OtlpOptions options = FastOptions(), bool compresses = false) {
    auto owned = std::make_unique<FakeTransport>(std::move(answers), compresses);
    transport = owned.get();
    sender = std::make_unique<Sender>(options, std::move(owned));
  }
  static OtlpOptions FastOptions() {
    OtlpOptions options;
    options.retry.initial_backoff = Milliseconds(1);
    options.retry.max_backoff = Milliseconds(2);
    return options;
  }
  ExportOutcome Send(uint64_t items, std::string_view body = "body") {
    ExportOutcome outcome;
    sender->Send(body, items, outcome);
    EXPECT_EQ(outcome.accepted + outcome.rejected + outcome.gave_up, items);
    return outcome;
  }
  FakeTransport* transport;
  std::unique_ptr<Sender> sender;
};

TEST(Sender, DeliversOnceWhatIsTaken) {
  Rig rig({{Result::kDelivered, 0, std::nullopt, ""}});
  const auto outcome = rig.Send(10);
  EXPECT_EQ(outcome.accepted, 10U);
  EXPECT_EQ(outcome.attempts, 1U);
  EXPECT_EQ(outcome.message, "");
}

TEST(Sender, SendsTheSameRequestAgainUntilItIsTaken) {
  Rig rig({{Result::kRetry, 0, std::nullopt, "503"},
           {Result::kRetry, 0, Milliseconds(3), "429"},
           {Result::kDelivered, 0, std::nullopt, ""}});
  const auto outcome = rig.Send(10);
  EXPECT_EQ(outcome.accepted, 10U);
  EXPECT_EQ(outcome.attempts, 3U);
  EXPECT_EQ(rig.transport->bodies, std::vector<std::string>(3, "body"));
}

TEST(Sender, TellsOfAnOutageOnce) {
  const Attempt busy{Result::kRetry, 0, std::nullopt, "503"};
  const Attempt taken{Result::kDelivered, 0, std::nullopt, ""};
  std::vector<std::string> told;
  OtlpOptions options = Rig::FastOptions();
  options.on_retry = [&told](const std::string& why) { told.push_back(why); };
  Rig rig({taken, busy, busy, taken, taken, busy, taken}, options);
  rig.Send(1);
  EXPECT_TRUE(told.empty());
  rig.Send(1);
  EXPECT_EQ(told, std::vector<std::string>{"503"});
  rig.Send(1);
  rig.Send(1);
  EXPECT_EQ(told.size(), 2U);
}

TEST(Sender, PartialSuccessIsCountedAndNeverSentAgain) {
  Rig rig({{Result::kDelivered, 4, std::nullopt, "four are too old"}});
  const auto outcome = rig.Send(10);
  EXPECT_EQ(outcome.accepted, 6U);
  EXPECT_EQ(outcome.rejected, 4U);
  EXPECT_EQ(outcome.message, "four are too old");
  EXPECT_EQ(rig.transport->sends, 1);
}

TEST(Sender, AServerThatRejectsMoreThanItGotIsNotBelieved) {
  Rig rig({{Result::kDelivered, INT64_MAX, std::nullopt, ""}});
  EXPECT_EQ(rig.Send(10).rejected, 10U);
}

TEST(Sender, ARefusedRequestIsNotSentAgain) {
  Rig rig({{Result::kRefused, 0, std::nullopt, "HTTP status 400"}});
  const auto outcome = rig.Send(10);
  EXPECT_EQ(outcome.rejected, 10U);
  EXPECT_EQ(rig.transport->sends, 1);
  EXPECT_EQ(outcome.message, "HTTP status 400");
}

TEST(Sender, GivesUpAtTheTotalDeadline) {
  OtlpOptions options = Rig::FastOptions();
  options.retry.total = Milliseconds(30);
  Rig rig({}, options);
  const auto outcome = rig.Send(10);
  EXPECT_EQ(outcome.gave_up, 10U);
  EXPECT_GT(outcome.attempts, 1U);
  EXPECT_NE(outcome.message.find("busy"), std::string::npos);
}

TEST(Sender, ARetryAfterPastTheDeadlineIsGivenUpAtOnce) {
  Rig rig({{Result::kRetry, 0, std::chrono::hours(1'000), "429"}});
  EXPECT_EQ(rig.Send(10).gave_up, 10U);
  EXPECT_EQ(rig.transport->sends, 1);
}

TEST(Sender, ShutdownEndsTheWaitBeforeARetry) {
  OtlpOptions options;
  options.retry.initial_backoff = std::chrono::hours(1);
  options.retry.max_backoff = std::chrono::hours(1);
  options.retry.total = std::chrono::hours(24);
  Rig rig({}, options);
  std::thread stopper([&rig] {
    rig.transport->sent_once.wait();
    rig.sender->Shutdown(Sender::Clock::now());
  });
  const auto outcome = rig.Send(10);  // returns at all: the wait was an hour
  stopper.join();
  EXPECT_EQ(outcome.gave_up, 10U);
  EXPECT_EQ(rig.transport->interrupts, 1);
  EXPECT_EQ(rig.transport->sends, 1);
}

TEST(Sender, AnInterruptedAttemptIsGivenUp) {
  Rig rig({{Result::kInterrupted, 0, std::nullopt, "interrupted"}});
  EXPECT_EQ(rig.Send(3).gave_up, 3U);
}

TEST(Sender, CompressesUnlessTheTransportDoes) {
  OtlpOptions options = Rig::FastOptions();
  options.gzip = true;
  const std::string body(10'000, 'x');
  Rig http({{Result::kDelivered, 0, std::nullopt, ""}}, options);
  http.Send(1, body);
  EXPECT_TRUE(http.transport->was_gzip);
  EXPECT_LT(http.transport->bodies[0].size(), 1000U);
  EXPECT_EQ(http.transport->bodies[0].substr(0, 2), "\x1f\x8b");
  Rig grpc({{Result::kDelivered, 0, std::nullopt, ""}}, options, true);
  grpc.Send(1, body);
  EXPECT_FALSE(grpc.transport->was_gzip);
  EXPECT_EQ(grpc.transport->bodies[0], body);
}

TEST(Sender, ARequestOverTheSpecificationsLimitIsNotSent) {
  Rig rig({});
  const auto outcome = rig.Send(5, std::string(kMaxRequestBytes + 1, 'x'));
  EXPECT_EQ(outcome.gave_up, 5U);
  EXPECT_EQ(rig.transport->sends, 0);
}

}  // namespace
}  // namespace wirespan::exporters::otlp
