// The shard allocates nothing per exchange once it is warm, and nothing per idle connection beyond its slot.
#include <gtest/gtest.h>

#include "tests/unit/support/count_allocations.h"
#include "tests/unit/support/shard_harness.h"

namespace wirespan::testing {
namespace {

// Takes the facts and leaves them spent, as the assembler does.
class SpentFacts final : public pipeline::FactSink {
 public:
  void Deliver(trace::FactBatch& batch) override {
    for (const trace::Fact& fact : batch) spans += std::holds_alternative<trace::SpanFinished>(fact) ? 1 : 0;
  }
  uint64_t spans = 0;
};

struct World {
  FixedResources resources;
  RecordedPolicy policy;
  SpentFacts facts;
  CountedMeasurements measurements;
  pipeline::Shard shard;
  explicit World(const pipeline::ShardConfig& config = {})
      : shard(config, {.resources = resources, .policy = policy, .facts = facts, .measurements = measurements}) {}
  void Feed(const std::vector<Record>& records) {
    for (const Record& record : records) shard.Accept(std::span<const std::byte>(record));
  }
};

// Exchanges of every ordinary shape: whole, split, with bodies beyond the budget, chunked, both roles.
void Exchange(EventMaker& end, int i, std::vector<Record>& out) {
  const std::string path = "/items/" + std::to_string(i % 100) + "?q=1";
  const std::string headers = "User-Agent: test/1.0\r\ntraceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n";
  const std::string request = Get(path, headers);
  switch (i % 4) {
    case 0:
      out.push_back(end.Request(request));
      break;
    case 1:
      out.push_back(end.Request(request.substr(0, 20)));
      out.push_back(end.Request(request.substr(20)));
      break;
    default:
      out.push_back(end.Request("POST " + path + " HTTP/1.1\r\nHost: shop\r\nContent-Length: 3\r\n\r\nabc"));
      break;
  }
  switch (i % 3) {
    case 0:
      out.push_back(end.Response(Ok("hello")));
      break;
    case 1:
      out.push_back(end.Response(Ok(std::string(3000, 'x')), {.captured = 500}));
      break;
    default:
      out.push_back(end.Response("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n"));
      out.push_back(end.Response("abc\r\n0\r\n\r\n"));
  }
}

TEST(ShardAllocation, NothingPerExchangeInTheSteadyState) {
  World world;
  std::vector<EventMaker> ends;
  for (uint64_t i = 0; i < 20; ++i) ends.emplace_back(100 + i, i % 2 == 0 ? WS_ROLE_SERVER : WS_ROLE_CLIENT);
  std::vector<Record> warm, measured;
  for (EventMaker& end : ends) warm.push_back(end.Opened());
  for (int i = 0; i < 2000; ++i) Exchange(ends[static_cast<size_t>(i) % ends.size()], i, warm);
  for (int i = 0; i < 3000; ++i) Exchange(ends[static_cast<size_t>(i) % ends.size()], i, measured);
  world.Feed(warm);
  world.shard.Tick(1);
  ASSERT_EQ(world.facts.spans, 2000U);
  const uint64_t before = allocations;
  world.Feed(measured);
  world.shard.Tick(2);
  EXPECT_EQ(allocations - before, 0U);
  EXPECT_EQ(world.facts.spans, 5000U);
}

TEST(ShardAllocation, ConnectionsThatComeAndGoReuseTheirSlots) {
  World world;
  const auto round = [&world](uint64_t from) {
    std::vector<Record> records;
    for (uint64_t i = 0; i < 200; ++i) {
      EventMaker end(from + i, WS_ROLE_SERVER);
      records.push_back(end.Opened());
      Exchange(end, 0, records);
      records.push_back(end.Closed());
    }
    const uint64_t before = allocations;
    world.Feed(records);
    world.shard.Tick(1);
    return allocations - before;
  };
  round(1000);
  round(2000);
  EXPECT_EQ(round(3000), 0U);
}

}  // namespace
}  // namespace wirespan::testing
