// FastCGI through the whole shard, in the calls that nginx and PHP-FPM make of it, with what the turn's budget cuts off.
#include <gtest/gtest.h>

#include "tests/unit/decoders/fastcgi_records.h"
#include "tests/unit/pipeline/budget_teller.h"
#include "tests/unit/support/seeded.h"
#include "tests/unit/support/shard_harness.h"

namespace wirespan::testing {
namespace {

constexpr uint64_t kInode = 31;
constexpr int kKeep = 1;

std::string Begun(std::string_view path, const Pairs& more = {}, int flags = kKeep) {
  Pairs pairs = {{"REQUEST_METHOD", "GET"}, {"REQUEST_URI", std::string(path)}};
  pairs.insert(pairs.end(), more.begin(), more.end());
  return BeginRequest(1, 1, flags) + Params(1, pairs);
}
std::string Answer(std::string_view body, int status = 200) {
  return Stdout(1, "Status: " + std::to_string(status) + "\r\nContent-type: text/html\r\n\r\n" + std::string(body));
}

struct World {
  explicit World(ws_role role = WS_ROLE_SERVER, size_t budget = 4096) : end(kInode, role), teller(end, budget) {
    h.Feed(end.Opened());
  }
  void Request(std::string_view call) { h.Feed(teller.Call(end.RequestSide(), call)); }
  void Response(std::string_view call) { h.Feed(teller.Call(end.ResponseSide(), call)); }
  // As PHP reads: each header by itself, then the content.
  void ReadAsPhp(std::string_view bytes) {
    while (!bytes.empty()) {
      const size_t content =
          static_cast<uint8_t>(bytes[4]) * 256U + static_cast<uint8_t>(bytes[5]) + static_cast<uint8_t>(bytes[6]);
      Request(bytes.substr(0, 8));
      if (content > 0) Request(bytes.substr(8, content));
      bytes.remove_prefix(8 + content);
    }
  }
  const std::vector<SpanView>& spans() {
    h.Tick(end.now);
    return h.facts.spans;
  }
  void ExpectNothingLost() {
    for (size_t i = 0; i < kLossCount; ++i) EXPECT_EQ(h.Lost(static_cast<Loss>(i)), 0U) << LossName(static_cast<Loss>(i));
    EXPECT_TRUE(h.Balances());
  }

  ShardHarness h;
  EventMaker end;
  BudgetTeller teller;
};

TEST(FastCgiShard, AKeptConnectionOfPhp) {
  World w;
  w.ReadAsPhp(Begun("/1"));
  ASSERT_EQ((w.h.Tick(w.end.now), w.h.facts.requests.size()), 1U) << "told before it is answered: calls hang below it";
  w.Response(Answer("one") + EndRequest(1));
  ASSERT_EQ(w.spans().size(), 1U);
  w.ReadAsPhp(Stdin(1, ""));  // late, and in the turn of the next request
  w.ReadAsPhp(Begun("/2"));
  const uint64_t token = w.end.Token();
  w.Response(Answer("two", 404) + EndRequest(1));
  ASSERT_EQ(w.spans().size(), 2U);
  EXPECT_EQ(w.spans()[0].path, "/1");
  EXPECT_EQ(w.spans()[1].path, "/2");
  EXPECT_EQ(w.spans()[1].status, 404);
  EXPECT_EQ(w.spans()[1].token, token);
  EXPECT_EQ(w.spans()[1].index, 0U);
  EXPECT_EQ(w.h.facts.order, "QRSQRS");
  w.ExpectNothingLost();
}

TEST(FastCgiShard, AResponseBeyondTheBudgetEndsWithItsLastCall) {
  World w;
  w.ReadAsPhp(Begun("/long"));
  for (int i = 0; i < 6; ++i) w.Response(Answer(std::string(8000, '\0')));
  EXPECT_TRUE(w.spans().empty());
  w.Response(Stdout(1, "rest") + EndRequest(1));
  ASSERT_EQ(w.spans().size(), 1U) << "the last bytes of a call are copied: END_REQUEST is among them";
  EXPECT_TRUE(w.spans()[0].complete());
  EXPECT_EQ(w.spans()[0].status, 200);
  EXPECT_EQ(w.spans()[0].end_ns, w.end.now - w.end.step);
  w.ReadAsPhp(Stdin(1, "") + Begun("/next"));
  w.Response(Answer("n") + EndRequest(1));
  ASSERT_EQ(w.spans().size(), 2U);
  EXPECT_EQ(w.spans()[1].path, "/next");
  EXPECT_EQ(w.spans()[1].index, 0U);
  w.ExpectNothingLost();
}

TEST(FastCgiShard, AResponseWhoseEndIsNotSeenEndsWithTheNextRequestOrTheClose) {
  World w(WS_ROLE_CLIENT);
  w.Request(Begun("/long") + Stdin(1, ""));
  w.Response(Answer(std::string(9000, 'x')));
  w.h.Feed(w.teller.FileCall(w.end.ResponseSide(), 500, true));
  w.Request(Begun("/last") + Stdin(1, ""));
  ASSERT_EQ(w.spans().size(), 1U);
  EXPECT_EQ(w.spans()[0].path, "/long");
  EXPECT_TRUE(w.spans()[0].complete());
  w.Response(Answer(std::string(9000, 'x')));
  w.h.Feed(w.teller.FileCall(w.end.ResponseSide(), 500, true));
  w.h.Feed({w.end.Ended(w.end.ResponseSide()), w.end.Closed()});
  ASSERT_EQ(w.spans().size(), 2U);
  EXPECT_EQ(w.spans()[1].path, "/last");
  w.ExpectNothingLost();
}

TEST(FastCgiShard, AnUploadBeyondTheBudget) {
  World w(WS_ROLE_CLIENT);
  std::string call = Begun("/up", {{"CONTENT_LENGTH", "90000"}});
  for (int i = 0; i < 3; ++i) call += Stdin(1, std::string(30000, 'u'));
  w.Request(call + Stdin(1, ""));
  w.Response(Answer("ok", 201) + EndRequest(1));
  ASSERT_EQ(w.spans().size(), 1U);
  EXPECT_TRUE(w.spans()[0].complete());
  EXPECT_EQ(w.spans()[0].status, 201);
  const auto size = w.h.facts.finished[0].span->attributes.Find("http.request.body.size");
  ASSERT_TRUE(size.has_value());
  EXPECT_EQ(size->int_value, 90000);
  w.ExpectNothingLost();
}

TEST(FastCgiShard, ParametersBeyondTheBudgetAreSaidToBeAndAskForMore) {
  for (const bool as_php : {false, true}) {
    World w(as_php ? WS_ROLE_SERVER : WS_ROLE_CLIENT);
    const std::string long_request = Begun("/long", {{"HTTP_X_FILLER", std::string(6000, 'f')}, {"HTTP_HOST", "shop"}});
    as_php ? w.ReadAsPhp(long_request) : w.Request(long_request + Stdin(1, ""));
    w.Response(Answer("ok") + EndRequest(1));
    ASSERT_EQ(w.spans().size(), 1U) << as_php;
    EXPECT_EQ(w.spans()[0].path, "/long");
    EXPECT_EQ(w.spans()[0].status, 200);
    EXPECT_EQ(w.spans()[0].incomplete, Name(decoders::ExchangeEnd::kRequestNotSeen));
    ASSERT_EQ(w.h.policy.budgets.size(), 1U) << as_php;
    w.teller.budget = w.h.policy.budgets[0].second;
    as_php ? w.ReadAsPhp(Stdin(1, "") + long_request) : w.Request(long_request + Stdin(1, ""));
    w.Response(Answer("ok") + EndRequest(1));
    ASSERT_EQ(w.spans().size(), 2U) << as_php;
    EXPECT_TRUE(w.spans()[1].complete());
    EXPECT_TRUE(w.h.Balances());
  }
}

TEST(FastCgiShard, InterleavedRequestsAreLeftAndCounted) {
  World w;
  w.Request(BeginRequest(1) + BeginRequest(2) + Params(1, {{"REQUEST_URI", "/1"}}) + Params(2, {{"REQUEST_URI", "/2"}}));
  w.Response(Answer("?") + EndRequest(1));
  EXPECT_TRUE(w.spans().empty());
  EXPECT_EQ(w.h.Lost(Loss::kOtherProtocol), 1U);
  EXPECT_EQ(w.h.policy.off, (std::vector<ConnectionId>{kInode}));
  EXPECT_TRUE(w.h.Balances());
}

TEST(FastCgiShard, InterleavedResponsesLoseTheirRequestsByName) {
  World w;
  w.Request(Begun("/1") + Stdin(1, "") + BeginRequest(2) + Params(2, {{"REQUEST_URI", "/2"}}) + Stdin(2, ""));
  w.Response(RecordOf(6, 2, "Status: 200\r\n\r\n") + Answer("?") + EndRequest(1));
  EXPECT_TRUE(w.spans().empty());
  EXPECT_EQ(w.h.Lost(Loss::kLeftProtocol), 2U);
  EXPECT_TRUE(w.h.Balances());
}

TEST(FastCgiShard, ACaptureThatBeginsInMidConnectionFindsTheNextRequest) {
  ShardHarness h;
  EventMaker end(kInode, WS_ROLE_SERVER);
  h.Feed({end.Opened(true), end.Sent(Answer("of an earlier request") + EndRequest(1)), end.Received(Stdin(1, "")),
          end.Received(Begun("/seen")), end.Sent(Answer("ok") + EndRequest(1))});
  h.Tick(end.now);
  ASSERT_EQ(h.facts.spans.size(), 1U);
  EXPECT_EQ(h.facts.spans[0].path, "/seen");
  EXPECT_TRUE(h.facts.spans[0].complete());
}

std::string Body(Random& random) {
  std::string body(Pick(random, Pick(random, 3) == 0 ? 40000 : 200), '\0');
  for (char& c : body) c = static_cast<char>(Pick(random, 4) == 0 ? Pick(random, 8) : random() & 0xffU);
  return body;
}

// A stream as records of any size.
std::string Records(Random& random, int type, std::string_view content) {
  std::string records;
  while (!content.empty()) {
    const size_t size = std::min(content.size(), 1 + Pick(random, Pick(random, 2) == 0 ? 20000 : 100));
    records += RecordOf(type, 1, content.substr(0, size), static_cast<int>(Pick(random, 8)));
    content.remove_prefix(size);
  }
  return records;
}

// Random exchanges one after the other, in random calls, with budgets of 256 to 8192 bytes: every request has exactly one span,
// with its path and status.
TEST(FastCgiShard, WhatTheBudgetCutsOffCostsNoExchange) {
  for (uint64_t seed = 0; seed < Seeds(150); ++seed) {
    Random random(seed);
    World w(RoleOf(seed), 256 + Pick(random, 8000));
    const auto move = [&](bool is_request, std::string_view bytes) {
      while (!bytes.empty()) {
        const size_t size = std::min(bytes.size(), 1 + Pick(random, Pick(random, 2) == 0 ? 12000 : 300));
        is_request ? w.Request(bytes.substr(0, size)) : w.Response(bytes.substr(0, size));
        bytes.remove_prefix(size);
      }
    };
    std::map<std::string, int64_t> expected;
    const size_t count = 1 + Pick(random, 6);
    std::string late;
    for (size_t i = 0; i < count; ++i) {
      const std::string path = "/" + std::to_string(i);
      const auto status = static_cast<int>(200 + Pick(random, 300));
      const std::string body = Pick(random, 2) == 0 ? Body(random) : "";
      expected[path] = status;
      const std::string length = body.empty() ? "" : std::to_string(body.size());
      move(true, late + Begun(path, {{"CONTENT_LENGTH", length}}) + Records(random, 5, body));
      late = Stdin(1, "");
      if (Pick(random, 2) == 0) {  // at once, as a client does; else as a server reads it
        move(true, late);
        late.clear();
      }
      move(false, Answer("", status) + Records(random, 6, Body(random)) + EndRequest(1));
    }
    w.h.Feed({w.end.Ended(w.end.ResponseSide()), w.end.Ended(w.end.RequestSide()), w.end.Closed()});
    ASSERT_EQ(w.spans().size(), count) << "seed " << seed;
    for (const SpanView& span : w.spans()) {
      ASSERT_TRUE(expected.contains(span.path)) << "seed " << seed << " " << span.path;
      EXPECT_EQ(span.status, expected[span.path]) << "seed " << seed << " " << span.path;
      EXPECT_TRUE(span.complete()) << "seed " << seed << " " << span.path << " " << span.incomplete;
      expected.erase(span.path);
    }
    EXPECT_TRUE(w.h.Balances()) << "seed " << seed;
  }
}

}  // namespace
}  // namespace wirespan::testing
