#include "agent/export/metric_loop.h"

#include <gtest/gtest.h>

#include <latch>
#include <vector>

namespace wirespan::exporting {
namespace {

using exporters::ExportOutcome;
using exporters::MetricBatch;
using std::chrono::hours;
using std::chrono::milliseconds;
using SteadyClock = std::chrono::steady_clock;

class FakeClock final : public Clock {
 public:
  uint64_t BootNs() const override { return 1; }
  uint64_t UnixNs() const override { return 5'000; }
};

class FakeExporter final : public exporters::MetricExporter {
 public:
  FakeExporter(std::vector<MetricBatch>& batches, std::latch& twice) : batches_(batches), twice_(twice) {}
  ExportOutcome Export(const MetricBatch& batch) override {
    batches_.push_back(batch);
    if (batches_.size() <= 2) twice_.count_down();
    return {.accepted = batch.points(), .attempts = 1};
  }
  void Shutdown(SteadyClock::time_point /*deadline*/) override {}

 private:
  std::vector<MetricBatch>& batches_;
  std::latch& twice_;
};

metrics::MetricTotalsOptions Options() {
  metrics::MetricTotalsOptions options;
  options.agent_resource = std::make_shared<exporters::Resource>();
  return options;
}

TEST(MetricLoop, ExportsEveryIntervalAndOnceMoreAtTheEnd) {
  metrics::MetricTotals totals(Options());
  std::atomic<uint64_t> losses{1};
  totals.AddCounter("wirespan.losses", "{event}", "", {}, [&losses] { return losses.load(); });
  std::vector<MetricBatch> batches;
  std::latch twice(2);
  const FakeClock clock;
  MetricLoop loop(milliseconds(2), totals, clock, std::make_unique<FakeExporter>(batches, twice));
  twice.wait();
  losses = 42;
  loop.Shutdown(SteadyClock::now() + hours(1));
  ASSERT_GE(batches.size(), 3U);
  EXPECT_EQ(batches.back().resources.at(0).metrics.at(0).sums.at(0).value, 42);
  EXPECT_EQ(loop.counts().exported, batches.size());
}

TEST(MetricLoop, AnEndBeforeTheFirstIntervalExportsAllTheSame) {
  metrics::MetricTotals totals(Options());
  totals.AddCounter("wirespan.losses", "{event}", "", {}, [] { return uint64_t{7}; });
  std::vector<MetricBatch> batches;
  std::latch twice(2);
  const FakeClock clock;
  {
    MetricLoop loop(hours(1), totals, clock, std::make_unique<FakeExporter>(batches, twice));
    loop.Shutdown(SteadyClock::now() + hours(1));
  }
  ASSERT_EQ(batches.size(), 1U);
}

TEST(MetricLoop, NothingMeasuredIsNoRequest) {
  metrics::MetricTotals totals(Options());
  std::vector<MetricBatch> batches;
  std::latch twice(2);
  const FakeClock clock;
  MetricLoop loop(hours(1), totals, clock, std::make_unique<FakeExporter>(batches, twice));
  loop.Shutdown(SteadyClock::now() + hours(1));
  EXPECT_TRUE(batches.empty());
}

}  // namespace
}  // namespace wirespan::exporting
