#include "agent/export/export_loop.h"

#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/resource.h>

#include <algorithm>
#include <functional>
#include <future>
#include <latch>
#include <set>

namespace wirespan::exporting {
namespace {

using exporters::ExportOutcome;
using exporters::SpanBatch;
using std::chrono::hours;
using std::chrono::milliseconds;
using Clock = ExportLoop::Clock;

// Does what the test says with each batch.
class FakeExporter final : public exporters::SpanExporter {
 public:
  using Behaviour = std::function<ExportOutcome(const SpanBatch&)>;
  explicit FakeExporter(Behaviour behaviour) : behaviour_(std::move(behaviour)) {}

  ExportOutcome Export(const SpanBatch& batch) override {
    char name[16] = {};
    pthread_getname_np(pthread_self(), name, sizeof name);
    thread_name = name;
    niceness = ::getpriority(PRIO_PROCESS, 0);
    for (size_t i = 0; i < batch.size; ++i) seen.insert(batch.spans[i].start_unix_ns);
    return behaviour_(batch);
  }
  void Finish() override { ++finishes; }
  void Shutdown(Clock::time_point /*deadline*/) override {}

  std::set<uint64_t> seen;
  std::string thread_name;
  int niceness = 0;
  std::atomic<int> finishes{0};

 private:
  Behaviour behaviour_;
};

ExportOutcome AcceptAll(const SpanBatch& batch) { return {.accepted = batch.size, .attempts = 1}; }

ExportLoopOptions Options() {
  return {.name = "test",
          .schedule_delay = milliseconds(5),
          .queue = {.max_spans = 1'000, .max_bytes = 64U << 20, .batch_spans = 16}};
}

void PutSpans(SpanQueue& queue, uint64_t first, size_t count) {
  SpanBatch batch;
  for (size_t i = 0; i < count; ++i) batch.Add().start_unix_ns = first + i;
  queue.Put(batch);
}

void ExpectIdentity(const ExportCounts& counts) {
  EXPECT_EQ(counts.queue.offered, counts.exported + counts.rejected + counts.gave_up + counts.queue.dropped_total());
  EXPECT_EQ(counts.in_flight, 0U);
  EXPECT_EQ(counts.queue.held, 0U);
}

TEST(ExportLoop, ExportsEverythingAndDrainsAtShutdown) {
  auto owned = std::make_unique<FakeExporter>(AcceptAll);
  FakeExporter& exporter = *owned;
  ExportLoop loop(Options(), std::move(owned));
  PutSpans(loop.queue(), 0, 100);
  loop.Shutdown(Clock::now() + hours(1));
  EXPECT_EQ(exporter.seen.size(), 100U);
  EXPECT_EQ(exporter.thread_name, "export-test");
  EXPECT_EQ(exporter.finishes, 1);
  EXPECT_EQ(loop.counts().exported, 100U);
  ExpectIdentity(loop.counts());
}

TEST(ExportLoop, ItsThreadAloneGivesWayAndNeverGoesBeforeItsProcess) {
  const int own = ::getpriority(PRIO_PROCESS, 0);
  auto owned = std::make_unique<FakeExporter>(AcceptAll);
  FakeExporter& exporter = *owned;
  ExportLoop loop(Options(), std::move(owned));
  PutSpans(loop.queue(), 0, 1);
  loop.Shutdown(Clock::now() + hours(1));
  EXPECT_EQ(exporter.niceness, std::max(own, 10));
  EXPECT_EQ(::getpriority(PRIO_PROCESS, 0), own);
}

TEST(ExportLoop, TheFirstSpansGoBeforeABatchIsWholeAndBeforeTheDelay) {
  ExportLoopOptions options = Options();
  options.schedule_delay = hours(1);
  options.first_delay = milliseconds(1);
  std::promise<size_t> exported;
  ExportLoop loop(options, std::make_unique<FakeExporter>([&exported](const SpanBatch& batch) {
                    if (batch.spans[0].start_unix_ns == 0) exported.set_value(batch.size);
                    return AcceptAll(batch);
                  }));
  PutSpans(loop.queue(), 0, 1);
  EXPECT_EQ(exported.get_future().get(), 1U);
  PutSpans(loop.queue(), 1, 1);
  loop.Shutdown(Clock::now() + hours(1));
  EXPECT_EQ(loop.counts().exported, 2U);
  ExpectIdentity(loop.counts());
}

TEST(ExportLoop, EveryOutcomeHasItsCounter) {
  int call = 0;
  ExportLoop loop(Options(), std::make_unique<FakeExporter>([&call](const SpanBatch& batch) -> ExportOutcome {
                    switch (call++ % 3) {
                      case 0:
                        return {.accepted = batch.size - 1, .rejected = 1, .attempts = 1, .message = "partial"};
                      case 1:
                        return {.gave_up = batch.size, .attempts = 5, .message = "away"};
                      default:
                        return {.rejected = batch.size, .attempts = 1, .message = "refused"};
                    }
                  }));
  PutSpans(loop.queue(), 0, 16 * 6);
  loop.Shutdown(Clock::now() + hours(1));
  const auto counts = loop.counts();
  EXPECT_EQ(counts.exported, 2 * 15U);
  EXPECT_EQ(counts.rejected, 2 * 17U);
  EXPECT_EQ(counts.gave_up, 2 * 16U);
  EXPECT_EQ(counts.attempts, 2 * 7U);
  ExpectIdentity(counts);
}

TEST(ExportLoop, AnExporterThatCountsWrongCannotBreakTheIdentity) {
  int call = 0;
  ExportLoop loop(Options(), std::make_unique<FakeExporter>([&call](const SpanBatch& batch) -> ExportOutcome {
                    return call++ == 0 ? ExportOutcome{} : ExportOutcome{.accepted = batch.size + 7, .rejected = 3, .gave_up = 9};
                  }));
  PutSpans(loop.queue(), 0, 32);
  loop.Shutdown(Clock::now() + hours(1));
  EXPECT_EQ(loop.counts().gave_up, 16U);
  EXPECT_EQ(loop.counts().exported, 16U);
  ExpectIdentity(loop.counts());
}

// A retry that would go on for hours: Export returns only once Shutdown was called.
class DeadExporter final : public exporters::SpanExporter {
 public:
  ExportOutcome Export(const SpanBatch& batch) override {
    ++exports;
    exporting.count_down(exports == 1 ? 1 : 0);
    is_shut_down.wait();
    return {.gave_up = batch.size, .attempts = 9, .message = "no answer"};
  }
  void Shutdown(Clock::time_point /*deadline*/) override { is_shut_down.count_down(); }

  std::atomic<int> exports{0};
  std::latch exporting{1};
  std::latch is_shut_down{1};
};

TEST(ExportLoop, ADeadExporterIsGivenUpAtTheDeadlineAndEverySpanCounted) {
  auto owned = std::make_unique<DeadExporter>();
  DeadExporter& exporter = *owned;
  ExportLoop loop(Options(), std::move(owned));
  PutSpans(loop.queue(), 0, 16 * 5);
  exporter.exporting.wait();
  EXPECT_EQ(loop.counts().in_flight, 16U);
  loop.Shutdown(Clock::now() + milliseconds(20));
  EXPECT_EQ(exporter.exports, 1);  // what was queued behind it is not tried any more
  EXPECT_EQ(loop.counts().gave_up, 80U);
  ExpectIdentity(loop.counts());
}

TEST(ExportLoop, AStuckExporterNeverBlocksWhoPuts) {
  auto owned = std::make_unique<DeadExporter>();
  DeadExporter& exporter = *owned;
  ExportLoop loop(Options(), std::move(owned));
  PutSpans(loop.queue(), 0, 16);
  exporter.exporting.wait();
  PutSpans(loop.queue(), 16, 5'000);  // 1,000 fit
  const auto counts = loop.counts();
  EXPECT_EQ(counts.queue.held, 1'000U);
  EXPECT_EQ(counts.queue.dropped[static_cast<size_t>(QueueDrop::kSpans)], 4'000U);
  loop.Shutdown(Clock::now());
  ExpectIdentity(loop.counts());
  EXPECT_EQ(loop.counts().gave_up, 1'016U);
}

TEST(ExportLoop, TicksWithoutSpans) {
  std::latch ticked(3);
  class Ticker final : public exporters::SpanExporter {
   public:
    explicit Ticker(std::latch& latch) : latch_(latch) {}
    ExportOutcome Export(const SpanBatch& batch) override { return AcceptAll(batch); }
    void OnTick(Clock::time_point /*now*/) override {
      if (left_ > 0) {
        --left_;
        latch_.count_down();
      }
    }
    void Shutdown(Clock::time_point /*deadline*/) override {}

   private:
    std::latch& latch_;
    int left_ = 3;
  };
  ExportLoop loop(Options(), std::make_unique<Ticker>(ticked));
  ticked.wait();
}

TEST(ExportLoop, SpansAfterShutdownAreCounted) {
  ExportLoop loop(Options(), std::make_unique<FakeExporter>(AcceptAll));
  loop.Shutdown(Clock::now() + hours(1));
  PutSpans(loop.queue(), 0, 3);
  loop.Shutdown(Clock::now());
  EXPECT_EQ(loop.counts().queue.dropped[static_cast<size_t>(QueueDrop::kClosed)], 3U);
  ExpectIdentity(loop.counts());
}

TEST(ExportLoop, SpareSpansKeepNoResourceAlive) {
  ExportLoop loop(Options(), std::make_unique<FakeExporter>(AcceptAll));
  auto resource = std::make_shared<exporters::Resource>();
  const std::weak_ptr<exporters::Resource> watch = resource;
  SpanBatch batch;
  batch.Add().resource = std::move(resource);
  loop.queue().Put(batch);
  loop.Shutdown(Clock::now() + hours(1));
  EXPECT_TRUE(watch.expired());
}

}  // namespace
}  // namespace wirespan::exporting
