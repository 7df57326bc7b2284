// WebSocket through the whole shard: the upgrade, counts of both directions, what is not seen, what is told while it is open; and
// exchanges that stay open for long.
#include <gtest/gtest.h>

#include "tests/unit/decoders/websocket_wire.h"
#include "tests/unit/support/assembled.h"
#include "tests/unit/support/shard_harness.h"

namespace wirespan::testing {
namespace {

constexpr uint64_t kInode = 41;
constexpr uint64_t kSecond = 1'000'000'000;

std::string UpgradeRequest() {
  return "GET /chat?key=secret HTTP/1.1\r\nHost: shop:8080\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
         "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
}
std::string UpgradeAnswer(std::string_view more = {}) {
  return "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\n"
         "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" +
         std::string(more) + "\r\n";
}
std::string Client(const Frame& frame) { return FrameOf(kC2s, frame); }
std::string Server(const Frame& frame) { return FrameOf(kS2c, frame); }

struct World {
  explicit World(ws_role role = WS_ROLE_SERVER, pipeline::ShardConfig config = {}) : h(config), end(kInode, role) {
    h.Feed(end.Opened());
  }
  void Upgrade(std::string_view more = {}) {
    h.Feed(end.Request(UpgradeRequest()));
    h.Feed(end.Response(UpgradeAnswer(more)));
  }
  void Close(uint32_t error = 0) {
    h.Feed(end.Closed(error));
    h.Tick(end.now);
  }
  const exporters::Span& SpanAt(size_t i) const { return *h.facts.finished.at(i).span; }
  int64_t Int(size_t i, std::string_view name) const {
    const auto found = SpanAt(i).attributes.Find(name);
    return found ? found->int_value : -1;
  }
  std::string Text(size_t i, std::string_view name) const { return TextOf(SpanAt(i).attributes, name); }
  void ExpectNothingLost() {
    for (size_t i = 0; i < kLossCount; ++i) EXPECT_EQ(h.Lost(static_cast<Loss>(i)), 0U) << LossName(static_cast<Loss>(i));
    EXPECT_TRUE(h.Balances());
  }

  ShardHarness h;
  EventMaker end;
};

TEST(WebSocketShard, TheUpgradeEndsWithIts101AndTheConnectionIsASpanOfItsOwn) {
  for (const ws_role role : {WS_ROLE_SERVER, WS_ROLE_CLIENT}) {
    World w(role);
    w.Upgrade("Sec-WebSocket-Protocol: chat.v1\r\nSec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=12\r\n");
    w.h.Tick(w.end.now);
    ASSERT_EQ(w.h.facts.finished.size(), 1U);
    EXPECT_EQ(w.h.facts.spans[0].status, 101);
    EXPECT_TRUE(w.h.facts.spans[0].complete());
    w.h.Feed(w.end.Request(Client({.payload = "abc", .rsv1 = true}) + Client({.opcode = 9})));
    w.h.Feed(w.end.Response(Server({.opcode = 10}) + Server({.opcode = 2, .payload = "de"})));
    w.h.Feed(w.end.Request(CloseFrame(kC2s, 1000, "bye")));
    w.h.Feed(w.end.Response(CloseFrame(kS2c, 1000)));
    w.Close();
    ASSERT_EQ(w.h.facts.finished.size(), 2U);
    EXPECT_EQ(w.SpanAt(1).name, "websocket");
    EXPECT_EQ(w.SpanAt(1).kind, role == WS_ROLE_SERVER ? exporters::SpanKind::kServer : exporters::SpanKind::kClient);
    EXPECT_EQ(w.SpanAt(1).status, exporters::StatusCode::kUnset);
    EXPECT_EQ(w.Text(1, "url.path"), "/chat");
    EXPECT_EQ(w.Text(1, "wirespan.websocket.subprotocol"), "chat.v1");
    EXPECT_EQ(w.Text(1, "wirespan.websocket.compression"), "permessage-deflate");
    EXPECT_EQ(w.Text(1, "wirespan.incomplete"), "");
    EXPECT_EQ(w.Int(1, "wirespan.websocket.client.text"), 1);
    EXPECT_EQ(w.Int(1, "wirespan.websocket.client.compressed"), 1);
    EXPECT_EQ(w.Int(1, "wirespan.websocket.client.ping"), 1);
    EXPECT_EQ(w.Int(1, "wirespan.websocket.server.pong"), 1);
    EXPECT_EQ(w.Int(1, "wirespan.websocket.server.binary"), 1);
    EXPECT_EQ(w.Int(1, "wirespan.websocket.client.bytes"), 8);
    EXPECT_EQ(w.Int(1, "wirespan.websocket.close_code"), 1000);
    EXPECT_EQ(w.h.facts.spans[1].start_ns, w.h.facts.spans[0].end_ns);
    w.ExpectNothingLost();
  }
}

TEST(WebSocketShard, FramesInTheCallOfThe101AndDirectionsThatDoNotTakeTurns) {
  World w(WS_ROLE_CLIENT);
  w.h.Feed(w.end.Request(UpgradeRequest()));
  const std::string large = Server({.opcode = 2, .payload = std::string(300, 'x')});
  w.h.Feed(w.end.Response(UpgradeAnswer() + Server({.payload = "hello"}) + large.substr(0, 100)));
  w.h.Feed(w.end.Request(Client({.payload = "a"}).substr(0, 3)));
  w.h.Feed(w.end.Response(large.substr(100) + Server({.payload = "again"})));
  w.h.Feed(w.end.Request(Client({.payload = "a"}).substr(3)));
  w.Close();
  EXPECT_EQ(w.Int(1, "wirespan.websocket.server.text"), 2);
  EXPECT_EQ(w.Int(1, "wirespan.websocket.server.binary"), 1);
  EXPECT_EQ(w.Int(1, "wirespan.websocket.client.text"), 1);
  EXPECT_EQ(w.Text(1, "error.type"), "1006");
  w.ExpectNothingLost();
}

TEST(WebSocketShard, ALargerBudgetIsAskedForAtOnce) {
  World w;
  w.Upgrade();
  const std::vector<std::pair<ConnectionId, uint32_t>> expected = {{kInode, stream::StreamLimits{}.endless_budget}};
  EXPECT_EQ(w.h.policy.budgets, expected);
  EXPECT_TRUE(w.h.policy.off.empty());
}

TEST(WebSocketShard, AnotherProtocolThanWebSocketIsNotDecoded) {
  World w;
  w.h.Feed(w.end.Request("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: tunnel\r\n\r\n"));
  w.h.Feed(w.end.Response("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: tunnel\r\n\r\n"));
  w.h.Feed(w.end.Request(Client({.payload = "a"})));
  w.Close();
  EXPECT_EQ(w.h.facts.finished.size(), 1U);
  EXPECT_EQ(w.h.Lost(Loss::kOtherProtocol), 1U);
  EXPECT_TRUE(w.h.Balances());
}

TEST(WebSocketShard, BytesThatWereNotSeen) {
  World w;
  w.Upgrade();
  const std::string large = Client({.opcode = 2, .payload = std::string(5000, 'x')});
  w.h.Feed(w.end.Request(large, {.captured = 100}));  // inside a payload: nothing is lost
  w.h.Feed(w.end.Uncaptured(w.end.RequestSide(), 50));
  w.h.Feed(w.end.Request(Client({.payload = "found"}) + Client({.opcode = 9})));
  w.Close();
  EXPECT_EQ(w.Int(1, "wirespan.websocket.client.binary"), 1);
  EXPECT_EQ(w.Int(1, "wirespan.websocket.client.text"), 1);
  EXPECT_EQ(w.Int(1, "wirespan.websocket.client.ping"), 1);
  EXPECT_EQ(w.Int(1, "wirespan.websocket.uncounted_bytes"), 50);
  EXPECT_EQ(w.h.Lost(Loss::kStreamGap), 1U);
  EXPECT_EQ(w.Text(1, "error.type"), "") << "a Close may be among them";
  EXPECT_TRUE(w.h.Balances());
}

TEST(WebSocketShard, BytesThatAreNoFrameCostThatCallAlone) {
  World w;
  w.Upgrade();
  w.h.Feed(w.end.Request(Client({.payload = "a"}) + "\x83\x80oddity"));
  w.h.Feed(w.end.Request(Client({.payload = "b"})));
  w.Close();
  EXPECT_EQ(w.Int(1, "wirespan.websocket.client.text"), 2);
  EXPECT_EQ(w.Int(1, "wirespan.websocket.protocol_errors"), 1);
  EXPECT_EQ(w.Int(1, "wirespan.websocket.uncounted_bytes"), 8);
}

TEST(WebSocketShard, AConnectionMetInItsMiddle) {
  for (const ws_role role : {WS_ROLE_SERVER, WS_ROLE_CLIENT}) {
    ShardHarness h;
    EventMaker end(kInode, role);
    h.Feed(end.Opened(true));
    h.Feed(end.Response(Server({.payload = "passed over"})));
    h.Feed(end.Request(Client({.payload = "hello"})));
    h.Feed(end.Response(Server({.payload = "hello"}) + Server({.opcode = 9})));
    h.Feed(end.Request(Client({.opcode = 10})));
    h.Feed(end.Closed());
    h.Tick(end.now);
    ASSERT_EQ(h.facts.finished.size(), 1U);
    const auto& attributes = h.facts.finished[0].span->attributes;
    EXPECT_EQ(attributes.Find("wirespan.websocket.client.text")->int_value, 1);
    EXPECT_EQ(attributes.Find("wirespan.websocket.client.pong")->int_value, 1);
    EXPECT_EQ(attributes.Find("wirespan.websocket.server.text")->int_value, 1);
    EXPECT_EQ(attributes.Find("wirespan.websocket.server.ping")->int_value, 1);
    EXPECT_EQ(TextOf(attributes, "wirespan.incomplete"), "request_not_seen");
    EXPECT_FALSE(attributes.Find("url.path").has_value());
    EXPECT_TRUE(h.Balances());
  }
}

// Of an older connection whose end is not known yet the kernel names no exchange.
TEST(WebSocketShard, ConnectionsThatTheKernelNamesNoExchangeOfAreToldApart) {
  ShardHarness h;
  for (const uint64_t inode : {kInode, kInode + 1}) {
    EventMaker end(inode, WS_ROLE_CLIENT);
    h.Feed(end.Opened(true));
    for (Record record : {end.Response(Server({.payload = "a"})), end.Request(Client({.payload = "b"}))}) {
      ws_data_event wire = DataOf(record);
      wire.exchange = 0;
      std::memcpy(record.data(), &wire, sizeof(wire));
      h.Feed(record);
    }
    h.Feed(end.Closed());
    h.Tick(end.now);
  }
  ASSERT_EQ(h.facts.finished.size(), 2U);
  EXPECT_NE(h.facts.finished[0].token, 0U);
  EXPECT_NE(h.facts.finished[0].token, h.facts.finished[1].token);
}

TEST(WebSocketShard, WhatOnlyLookedLikeItIsGivenUp) {
  ShardHarness h;
  EventMaker end(kInode, WS_ROLE_SERVER);
  h.Feed(end.Opened(true));
  h.Feed(end.Request(Client({.opcode = 2, .payload = "\x01\x02"})));
  for (int i = 0; i < 4; ++i) h.Feed(end.Request("\x83\x80\x83\x80"));
  for (int i = 0; i < 4; ++i) h.Feed(end.Request(Client({.opcode = 2, .payload = "a"}) + Client({.opcode = 9}) + "\x83"));
  EXPECT_TRUE(h.policy.off.empty()) << "calls that do not end with a frame are no place to begin";
  h.Feed(end.Request(Client({.opcode = 2, .payload = "a"})));
  h.Feed(end.Request("\x83\x80"));
  EXPECT_EQ(h.policy.off.size(), 1U);
  EXPECT_EQ(h.Lost(Loss::kUnknownProtocol), 1U);
  EXPECT_EQ(h.Lost(Loss::kLeftProtocol), 1U);
  h.Settle();
  EXPECT_TRUE(h.facts.finished.empty());
  EXPECT_TRUE(h.Balances());
}

TEST(WebSocketShard, ResetsAndExits) {
  World reset;
  reset.Upgrade();
  reset.Close(104);
  EXPECT_EQ(reset.Text(1, "wirespan.incomplete"), "connection_reset");
  EXPECT_EQ(reset.Text(1, "error.type"), "connection_reset");
  World exits;
  exits.Upgrade();
  exits.h.Feed(exits.end.Exited());
  exits.Close();
  EXPECT_EQ(exits.Text(1, "error.type"), "process_exited");
  World stops;
  stops.Upgrade();
  stops.h.shard.Stop();
  EXPECT_EQ(stops.Text(1, "wirespan.incomplete"), "agent_stopped");
  EXPECT_EQ(stops.Text(1, "error.type"), "");
}

TEST(WebSocketShard, MessagesAreSpansIfAskedFor) {
  pipeline::ShardConfig config;
  config.websocket_messages = true;
  World w(WS_ROLE_SERVER, config);
  w.Upgrade();
  const std::string text =
      Client({.payload = "abc", .final = false}) + Client({.opcode = 9}) + Client({.opcode = 0, .payload = "d"});
  w.h.Feed(w.end.Request(text.substr(0, 10)));
  w.h.Feed(w.end.Request(text.substr(10)));
  w.h.Feed(w.end.Response(Server({.opcode = 10})));
  w.Close();
  ASSERT_EQ(w.h.facts.finished.size(), 5U);
  EXPECT_EQ(w.SpanAt(1).name, "websocket ping");
  EXPECT_EQ(w.SpanAt(2).name, "websocket text");
  EXPECT_EQ(w.SpanAt(2).kind, exporters::SpanKind::kConsumer);
  EXPECT_LT(w.h.facts.spans[2].start_ns, w.h.facts.spans[2].end_ns);
  EXPECT_EQ(w.Int(2, "wirespan.websocket.message.bytes"), 4);
  EXPECT_EQ(w.SpanAt(3).name, "websocket pong");
  EXPECT_EQ(w.SpanAt(3).kind, exporters::SpanKind::kProducer);
  EXPECT_EQ(w.SpanAt(4).name, "websocket");
  w.ExpectNothingLost();
}

const exporters::Span& Named(const std::vector<exporters::Span>& spans, std::string_view name, exporters::SpanKind kind) {
  for (const exporters::Span& span : spans) {
    if (span.name == name && span.kind == kind) return span;
  }
  ADD_FAILURE() << "no span " << name;
  return spans.front();
}

TEST(WebSocketTrace, TheConnectionIsBelowItsUpgradeAndMessagesBelowTheConnectionHoweverLongItLasts) {
  for (const ws_role role : {WS_ROLE_SERVER, WS_ROLE_CLIENT}) {
    EventMaker end(kInode, role);
    end.step = 400 * kSecond;
    std::vector<Record> records = {end.Opened(), end.Request(UpgradeRequest()), end.Response(UpgradeAnswer())};
    for (int i = 0; i < 4; ++i) {
      records.push_back(end.Request(Client({.payload = "a"})));
      records.push_back(end.Response(Server({.payload = "b"})));
    }
    records.push_back(end.Closed());
    pipeline::ShardConfig config;
    config.websocket_messages = true;
    const std::vector<exporters::Span> spans = Assemble(records, config, 400 * kSecond);
    ASSERT_EQ(spans.size(), 10U);
    const auto kind = role == WS_ROLE_SERVER ? exporters::SpanKind::kServer : exporters::SpanKind::kClient;
    const exporters::Span& upgrade = Named(spans, "GET", kind);
    const exporters::Span& connection = Named(spans, "websocket", kind);
    EXPECT_EQ(connection.parent_span_id, upgrade.span_id);
    EXPECT_EQ(connection.trace_id, upgrade.trace_id);
    EXPECT_EQ(connection.link_evidence, exporters::LinkEvidence::kSameConnection);
    for (const exporters::Span& span : spans) {
      if (span.name != "websocket text") continue;
      EXPECT_EQ(span.parent_span_id, connection.span_id);
      EXPECT_EQ(span.trace_id, upgrade.trace_id);
    }
  }
}

TEST(OpenExchange, ASpanSaysSoOnceAndTheExchangesOwnComesAtItsEnd) {
  pipeline::ShardConfig config;
  config.stream.open_span_ns = 10 * kSecond;
  World w(WS_ROLE_SERVER, config);
  w.h.Feed(w.end.Request(Get("/events")));
  w.h.Feed(
      w.end.Response("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n5\r\ndata:\r\n"));
  const uint64_t begun = w.end.now;
  w.h.Tick(begun + 9 * kSecond);
  EXPECT_EQ(w.h.facts.finished.size(), 0U);
  for (int i = 0; i < 3; ++i) w.h.Tick(begun + (11 + static_cast<uint64_t>(i)) * kSecond);
  ASSERT_EQ(w.h.facts.finished.size(), 1U);
  EXPECT_EQ(w.SpanAt(0).name, "GET");
  EXPECT_EQ(w.SpanAt(0).kind, exporters::SpanKind::kInternal);
  EXPECT_EQ(w.SpanAt(0).end_unix_ns - w.SpanAt(0).start_unix_ns, 10 * kSecond);
  EXPECT_EQ(w.Text(0, "wirespan.incomplete"), "open");
  EXPECT_EQ(w.Int(0, "http.response.status_code"), 200);
  EXPECT_EQ(w.Text(0, "error.type"), "");
  EXPECT_EQ(w.h.measurements.count, 0U);
  w.end.now = begun + 60 * kSecond;
  w.h.Feed(w.end.Response("1\r\nx\r\n0\r\n\r\n"));
  w.h.Tick(w.end.now);
  ASSERT_EQ(w.h.facts.finished.size(), 2U);
  EXPECT_EQ(w.SpanAt(1).kind, exporters::SpanKind::kServer);
  EXPECT_EQ(w.Text(1, "wirespan.incomplete"), "");
  EXPECT_EQ(w.Int(1, "http.response.body.size"), 6);
  EXPECT_EQ(w.h.facts.spans[1].start_ns, w.h.facts.finished[0].start_ns);
  EXPECT_EQ(w.h.measurements.count, 1U);
  w.ExpectNothingLost();
}

TEST(OpenExchange, WithoutAnAnswerOrWithTheRequestInProgress) {
  pipeline::ShardConfig config;
  config.stream.open_span_ns = 10 * kSecond;
  World poll(WS_ROLE_CLIENT, config);
  poll.h.Feed(poll.end.Request(Get("/poll")));
  poll.h.Tick(poll.end.now + 11 * kSecond);
  poll.end.now += 20 * kSecond;
  poll.h.Feed(poll.end.Response(Ok("late")));
  poll.h.Tick(poll.end.now);
  ASSERT_EQ(poll.h.facts.finished.size(), 2U);
  EXPECT_EQ(poll.Text(0, "wirespan.incomplete"), "open");
  EXPECT_EQ(poll.Int(0, "http.response.status_code"), -1);
  EXPECT_EQ(poll.h.facts.spans[1].status, 200);
  EXPECT_TRUE(poll.h.facts.spans[1].complete());
  poll.ExpectNothingLost();

  World upload(WS_ROLE_SERVER, config);
  upload.h.Feed(upload.end.Request("POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf-"));
  upload.h.Tick(upload.end.now + 11 * kSecond);
  upload.end.now += 20 * kSecond;
  upload.h.Feed(upload.end.Request("other"));
  upload.h.Feed(upload.end.Response(Ok("")));
  upload.h.Tick(upload.end.now);
  ASSERT_EQ(upload.h.facts.finished.size(), 2U);
  EXPECT_EQ(upload.h.facts.spans[0].path, "/up");
  EXPECT_EQ(upload.Int(1, "http.request.body.size"), 10);
  upload.ExpectNothingLost();
}

TEST(OpenExchange, AnUpgradedConnectionSaysSoToo) {
  pipeline::ShardConfig config;
  config.stream.open_span_ns = 10 * kSecond;
  World w(WS_ROLE_SERVER, config);
  w.Upgrade();
  w.h.Feed(w.end.Request(Client({.payload = "a"})));
  w.h.Tick(w.end.now + 11 * kSecond);
  w.Close();
  ASSERT_EQ(w.h.facts.finished.size(), 3U);
  EXPECT_EQ(w.SpanAt(1).name, "websocket");
  EXPECT_EQ(w.SpanAt(1).kind, exporters::SpanKind::kInternal);
  EXPECT_EQ(w.Text(1, "wirespan.incomplete"), "open");
  EXPECT_EQ(w.Text(1, "error.type"), "");
  EXPECT_EQ(w.Int(1, "wirespan.websocket.client.text"), 1);
  EXPECT_EQ(w.SpanAt(2).kind, exporters::SpanKind::kServer);
  w.ExpectNothingLost();
}

TEST(OpenExchange, WhatSaysSoIsBelowTheSpanToComeHoweverLateThatIs) {
  for (const ws_role role : {WS_ROLE_SERVER, WS_ROLE_CLIENT}) {
    EventMaker end(kInode, role);
    end.step = 30 * kSecond;
    std::vector<Record> records = {
        end.Opened(), end.Request(Get("/events", "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n")),
        end.Response("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")};
    for (int i = 0; i < 30; ++i) records.push_back(end.Response("1\r\nx\r\n"));  // 15 minutes
    records.push_back(end.Response("0\r\n\r\n"));
    pipeline::ShardConfig config;
    config.stream.open_span_ns = 10 * kSecond;
    const std::vector<exporters::Span> spans = Assemble(records, config, 30 * kSecond);
    ASSERT_EQ(spans.size(), 2U);
    EXPECT_EQ(spans[0].kind, exporters::SpanKind::kInternal);
    EXPECT_EQ(spans[0].parent_span_id, spans[1].span_id);
    EXPECT_EQ(spans[0].trace_id, spans[1].trace_id);
    EXPECT_EQ(exporters::ToHex(spans[1].trace_id), "4bf92f3577b34da6a3ce929d0e0e4736");
    EXPECT_EQ(exporters::ToHex(spans[1].parent_span_id), "00f067aa0ba902b7");
  }
}

}  // namespace
}  // namespace wirespan::testing
