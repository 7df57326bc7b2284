// The shard allocates nothing per exchange once it is warm, and nothing per idle connection beyond its slot.
#include <gtest/gtest.h>

#include "tests/unit/pipeline/budget_teller.h"
#include "tests/unit/pipeline/spent_world.h"
#include "tests/unit/support/allocation_counter.h"

namespace wirespan::testing {
namespace {

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
  SpentWorld world;
  std::vector<EventMaker> ends;
  for (uint64_t i = 0; i < 20; ++i) ends.emplace_back(100 + i, i % 2 == 0 ? WS_ROLE_SERVER : WS_ROLE_CLIENT);
  std::vector<Record> warm, measured;
  for (EventMaker& end : ends) warm.push_back(end.Opened());
  for (int i = 0; i < 2000; ++i) Exchange(ends[static_cast<size_t>(i) % ends.size()], i, warm);
  for (int i = 0; i < 3000; ++i) Exchange(ends[static_cast<size_t>(i) % ends.size()], i, measured);
  world.Feed(warm);
  world.shard.Tick(1);
  ASSERT_EQ(world.facts.spans, 2000U);
  const uint64_t before = AllocationCount();
  world.Feed(measured);
  world.shard.Tick(2);
  EXPECT_EQ(AllocationCount() - before, 0U);
  EXPECT_EQ(world.facts.spans, 5000U);
}

// Exchanges of which the budget cuts something off: heads, chunked bodies that end by their last bytes, with trailers at the next
// turn, uploads that end with their answer.
void CutExchange(EventMaker& end, BudgetTeller& teller, int i, std::vector<Record>& out) {
  const auto add = [&](ws_direction direction, std::string_view call) {
    for (Record& record : teller.Call(direction, call)) out.push_back(std::move(record));
  };
  const std::string filler = "X-Filler: " + std::string(600, 'f') + "\r\n";
  const std::string chunk = "3e8\r\n" + std::string(1000, 'c') + "\r\n";
  const std::string chunked = "Transfer-Encoding: chunked\r\n\r\n";
  if (i % 3 == 0) add(end.RequestSide(), Get("/cut/" + std::to_string(i % 10), filler));
  if (i % 3 == 1) add(end.RequestSide(), Get("/whole/" + std::to_string(i % 10)));
  if (i % 3 == 2) {
    add(end.RequestSide(), "PUT /up HTTP/1.1\r\nHost: shop\r\n" + chunked + chunk);
    add(end.RequestSide(), chunk + (i % 2 == 0 ? "0\r\n\r\n" : "0\r\nX-Sum: 1\r\n\r\n"));
  }
  if (i % 4 == 0) add(end.ResponseSide(), "HTTP/1.1 200 OK\r\n" + filler + "Content-Length: 0\r\n\r\n");
  if (i % 4 == 1) add(end.ResponseSide(), Ok("hello"));
  if (i % 4 >= 2) {
    add(end.ResponseSide(), "HTTP/1.1 200 OK\r\n" + chunked + chunk);
    add(end.ResponseSide(), chunk + (i % 4 == 2 ? "0\r\n\r\n" : "0\r\nX-Sum: 1\r\n\r\n"));
  }
}

TEST(ShardAllocation, NothingPerExchangeThatTheBudgetCuts) {
  pipeline::ShardConfig config;
  config.facts_per_batch = 16;  // few spare spans, so that each has held the largest of them soon
  SpentWorld world(config);
  std::vector<EventMaker> ends;
  std::vector<BudgetTeller> tellers;
  for (uint64_t i = 0; i < 20; ++i) ends.emplace_back(100 + i, i % 2 == 0 ? WS_ROLE_SERVER : WS_ROLE_CLIENT);
  for (EventMaker& end : ends) tellers.emplace_back(end, 300);
  std::vector<Record> warm, measured;
  for (EventMaker& end : ends) warm.push_back(end.Opened());
  const auto exchange = [&](int i, std::vector<Record>& out) {
    const auto at = static_cast<size_t>(i) % ends.size();
    CutExchange(ends[at], tellers[at], i + i / 20, out);
  };
  for (int i = 0; i < 2000; ++i) exchange(i, warm);
  for (int i = 0; i < 3000; ++i) exchange(i, measured);
  world.Feed(warm);
  world.shard.Tick(1);
  const uint64_t spans = world.facts.spans;
  EXPECT_GE(spans, 1980U);
  const uint64_t before = AllocationCount();
  world.Feed(measured);
  world.shard.Tick(2);
  EXPECT_EQ(AllocationCount() - before, 0U);
  EXPECT_GE(world.facts.spans, spans + 2980);
  EXPECT_EQ(world.policy.budgets.size(), 20U);
}

TEST(ShardAllocation, ConnectionsThatComeAndGoReuseTheirSlots) {
  SpentWorld world;
  const auto round = [&world](uint64_t from) {
    std::vector<Record> records;
    for (uint64_t i = 0; i < 200; ++i) {
      EventMaker end(from + i, WS_ROLE_SERVER);
      records.push_back(end.Opened());
      Exchange(end, 0, records);
      records.push_back(end.Closed());
    }
    const uint64_t before = AllocationCount();
    world.Feed(records);
    world.shard.Tick(1);
    return AllocationCount() - before;
  };
  round(1000);
  round(2000);
  EXPECT_EQ(round(3000), 0U);
}

}  // namespace
}  // namespace wirespan::testing
