// HTTP/1 that becomes HTTP/2 on its connection (h2c, RFC 7540 3.2), through the whole shard: the request that asked for it is
// stream 1, one exchange at either end, however the bytes fall into calls.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/unit/decoders/http2_harness.h"
#include "tests/unit/support/shard_harness.h"

namespace wirespan::testing {
namespace {

using decoders::http2::FrameType;
using decoders::http2::kEndHeaders;
using decoders::http2::kEndStream;
using h2::Frame;
using h2::Indexed;
using h2::LiteralOf;

constexpr uint64_t kInode = 78;
constexpr std::string_view kContext = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

std::string Asks(std::string_view path, std::string_view settings = "AAMAAABkAAQCAAAAAAIAAAAA") {
  return Get(path, "User-Agent: curl/8\r\ntraceparent: " + std::string(kContext) +
                       "\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: " + std::string(settings) +
                       "\r\n");
}
std::string Switches(std::string_view to = "h2c") {
  return "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: " + std::string(to) + "\r\n\r\n";
}
std::string H2Get(uint32_t stream, std::string_view path) {
  return Frame(FrameType::kHeaders, kEndHeaders | kEndStream, stream,
               Indexed(2) + Indexed(6) + LiteralOf(4, path) + LiteralOf(1, "shop"));
}
std::string H2Ok(uint32_t stream, int status = 200) {
  return Frame(FrameType::kHeaders, kEndHeaders, stream, LiteralOf(8, std::to_string(status))) +
         Frame(FrameType::kData, kEndStream, stream, "body");
}

struct World {
  explicit World(ws_role role = WS_ROLE_SERVER) : end(kInode, role) { h.Feed(end.Opened()); }
  void Request(std::string_view call) { h.Feed(end.Request(call)); }
  void Response(std::string_view call) { h.Feed(end.Response(call)); }
  const std::vector<SpanView>& spans() {
    h.Tick(end.now);
    return h.facts.spans;
  }
  void ExpectNothingLost() {
    for (size_t i = 0; i < kLossCount; ++i) EXPECT_EQ(h.Lost(static_cast<Loss>(i)), 0U) << LossName(static_cast<Loss>(i));
    EXPECT_TRUE(h.Balances());
    EXPECT_EQ(h.shard.open_exchanges(), 0U);
  }

  ShardHarness h;
  EventMaker end;
};

void ExpectSpan(const SpanView& span, std::string_view path, int64_t status) {
  EXPECT_EQ(span.path, path);
  EXPECT_EQ(span.method, "GET");
  EXPECT_EQ(span.status, status);
  EXPECT_TRUE(span.complete()) << span.incomplete;
}

void ExpectUpgraded(World& w) {
  ASSERT_EQ(w.spans().size(), 2U);
  ExpectSpan(w.spans()[0], "/first", 404);
  ExpectSpan(w.spans()[1], "/second", 200);
  const trace::SpanFinished& first = w.h.facts.finished[0];
  EXPECT_EQ(TextOf(first.span->attributes, "network.protocol.version"), "2");
  EXPECT_EQ(TextOf(first.span->attributes, "server.address"), "shop");
  ASSERT_EQ(w.h.facts.requests.size(), 2U) << "told once, where it was seen";
  EXPECT_EQ(first.token, w.h.facts.requests[0].token);
  EXPECT_TRUE(first.join == w.h.facts.requests[0].join);
  EXPECT_TRUE(w.h.facts.requests[0].incoming.has_value());
  EXPECT_FALSE(w.h.facts.requests[1].incoming.has_value());
  w.ExpectNothingLost();
}

TEST(Upgrade, TheRequestIsTheFirstStream) {
  for (const ws_role role : {WS_ROLE_SERVER, WS_ROLE_CLIENT}) {
    World w(role);
    w.Request(Asks("/first"));
    w.Response(Switches());
    w.Request(h2::ClientStart());
    w.Response(h2::ServerStart() + H2Ok(1, 404));
    w.Request(H2Get(3, "/second"));
    w.Response(H2Ok(3));
    ExpectUpgraded(w);
    EXPECT_EQ(w.h.policy.walked, (std::vector<ConnectionId>{kInode})) << "the kernel is to walk its frames";
  }
}

TEST(Upgrade, TheAnswerMayComeWithThe101) {
  for (const ws_role role : {WS_ROLE_SERVER, WS_ROLE_CLIENT}) {
    World w(role);
    w.Request(Asks("/first"));
    w.Response(Switches() + h2::ServerStart() + H2Ok(1, 404));
    w.Request(h2::ClientStart() + H2Get(3, "/second"));
    w.Response(H2Ok(3));
    ExpectUpgraded(w);
  }
}

TEST(Upgrade, NothingDependsOnHowTheBytesWereCut) {
  const std::string server = Switches() + h2::ServerStart() + H2Ok(1, 404);
  const std::string client = h2::ClientStart() + H2Get(3, "/second");
  for (size_t at = 1; at < server.size(); ++at) {
    World w(WS_ROLE_CLIENT);
    w.Request(Asks("/first"));
    w.Response(server.substr(0, at));
    w.Response(server.substr(at));
    w.Request(client.substr(0, at % client.size()));
    w.Request(client.substr(at % client.size()));
    w.Response(H2Ok(3));
    ASSERT_NO_FATAL_FAILURE(ExpectUpgraded(w)) << at;
  }
}

TEST(Upgrade, TheClientsPrefaceMayBeToldBeforeThe101) {
  World w;
  w.Request(Asks("/first"));
  const Record switched = w.end.Response(Switches());
  w.h.Feed(w.end.Request(h2::ClientStart() + H2Get(3, "/second")));
  w.h.Feed(switched);
  w.Response(h2::ServerStart() + H2Ok(1, 404) + H2Ok(3));
  ExpectUpgraded(w);
}

TEST(Upgrade, ItsSettingsBoundTheServersHeaderTable) {
  World w;
  w.Request(Asks("/first", "AAEAAAAA"));  // HEADER_TABLE_SIZE 0
  w.Response(Switches());
  w.Request(h2::ClientStart());
  // An insertion into a table without room, and an index that would be its entry: no reader takes that.
  const std::string block = Indexed(8) + h2::Literal("x-a", "b", h2::Indexing::kInsert) + Indexed(62);
  w.Response(h2::ServerStart() + Frame(FrameType::kHeaders, kEndHeaders | kEndStream, 1, h2::SizeUpdate(0) + block));
  EXPECT_TRUE(w.spans().empty());
  EXPECT_EQ(w.h.Lost(Loss::kAmbiguousMessage), 1U);
  EXPECT_TRUE(w.h.Balances());
}

TEST(Upgrade, AServerThatGoesOnInHttp1IsDecodedOn) {
  World w;
  w.Request(Asks("/first"));
  w.Response(Ok("one", 404));
  w.Request(Get("/second"));
  w.Response(Ok("two"));
  ASSERT_EQ(w.spans().size(), 2U);
  EXPECT_EQ(TextOf(w.h.facts.finished[0].span->attributes, "network.protocol.version"), "1.1");
  EXPECT_EQ(w.spans()[0].status, 404);
  w.ExpectNothingLost();
}

TEST(Upgrade, ToAnythingElseLeavesWhatIsDecoded) {
  World w;
  w.Request(Asks("/first"));
  w.Response(Switches("irc/6.9"));
  EXPECT_EQ(w.h.Lost(Loss::kOtherProtocol), 1U);
  ASSERT_EQ(w.spans().size(), 1U);
  EXPECT_EQ(w.spans()[0].status, 101);
  EXPECT_TRUE(w.h.Balances());
}

TEST(Upgrade, ACloseBeforeTheAnswerSaysSo) {
  World w;
  w.Request(Asks("/first"));
  w.Response(Switches() + h2::ServerStart());
  w.Request(h2::ClientStart());
  w.h.Feed({w.end.Ended(w.end.RequestSide()), w.end.Closed()});
  ASSERT_EQ(w.spans().size(), 1U);
  EXPECT_EQ(w.spans()[0].path, "/first");
  EXPECT_EQ(w.spans()[0].incomplete, "no_response");
  EXPECT_TRUE(w.h.Balances());
}

TEST(Upgrade, AResetOfTheFirstStreamLeavesTheOthers) {
  World w;
  w.Request(Asks("/first"));
  w.Response(Switches());
  w.Request(h2::ClientStart() + H2Get(3, "/second"));
  w.Response(h2::ServerStart() + Frame(FrameType::kRstStream, 0, 1, h2::Uint32(2)) + H2Ok(3));
  ASSERT_EQ(w.spans().size(), 2U);
  EXPECT_EQ(w.spans()[0].incomplete, "stream_reset");
  EXPECT_EQ(w.spans()[1].status, 200);
  w.ExpectNothingLost();
}

}  // namespace
}  // namespace wirespan::testing
