#include "agent/metrics/durations.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

#include "tests/unit/support/allocation_counter.h"

namespace wirespan::metrics {
namespace {

using exporters::SpanKind;

exporters::Resource MakeResource(uint64_t id) {
  exporters::Resource resource;
  resource.id = id;
  resource.service_name = "s" + std::to_string(id);
  return resource;
}

Measurement MakeMeasurement(const exporters::Resource& resource) {
  Measurement m;
  m.resource = &resource;
  m.duration_ns = 3'000'000;
  m.request_method = "GET";
  m.url_scheme = "http";
  m.protocol_version = "1.1";
  m.status_code = 200;
  return m;
}

TEST(SeriesKey, EveryFieldTellsSeriesApartAndIsReadBack) {
  const auto resource = MakeResource(1);
  const Measurement base = MakeMeasurement(resource);
  std::vector<Measurement> all(9, base);
  all[1].kind = SpanKind::kClient;
  all[2].request_method = "POST";
  all[3].url_scheme = "https";
  all[4].protocol_version = "1.0";
  all[5].error_type = "500";
  all[6].server_address = "example.com";
  all[7].server_port = 8080;
  all[8].status_code = 404;
  std::map<std::string, size_t> keys;
  SeriesKey key;
  for (size_t i = 0; i < all.size(); ++i) {
    EXPECT_TRUE(keys.emplace(std::string(key.Of(all[i])), i).second) << i;
    const auto parts = SeriesKey::Parse(key.Of(all[i]));
    EXPECT_FALSE(parts.overflow);
    EXPECT_EQ(parts.kind, all[i].kind);
    EXPECT_EQ(parts.request_method, all[i].request_method);
    EXPECT_EQ(parts.url_scheme, all[i].url_scheme);
    EXPECT_EQ(parts.protocol_version, all[i].protocol_version);
    EXPECT_EQ(parts.error_type, all[i].error_type);
    EXPECT_EQ(parts.server_address, all[i].server_address);
    EXPECT_EQ(parts.server_port, all[i].server_port);
    EXPECT_EQ(parts.status_code, all[i].status_code);
  }
}

TEST(SeriesKey, RpcCallsAreSeriesOfTheirOwn) {
  const auto resource = MakeResource(1);
  Measurement call = MakeMeasurement(resource);
  call.rpc_system = "grpc";
  call.rpc_method = "shop.Cart/Add";
  call.rpc_status_code = "NOT_FOUND";
  call.error_type = "NOT_FOUND";
  call.server_address = "cart";
  SeriesKey key;
  const std::string bytes(key.Of(call));
  const auto parts = SeriesKey::Parse(bytes);
  EXPECT_EQ(parts.as, MeasuredAs::kRpcCall);
  EXPECT_FALSE(parts.overflow);
  EXPECT_EQ(parts.rpc_system, "grpc");
  EXPECT_EQ(parts.rpc_method, "shop.Cart/Add");
  EXPECT_EQ(parts.rpc_status_code, "NOT_FOUND");
  EXPECT_EQ(parts.error_type, "NOT_FOUND");
  EXPECT_EQ(parts.server_address, "cart");
  EXPECT_EQ(parts.request_method, "") << "an HTTP request's";
  EXPECT_EQ(parts.status_code, 0);
  Measurement http = MakeMeasurement(resource);  // the same text elsewhere
  http.request_method = call.rpc_method;
  http.url_scheme = call.rpc_system;
  http.protocol_version = call.rpc_status_code;
  http.error_type = call.error_type;
  http.server_address = call.server_address;
  http.status_code = 0;
  EXPECT_NE(key.Of(http), bytes);
}

TEST(SeriesKey, EveryFieldOfADatabaseOperationTellsSeriesApart) {
  const auto resource = MakeResource(1);
  Measurement base;
  base.resource = &resource;
  base.kind = SpanKind::kClient;
  base.server_address = "cache";
  base.server_port = 6379;
  std::vector<DatabaseMeasurement> databases(8, {.system = "redis", .name_space = "0", .operation = "GET", .status_code = {}});
  databases[1].system = "postgresql";
  databases[2].name_space = "1";
  databases[3].operation = "SET";
  databases[4].status_code = "WRONGTYPE";
  std::vector<Measurement> all(8, base);
  for (size_t i = 0; i < all.size(); ++i) all[i].database = &databases[i];
  all[5].error_type = "WRONGTYPE";
  all[6].server_address = "other";
  all[7].server_port = 6380;
  std::map<std::string, size_t> keys;
  SeriesKey key;
  for (size_t i = 0; i < all.size(); ++i) {
    EXPECT_TRUE(keys.emplace(std::string(key.Of(all[i])), i).second) << i;
    const auto parts = SeriesKey::Parse(key.Of(all[i]));
    EXPECT_EQ(parts.as, MeasuredAs::kDatabaseOperation);
    EXPECT_EQ(parts.db_system, databases[i].system);
    EXPECT_EQ(parts.db_namespace, databases[i].name_space);
    EXPECT_EQ(parts.db_operation, databases[i].operation);
    EXPECT_EQ(parts.db_status_code, databases[i].status_code);
    EXPECT_EQ(parts.error_type, all[i].error_type);
    EXPECT_EQ(parts.server_address, all[i].server_address);
    EXPECT_EQ(parts.server_port, all[i].server_port);
    EXPECT_EQ(parts.request_method, "");
  }
}

TEST(SeriesKey, BordersBetweenStringsCount) {
  const auto resource = MakeResource(1);
  Measurement first = MakeMeasurement(resource);
  first.error_type = "ab";
  first.server_address = "c";
  Measurement second = MakeMeasurement(resource);
  second.error_type = "a";
  second.server_address = "bc";
  SeriesKey one;
  SeriesKey two;
  EXPECT_NE(one.Of(first), two.Of(second));
}

TEST(SeriesKey, HostileLengthsAndNumbersAreBounded) {
  const auto resource = MakeResource(1);
  const std::string huge(100'000, 'x');
  Measurement m = MakeMeasurement(resource);
  m.request_method = m.url_scheme = m.protocol_version = m.error_type = m.server_address = huge;
  m.status_code = INT64_MAX;
  m.server_port = -1;
  SeriesKey key;
  EXPECT_LE(key.Of(m).size(), kMaxSeriesKeyBytes);
  EXPECT_EQ(SeriesKey::Parse(key.Of(m)).server_address, huge.substr(0, 96));
  for (size_t size = 0; size < 20; ++size) SeriesKey::Parse(key.Of(m).substr(0, size));
  EXPECT_TRUE(SeriesKey::Parse(SeriesKey::Overflow(SpanKind::kClient, MeasuredAs::kHttpRequest)).overflow);
  m.rpc_system = m.rpc_method = m.rpc_status_code = huge;
  EXPECT_LE(key.Of(m).size(), kMaxSeriesKeyBytes);
  EXPECT_EQ(SeriesKey::Parse(key.Of(m)).rpc_method, huge.substr(0, 96));
  for (size_t size = 0; size < 20; ++size) SeriesKey::Parse(key.Of(m).substr(0, size));
  m.rpc_system = {};
  const DatabaseMeasurement database{.system = huge, .name_space = huge, .operation = huge, .status_code = huge};
  m.database = &database;
  EXPECT_LE(key.Of(m).size(), kMaxSeriesKeyBytes);
  EXPECT_EQ(SeriesKey::Parse(key.Of(m)).db_status_code, huge.substr(0, 96));
  for (size_t size = 0; size < 20; ++size) SeriesKey::Parse(key.Of(m).substr(0, size));
  for (const MeasuredAs as : {MeasuredAs::kHttpRequest, MeasuredAs::kRpcCall, MeasuredAs::kDatabaseOperation}) {
    const auto overflow = SeriesKey::Parse(SeriesKey::Overflow(SpanKind::kClient, as));
    EXPECT_EQ(overflow.as, as);
    EXPECT_TRUE(overflow.overflow);
  }
}

TEST(SeriesTable, IsAMap) {
  std::mt19937_64 random(4);
  SeriesTable table(1);
  std::map<std::pair<uint32_t, std::string>, uint64_t> reference;
  for (int round = 0; round < 20'000; ++round) {
    const auto resource = static_cast<uint32_t>(random() % 5);
    std::string key = std::to_string(random() % 700);
    key.resize(key.size() + random() % 20, 'k');
    DurationSeries* series = table.Find(resource, key);
    ASSERT_EQ(series != nullptr, reference.contains({resource, key}));
    if (series == nullptr) series = &table.Insert(resource, key);
    series->histogram.Add(1);
    ++reference[{resource, key}];
  }
  EXPECT_EQ(table.series().size(), reference.size());
  EXPECT_GT(reference.size(), 3'000U);
  for (const auto& [name, count] : reference) {
    ASSERT_NE(table.Find(name.first, name.second), nullptr);
    EXPECT_EQ(table.Find(name.first, name.second)->histogram.count, count);
  }
}

TEST(Durations, RecordsBySeries) {
  Durations durations;
  const auto resource = MakeResource(1);
  Measurement m = MakeMeasurement(resource);
  durations.Record(m);
  durations.Record(m);
  m.status_code = 500;
  durations.Record(m);
  ASSERT_EQ(durations.table().series().size(), 2U);
  EXPECT_EQ(durations.table().series()[0].histogram.count, 2U);
  EXPECT_EQ(durations.table().series()[1].histogram.count, 1U);
  EXPECT_EQ(durations.overflowed(), 0U);
}

TEST(Durations, WhatHasNoMetricIsNotCounted) {
  Durations durations;
  const auto resource = MakeResource(1);
  Measurement other = MakeMeasurement(resource);
  other.request_method = {};
  other.status_code = 0;
  durations.Record(other);
  const DatabaseMeasurement redis{.system = "redis", .name_space = {}, .operation = "GET", .status_code = {}};
  other.database = &redis;
  other.kind = SpanKind::kServer;
  durations.Record(other);
  EXPECT_EQ(durations.table().series().size(), 0U) << "of a database only its clients are measured";
  other.kind = SpanKind::kClient;
  durations.Record(other);
  EXPECT_EQ(durations.table().series().size(), 1U);
  other.database = nullptr;
  other.rpc_system = "grpc";
  other.kind = SpanKind::kServer;
  durations.Record(other);
  EXPECT_EQ(durations.table().series().size(), 2U) << "a call has neither a method nor a status of HTTP";
}

TEST(Durations, AllocatesNothingOnceASeriesIsThere) {
  Durations durations;
  std::vector<exporters::Resource> resources;
  for (uint64_t id = 1; id <= 50; ++id) resources.push_back(MakeResource(id));
  const auto record_all = [&] {
    for (const auto& resource : resources) {
      Measurement m = MakeMeasurement(resource);
      m.error_type = "a rather long error type that fits no small string";
      durations.Record(m);
      m.kind = SpanKind::kClient;
      m.server_address = "a-rather-long-host-name.of.some.domain.example.com";
      durations.Record(m);
      Measurement operation = m;
      operation.request_method = {};
      operation.status_code = 0;
      const DatabaseMeasurement database{
          .system = "postgresql", .name_space = {}, .operation = "an operation of a rather long name", .status_code = {}};
      operation.database = &database;
      durations.Record(operation);
    }
  };
  record_all();
  durations.Reset();
  testing::ResetAllocationCount();
  for (int round = 0; round < 100; ++round) record_all();
  durations.Reset();
  record_all();
  EXPECT_EQ(testing::AllocationCount(), 0U);
}

TEST(Durations, SeriesPastTheLimitGoToTheResourcesOverflowSeries) {
  CardinalityLimits limits;
  limits.series = 10;
  Durations durations(limits);
  const auto resource = MakeResource(1);
  uint64_t recorded = 0;
  for (int host = 0; host < 1'000; ++host) {
    const std::string address = "host" + std::to_string(host);
    Measurement m = MakeMeasurement(resource);
    m.kind = SpanKind::kClient;
    m.server_address = address;
    durations.Record(m);
    ++recorded;
  }
  EXPECT_EQ(durations.table().series().size(), 11U);
  EXPECT_EQ(durations.overflowed(), 990U);
  uint64_t counted = 0;
  for (const auto& series : durations.table().series()) {
    counted += series.histogram.count;
    if (SeriesKey::Parse(series.key).overflow) {
      EXPECT_EQ(series.histogram.count, 990U);
    }
  }
  EXPECT_EQ(counted, recorded);  // moved, not lost
}

TEST(Durations, ResourcesPastTheLimitShareOne) {
  CardinalityLimits limits;
  limits.resources = 4;
  Durations durations(limits);
  for (uint64_t id = 1; id <= 100; ++id) durations.Record(MakeMeasurement(MakeResource(id)));
  EXPECT_EQ(durations.resources().size(), 5U);
  EXPECT_EQ(durations.overflowed(), 96U);
  EXPECT_EQ(durations.resources()[0]->service_name, "unknown_service");
}

TEST(Durations, SeriesThatNobodyUsesMakeRoomAgain) {
  CardinalityLimits limits;
  limits.series = 100;
  Durations durations(limits);
  const auto resource = MakeResource(1);
  const auto record = [&](int from, int to) {
    for (int host = from; host < to; ++host) {
      const std::string address = std::to_string(host);
      Measurement m = MakeMeasurement(resource);
      m.server_address = address;
      durations.Record(m);
    }
  };
  record(0, 100);
  durations.Reset();
  record(0, 5);
  durations.Reset();  // 95 of 100 were not used
  record(1'000, 1'100);
  EXPECT_EQ(durations.overflowed(), 0U);
}

}  // namespace
}  // namespace wirespan::metrics
