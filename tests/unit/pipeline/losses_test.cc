// Every reason has a name, and every reason has a case here that makes it happen.
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <set>

#include "agent/kernel/event_reader.h"
#include "tests/unit/support/shard_harness.h"

namespace wirespan::testing {
namespace {

constexpr uint64_t kInode = 9;

TEST(Losses, EveryReasonHasANameOfItsOwn) {
  std::set<std::string_view> names;
  for (size_t i = 0; i < kLossCount; ++i) {
    EXPECT_FALSE(LossName(static_cast<Loss>(i)).empty()) << i;
    names.insert(LossName(static_cast<Loss>(i)));
  }
  for (uint32_t i = 0; i < kKernelLossCount; ++i) {
    EXPECT_FALSE(KernelLossName(i).empty()) << i;
    names.insert(KernelLossName(i));
  }
  EXPECT_EQ(names.size(), kLossCount + kKernelLossCount);
  for (uint32_t i = 0; i < kKernelCountCount; ++i) EXPECT_FALSE(KernelCountName(i).empty()) << i;
  EXPECT_TRUE(LossName(Loss::kCount).empty());
  EXPECT_TRUE(KernelLossName(kKernelLossCount).empty());
}

struct Fixture {
  explicit Fixture(pipeline::ShardConfig config = {}) : h(config) {}
  ShardHarness h;
  EventMaker server{kInode, WS_ROLE_SERVER};
};

using Case = std::function<void(ShardHarness&, EventMaker&)>;

void Pipeline(ShardHarness& h, EventMaker& s) {
  h.Feed({s.Opened(), s.Request(Get("/1") + Get("/2")), s.Response(Ok("1") + Ok("2"))});
}

std::map<Loss, Case> Cases() {
  return {
      {Loss::kAmbiguousMessage,
       [](auto& h, auto& s) {
         h.Feed({s.Opened(), s.Request("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello"),
                 s.Response(Ok("x"))});
       }},
      {Loss::kExchangesFull,
       [](auto& h, auto& s) {
         h.Feed(s.Opened());
         for (int i = 0; i < 70; ++i) h.Feed(s.Request(Get("/" + std::to_string(i))));
       }},
      {Loss::kPairingLost,
       [](auto& h, auto& s) {
         Pipeline(h, s);
         h.Feed(s.Request(Get("/3")));
         s.Response("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");  // lost
         h.Feed({s.Response("5\r\nhello\r\n0\r\n\r\n")});
         h.Settle();
         h.Feed(s.Request(Get("/4")));
       }},
      {Loss::kLeftProtocol,
       [](auto& h, auto& s) {
         h.Feed({s.Opened(), s.Request(Get("/1") + Get("/2")),
                 s.Response("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n")});
       }},
      {Loss::kUnknownRole, {}},  // cannot happen from records: see UnknownRoleIsRefusedByTheBuilder
      {Loss::kResponseWithoutRequest,
       [](auto& h, auto& s) {
         h.Feed({s.Opened(true), s.Response(Ok("x"))});
       }},
      {Loss::kRequestCut,
       [](auto& h, auto& s) {
         h.Feed({s.Opened(), s.Request("GET /half HTT"), s.Closed()});
       }},
      {Loss::kResponseCut,
       [](auto& h, auto& s) {
         h.Feed({s.Opened(), s.Request(Get("/")), s.Response("HTTP/1.1 20"), s.Closed()});
       }},
      {Loss::kRequestBeforeStart,
       [](auto& h, auto& s) {
         s.Request("POST / HTTP/1.1\r\n");
         h.Feed({s.Opened(true), s.Request("Content-Length: 0\r\n\r\n")});
       }},
      {Loss::kConnectionsFull,
       [](auto& h, auto& s) {
         // The table of this harness holds four; all are busy.
         for (uint64_t i = 0; i < 5; ++i) {
           EventMaker other(100 + i, WS_ROLE_SERVER);
           h.Feed({other.Opened(), other.Request(Get("/busy"))});
         }
         (void)s;
       }},
      {Loss::kConnectionEvicted,
       [](auto& h, auto& s) {
         for (uint64_t i = 0; i < 5; ++i) h.Feed(EventMaker(100 + i, WS_ROLE_SERVER).Opened());
         (void)s;
       }},
      {Loss::kUnknownProtocol,
       [](auto& h, auto& s) {
         h.Feed({s.Opened(), s.Request("\x16\x03\x01\x02 not http at all")});
       }},
      {Loss::kOtherProtocol,
       [](auto& h, auto& s) {
         h.Feed({s.Opened(), s.Request("CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n"), s.Response("HTTP/1.1 200 OK\r\n\r\n"),
                 s.Request("\x01\x02")});
       }},
      {Loss::kAmbiguousConnection,
       [](auto& h, auto& s) {
         h.Feed({s.Opened(), s.Request(Get("/")),
                 s.Response("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello")});
       }},
      {Loss::kPairingConnection, [](auto& h, auto& s) { Cases().at(Loss::kPairingLost)(h, s); }},
      {Loss::kUnknownConnection, [](auto& h, auto& s) { h.Feed(s.Request(Get("/"))); }},
      {Loss::kMalformedEvent,
       [](auto& h, auto& s) {
         Record record = s.Opened();
         record.resize(record.size() - 1);
         h.Feed(record);
       }},
      {Loss::kUnknownEvent,
       [](auto& h, auto& s) {
         Record record = s.Opened();
         record[0] = std::byte{99};
         h.Feed(record);
       }},
      {Loss::kLateEvent,
       [](auto& h, auto& s) {
         h.Feed({s.Opened(), s.Closed(), s.Request(Get("/"))});
       }},
      {Loss::kEarlyResponseDropped,
       [](auto& h, auto&) {
         EventMaker client(kInode, WS_ROLE_CLIENT);
         h.Feed(client.Opened());
         for (int i = 0; i < 20; ++i) h.Feed(client.Response("HTTP/1.1 200 OK\r\n"));
       }},
      {Loss::kReorderOverflow,
       [](auto& h, auto& s) {
         h.Feed({s.Opened(), s.Request("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n")});
         s.Unseen(WS_RECEIVE, 10);
         for (int i = 0; i < 20; ++i) h.Feed(s.Request("0123456789"));
       }},
      {Loss::kStreamOverflow,
       [](auto& h, auto& s) {
         h.Feed({s.Opened(), s.Request("CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n")});
         for (int i = 0; i < 40; ++i) h.Feed(s.Request(std::string(4000, 'x')));
       }},
      {Loss::kStreamGap,
       [](auto& h, auto& s) {
         h.Feed({s.Opened(), s.Request("GET / HT")});
         s.Unseen(WS_RECEIVE, 10);
         h.Feed(s.Request("x: y\r\n\r\n"));
         h.Settle();
       }},
      {Loss::kNotTheProtocol,
       [](auto& h, auto& s) {
         h.Feed({s.Opened(), s.Request(Get("/")), s.Response(Ok("x")), s.Request("\x01\x02\x03\x04\r\n\r\n")});
       }},
      {Loss::kOverlap,
       [](auto& h, auto& s) {
         const Record request = s.Request(Get("/"));
         h.Feed({s.Opened(), request, request});
       }},
      {Loss::kPositionRaced,
       [](auto& h, auto& s) {
         h.Feed({s.Opened(), s.Request(Get("/"), {.raced = true})});
       }},
      {Loss::kPositionJump,
       [](auto& h, auto& s) {
         h.Feed({s.Opened(), s.Request(Get("/"))});
         s.position[WS_RECEIVE] -= 1'000'000'000;
         for (int i = 0; i < 8; ++i) h.Feed(s.Request(Get("/again")));
       }},
  };
}

TEST(Losses, EveryReasonCanHappenAndIsCounted) {
  const std::map<Loss, Case> cases = Cases();
  ASSERT_EQ(cases.size(), kLossCount) << "a reason has no case";
  for (const auto& [loss, run] : cases) {
    if (!run) continue;
    pipeline::ShardConfig config;
    if (loss == Loss::kConnectionsFull || loss == Loss::kConnectionEvicted) config.max_connections = 4;
    if (loss == Loss::kStreamOverflow) config.stream.undecided_bytes = 8 * 1024;
    Fixture f(config);
    run(f.h, f.server);
    f.h.shard.Stop();
    EXPECT_GT(f.h.Lost(loss), 0U) << LossName(loss);
    EXPECT_TRUE(f.h.Balances()) << LossName(loss);
    EXPECT_EQ(f.h.shard.open_exchanges(), 0U);
  }
}

// The shard learns a role before it decodes, so kUnknownRole is the guard behind that: the builder makes no span without one.
TEST(Losses, UnknownRoleIsRefusedByTheBuilder) {
  span::SpanBuilder builder({});
  span::ConnectionProfile nobody;
  match::Exchange<decoders::http1::Message> exchange;
  exchange.request_facts.seen = true;
  exporters::Span span;
  metrics::Measurement measurement;
  span::SpanInput input;
  input.connection = &nobody;
  EXPECT_FALSE(builder.Build(exchange, std::move(input), span, measurement));
}

TEST(Losses, AmbiguousRequestNeverBecomesASpanButOneBeforeItDoes) {
  Fixture f;
  auto& s = f.server;
  f.h.Feed({s.Opened(),
            s.Request(Get("/before") + "POST /amb HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: "
                                       "3\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n"),
            s.Response(Ok("before", 201) + Ok("amb", 202) + Ok("smuggled", 203)), s.Request(Get("/after")),
            s.Response(Ok("after"))});
  f.h.shard.Stop();
  ASSERT_EQ(f.h.facts.spans.size(), 1U);
  EXPECT_EQ(f.h.facts.spans[0].path, "/before");
  EXPECT_EQ(f.h.facts.spans[0].status, 201);
  EXPECT_EQ(f.h.Lost(Loss::kAmbiguousMessage), 1U);
  EXPECT_EQ(f.h.policy.off.size(), 1U);
  EXPECT_TRUE(f.h.Balances());
}

TEST(Losses, RequestsBeyondTheBoundKeepTheirPlaceInTheOrder) {
  pipeline::ShardConfig config;
  config.max_open_per_connection = 2;
  Fixture f(config);
  auto& s = f.server;
  f.h.Feed({s.Opened(), s.Request(Get("/0") + Get("/1") + Get("/2") + Get("/3"))});
  for (int i = 0; i < 4; ++i) f.h.Feed(s.Response(Ok("", 200 + i)));
  f.h.Feed({s.Request(Get("/4")), s.Response(Ok("", 204))});
  f.h.shard.Stop();
  ASSERT_EQ(f.h.facts.spans.size(), 3U);
  EXPECT_EQ(f.h.facts.spans[1].path, "/1");
  EXPECT_EQ(f.h.facts.spans[1].status, 201);
  EXPECT_EQ(f.h.facts.spans[2].path, "/4");
  EXPECT_EQ(f.h.facts.spans[2].status, 204);
  EXPECT_EQ(f.h.Lost(Loss::kExchangesFull), 2U);
  EXPECT_TRUE(f.h.Balances());
}

TEST(Losses, TheBoundOfOpenExchangesOfAShardIsCountedToo) {
  pipeline::ShardConfig config;
  config.max_open_exchanges = 3;
  ShardHarness h(config);
  for (uint64_t i = 0; i < 5; ++i) {
    EventMaker s(200 + i, WS_ROLE_SERVER);
    h.Feed({s.Opened(), s.Request(Get("/x"))});
  }
  EXPECT_EQ(h.Lost(Loss::kExchangesFull), 2U);
  EXPECT_TRUE(h.Balances());
}

}  // namespace
}  // namespace wirespan::testing
