// HTTP/2 and gRPC through the whole shard: streams that interleave, halves told in the wrong order, resets, GOAWAY, closes, gaps,
// connections older than the agent. At every end the account is exact.
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/unit/pipeline/multiplexed_world.h"
#include "tests/unit/support/seeded.h"

namespace wirespan::testing {
namespace {

TEST(Multiplexed, StreamsInterleave) {
  for (const ws_role role : {WS_ROLE_SERVER, WS_ROLE_CLIENT}) {
    World w(role);
    w.Request(H2Get(1, "/1"));
    const uint64_t first = w.end.Token();
    w.Request(PostHead(3, "/3") + H2Get(5, "/5"));
    w.Response(H2Ok(5, "five", 404) + OkHead(1));
    w.Request(Data(3, "body", true));
    w.Response(H2Ok(3, "three", 201) + Data(1, "one", true));
    ASSERT_EQ(w.spans().size(), 3U);
    EXPECT_EQ(w.Of("/1").status, 200);
    EXPECT_EQ(w.Of("/3").status, 201);
    EXPECT_EQ(w.Of("/5").status, 404);
    EXPECT_EQ(w.Of("/1").token, first);
    EXPECT_EQ(w.Of("/1").index, 0U);
    EXPECT_EQ(w.Of("/3").index, 1U) << "of the same turn: which of them a call is for is not known";
    EXPECT_EQ(w.Of("/5").index, 2U);
    for (const SpanView& span : w.spans()) EXPECT_TRUE(span.complete()) << span.incomplete;
    EXPECT_LT(w.Of("/5").end_ns, w.Of("/3").end_ns);
    ASSERT_EQ(w.h.facts.requests.size(), 3U);
    EXPECT_EQ(w.h.facts.responses.size(), role == WS_ROLE_SERVER ? 1U : 0U);
    EXPECT_FALSE(w.h.facts.requests[0].join == w.h.facts.requests[1].join);
    for (size_t i = 0; i < 3; ++i) {
      EXPECT_TRUE(w.h.facts.requests[i].multiplexed);
      EXPECT_EQ(w.h.facts.requests[i].shares, i > 0) << "which of those under way the kernel's mark is for is not known";
    }
    w.ExpectNothingLost();
  }
}

// As gRPC's C core ends a call whose deadline has passed.
TEST(Multiplexed, WhatAServerSendsBehindItsOwnResetIsNoLoss) {
  for (const ws_role role : {WS_ROLE_SERVER, WS_ROLE_CLIENT}) {
    World w(role);
    const std::string trailers_only = Frame(FrameType::kHeaders, kWhole, 1, StatusFields(200));
    w.Request(H2Get(1, "/1"));
    w.Response(trailers_only + ResetOf(1, 0) + trailers_only);
    ASSERT_EQ(w.spans().size(), 1U);
    EXPECT_TRUE(w.Of("/1").complete()) << w.Of("/1").incomplete;
    EXPECT_EQ(w.Of("/1").status, 200);
    w.ExpectNothingLost();
  }
}

TEST(Multiplexed, AResponseToAStreamThatIsOverIsCounted) {
  World w;
  w.Request(H2Get(1, "/1"));
  w.Response(H2Ok(1) + H2Ok(1));
  ASSERT_EQ(w.spans().size(), 1U);
  EXPECT_EQ(w.h.Lost(Loss::kResponseWithoutRequest), 1U);
}

TEST(Multiplexed, ALargerBudgetIsAskedForOnce) {
  World w;
  w.Request(H2Get(1, "/1"));
  w.Response(H2Ok(1));
  EXPECT_EQ(w.h.policy.budgets, (std::vector<std::pair<ConnectionId, uint32_t>>{{kInode, 65536U}}));
}

TEST(Multiplexed, AResponseThatIsToldFirstWaitsForItsRequest) {
  World w(WS_ROLE_CLIENT);
  const Record request = w.end.Request(H2Get(1, "/late"));
  const Record response = w.end.Response(H2Ok(1));
  w.h.Feed(response);
  EXPECT_TRUE(w.spans().empty());
  w.ExpectBalance();
  EXPECT_EQ(w.h.shard.open_exchanges(), 0U) << "no request was seen yet";
  w.h.Feed(request);
  ASSERT_EQ(w.spans().size(), 1U);
  EXPECT_TRUE(w.spans()[0].complete());
  EXPECT_EQ(w.spans()[0].status, 200);
  w.ExpectNothingLost();
}

TEST(Multiplexed, AResponseWhoseRequestDoesNotComeIsCounted) {
  World w;
  w.Response(H2Ok(1));
  w.Request(H2Get(3, "/3"));
  w.Response(H2Ok(3) + H2Ok(1));
  ASSERT_EQ(w.spans().size(), 1U);
  EXPECT_EQ(w.spans()[0].path, "/3");
  EXPECT_EQ(w.h.Lost(Loss::kResponseWithoutRequest), 2U);
  w.ExpectBalance();
}

TEST(Multiplexed, Resets) {
  World w;
  w.Request(H2Get(1, "/refused") + H2Get(3, "/cancelled") + H2Get(5, "/cut") + H2Get(7, "/whole"));
  w.Response(ResetOf(1, 7) + OkHead(5) + ResetOf(5, 2) + H2Ok(7) + ResetOf(7, 0));
  w.Request(ResetOf(3, 8));
  ASSERT_EQ(w.spans().size(), 4U);
  for (const char* path : {"/refused", "/cancelled", "/cut"}) EXPECT_EQ(w.Of(path).incomplete, "stream_reset") << path;
  EXPECT_TRUE(w.Of("/whole").complete());
  const auto error_of = [&](std::string_view path) {
    for (const trace::SpanFinished& span : w.h.facts.finished) {
      if (TextOf(span.span->attributes, "url.path") == path) return TextOf(span.span->attributes, "error.type");
    }
    return std::string("?");
  };
  EXPECT_EQ(error_of("/refused"), "refused_stream");
  EXPECT_EQ(error_of("/cut"), "internal_error");
  EXPECT_EQ(error_of("/cancelled"), "");
  EXPECT_GE(w.Of("/cancelled").end_ns, w.Of("/cut").end_ns);
  w.ExpectNothingLost();
}

TEST(Multiplexed, GoAwayEndsWhatIsNotProcessed) {
  World w(WS_ROLE_CLIENT);
  w.Request(H2Get(1, "/1") + H2Get(3, "/3"));
  w.Response(GoAway(1));
  w.Request(H2Get(5, "/5"));
  w.Response(H2Ok(1));
  ASSERT_EQ(w.spans().size(), 3U);
  EXPECT_TRUE(w.Of("/1").complete());
  EXPECT_EQ(w.Of("/3").incomplete, "not_processed");
  EXPECT_EQ(w.Of("/5").incomplete, "not_processed");
  w.ExpectNothingLost();
}

TEST(Multiplexed, TheCloseEndsWhatIsOpen) {
  World w;
  w.Request(H2Get(1, "/none") + H2Get(3, "/cut") + PostHead(5, "/upload"));
  w.Response(OkHead(3) + Data(3, "part", false) + H2Ok(5));
  EXPECT_TRUE(w.spans().empty());
  w.Close();
  ASSERT_EQ(w.spans().size(), 3U);
  EXPECT_EQ(w.Of("/none").incomplete, "no_response");
  EXPECT_EQ(w.Of("/cut").incomplete, "response_cut");
  EXPECT_EQ(w.Of("/upload").incomplete, "request_cut");
  EXPECT_EQ(w.Of("/upload").status, 200);
  w.ExpectNothingLost();
}

TEST(Multiplexed, ExitAndStop) {
  World w;
  w.Request(H2Get(1, "/1"));
  w.h.Feed(w.end.Exited());
  World stopped;
  stopped.Request(H2Get(1, "/1"));
  stopped.h.shard.Stop();
  EXPECT_EQ(w.Of("/1").incomplete, "process_exited");
  EXPECT_EQ(stopped.Of("/1").incomplete, "agent_stopped");
  w.ExpectNothingLost();
  stopped.ExpectNothingLost();
}

TEST(Multiplexed, AGapThatTakesTheFramingIsFollowedByTheNextFrames) {
  World w;
  w.Request(H2Get(1, "/before"));
  w.Response(OkHead(1));
  w.end.Unseen(w.end.ResponseSide(), 5000);
  w.Request(H2Get(3, "/after"));
  w.Response(H2Ok(3) + Ping() + Ping());
  w.h.Settle();
  ASSERT_EQ(w.spans().size(), 1U);
  EXPECT_EQ(w.spans()[0].path, "/after");
  EXPECT_TRUE(w.spans()[0].complete()) << w.spans()[0].incomplete;
  EXPECT_EQ(w.h.Lost(Loss::kStreamGap), 1U);
  EXPECT_TRUE(w.h.policy.off.empty());
  w.Close();
  ASSERT_EQ(w.spans().size(), 2U);
  EXPECT_EQ(w.Of("/before").incomplete, "response_not_seen") << "its end may have gone by unseen: that it was cut is not known";
  w.ExpectBalance();
}

// As what a server streams: each frame in a call of its own, and frames between them that were not seen.
TEST(Multiplexed, ACallOfWholeFramesIsFollowedAtOnce) {
  World w;
  w.Request(H2Get(1, "/watch"));
  w.Response(OkHead(1) + Data(1, "one", false));
  w.end.Unseen(w.end.ResponseSide(), 17);
  const std::string large = Data(1, std::string(9000, 'b'), false);
  w.h.Feed(w.end.Response(large.substr(0, 14)));  // what the kernel copies of it
  w.h.Settle();
  w.h.Feed(w.end.Uncaptured(w.end.ResponseSide(), static_cast<uint32_t>(large.size() - 14)));
  w.Response(Data(1, "three", false));
  w.end.Unseen(w.end.ResponseSide(), 17);
  w.Response(Data(1, "four", true));
  w.h.Settle();
  ASSERT_EQ(w.spans().size(), 1U);
  EXPECT_EQ(w.Of("/watch").incomplete, "");
  EXPECT_EQ(w.Of("/watch").status, 200);
  EXPECT_FALSE(w.h.facts.finished[0].span->attributes.Find("http.response.body.size").has_value()) << "part of it was not seen";
  EXPECT_EQ(w.h.Lost(Loss::kStreamGap), 2U);
  w.ExpectBalance();
}

// The end of HEADER_TABLE_SIZE 1 looks like an empty DATA that ends stream 1.
TEST(Multiplexed, TheEndOfACallIsNoFrame) {
  World w;
  w.Request(H2Get(1, "/watch"));
  w.Response(OkHead(1));
  w.end.Unseen(w.end.ResponseSide(), 17);
  const std::string settings = Frame(FrameType::kSettings, 0, 0, h2::Setting(1, 1));
  w.h.Feed(w.end.Response(settings, {.skipped = static_cast<uint32_t>(settings.size() - 9)}));
  w.h.Settle();
  EXPECT_TRUE(w.spans().empty());
  w.Response(Data(1, "last", true));
  EXPECT_EQ(w.spans().size(), 1U);
}

// The rest of the call is known by its size alone.
TEST(Multiplexed, ACallOfAFrameWhoseRestWasNotCopied) {
  World w;
  w.Request(H2Get(1, "/big"));
  w.Response(OkHead(1));
  w.end.Unseen(w.end.ResponseSide(), 17);
  const std::string frame = Data(1, std::string(9000, 'b'), true);
  w.h.Feed(w.end.Response(frame, {.captured = 300}));
  w.h.Settle();
  ASSERT_EQ(w.spans().size(), 1U);
  EXPECT_TRUE(w.Of("/big").complete()) << w.Of("/big").incomplete;
  w.ExpectBalance();
}

TEST(Multiplexed, AGapInsideDataCostsNothing) {
  World w;
  w.Request(H2Get(1, "/big"));
  const std::string frame = Data(1, std::string(16000, 'd'), true);
  w.Response(OkHead(1) + frame.substr(0, 100));
  w.h.Feed(w.end.Uncaptured(w.end.ResponseSide(), static_cast<uint32_t>(frame.size() - 100)));
  w.Request(H2Get(3, "/next"));
  w.Response(H2Ok(3));
  ASSERT_EQ(w.spans().size(), 2U);
  const auto size = w.h.facts.finished[0].span->attributes.Find("http.response.body.size");
  ASSERT_TRUE(size.has_value());
  EXPECT_EQ(size->int_value, 16000);
  w.ExpectNothingLost();
}

TEST(Multiplexed, AConnectionOlderThanTheAgent) {
  World w(WS_ROLE_SERVER, true);
  w.Response(Data(5, "of an earlier request", true));
  w.Request(H2Get(7, "/seen") + Ping());
  w.Response(H2Ok(7) + Ping() + Ping());
  w.Request(H2Get(9, "/next") + Ping());
  w.Response(H2Ok(9));
  ASSERT_EQ(w.spans().size(), 2U);
  EXPECT_EQ(w.Of("/seen").status, 200);
  EXPECT_TRUE(w.Of("/next").complete()) << w.Of("/next").incomplete;
  w.Close();
  w.ExpectBalance();
}

// Heads of entries of both tables, as a busy connection has them.
std::string OldHeads(uint32_t first, bool of_requests) {
  std::string turn;
  for (uint32_t stream = first; stream < first + 40; stream += 2) {
    turn += of_requests ? Frame(FrameType::kHeaders, kWhole, stream, Indexed(2) + Indexed(6) + Indexed(63))
                        : Frame(FrameType::kHeaders, kEndHeaders, stream, Indexed(8) + Indexed(64)) + Data(stream, "body", true);
  }
  return turn;
}

TEST(Multiplexed, TheFramesOfAnOlderConnectionTellWhichEndItIs) {
  for (const bool is_server : {true, false}) {
    ShardHarness h;
    EventMaker end(kInode, WS_ROLE_UNKNOWN);
    const auto move = [&](bool is_request, std::string_view call) {
      h.Feed(is_request == is_server ? end.Received(call) : end.Sent(call));
    };
    h.Feed(end.Opened(true));
    for (uint32_t first = 1001; first < 1201; first += 40) {
      move(false, OldHeads(first - 40, false));
      move(true, OldHeads(first, true));
    }
    h.Tick(end.now);
    EXPECT_EQ(h.losses().requests_seen, 100U) << is_server;
    EXPECT_GE(h.facts.spans.size(), 60U) << "but those that were answered before the heads of responses were believed";
    std::set<std::pair<Token, uint32_t>> names;
    for (const SpanView& span : h.facts.spans) {
      EXPECT_EQ(span.status, 200);
      EXPECT_EQ(ConnectionOf(span.token), kInode) << "the kernel named no exchange";
      EXPECT_TRUE(names.emplace(span.token, span.index).second) << span.index;
    }
    EXPECT_EQ(h.policy.roles, std::vector{is_server ? ConnectionRole::kServer : ConnectionRole::kClient});
    EXPECT_TRUE(h.Balances());
  }
}

// The turn in progress when the agent comes may be either end's.
TEST(Multiplexed, AnOlderConnectionLosesNoPlaceThatItNeverHad) {
  for (const bool responses_first : {true, false}) {
    World w(WS_ROLE_SERVER, true);
    if (responses_first) w.Response(OldHeads(961, false));
    w.Request(OldHeads(1001, true));
    w.Response(OldHeads(1001, false));
    EXPECT_EQ(w.spans().size(), 20U) << responses_first;
    EXPECT_EQ(w.h.Lost(Loss::kStreamGap), 0U);
    EXPECT_EQ(w.h.Lost(Loss::kNotTheProtocol), 0U);
    w.ExpectBalance();
  }
}

TEST(Multiplexed, WhatAServerSentBeforeItKnewOfAResetIsNoLoss) {
  World w;
  w.Request(H2Get(1, "/1") + H2Get(3, "/3"));
  w.Request(ResetOf(1, 8));
  w.Response(H2Ok(1) + H2Ok(3));
  EXPECT_EQ(w.Of("/1").incomplete, "stream_reset");
  EXPECT_EQ(w.Of("/3").status, 200);
  w.ExpectNothingLost();
}

TEST(Multiplexed, BytesThatTellNeitherRoleNorProtocolAreCounted) {
  const std::string data = Data(5, std::string(1000, 'x'), false) + Data(7, "y", false) + Data(9, "z", false);
  for (const bool is_closed : {true, false}) {
    ShardHarness h;
    EventMaker end(kInode, WS_ROLE_UNKNOWN);
    h.Feed(end.Opened(true));
    for (int turn = 0; turn < (is_closed ? 2 : 600); ++turn) h.Feed({end.Sent(data), end.Received(data)});
    EXPECT_EQ(h.Lost(Loss::kUnknownProtocol), is_closed ? 0U : 1U);
    EXPECT_EQ(h.policy.off.size(), is_closed ? 0U : 1U);
    h.Feed(end.Closed());
    EXPECT_EQ(h.Lost(Loss::kUnknownProtocol), 1U);
  }
}

TEST(Multiplexed, AServerThatSpeaksFirst) {
  const auto settings = [](std::string_view payload) { return Frame(FrameType::kSettings, 0, 0, payload); };
  // Of which the second is Node's, and the third gRPC's C core's.
  for (const std::string& first :
       {ServerSettings(), settings(""), settings(h2::Setting(4, 1U << 22U) + h2::Setting(0xfe03, 1))}) {
    ShardHarness h;
    EventMaker end(kInode, WS_ROLE_SERVER);
    h.Feed({end.Opened(), end.Response(first), end.Request(h2::ClientStart() + H2Get(1, "/1")), end.Response(H2Ok(1))});
    h.Tick(end.now);
    ASSERT_EQ(h.facts.spans.size(), 1U);
    EXPECT_TRUE(h.facts.spans[0].complete());
    EXPECT_EQ(h.Lost(Loss::kStreamGap), 0U);
    EXPECT_EQ(h.Lost(Loss::kNotTheProtocol), 0U);
  }
}

TEST(Multiplexed, GrpcUnaryAndStreaming) {
  World w;
  const std::string message = std::string(1, '\0') + Uint32(3) + "abc";
  const auto call = [&](uint32_t stream, std::string_view path) {
    return Frame(FrameType::kHeaders, kEndHeaders, stream,
                 Indexed(3) + Indexed(6) + LiteralOf(4, path) + Literal("content-type", "application/grpc"));
  };
  const auto trailers = [&](uint32_t stream, std::string_view status) {
    return Frame(FrameType::kHeaders, kWhole, stream, Literal("grpc-status", status));
  };
  const auto head = [&](uint32_t stream) {
    return Frame(FrameType::kHeaders, kEndHeaders, stream, Indexed(8) + Literal("content-type", "application/grpc"));
  };
  w.Request(call(1, "/shop.Cart/Get") + Data(1, message, true) + call(3, "/shop.Cart/Watch") + Data(3, message, false));
  w.Response(head(3) + Data(3, message, false) + head(1) + Data(1, message, false) + trailers(1, "5"));
  w.Request(Data(3, message, true));
  w.Response(Data(3, message, false) + trailers(3, "0"));
  w.spans();
  EXPECT_EQ(w.h.measurements.count, 2U);
  EXPECT_EQ(w.h.measurements.rpc_count, 2U) << "measured as calls";
  EXPECT_EQ(w.h.measurements.http_count, 0U) << "and not as requests";
  ASSERT_EQ(w.h.facts.finished.size(), 2U);
  const exporters::Span& get = *w.h.facts.finished[0].span;
  EXPECT_EQ(get.name, "shop.Cart/Get");
  EXPECT_EQ(TextOf(get.attributes, "rpc.status_code"), "NOT_FOUND");
  const exporters::Span& watch = *w.h.facts.finished[1].span;
  EXPECT_EQ(watch.name, "shop.Cart/Watch");
  EXPECT_EQ(TextOf(watch.attributes, "rpc.status_code"), "OK");
  EXPECT_EQ(watch.attributes.Find("wirespan.rpc.request.messages")->int_value, 2);
  EXPECT_EQ(watch.attributes.Find("wirespan.rpc.response.messages")->int_value, 2);
  w.ExpectNothingLost();
}

TEST(Multiplexed, APushIsAnExchangeOfItsOwn) {
  World w;
  w.Request(H2Get(1, "/page"));
  w.Response(Frame(FrameType::kPushPromise, kEndHeaders, 1, Uint32(2) + GetFields("/style")) + H2Ok(1) + H2Ok(2));
  ASSERT_EQ(w.spans().size(), 2U);
  EXPECT_TRUE(w.Of("/style").complete());
  EXPECT_NE(w.Of("/style").index, 0U);
  EXPECT_EQ(w.Of("/page").index, 0U);
  w.ExpectNothingLost();
}

TEST(Multiplexed, BlocksThatReadersMustRefuseMakeNoSpan) {
  World w;
  w.Request(Frame(FrameType::kHeaders, kWhole, 1, Indexed(2) + Indexed(2) + Indexed(6) + Indexed(4)) + H2Get(3, "/3"));
  w.Response(H2Ok(1) + H2Ok(3));
  ASSERT_EQ(w.spans().size(), 1U);
  EXPECT_EQ(w.h.Lost(Loss::kAmbiguousMessage), 1U);
  w.ExpectBalance();
}

TEST(Multiplexed, MoreStreamsThanTheBoundAreCounted) {
  World w;
  std::string calls;
  for (uint32_t i = 0; i < 70; ++i) calls += H2Get(2 * i + 1, "/" + std::to_string(i));
  w.Request(calls);
  EXPECT_EQ(w.h.Lost(Loss::kExchangesFull), 6U);
  w.ExpectBalance();
  w.Close();
  EXPECT_EQ(w.spans().size(), 64U);
  w.ExpectBalance();
}

// Random streams in random order, cut into random calls: each has one span with its own status, whatever the order.
TEST(Multiplexed, EveryStreamHasItsSpan) {
  for (uint64_t seed = 0; seed < Seeds(100); ++seed) {
    Random random(seed);
    World w(RoleOf(seed));
    const auto move = [&](bool is_request, std::string_view bytes) {
      while (!bytes.empty()) {
        const size_t size = std::min(bytes.size(), 1 + Pick(random, Pick(random, 2) == 0 ? 4000 : 40));
        is_request ? w.Request(bytes.substr(0, size)) : w.Response(bytes.substr(0, size));
        bytes.remove_prefix(size);
      }
    };
    std::map<std::string, int64_t> expected;
    std::vector<uint32_t> unanswered;
    uint32_t next = 1;
    for (size_t steps = 0; steps < 40 || !unanswered.empty(); ++steps) {
      if (steps < 40 && unanswered.size() < 20 && Pick(random, 2) == 0) {
        move(true, H2Get(next, "/" + std::to_string(next)));
        unanswered.push_back(next);
        next += 2;
      } else if (!unanswered.empty()) {
        const size_t at = Pick(random, unanswered.size());
        const auto status = static_cast<int>(200 + Pick(random, 300));
        expected["/" + std::to_string(unanswered[at])] = status;
        move(false, H2Ok(unanswered[at], std::string(Pick(random, 9000), 'b'), status));
        unanswered.erase(unanswered.begin() + static_cast<std::ptrdiff_t>(at));
      }
    }
    ASSERT_EQ(w.spans().size(), expected.size()) << "seed " << seed;
    for (const SpanView& span : w.spans()) {
      EXPECT_EQ(span.status, expected[span.path]) << "seed " << seed << " " << span.path;
      EXPECT_TRUE(span.complete()) << "seed " << seed << " " << span.path << " " << span.incomplete;
    }
    w.ExpectNothingLost();
  }
}

}  // namespace
}  // namespace wirespan::testing
