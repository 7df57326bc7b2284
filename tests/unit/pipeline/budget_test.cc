// Messages of which the turn's budget cut something off, record by record: when they end, what their spans say, and what is never
// taken for a message.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/pipeline/budget_teller.h"
#include "tests/unit/support/shard_harness.h"

namespace wirespan::testing {
namespace {

using ::testing::ElementsAre;

constexpr uint64_t kInode = 31;
constexpr uint32_t kWideBudget = 65536;
const std::string kChunked = "Transfer-Encoding: chunked\r\n";
const std::string kChunkedOk = "HTTP/1.1 200 OK\r\n" + kChunked + "\r\n";
const std::string kTraceparent = "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n";

std::string Chunk(size_t size, char fill = 'c') {
  std::array<char, 32> head{};
  std::snprintf(head.data(), head.size(), "%zx\r\n", size);
  return head.data() + std::string(size, fill) + "\r\n";
}
std::string Put(std::string_view path) { return "PUT " + std::string(path) + " HTTP/1.1\r\nHost: shop\r\n" + kChunked + "\r\n"; }
std::string_view NameOf(decoders::ExchangeEnd end) { return decoders::Name(end); }

struct World {
  explicit World(ws_role role = WS_ROLE_SERVER, size_t budget = 256) : end(kInode, role), teller(end, budget) {
    h.Feed(end.Opened());
  }
  void Request(std::string_view call) { h.Feed(teller.Call(end.RequestSide(), call)); }
  void Response(std::string_view call) { h.Feed(teller.Call(end.ResponseSide(), call)); }
  const std::vector<SpanView>& spans() {
    h.Tick(end.now);
    return h.facts.spans;
  }
  uint64_t last_record_ns() const { return end.now - end.step; }
  bool Has(size_t span, std::string_view attribute) {
    return h.facts.finished.at(span).span->attributes.Find(attribute).has_value();
  }
  // Everything but what is named was zero.
  void ExpectLost(std::initializer_list<Loss> reasons) {
    for (size_t i = 0; i < kLossCount; ++i) {
      const bool named = std::find(reasons.begin(), reasons.end(), static_cast<Loss>(i)) != reasons.end();
      EXPECT_EQ(h.Lost(static_cast<Loss>(i)) != 0, named) << LossName(static_cast<Loss>(i));
    }
    EXPECT_TRUE(h.Balances());
  }

  ShardHarness h;
  EventMaker end;
  BudgetTeller teller;
};

TEST(Budget, AChunkedResponseEndsWithItsOwnLastBytes) {
  World w;
  w.Request(Get("/long"));
  w.Response(kChunkedOk + Chunk(5000));
  w.Response(Chunk(9000));
  EXPECT_TRUE(w.spans().empty());
  w.Response("0\r\n\r\n");
  ASSERT_EQ(w.spans().size(), 1U);
  EXPECT_EQ(w.spans()[0].path, "/long");
  EXPECT_EQ(w.spans()[0].status, 200);
  EXPECT_TRUE(w.spans()[0].complete());
  EXPECT_EQ(w.spans()[0].end_ns, w.last_record_ns());
  EXPECT_FALSE(w.Has(0, "http.response.body.size"));
  EXPECT_FALSE(w.Has(0, "wirespan.truncated"));
  w.Request(Get("/next"));
  w.Response(Ok("n"));
  ASSERT_EQ(w.spans().size(), 2U);
  EXPECT_EQ(w.spans()[1].path, "/next");
  EXPECT_TRUE(w.Has(1, "http.response.body.size"));
  EXPECT_TRUE(w.h.policy.budgets.empty()) << "a body needs no larger budget";
  w.ExpectLost({});
}

TEST(Budget, WithTrailersAResponseEndsAtTheNextRequestWithTheTimeOfItsOwnLastByte) {
  World w;
  w.Request(Get("/long"));
  w.Response(kChunkedOk + Chunk(5000));
  w.Response(Chunk(9000) + "0\r\nX-Sum: 14000\r\n\r\n");
  const uint64_t end_ns = w.last_record_ns();
  w.end.now += 5'000'000'000;
  w.h.Tick(w.end.now);
  EXPECT_TRUE(w.spans().empty());
  EXPECT_EQ(w.h.shard.sessions_in_use(), 1U) << "what is not over is not at rest";
  w.Request(Get("/next"));
  ASSERT_EQ(w.spans().size(), 1U);
  EXPECT_TRUE(w.spans()[0].complete());
  EXPECT_EQ(w.spans()[0].end_ns, end_ns);
  w.Response(Ok("n", 201));
  ASSERT_EQ(w.spans().size(), 2U);
  EXPECT_EQ(w.spans()[1].status, 201);
  w.ExpectLost({});
}

TEST(Budget, AChunkedRequestEndsWithItsLastBytesOrWithItsAnswer) {
  for (const std::string last : {"0\r\n\r\n", "0\r\nX-Sum: 1\r\n\r\n"}) {
    World w;
    w.Request(Put("/up") + Chunk(5000));
    w.Request(Chunk(300) + last);
    w.Request("GET /none HTTP/1.1\r\nHost: shop\r\n\r\n");  // what comes in the same turn is not believed
    w.Response(Ok("", 201));
    w.Request(Get("/next"));
    w.Response(Ok("", 202));
    ASSERT_EQ(w.spans().size(), 2U) << last;
    EXPECT_EQ(w.spans()[0].path, "/up");
    EXPECT_EQ(w.spans()[0].method, "PUT");
    EXPECT_EQ(w.spans()[0].status, 201);
    EXPECT_TRUE(w.spans()[0].complete());
    EXPECT_FALSE(w.Has(0, "http.request.body.size"));
    EXPECT_EQ(w.spans()[1].path, "/next");
    EXPECT_EQ(w.spans()[1].status, 202);
    w.ExpectLost({});
  }
}

TEST(Budget, ARequestWhoseHeadWasCutHasASpanThatSaysSo) {
  World w;
  const std::string filler = "X-Filler: " + std::string(300, 'f') + "\r\n";
  w.Request(Get("/seen", kTraceparent + filler));
  w.h.Tick(w.end.now);
  EXPECT_EQ(w.h.facts.order, "Q") << "told as soon as its head cannot become more";
  w.Response(Ok("x", 404));
  ASSERT_EQ(w.spans().size(), 1U);
  EXPECT_EQ(w.spans()[0].path, "/seen");
  EXPECT_EQ(w.spans()[0].method, "GET");
  EXPECT_EQ(w.spans()[0].status, 404);
  EXPECT_EQ(w.spans()[0].incomplete, NameOf(decoders::ExchangeEnd::kRequestNotSeen));
  EXPECT_EQ(w.spans()[0].end_ns, w.last_record_ns());
  EXPECT_TRUE(w.Has(0, "wirespan.truncated"));
  EXPECT_TRUE(w.Has(0, "network.protocol.version"));
  ASSERT_TRUE(w.h.facts.requests[0].incoming.has_value());
  EXPECT_EQ(exporters::ToHex(w.h.facts.requests[0].incoming->trace_id), "0af7651916cd43dd8448eb211c80319c");
  EXPECT_THAT(w.h.policy.budgets, ElementsAre(std::pair<ConnectionId, uint32_t>(kInode, kWideBudget)));

  w.Request(Get("/beyond", filler + kTraceparent));
  w.Response(Ok("x"));
  ASSERT_EQ(w.spans().size(), 2U);
  EXPECT_EQ(w.spans()[1].path, "/beyond");
  EXPECT_FALSE(w.h.facts.requests[1].incoming.has_value());
  EXPECT_EQ(w.h.policy.budgets.size(), 1U) << "asked once";

  w.teller.budget = kWideBudget;
  w.Request(Get("/whole", filler + kTraceparent));
  w.Response(Ok("x"));
  ASSERT_EQ(w.spans().size(), 3U);
  EXPECT_TRUE(w.spans()[2].complete());
  EXPECT_FALSE(w.Has(2, "wirespan.truncated"));
  EXPECT_TRUE(w.h.facts.requests[2].incoming.has_value());
  w.ExpectLost({});
}

TEST(Budget, ATraceContextThatTheCutMayHaveChangedIsNotRead) {
  // The last field line is whole, but the next could continue it.
  World w(WS_ROLE_SERVER, Get("/a", kTraceparent).size() - 2);
  w.Request(Get("/a", kTraceparent + " folded: " + std::string(300, 'f') + "\r\n"));
  ASSERT_EQ(w.h.losses().requests_seen, 1U);
  w.h.shard.Stop();
  ASSERT_EQ(w.h.facts.requests.size(), 1U);
  EXPECT_FALSE(w.h.facts.requests[0].incoming.has_value());
}

TEST(Budget, AResponseWhoseHeadWasCutTellsItsStatus) {
  for (const bool closes : {false, true}) {
    World w;
    w.Request(Get("/cookies"));
    w.Response("HTTP/1.1 503 Busy\r\nSet-Cookie: " + std::string(3000, 's') + "\r\nContent-Length: 0\r\n\r\n");
    const uint64_t end_ns = w.last_record_ns();
    if (closes) {
      w.h.Feed({w.end.Ended(WS_SEND), w.end.Closed()});
    } else {
      w.Request(Get("/next"));
    }
    ASSERT_EQ(w.spans().size(), 1U);
    EXPECT_EQ(w.spans()[0].status, 503);
    EXPECT_EQ(w.spans()[0].incomplete, NameOf(decoders::ExchangeEnd::kResponseNotSeen));
    EXPECT_EQ(w.spans()[0].end_ns, end_ns);
    EXPECT_TRUE(w.Has(0, "wirespan.truncated"));
    EXPECT_THAT(w.h.policy.budgets, ElementsAre(std::pair<ConnectionId, uint32_t>(kInode, kWideBudget)));
    w.ExpectLost({});
  }
}

TEST(Budget, AStartLineThatWasCutIsCountedAndAsksForALargerBudgetToo) {
  World w(WS_ROLE_SERVER, 16);
  w.Request(Get("/a-target-that-does-not-fit"));
  w.Response(Ok("x"));
  EXPECT_TRUE(w.spans().empty());
  EXPECT_EQ(w.h.Lost(Loss::kRequestCut), 1U);
  EXPECT_EQ(w.h.policy.budgets.size(), 1U);
  w.teller.budget = kWideBudget;
  w.Request(Get("/next"));
  w.Response(Ok("x"));
  ASSERT_EQ(w.spans().size(), 1U);
  EXPECT_EQ(w.spans()[0].path, "/next");
}

TEST(Budget, AnInterimResponseWhoseHeadWasCutAnswersNothing) {
  World w;
  w.Request(Get("/hints"));
  w.Response("HTTP/1.1 103 Early Hints\r\nLink: " + std::string(3000, 'l') + "\r\n\r\n" + Ok("x"));
  w.Request(Get("/next"));
  w.Response(Ok("n", 201));
  ASSERT_EQ(w.spans().size(), 2U);
  EXPECT_EQ(w.spans()[0].path, "/hints");
  EXPECT_EQ(w.spans()[0].status, 0);
  EXPECT_EQ(w.spans()[0].incomplete, NameOf(decoders::ExchangeEnd::kResponseNotSeen));
  EXPECT_EQ(w.spans()[1].status, 201);
  EXPECT_EQ(w.h.Lost(Loss::kResponseCut), 1U);
}

TEST(Budget, TheLastCallOfAResponseToldAfterTheNextRequestHarmsNeither) {
  World w;
  w.Request(Get("/1"));
  w.Response(kChunkedOk + Chunk(5000));
  w.Response(Chunk(300));
  const std::vector<Record> late = w.teller.Call(WS_SEND, Chunk(4000) + "0\r\n\r\n");
  w.Request(Get("/2"));
  w.h.Feed(late);
  w.Response(Ok("x", 202));
  ASSERT_EQ(w.spans().size(), 2U);
  EXPECT_TRUE(w.spans()[0].complete());
  EXPECT_EQ(w.spans()[1].path, "/2");
  EXPECT_EQ(w.spans()[1].status, 202);
  w.ExpectLost({});
}

TEST(Budget, AClientsNextResponseToldBeforeItsRequestWaitsForIt) {
  World w(WS_ROLE_CLIENT);
  w.Request(Get("/1"));
  w.Response(kChunkedOk + Chunk(5000));
  w.Response(Chunk(4000) + "0\r\nX-Sum: 1\r\n\r\n");
  const uint64_t end_ns = w.last_record_ns();
  const std::vector<Record> request = w.teller.Call(WS_SEND, Get("/2"));
  w.Response(Ok("x", 202));
  w.h.Feed(request);
  ASSERT_EQ(w.spans().size(), 2U);
  EXPECT_EQ(w.spans()[0].path, "/1");
  EXPECT_EQ(w.spans()[0].end_ns, end_ns);
  EXPECT_TRUE(w.spans()[0].complete());
  EXPECT_EQ(w.spans()[1].path, "/2");
  EXPECT_EQ(w.spans()[1].status, 202);
  w.ExpectLost({});
}

TEST(Budget, AClientsLastCallOfARequestToldAfterTheAnswerBeganHarmsNothing) {
  World w(WS_ROLE_CLIENT);
  w.Request(Put("/up") + Chunk(5000));
  const std::vector<Record> late = w.teller.Call(WS_SEND, Chunk(4000) + "0\r\n\r\n");
  w.Response(Ok("x", 201));
  w.h.Feed(late);
  w.Request(Get("/next"));
  w.Response(Ok("x", 202));
  ASSERT_EQ(w.spans().size(), 2U);
  EXPECT_EQ(w.spans()[0].status, 201);
  EXPECT_TRUE(w.spans()[0].complete());
  EXPECT_EQ(w.spans()[1].status, 202);
  w.ExpectLost({});
}

TEST(Budget, ABodyThatIsBeingAnsweredMayLookLikeRequestsAtEveryTurn) {
  for (const bool answer_adrift : {false, true}) {
    World w;
    w.Request(Put("/both-ways") + Chunk(5000));
    w.Request(Chunk(5000));
    const std::string answer = answer_adrift ? kChunkedOk + Chunk(5000, 'a')
                                             : "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + std::string(1000, 'a');
    w.Response(answer);
    for (int i = 0; i < 4; ++i) {
      w.Request("z" + Get("/inside"));
      w.Response(answer_adrift ? Chunk(1000, 'a') : std::string(1000, 'a'));
      if (!answer_adrift) w.Request(Get("/inside-too"));
    }
    if (answer_adrift) w.Response("0\r\n\r\n");
    ASSERT_EQ(w.spans().size(), 1U) << answer_adrift;
    EXPECT_EQ(w.spans()[0].path, "/both-ways");
    EXPECT_TRUE(w.spans()[0].complete()) << w.spans()[0].incomplete;
    w.ExpectLost({});
  }
}

TEST(Budget, ARequestBodyAfterAnInterimResponseMayLookLikeARequest) {
  World w;
  w.Request("PUT /up HTTP/1.1\r\nHost: shop\r\nExpect: 100-continue\r\nX: " + std::string(300, 'x') + "\r\n" + kChunked + "\r\n");
  w.Response("HTTP/1.1 100 Continue\r\n\r\n");
  w.Request(Get("/not-a-request"));
  w.Response(Ok("x", 201));
  ASSERT_EQ(w.spans().size(), 1U);
  EXPECT_EQ(w.spans()[0].path, "/up");
  EXPECT_EQ(w.spans()[0].status, 201);
  w.ExpectLost({});
}

TEST(Budget, AnAnswerThatWasLostIsNotTakenFromTheNextRequest) {
  World w;
  w.Request(Get("/1", "X: " + std::string(300, 'x') + "\r\n"));
  w.teller.Call(WS_SEND, Ok("lost", 201));
  w.Request(Get("/2"));
  w.Response(Ok("x", 202));
  w.h.Settle();
  ASSERT_EQ(w.spans().size(), 2U);
  EXPECT_EQ(w.spans()[0].path, "/1");
  EXPECT_EQ(w.spans()[0].status, 0);
  EXPECT_EQ(w.spans()[0].incomplete, NameOf(decoders::ExchangeEnd::kResponseNotSeen));
  EXPECT_EQ(w.spans()[1].path, "/2");
  EXPECT_EQ(w.spans()[1].status, 202);
}

TEST(Budget, TheAnswerToARequestThatWasLostEndsTheResponseBeforeIt) {
  World w;
  w.Request(Get("/1"));
  w.Response(kChunkedOk + Chunk(5000));
  w.Response(Chunk(4000) + "0\r\nX-Sum: 1\r\n\r\n");
  const uint64_t end_ns = w.last_record_ns();
  w.teller.Call(WS_RECEIVE, Get("/lost"));
  w.Response(Ok("answer to the lost one", 500));
  ASSERT_EQ(w.spans().size(), 1U);
  EXPECT_EQ(w.spans()[0].status, 200);
  EXPECT_EQ(w.spans()[0].end_ns, end_ns);
  EXPECT_TRUE(w.spans()[0].complete());
  w.Request(Get("/3"));
  w.Response(Ok("x", 203));
  w.h.Settle();
  ASSERT_EQ(w.spans().size(), 2U);
  EXPECT_EQ(w.spans()[1].path, "/3");
  EXPECT_EQ(w.spans()[1].status, 203);
}

TEST(Budget, WhatEndsTheConnectionEndsAResponseUnlessItWasSeenToBeCut) {
  struct Case {
    std::string last;
    bool exits;
    uint32_t error;
    std::string_view incomplete;
  };
  const std::string whole = Chunk(4000) + "0\r\nX-Sum: 1\r\n\r\n";
  for (const Case& c : {Case{whole, false, 0, ""}, Case{whole, true, 0, ""},
                        Case{whole, false, 104, NameOf(decoders::ExchangeEnd::kConnectionReset)},
                        Case{Chunk(4000), false, 0, NameOf(decoders::ExchangeEnd::kResponseCut)},
                        Case{Chunk(4000), true, 0, NameOf(decoders::ExchangeEnd::kProcessExited)}}) {
    World w;
    w.Request(Get("/last"));
    w.Response(kChunkedOk + Chunk(5000));
    w.Response(c.last);
    const uint64_t end_ns = w.last_record_ns();
    if (c.exits) w.h.Feed(w.end.Exited());
    w.h.Feed(w.end.Closed(c.error));
    ASSERT_EQ(w.spans().size(), 1U);
    EXPECT_EQ(w.spans()[0].status, 200);
    EXPECT_EQ(w.spans()[0].incomplete, c.incomplete);
    EXPECT_TRUE(!c.incomplete.empty() || w.spans()[0].end_ns == end_ns);
    w.ExpectLost({});
  }
}

TEST(Budget, AStreamOfEventsStaysOneOpenExchangeInBoundedMemory) {
  World w;
  w.Request(Get("/events"));
  w.Response(kChunkedOk + Chunk(1000));
  for (int i = 0; i < 2000; ++i) {
    w.Response("c\r\ndata: tick\n\n\r\n");
    w.end.now += 1'000'000'000;
    w.h.Tick(w.end.now);
  }
  EXPECT_TRUE(w.spans().empty());
  EXPECT_EQ(w.h.shard.open_exchanges(), 1U);
  EXPECT_EQ(w.h.shard.stores_in_use(), 0U);
  w.Response("0\r\n\r\n");
  ASSERT_EQ(w.spans().size(), 1U);
  EXPECT_TRUE(w.spans()[0].complete());
}

TEST(Budget, OnAConnectionThatPipelinesNoTurnProvesAnEnd) {
  World w;
  w.Request(Get("/1") + Get("/2"));
  w.Response(Ok("1", 201) + Ok("2", 202));
  w.Request(Get("/3"));
  w.Response(kChunkedOk + Chunk(5000));
  w.Response(Chunk(4000) + "0\r\n\r\n");
  w.Request(Get("/4"));
  w.Response(Ok("4", 204));
  ASSERT_EQ(w.spans().size(), 3U);
  EXPECT_EQ(w.spans()[2].path, "/3");
  EXPECT_EQ(w.spans()[2].incomplete, NameOf(decoders::ExchangeEnd::kResponseNotSeen));
  w.ExpectLost({Loss::kStreamGap, Loss::kPairingConnection});
}

TEST(Budget, ARequestThatWasNotAnsweredWhenItsConnectionEndedKeepsWhatWasSeen) {
  World w;
  w.Request(Get("/cut", "X: " + std::string(300, 'x') + "\r\n"));
  w.h.Feed(w.end.Closed());
  ASSERT_EQ(w.spans().size(), 1U);
  EXPECT_EQ(w.spans()[0].path, "/cut");
  EXPECT_EQ(w.spans()[0].incomplete, NameOf(decoders::ExchangeEnd::kNoResponse));
  EXPECT_TRUE(w.Has(0, "wirespan.truncated"));
}

// One thread reads the next request and tells of it before another has told of the end of its answer to the last.
TEST(Budget, TheNextRequestWaitsForTheRestOfTheAnswerBeforeIt) {
  World w;
  w.Request(Get("/long"));
  w.Response(kChunkedOk);
  std::vector<Record> late = w.teller.Call(WS_SEND, Chunk(5000) + "0\r\n\r\n");
  const uint64_t end_ns = w.last_record_ns();
  const std::vector<Record> next = w.teller.Call(WS_RECEIVE, Get("/next"));
  w.h.Feed(next);
  EXPECT_TRUE(w.spans().empty());
  for (Record& record : late) {
    StampLate(record, next.front());
    w.h.Feed(record);
  }
  ASSERT_EQ(w.spans().size(), 1U);
  EXPECT_TRUE(w.spans()[0].complete());
  EXPECT_EQ(w.spans()[0].end_ns, end_ns);
  w.Response(Ok("n", 201));
  ASSERT_EQ(w.spans().size(), 2U);
  EXPECT_EQ(w.spans()[1].path, "/next");
  EXPECT_EQ(w.spans()[1].status, 201);
  EXPECT_TRUE(w.spans()[1].complete());
  w.ExpectLost({});
}

TEST(Budget, TheNextRequestDoesNotWaitForAnAnswerThatIsNeverTold) {
  World w;
  w.Request(Get("/long"));
  w.Response(kChunkedOk);
  w.end.Unseen(WS_SEND, 5000);
  w.Request(Get("/next"));
  EXPECT_EQ(w.h.facts.order, "");
  w.h.Tick(w.end.now);
  EXPECT_EQ(w.h.facts.order, "QR");
  w.h.Tick(w.end.now + 20'000'000);
  EXPECT_EQ(w.h.facts.order, "QRQ") << "held no longer than hold_ns";
  w.end.now += 20'000'000;
  w.Response(Ok("n", 201));
  w.h.Settle();
  w.h.Feed(w.end.Closed());
  // Where the answer to /long ends is in what was not told, and so where the next one begins: neither is paired by guess.
  ASSERT_EQ(w.spans().size(), 2U);
  EXPECT_EQ(w.spans()[0].path, "/long");
  EXPECT_EQ(w.spans()[0].status, 200);
  EXPECT_EQ(w.spans()[0].incomplete, NameOf(decoders::ExchangeEnd::kResponseNotSeen));
  EXPECT_EQ(w.spans()[1].path, "/next");
  EXPECT_EQ(w.spans()[1].status, 0);
  EXPECT_FALSE(w.spans()[1].complete());
  EXPECT_TRUE(w.h.Balances());
}

}  // namespace
}  // namespace wirespan::testing
