#include "agent/pipeline/shard.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/support/shard_harness.h"

namespace wirespan::testing {
namespace {

using ::testing::ElementsAre;

constexpr uint64_t kInode = 77;

TEST(Shard, OneServerRequestBecomesOneSpanWithItsFactsInOrder) {
  ShardHarness h;
  EventMaker server(kInode, WS_ROLE_SERVER);
  h.Feed(server.Opened());
  const uint64_t start = server.now;
  h.Feed(server.Request(Get("/a", "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n")));
  const uint64_t end = server.now;
  h.Feed(server.Response(Ok("hello")));
  h.shard.Tick(server.now);

  EXPECT_EQ(h.facts.order, "QRS");
  ASSERT_EQ(h.facts.spans.size(), 1U);
  const SpanView& span = h.facts.spans[0];
  EXPECT_EQ(span.path, "/a");
  EXPECT_EQ(span.status, 200);
  EXPECT_EQ(span.kind, exporters::SpanKind::kServer);
  EXPECT_EQ(span.start_ns, start);
  EXPECT_EQ(span.end_ns, end);
  EXPECT_TRUE(span.complete());
  ASSERT_TRUE(h.facts.requests[0].incoming.has_value());
  EXPECT_EQ(exporters::ToHex(h.facts.requests[0].incoming->trace_id), "0af7651916cd43dd8448eb211c80319c");
  EXPECT_TRUE(h.facts.requests[0].join.known());
  EXPECT_EQ(h.facts.requests[0].token, server.Token());
  EXPECT_EQ(h.facts.responses[0].token, server.Token());
  EXPECT_EQ(h.facts.finished[0].join, h.facts.requests[0].join);
  EXPECT_EQ(h.measurements.count, 1U);
  EXPECT_EQ(h.measurements.total_ns, end - start);
  EXPECT_TRUE(h.Balances());
}

TEST(Shard, BothEndsOfOneConnectionHaveTheSameJoinKey) {
  ShardHarness h;
  EventMaker client(1, WS_ROLE_CLIENT);
  EventMaker server(2, WS_ROLE_SERVER);
  std::swap(client.local_port, client.peer_port);
  client.position[WS_SEND] = server.position[WS_RECEIVE];
  h.Feed({client.Opened(), server.Opened(), client.Request(Get("/a")), server.Request(Get("/a")), server.Response(Ok("x")),
          client.Response(Ok("x"))});
  h.shard.Tick(client.now);
  ASSERT_EQ(h.facts.requests.size(), 2U);
  EXPECT_TRUE(h.facts.requests[0].join.known());
  EXPECT_EQ(h.facts.requests[0].join, h.facts.requests[1].join);
  EXPECT_EQ(h.facts.spans.size(), 2U);
  EXPECT_EQ(h.facts.spans[1].kind, exporters::SpanKind::kClient);
}

TEST(Shard, RequestSeenIsToldWhenTheHeadIsCompleteNotWhenTheBodyIs) {
  ShardHarness h;
  EventMaker server(kInode, WS_ROLE_SERVER);
  h.Feed({server.Opened(), server.Request("POST /up HTTP/1.1\r\nHost: shop\r\nContent-Le")});
  h.shard.Tick(server.now);
  EXPECT_EQ(h.facts.order, "");
  h.Feed(server.Request("ngth: 10\r\n\r\nabc"));
  h.shard.Tick(server.now);
  EXPECT_EQ(h.facts.order, "Q");
  h.Feed(server.Request("defghij"));
  h.Feed(server.Response(Ok("")));
  h.shard.Tick(server.now);
  EXPECT_EQ(h.facts.order, "QRS");
}

TEST(Shard, OneByteAtATimeGivesTheSameSpanAsOneCall) {
  ShardHarness h;
  EventMaker server(kInode, WS_ROLE_SERVER);
  h.Feed(server.Opened());
  const uint64_t start = server.now;
  for (const char c : Get("/slow")) h.Feed(server.Request(std::string(1, c)));
  for (const char c : Ok("body")) h.Feed(server.Response(std::string(1, c)));
  h.shard.Tick(server.now);
  ASSERT_EQ(h.facts.spans.size(), 1U);
  EXPECT_EQ(h.facts.spans[0].path, "/slow");
  EXPECT_EQ(h.facts.spans[0].start_ns, start);
  EXPECT_EQ(h.facts.spans[0].end_ns, server.now - server.step);
  EXPECT_EQ(h.shard.stores_in_use(), 0U);
}

TEST(Shard, PipelinedRequestsAreAnsweredInOrderByWhicheverThread) {
  ShardHarness h;
  EventMaker server(kInode, WS_ROLE_SERVER);
  h.Feed(server.Opened());
  h.Feed(server.Request(Get("/1") + Get("/2"), {.tid = 5}));
  h.Feed(server.Request(Get("/3"), {.tid = 6}));
  h.Feed(server.Response(Ok("a", 201) + Ok("b", 202), {.tid = 7}));
  h.Feed(server.Response(Ok("c", 203), {.tid = 5}));
  h.shard.Tick(server.now);
  ASSERT_EQ(h.facts.spans.size(), 3U);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(h.facts.spans[static_cast<size_t>(i)].path, "/" + std::to_string(i + 1));
    EXPECT_EQ(h.facts.spans[static_cast<size_t>(i)].status, 201 + i);
    EXPECT_EQ(h.facts.spans[static_cast<size_t>(i)].index, static_cast<uint32_t>(i));
  }
  EXPECT_EQ(h.facts.responses.size(), 1U) << "one token, one start";
}

TEST(Shard, InterimResponsesAreNotTheAnswer) {
  ShardHarness h;
  EventMaker server(kInode, WS_ROLE_SERVER);
  h.Feed({server.Opened(), server.Request("POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"),
          server.Response("HTTP/1.1 100 Continue\r\n\r\n"), server.Request("abc"), server.Response(Ok("", 201))});
  h.shard.Tick(server.now);
  ASSERT_EQ(h.facts.spans.size(), 1U);
  EXPECT_EQ(h.facts.spans[0].status, 201);
  EXPECT_EQ(h.losses().interim_responses, 1U);
}

TEST(Shard, BodyBeyondTheBudgetIsAGapOfKnownSizeAndItsEndIsTimed) {
  ShardHarness h;
  EventMaker server(kInode, WS_ROLE_SERVER);
  const std::string body(20'000, 'x');
  h.Feed({server.Opened(), server.Request(Get("/big"))});
  h.Feed(server.Response(Ok(body).substr(0, 9'000), {.captured = 256}));
  const std::string rest = Ok(body).substr(9'000);
  const uint64_t end = server.now;
  h.Feed(server.Uncaptured(WS_SEND, static_cast<uint32_t>(rest.size())));
  h.shard.Tick(server.now);
  ASSERT_EQ(h.facts.spans.size(), 1U);
  EXPECT_TRUE(h.facts.spans[0].complete());
  EXPECT_EQ(h.facts.spans[0].end_ns, end);
}

TEST(Shard, SentFileBehindTheHeadIsFoundAtTheNextResponse) {
  ShardHarness h;
  EventMaker server(kInode, WS_ROLE_SERVER);
  h.Feed({server.Opened(), server.Request(Get("/file")), server.Response("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")});
  server.Unseen(WS_SEND, 100'000);
  h.Feed({server.Request(Get("/next")), server.Response(Ok("n"))});
  h.Settle();
  ASSERT_EQ(h.facts.spans.size(), 2U);
  EXPECT_EQ(h.facts.spans[0].path, "/file");
  EXPECT_TRUE(h.facts.spans[0].complete());
  EXPECT_EQ(h.facts.spans[1].path, "/next");
  EXPECT_TRUE(h.Balances());
}

constexpr char kPost[] = "POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n";

TEST(Shard, RequestBodySentByACallNobodySawIsWholeWhenItsAnswerBegins) {
  for (const ws_role role : {WS_ROLE_SERVER, WS_ROLE_CLIENT}) {
    ShardHarness h;
    EventMaker end(kInode, role);
    h.Feed({end.Opened(), end.Request(kPost)});
    end.Unseen(end.RequestSide(), 100'000);
    h.Feed({end.Response(Ok("u")), end.Request(Get("/next")), end.Response(Ok("n"))});
    h.Settle();
    ASSERT_EQ(h.facts.spans.size(), 2U);
    EXPECT_EQ(h.facts.spans[0].path, "/up");
    EXPECT_TRUE(h.facts.spans[0].complete());
    EXPECT_TRUE(h.facts.spans[1].complete());
    EXPECT_TRUE(h.Balances());
  }
}

// One thread writes the body, another reads the answer and tells of it first.
TEST(Shard, RequestBodyToldAfterItsAnswerIsNoLoss) {
  ShardHarness h;
  EventMaker client(kInode, WS_ROLE_CLIENT);
  h.Feed({client.Opened(), client.Request(kPost)});
  const Record body = client.Uncaptured(WS_SEND, 100'000);
  h.Feed({client.Response(Ok("u")), body, client.Request(Get("/next")), client.Response(Ok("n"))});
  h.Settle();
  ASSERT_EQ(h.facts.spans.size(), 2U);
  EXPECT_TRUE(h.facts.spans[0].complete());
  EXPECT_TRUE(h.facts.spans[1].complete());
  EXPECT_EQ(h.Lost(Loss::kOverlap), 0U);
}

TEST(Shard, AnEarlyAnswerLeavesTheRestOfTheRequestBodyOpen) {
  ShardHarness h;
  EventMaker server(kInode, WS_ROLE_SERVER);
  h.Feed({server.Opened(), server.Request(kPost)});
  server.Unseen(WS_RECEIVE, 40'000);
  h.Feed({server.Response("HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n"), server.Closed()});
  h.Settle();
  ASSERT_EQ(h.facts.spans.size(), 1U);
  EXPECT_FALSE(h.facts.spans[0].complete());
}

TEST(Shard, ResponseReadBeforeItsRequestIsKnownToBeWrittenWaitsForIt) {
  ShardHarness h;
  EventMaker client(kInode, WS_ROLE_CLIENT);
  h.Feed(client.Opened());
  const Record sent = client.Request(Get("/fast"));
  const Record received = client.Response(Ok("x"));
  h.Feed({received, sent});
  h.shard.Tick(client.now);
  ASSERT_EQ(h.facts.spans.size(), 1U);
  EXPECT_EQ(h.facts.spans[0].path, "/fast");
  EXPECT_EQ(h.Lost(Loss::kResponseWithoutRequest), 0U);
}

TEST(Shard, ResponseThatIsOlderThanTheRequestDoesNotAnswerIt) {
  ShardHarness h;
  EventMaker client(kInode, WS_ROLE_CLIENT);
  h.Feed({client.Opened(), client.Request(Get("/1")), client.Response(Ok("1"))});
  // The server says good-bye on the idle connection, while the client is about to send.
  const Record goodbye = client.Response("HTTP/1.1 408 Request Time-out\r\nContent-Length: 0\r\n\r\n");
  h.Feed({goodbye, client.Request(Get("/2")), client.Closed(104)});
  h.shard.Tick(client.now);
  ASSERT_EQ(h.facts.spans.size(), 2U);
  EXPECT_EQ(h.facts.spans[1].path, "/2");
  EXPECT_EQ(h.facts.spans[1].status, 0);
  EXPECT_EQ(h.facts.spans[1].incomplete, Name(decoders::ExchangeEnd::kConnectionReset));
  EXPECT_EQ(h.Lost(Loss::kResponseWithoutRequest), 1U);
}

TEST(Shard, CloseFinishesWhatIsOpenWithItsReason) {
  struct Case {
    std::string response;
    uint32_t error;
    decoders::ExchangeEnd end;
  };
  const std::string cut = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc";
  for (const Case& c :
       {Case{"", 0, decoders::ExchangeEnd::kNoResponse}, Case{"", 104, decoders::ExchangeEnd::kConnectionReset},
        Case{cut, 0, decoders::ExchangeEnd::kResponseCut}, Case{cut, 104, decoders::ExchangeEnd::kConnectionReset},
        Case{"HTTP/1.1 200 O", 0, decoders::ExchangeEnd::kResponseCut}}) {
    ShardHarness h;
    EventMaker server(kInode, WS_ROLE_SERVER);
    h.Feed({server.Opened(), server.Request(Get("/a"))});
    if (!c.response.empty()) h.Feed(server.Response(c.response));
    h.Feed(server.Closed(c.error));
    h.shard.Tick(server.now);
    ASSERT_EQ(h.facts.spans.size(), 1U) << c.response;
    EXPECT_EQ(h.facts.spans[0].incomplete, Name(c.end)) << c.response;
    EXPECT_EQ(h.facts.spans[0].status, c.response == cut ? 200 : 0);
    EXPECT_TRUE(h.Balances());
    EXPECT_EQ(h.shard.connections(), 0U);
  }
}

TEST(Shard, BodyThatTheCloseEndsIsCompleteUnlessItIsAReset) {
  for (const uint32_t error : {0U, 104U}) {
    ShardHarness h;
    EventMaker server(kInode, WS_ROLE_SERVER);
    h.Feed({server.Opened(), server.Request(Get("/a")), server.Response("HTTP/1.0 200 OK\r\n\r\nsome bytes")});
    h.shard.Tick(server.now);
    EXPECT_EQ(h.facts.spans.size(), 0U);
    if (error == 0) h.Feed(server.Ended(WS_SEND));
    h.Feed(server.Closed(error));
    h.shard.Tick(server.now);
    ASSERT_EQ(h.facts.spans.size(), 1U);
    EXPECT_EQ(h.facts.spans[0].complete(), error == 0);
    EXPECT_EQ(h.facts.spans[0].status, 200);
  }
}

TEST(Shard, StreamEndTellsOfBytesThatNoCallWasSeenToSend) {
  ShardHarness h;
  EventMaker server(kInode, WS_ROLE_SERVER);
  h.Feed({server.Opened(), server.Request(Get("/a")), server.Response("HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n")});
  server.Unseen(WS_SEND, 5000);
  h.Feed(server.Ended(WS_SEND));
  h.shard.Tick(server.now);
  ASSERT_EQ(h.facts.spans.size(), 1U);
  EXPECT_TRUE(h.facts.spans[0].complete());
}

TEST(Shard, ProcessExitAndAgentStopFinishOpenExchanges) {
  ShardHarness h;
  EventMaker server(kInode, WS_ROLE_SERVER, 100);
  EventMaker other(kInode + 1, WS_ROLE_SERVER, 200);
  h.Feed({server.Opened(), other.Opened(), server.Request(Get("/a")), other.Request(Get("/b"))});
  h.Feed(other.Response("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc"));
  h.Feed(server.Exited());
  h.Feed(server.Closed());
  h.shard.Tick(server.now);
  ASSERT_EQ(h.facts.spans.size(), 1U);
  EXPECT_EQ(h.facts.spans[0].path, "/a");
  EXPECT_EQ(h.facts.spans[0].incomplete, Name(decoders::ExchangeEnd::kProcessExited));
  ASSERT_EQ(h.facts.processes.size(), 1U);
  EXPECT_EQ(h.facts.processes[0].tgid, 100U);
  h.shard.Stop();
  ASSERT_EQ(h.facts.spans.size(), 2U);
  EXPECT_EQ(h.facts.spans[1].path, "/b");
  EXPECT_EQ(h.facts.spans[1].status, 200);
  EXPECT_EQ(h.facts.spans[1].incomplete, Name(decoders::ExchangeEnd::kAgentStopped));
  EXPECT_TRUE(h.Balances());
}

TEST(Shard, AttachInTheMiddleStartsAtTheNextTurn) {
  ShardHarness h;
  EventMaker server(kInode, WS_ROLE_SERVER);
  server.Request("POST /before HTTP/1.1\r\nContent-Length: 1000\r\n\r\n");  // before the agent
  h.Feed(server.Opened(true));
  h.Feed(server.Request("GET /inside-a-body HTTP/1.1\r\n\r\n"));
  h.Feed(server.Response(Ok("late")));
  h.Feed({server.Request(Get("/seen")), server.Response(Ok("x", 204))});
  h.shard.Tick(server.now);
  ASSERT_EQ(h.facts.spans.size(), 1U);
  EXPECT_EQ(h.facts.spans[0].path, "/seen");
  EXPECT_EQ(h.Lost(Loss::kRequestBeforeStart), 1U);
  EXPECT_EQ(h.Lost(Loss::kResponseWithoutRequest), 1U);
}

TEST(Shard, UpgradeToWhatIsNotDecodedEndsTheConnection) {
  ShardHarness h;
  EventMaker server(kInode, WS_ROLE_SERVER);
  h.Feed({server.Opened(), server.Request(Get("/upgrade", "Connection: Upgrade\r\nUpgrade: echo\r\n")),
          server.Response("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n"),
          server.Request("hello")});
  h.shard.Tick(server.now);
  ASSERT_EQ(h.facts.spans.size(), 1U);
  EXPECT_EQ(h.facts.spans[0].status, 101);
  EXPECT_THAT(h.policy.off, ElementsAre(kInode));
  EXPECT_EQ(h.Lost(Loss::kOtherProtocol), 1U);
  EXPECT_EQ(h.losses().ignored_chunks, 1U);
  EXPECT_EQ(h.shard.sessions_in_use(), 0U);
}

TEST(Shard, RequestsBehindARefusedUpgradeAreAnsweredInOneWrite) {
  ShardHarness h;
  EventMaker server(kInode, WS_ROLE_SERVER);
  h.Feed({server.Opened(), server.Request(Get("/1", "Upgrade: h2c\r\n") + Get("/2") + Get("/3", "Upgrade: h2c\r\n") + Get("/4")),
          server.Response(Ok("a", 201) + Ok("b", 202) + Ok("c", 203) + Ok("d", 204))});
  h.shard.Tick(server.now);
  ASSERT_EQ(h.facts.spans.size(), 4U);
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(h.facts.spans[static_cast<size_t>(i)].path, "/" + std::to_string(i + 1));
    EXPECT_EQ(h.facts.spans[static_cast<size_t>(i)].status, 201 + i);
    EXPECT_TRUE(h.facts.spans[static_cast<size_t>(i)].complete());
  }
  EXPECT_TRUE(h.policy.off.empty());
  EXPECT_TRUE(h.Balances());
}

TEST(Shard, CompletionWakesAndUnknownRolesAreHandled) {
  ShardHarness h;
  ws_wake_event wake{};
  wake.header = {.type = WS_EVENT_COMPLETION_WAKE, .size = sizeof(wake), .time_ns = 5};
  wake.token = 9;
  wake.wakee_tid = 3;
  h.Feed(ToRecord(wake));
  EventMaker unknown(kInode, WS_ROLE_UNKNOWN);  // its tokens follow the receiving side
  h.Feed({unknown.Opened(true), unknown.Received(Get("/r")), unknown.Sent(Ok("x"))});
  h.shard.Tick(unknown.now);
  ASSERT_EQ(h.facts.wakes.size(), 1U);
  EXPECT_EQ(h.facts.wakes[0].token, 9U);
  ASSERT_EQ(h.facts.spans.size(), 1U);
  EXPECT_EQ(h.facts.spans[0].kind, exporters::SpanKind::kServer);
}

TEST(Shard, AnIdleConnectionGivesItsSessionBackAndGoesOnExactly) {
  ShardHarness h;
  EventMaker server(kInode, WS_ROLE_SERVER);
  h.Feed({server.Opened(), server.Request(Get("/1")), server.Response(Ok("1"))});
  EXPECT_EQ(h.shard.sessions_in_use(), 1U);
  server.now += 5'000'000'000;
  h.Tick(server.now);
  EXPECT_EQ(h.shard.sessions_in_use(), 0U);
  EXPECT_EQ(h.shard.stores_in_use(), 0U);
  h.Feed({server.Request(Get("/2")), server.Response(Ok("2"))});
  h.Tick(server.now);
  ASSERT_EQ(h.facts.spans.size(), 2U);
  EXPECT_EQ(h.facts.spans[1].path, "/2");
  // And a loss while it rested is found by position.
  server.now += 5'000'000'000;
  h.Tick(server.now);
  server.Request(Get("/lost"));
  server.Response(Ok("lost"));
  h.Feed({server.Request(Get("/3")), server.Response(Ok("3"))});
  h.Settle();
  ASSERT_EQ(h.facts.spans.size(), 3U);
  EXPECT_EQ(h.facts.spans[2].path, "/3");
}

TEST(Shard, AConnectionOutOfStepGivesItsSessionBackTooAndBeginsAnewAtATurn) {
  ShardHarness h;
  EventMaker server(kInode, WS_ROLE_SERVER);
  h.Feed({server.Opened(), server.Request(Get("/1")), server.Response("HTTP/1.1 200 OK\r\nContent-Le")});
  server.Unseen(WS_SEND, 100);
  h.Feed(server.Response("lost its place"));
  h.Settle();
  h.Feed(server.Request("GARBAGE\x01\x02\x03\r\n"));
  server.now += 5'000'000'000;
  h.Settle();
  h.Settle();
  EXPECT_EQ(h.shard.sessions_in_use(), 0U);
  h.Feed({server.Response("?"), server.Request(Get("/2")), server.Response(Ok("2"))});
  h.Settle();
  ASSERT_EQ(h.facts.spans.size(), 2U);
  EXPECT_EQ(h.facts.spans[0].incomplete, Name(decoders::ExchangeEnd::kResponseNotSeen));
  EXPECT_EQ(h.facts.spans[1].path, "/2");
  EXPECT_TRUE(h.facts.spans[1].complete());
}

TEST(Shard, ASlowClientIsNotForgottenInMidRequest) {
  ShardHarness h;
  EventMaker server(kInode, WS_ROLE_SERVER);
  h.Feed(server.Opened());
  for (const char c : Get("/slowly")) {
    h.Feed(server.Request(std::string(1, c)));
    server.now += 3'000'000'000;
    h.Tick(server.now);
  }
  h.Feed(server.Response(Ok("x")));
  h.Tick(server.now);
  ASSERT_EQ(h.facts.spans.size(), 1U);
  EXPECT_EQ(h.facts.spans[0].path, "/slowly");
  EXPECT_TRUE(h.facts.spans[0].complete());
}

TEST(Shard, BothEndsOfAUnixConnectionHaveTheSameJoinKey) {
  ShardHarness h;
  EventMaker client(11, WS_ROLE_CLIENT);
  EventMaker server(12, WS_ROLE_SERVER);
  client.position[WS_SEND] = server.position[WS_RECEIVE] = 0;
  const auto unix_opened = [](EventMaker& end, uint64_t peer) {
    Record record = end.Opened();
    ws_connection_event wire;
    std::memcpy(&wire, record.data(), sizeof(wire));
    wire.address = {};
    wire.address.family = WS_FAMILY_UNIX;
    wire.address.path_length = 6;
    std::memcpy(wire.path, "/run/x", 6);
    wire.peer_inode = peer;
    std::memcpy(record.data(), &wire, sizeof(wire));
    return record;
  };
  // The client wrote before it was accepted: the other end had no inode then.
  h.Feed({unix_opened(client, 0), unix_opened(server, 11), client.Request(Get("/u")), server.Request(Get("/u"))});
  h.shard.Tick(client.now);
  ASSERT_EQ(h.facts.requests.size(), 2U);
  EXPECT_TRUE(h.facts.requests[0].join.known());
  EXPECT_EQ(h.facts.requests[0].join, h.facts.requests[1].join);
}

TEST(Shard, AnInodeUsedAgainIsANewConnection) {
  ShardHarness h;
  EventMaker first(kInode, WS_ROLE_SERVER);
  EventMaker second(kInode, WS_ROLE_SERVER);
  second.now = 2'000'000'000;
  second.position[WS_RECEIVE] = 0xfffffff0U;
  h.Feed({first.Opened(), first.Request(Get("/1"))});
  h.Feed({second.Opened(), second.Request(Get("/2")), second.Response(Ok("x")), second.Closed()});
  h.shard.Tick(second.now);
  ASSERT_EQ(h.facts.spans.size(), 2U);
  EXPECT_EQ(h.facts.spans[0].incomplete, Name(decoders::ExchangeEnd::kNoResponse));
  EXPECT_TRUE(h.facts.spans[1].complete());
}

}  // namespace
}  // namespace wirespan::testing
