#include "agent/metrics/metric_totals.h"

#include <gtest/gtest.h>

#include <map>
#include <thread>

namespace wirespan::metrics {
namespace {

using exporters::Metric;
using exporters::MetricBatch;
using exporters::SpanKind;
using exporters::Temporality;

std::shared_ptr<exporters::Resource> MakeResource(uint64_t id) {
  auto resource = std::make_shared<exporters::Resource>();
  resource->id = id;
  resource->service_name = "s" + std::to_string(id);
  return resource;
}

Measurement MakeMeasurement(const exporters::Resource& resource, uint64_t duration_ns = 30'000'000) {
  Measurement m;
  m.resource = &resource;
  m.duration_ns = duration_ns;
  m.request_method = "GET";
  m.url_scheme = "http";
  m.protocol_version = "1.1";
  m.status_code = 200;
  return m;
}

MetricTotalsOptions Options(Temporality temporality) {
  MetricTotalsOptions options;
  options.temporality = temporality;
  options.start_unix_ns = 1'000;
  options.agent_resource = MakeResource(900);
  return options;
}

uint64_t CountOf(const MetricBatch& batch) {
  uint64_t count = 0;
  for (const auto& resource : batch.resources) {
    for (const auto& metric : resource.metrics) {
      for (const auto& point : metric.histograms) count += point.count;
    }
  }
  return count;
}

// An RPC call is measured once, as such, and not as the HTTP request that carried it.
TEST(MetricTotals, RpcCallsAreInTheirOwnMetrics) {
  MetricTotals totals(Options(Temporality::kCumulative));
  Durations shard;
  const auto resource = MakeResource(1);
  Measurement call = MakeMeasurement(*resource);
  call.request_method = call.url_scheme = call.protocol_version = {};
  call.status_code = 0;
  call.rpc_system = "grpc";
  call.rpc_method = "shop.Cart/Add";
  call.rpc_status_code = "UNAVAILABLE";
  call.error_type = "UNAVAILABLE";
  call.server_address = "cart";
  call.server_port = 50051;
  shard.Record(call);
  call.kind = SpanKind::kClient;
  shard.Record(call);
  shard.Record(MakeMeasurement(*resource));
  totals.Take(shard);
  MetricBatch batch;
  totals.Collect(2'000, batch);
  ASSERT_EQ(batch.resources.size(), 1U);
  std::map<std::string, const Metric*> by_name;
  for (const Metric& metric : batch.resources[0].metrics) by_name[metric.name] = &metric;
  ASSERT_EQ(by_name.size(), 3U);
  ASSERT_TRUE(by_name.contains("http.server.request.duration"));
  EXPECT_EQ(by_name["http.server.request.duration"]->histograms.at(0).count, 1U);
  for (const std::string name : {"rpc.server.call.duration", "rpc.client.call.duration"}) {
    ASSERT_TRUE(by_name.contains(name)) << name;
    const Metric& metric = *by_name[name];
    EXPECT_EQ(metric.unit, "s");
    EXPECT_EQ(metric.bounds.size(), 14U);
    const auto& point = metric.histograms.at(0);
    EXPECT_EQ(point.count, 1U);
    EXPECT_EQ(point.attributes.Find("rpc.system.name")->string_value, "grpc");
    EXPECT_EQ(point.attributes.Find("rpc.method")->string_value, "shop.Cart/Add");
    EXPECT_EQ(point.attributes.Find("rpc.status_code")->string_value, "UNAVAILABLE");
    EXPECT_EQ(point.attributes.Find("error.type")->string_value, "UNAVAILABLE");
    const bool is_client = name == "rpc.client.call.duration";
    EXPECT_EQ(point.attributes.Find("server.address").has_value(), is_client);
    EXPECT_EQ(point.attributes.count(), is_client ? 6U : 4U) << "no http.* and no protocol";
  }
}

TEST(MetricTotals, OperationsOfDatabasesAreInTheirOwnMetric) {
  MetricTotals totals(Options(Temporality::kCumulative));
  Durations shard;
  const auto resource = MakeResource(1);
  Measurement operation;
  operation.resource = resource.get();
  operation.kind = SpanKind::kClient;
  const DatabaseMeasurement database{.system = "redis", .name_space = "3", .operation = "HGET", .status_code = "WRONGTYPE"};
  operation.database = &database;
  operation.error_type = "WRONGTYPE";
  operation.server_address = "cache";
  operation.server_port = 6379;
  for (const uint64_t us : {500U, 1'000U, 1'001U, 30'000U, 60'000U, 300'000U, 11'000'000U}) {
    operation.duration_ns = us * 1'000;
    shard.Record(operation);
  }
  totals.Take(shard);
  MetricBatch batch;
  totals.Collect(2'000, batch);
  ASSERT_EQ(batch.resources.size(), 1U);
  ASSERT_EQ(batch.resources[0].metrics.size(), 1U);
  const Metric& metric = batch.resources[0].metrics[0];
  EXPECT_EQ(metric.name, "db.client.operation.duration");
  EXPECT_EQ(metric.unit, "s");
  EXPECT_EQ(metric.bounds, (std::vector<double>{0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10}));
  const auto& point = metric.histograms.at(0);
  EXPECT_EQ(point.bucket_counts, (std::vector<uint64_t>{2, 1, 0, 1, 1, 1, 0, 0, 0, 1}));
  EXPECT_EQ(point.count, 7U);
  EXPECT_EQ(point.attributes.Find("db.system.name")->string_value, "redis");
  EXPECT_EQ(point.attributes.Find("db.namespace")->string_value, "3");
  EXPECT_EQ(point.attributes.Find("db.operation.name")->string_value, "HGET");
  EXPECT_EQ(point.attributes.Find("db.response.status_code")->string_value, "WRONGTYPE");
  EXPECT_EQ(point.attributes.Find("error.type")->string_value, "WRONGTYPE");
  EXPECT_EQ(point.attributes.Find("server.address")->string_value, "cache");
  EXPECT_EQ(point.attributes.Find("server.port")->int_value, 6379);
  EXPECT_EQ(point.attributes.count(), 7U);
}

TEST(MetricTotals, ServerPointHasTheConventionsAttributes) {
  MetricTotals totals(Options(Temporality::kCumulative));
  Durations shard;
  const auto resource = MakeResource(1);
  Measurement m = MakeMeasurement(*resource);
  m.error_type = "500";
  m.status_code = 500;
  m.server_address = "not.for.servers";
  m.server_port = 80;
  shard.Record(m);
  totals.Take(shard);
  MetricBatch batch;
  totals.Collect(2'000, batch);
  ASSERT_EQ(batch.resources.size(), 1U);
  EXPECT_EQ(batch.resources[0].resource->service_name, "s1");
  ASSERT_EQ(batch.resources[0].metrics.size(), 1U);
  const Metric& metric = batch.resources[0].metrics[0];
  EXPECT_EQ(metric.name, "http.server.request.duration");
  EXPECT_EQ(metric.unit, "s");
  EXPECT_EQ(metric.type, Metric::Type::kHistogram);
  EXPECT_EQ(metric.temporality, Temporality::kCumulative);
  EXPECT_EQ(metric.bounds, (std::vector<double>{0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10}));
  const auto& point = metric.histograms.at(0);
  EXPECT_EQ(point.attributes.Find("http.request.method")->string_value, "GET");
  EXPECT_EQ(point.attributes.Find("url.scheme")->string_value, "http");
  EXPECT_EQ(point.attributes.Find("http.response.status_code")->int_value, 500);
  EXPECT_EQ(point.attributes.Find("network.protocol.version")->string_value, "1.1");
  EXPECT_EQ(point.attributes.Find("error.type")->string_value, "500");
  EXPECT_EQ(point.attributes.count(), 5U);
  EXPECT_EQ(point.start_unix_ns, 1'000U);
  EXPECT_EQ(point.time_unix_ns, 2'000U);
  EXPECT_EQ(point.count, 1U);
  EXPECT_DOUBLE_EQ(point.sum, 0.03);
  EXPECT_DOUBLE_EQ(point.min, 0.03);
  EXPECT_DOUBLE_EQ(point.max, 0.03);
  ASSERT_EQ(point.bucket_counts.size(), 15U);
  EXPECT_EQ(point.bucket_counts[3], 1U);
}

TEST(MetricTotals, ClientPointNamesTheServer) {
  MetricTotals totals(Options(Temporality::kCumulative));
  Durations shard;
  const auto resource = MakeResource(1);
  Measurement m = MakeMeasurement(*resource);
  m.kind = SpanKind::kClient;
  m.server_address = "price";
  m.server_port = 9000;
  m.status_code = 0;
  m.error_type = "timeout";
  shard.Record(m);
  totals.Take(shard);
  MetricBatch batch;
  totals.Collect(2'000, batch);
  const Metric& metric = batch.resources.at(0).metrics.at(0);
  EXPECT_EQ(metric.name, "http.client.request.duration");
  const auto& attributes = metric.histograms.at(0).attributes;
  EXPECT_EQ(attributes.Find("server.address")->string_value, "price");
  EXPECT_EQ(attributes.Find("server.port")->int_value, 9000);
  EXPECT_FALSE(attributes.Find("http.response.status_code"));
}

TEST(MetricTotals, CumulativeKeepsItsStartAndDeltaMovesOn) {
  for (const Temporality temporality : {Temporality::kCumulative, Temporality::kDelta}) {
    const bool delta = temporality == Temporality::kDelta;
    MetricTotals totals(Options(temporality));
    Durations shards[2];
    const auto resource = MakeResource(1);
    MetricBatch batch;
    for (uint64_t round = 1; round <= 3; ++round) {
      for (auto& shard : shards) {
        for (int i = 0; i < 5; ++i) shard.Record(MakeMeasurement(*resource));
        totals.Take(shard);
      }
      totals.Collect(1'000 + round * 100, batch);
      ASSERT_EQ(batch.resources.size(), 1U);
      const auto& points = batch.resources[0].metrics.at(0).histograms;
      ASSERT_EQ(points.size(), 1U);  // both shards are one series
      EXPECT_EQ(points[0].count, delta ? 10 : 10 * round);
      EXPECT_EQ(points[0].start_unix_ns, delta ? 1'000 + (round - 1) * 100 : 1'000);
      EXPECT_EQ(points[0].time_unix_ns, 1'000 + round * 100);
    }
    totals.Collect(2'000, batch);
    EXPECT_EQ(CountOf(batch), delta ? 0U : 30U);
  }
}

TEST(MetricTotals, WhatAShardHeldIsTakenOnce) {
  MetricTotals totals(Options(Temporality::kCumulative));
  Durations shard;
  shard.Record(MakeMeasurement(*MakeResource(1)));
  totals.Take(shard);
  totals.Take(shard);
  MetricBatch batch;
  totals.Collect(2'000, batch);
  EXPECT_EQ(CountOf(batch), 1U);
}

TEST(MetricTotals, ResourcesOutliveTheirProcessAndAreForgottenWhenIdle) {
  auto options = Options(Temporality::kCumulative);
  options.idle_collections = 3;
  MetricTotals totals(options);
  Durations shard;
  {
    const auto gone = MakeResource(1);
    shard.Record(MakeMeasurement(*gone));
  }
  const auto busy = MakeResource(2);
  MetricBatch batch;
  for (uint64_t round = 0; round < 6; ++round) {
    shard.Record(MakeMeasurement(*busy));
    totals.Take(shard);
    totals.Collect(2'000 + round, batch);
    const bool both = round <= 3;
    ASSERT_EQ(batch.resources.size(), both ? 2U : 1U) << round;
    EXPECT_EQ(batch.resources.back().resource->service_name, "s2");
    EXPECT_EQ(batch.resources.back().metrics[0].histograms[0].count, round + 1);
  }
  // It comes back: a new start, so that a reader sees a reset and no fall.
  shard.Record(MakeMeasurement(*MakeResource(1)));
  totals.Take(shard);
  totals.Collect(3'000, batch);
  ASSERT_EQ(batch.resources.size(), 2U);
  EXPECT_EQ(batch.resources[1].resource->service_name, "s1");
  EXPECT_EQ(batch.resources[1].metrics[0].histograms[0].count, 1U);
  EXPECT_EQ(batch.resources[1].metrics[0].histograms[0].start_unix_ns, 2'005U);
}

TEST(MetricTotals, OverflowKeepsEveryCountAndSaysHowMany) {
  auto options = Options(Temporality::kCumulative);
  options.limits.series = 5;
  MetricTotals totals(options);
  Durations shard(CardinalityLimits{8, 100});
  const auto resource = MakeResource(1);
  for (int host = 0; host < 20; ++host) {
    const std::string address = std::to_string(host);
    Measurement m = MakeMeasurement(*resource);
    m.kind = SpanKind::kClient;
    m.server_address = address;
    shard.Record(m);
  }
  totals.Take(shard);
  MetricBatch batch;
  totals.Collect(2'000, batch);
  EXPECT_EQ(CountOf(batch), 20U);
  const auto& points = batch.resources.at(0).metrics.at(0).histograms;
  ASSERT_EQ(points.size(), 6U);
  EXPECT_TRUE(points[5].attributes.Find("otel.metric.overflow")->bool_value);
  EXPECT_EQ(points[5].count, 15U);
  EXPECT_EQ(totals.overflowed(), 15U);  // 12 in the shard, 3 here
}

TEST(MetricTotals, CountersOfTheAgentAreSumsOfItsOwnResource) {
  for (const Temporality temporality : {Temporality::kCumulative, Temporality::kDelta}) {
    MetricTotals totals(Options(temporality));
    uint64_t ring_full = 3;
    exporters::AttributeList reason;
    reason.String("reason", "ring_full");
    totals.AddCounter("wirespan.losses", "{event}", "What was lost, by reason.", reason, [&ring_full] { return ring_full; });
    totals.AddCounter("wirespan.losses", "{event}", "What was lost, by reason.", {}, [] { return uint64_t{7}; });
    MetricBatch batch;
    totals.Collect(2'000, batch);
    ring_full = 10;
    totals.Collect(3'000, batch);
    ASSERT_EQ(batch.resources.size(), 1U);
    EXPECT_EQ(batch.resources[0].resource->service_name, "s900");
    ASSERT_EQ(batch.resources[0].metrics.size(), 1U);
    const Metric& metric = batch.resources[0].metrics[0];
    EXPECT_TRUE(metric.is_monotonic);
    ASSERT_EQ(metric.sums.size(), 2U);
    const bool delta = temporality == Temporality::kDelta;
    EXPECT_EQ(metric.sums[0].value, delta ? 7 : 10);
    EXPECT_EQ(metric.sums[0].attributes.Find("reason")->string_value, "ring_full");
    EXPECT_EQ(metric.sums[0].start_unix_ns, delta ? 2'000U : 1'000U);
    EXPECT_EQ(metric.sums[1].value, delta ? 0 : 7);
  }
}

TEST(MetricTotals, AClockThatWasSetBackMakesNoBackwardInterval) {
  MetricTotals totals(Options(Temporality::kDelta));
  Durations shard;
  const auto resource = MakeResource(1);
  MetricBatch batch;
  for (const uint64_t now : {5'000U, 4'000U}) {
    shard.Record(MakeMeasurement(*resource));
    totals.Take(shard);
    totals.Collect(now, batch);
    const auto& point = batch.resources.at(0).metrics.at(0).histograms.at(0);
    EXPECT_LT(point.start_unix_ns, point.time_unix_ns);
  }
}

TEST(TemporalityPreference, HasThreeWordsInAnyCase) {
  EXPECT_EQ(ParseTemporalityPreference("Cumulative"), Temporality::kCumulative);
  EXPECT_EQ(ParseTemporalityPreference("DELTA"), Temporality::kDelta);
  EXPECT_EQ(ParseTemporalityPreference("lowmemory"), Temporality::kDelta);
  EXPECT_EQ(ParseTemporalityPreference("sometimes"), std::nullopt);
}

TEST(MetricTotals, TwoTotalsOfOneShardCountTheSame) {
  const auto resource = MakeResource(1);
  Durations shard;
  MetricTotals scraped(Options(Temporality::kCumulative));
  MetricTotals exported(Options(Temporality::kDelta));
  for (int round = 1; round <= 3; ++round) {
    shard.Record(MakeMeasurement(*resource));
    shard.Record(MakeMeasurement(*resource));
    ASSERT_TRUE(scraped.TryAdd(shard));
    exported.Take(shard);
    MetricBatch batch;
    exported.Collect(2'000, batch);
    EXPECT_EQ(CountOf(batch), 2U);
    scraped.Collect(2'000, batch);
    EXPECT_EQ(CountOf(batch), 2U * static_cast<uint64_t>(round));
  }
}

// A shard that hands over while the sums are read is not made to wait; what it has, it keeps.
TEST(MetricTotals, AHandOverDuringACollectionIsPutOff) {
  const auto resource = MakeResource(1);
  Durations shard;
  shard.Record(MakeMeasurement(*resource));
  MetricTotals totals(Options(Temporality::kCumulative));
  bool during = true;
  totals.AddCounter("x", "", "", {}, [&] {  // runs inside Collect, on the collecting thread
    std::thread([&] { during = totals.TryAdd(shard); }).join();
    return uint64_t{0};
  });
  MetricBatch batch;
  totals.Collect(2'000, batch);
  EXPECT_FALSE(during);
  EXPECT_EQ(CountOf(batch), 0U);
  EXPECT_TRUE(totals.TryAdd(shard));
  totals.Collect(3'000, batch);
  EXPECT_EQ(CountOf(batch), 1U);
}

}  // namespace
}  // namespace wirespan::metrics
