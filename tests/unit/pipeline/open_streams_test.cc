// Streams of HTTP/2 that stay open: each is told once, by itself, whatever else its connection carries.
#include <algorithm>
#include <set>

#include "tests/unit/pipeline/multiplexed_world.h"
#include "tests/unit/support/assembled.h"

namespace wirespan::testing {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;

pipeline::ShardConfig TellingAfterTenSeconds() {
  pipeline::ShardConfig config;
  config.stream.open_span_ns = 10 * kSecond;
  return config;
}

struct OpenWorld : World {
  explicit OpenWorld(ws_role role = WS_ROLE_SERVER) : World(role, false, TellingAfterTenSeconds()) {}
  void Wait(uint64_t seconds) {
    end.now += seconds * kSecond;
    h.Tick(end.now);
  }
  const exporters::Span& SpanAt(size_t i) const { return *h.facts.finished.at(i).span; }
  std::string Text(size_t i, std::string_view name) const { return TextOf(SpanAt(i).attributes, name); }
};

std::string EventsHead(uint32_t stream) {
  return Frame(FrameType::kHeaders, kEndHeaders, stream, StatusFields(200) + Literal("content-type", "text/event-stream"));
}

TEST(OpenStream, IsToldOnceAmongOthersThatEnd) {
  for (const ws_role role : {WS_ROLE_SERVER, WS_ROLE_CLIENT}) {
    OpenWorld w(role);
    w.Request(H2Get(1, "/events"));
    const uint64_t token = w.end.Token();
    w.Response(EventsHead(1) + Data(1, "data: 1\n\n", false));
    for (uint32_t stream = 3; stream < 9; stream += 2) {
      w.Wait(3);
      w.Request(H2Get(stream, "/short"));
      w.Response(H2Ok(stream) + Data(1, "data: 2\n\n", false));
    }
    ASSERT_EQ(w.spans().size(), 3U);
    w.Wait(3);
    for (int i = 0; i < 20; ++i) w.Wait(1);
    ASSERT_EQ(w.spans().size(), 4U);
    EXPECT_EQ(w.spans()[3].path, "/events");
    EXPECT_EQ(w.spans()[3].status, 200);
    EXPECT_EQ(w.spans()[3].incomplete, "open");
    EXPECT_EQ(w.spans()[3].kind, exporters::SpanKind::kInternal);
    EXPECT_EQ(w.SpanAt(3).end_unix_ns - w.SpanAt(3).start_unix_ns, 10 * kSecond);
    EXPECT_EQ(w.Text(3, "error.type"), "");
    EXPECT_FALSE(w.SpanAt(3).attributes.Find("http.response.body.size").has_value()) << "it goes on";
    EXPECT_EQ(w.h.measurements.count, 3U) << "measured at its end";
    w.Response(Data(1, "data: 3\n\n", true));
    ASSERT_EQ(w.spans().size(), 5U);
    EXPECT_TRUE(w.spans()[4].complete()) << w.spans()[4].incomplete;
    EXPECT_EQ(w.spans()[4].path, "/events");
    EXPECT_EQ(w.spans()[4].token, token);
    EXPECT_EQ(w.spans()[4].start_ns, w.spans()[3].start_ns);
    EXPECT_EQ(w.SpanAt(4).attributes.Find("http.response.body.size")->int_value, 45);
    EXPECT_EQ(w.h.measurements.count, 4U);
    w.ExpectNothingLost();
  }
}

TEST(OpenStream, ManyOnOneConnectionAreToldEachInItsTime) {
  OpenWorld w;
  for (uint32_t stream = 1; stream < 41; stream += 2) {
    w.Request(H2Get(stream, "/" + std::to_string(stream)));
    w.Wait(1);
  }
  EXPECT_EQ(w.spans().size(), 11U) << "begun ten seconds ago and more";
  w.Wait(20);
  ASSERT_EQ(w.spans().size(), 20U);
  std::set<std::string> paths;
  std::set<uint32_t> indices;
  for (const SpanView& span : w.spans()) {
    EXPECT_EQ(span.incomplete, "open");
    paths.insert(span.path);
    indices.insert(span.index);
  }
  EXPECT_EQ(paths.size(), 20U);
  EXPECT_EQ(indices.size(), 20U);
  for (uint32_t stream = 1; stream < 41; stream += 2) w.Response(H2Ok(stream));
  ASSERT_EQ(w.spans().size(), 40U);
  EXPECT_TRUE(std::all_of(w.spans().begin() + 20, w.spans().end(), [](const SpanView& span) { return span.complete(); }));
  w.ExpectNothingLost();
}

// A long poll, and a request whose body goes on.
TEST(OpenStream, WithoutAnAnswerOrWithTheRequestInProgress) {
  OpenWorld w(WS_ROLE_CLIENT);
  w.Request(H2Get(1, "/poll") + PostHead(3, "/upload") + Data(3, "half-", false));
  w.Wait(11);
  ASSERT_EQ(w.spans().size(), 2U);
  EXPECT_EQ(w.spans()[0].path, "/poll");
  EXPECT_EQ(w.spans()[0].status, 0);
  EXPECT_EQ(w.spans()[1].path, "/upload");
  EXPECT_FALSE(w.SpanAt(1).attributes.Find("http.request.body.size").has_value());
  w.Response(H2Ok(1));
  w.Request(Data(3, "other", true));
  w.Response(H2Ok(3));
  ASSERT_EQ(w.spans().size(), 4U);
  EXPECT_EQ(w.SpanAt(3).attributes.Find("http.request.body.size")->int_value, 10);
  w.ExpectNothingLost();
}

// The conventions have a call's span last as long as its stream: until then it is told as any exchange is.
TEST(OpenStream, AStreamOfGrpcIsToldAsACall) {
  const std::string message = std::string(1, '\0') + Uint32(3) + "abc";
  OpenWorld w;
  w.Request(Frame(FrameType::kHeaders, kEndHeaders, 1,
                  Indexed(3) + Indexed(6) + LiteralOf(4, "/shop.Cart/Watch") + Literal("content-type", "application/grpc")) +
            Data(1, message, true));
  w.Response(Frame(FrameType::kHeaders, kEndHeaders, 1, Indexed(8) + Literal("content-type", "application/grpc")) +
             Data(1, message, false));
  w.Wait(11);
  ASSERT_EQ(w.h.facts.finished.size(), 1U);
  EXPECT_EQ(w.SpanAt(0).name, "shop.Cart/Watch");
  EXPECT_EQ(w.SpanAt(0).kind, exporters::SpanKind::kInternal);
  EXPECT_EQ(w.Text(0, "wirespan.incomplete"), "open");
  EXPECT_EQ(w.Text(0, "rpc.system.name"), "grpc");
  EXPECT_EQ(w.Text(0, "rpc.status_code"), "") << "it has none yet";
  EXPECT_EQ(w.Text(0, "error.type"), "");
  EXPECT_EQ(w.SpanAt(0).attributes.Find("wirespan.rpc.request.messages")->int_value, 1) << "the client has sent all of it";
  EXPECT_FALSE(w.SpanAt(0).attributes.Find("wirespan.rpc.response.messages").has_value());
  w.Response(Data(1, message, false) + Frame(FrameType::kHeaders, kWhole, 1, Literal("grpc-status", "0")));
  ASSERT_EQ(w.spans().size(), 2U);
  EXPECT_EQ(w.Text(1, "rpc.status_code"), "OK");
  EXPECT_EQ(w.SpanAt(1).attributes.Find("wirespan.rpc.response.messages")->int_value, 2);
  EXPECT_EQ(w.h.measurements.rpc_count, 1U);
  w.ExpectNothingLost();
}

// What is told of one, and what a server pushed in the same turn, have names of their own.
TEST(OpenStream, IsNotConfusedWithAPush) {
  OpenWorld w;
  w.Request(H2Get(1, "/a") + H2Get(3, "/b") + H2Get(5, "/c"));
  w.Response(Frame(FrameType::kPushPromise, kEndHeaders, 1, Uint32(2) + GetFields("/pushed")) + OkHead(2) + Data(2, "x", true));
  w.Wait(11);
  ASSERT_EQ(w.spans().size(), 4U);
  std::set<std::pair<Token, uint32_t>> names;
  for (const SpanView& span : w.spans()) EXPECT_TRUE(names.emplace(span.token, span.index).second) << span.path;
  for (const uint32_t stream : {1U, 3U, 5U}) w.Response(H2Ok(stream));
  ASSERT_EQ(w.spans().size(), 7U);
  w.ExpectNothingLost();
}

// Its request may be told any moment, and then it is told as any other.
TEST(OpenStream, AnAnswerWithoutItsRequestIsNotTold) {
  OpenWorld w(WS_ROLE_CLIENT);
  const Record request = w.end.Request(H2Get(1, "/late"));
  w.Response(EventsHead(1));
  w.Wait(11);
  EXPECT_TRUE(w.spans().empty());
  w.h.Feed(request);
  w.Wait(1);
  ASSERT_EQ(w.spans().size(), 1U);
  EXPECT_EQ(w.spans()[0].incomplete, "open");
  w.Response(Data(1, "", true));
  ASSERT_EQ(w.spans().size(), 2U);
  w.ExpectNothingLost();
}

TEST(OpenStream, ThoseOfBeforeTheNextConnectionAreNotTakenForTold) {
  OpenWorld w;
  w.Request(H2Get(41, "/before"));
  w.Wait(11);
  w.Close();
  w.Wait(1);
  EXPECT_EQ(w.spans().size(), 2U);
  EventMaker next(kInode + 1, WS_ROLE_SERVER);  // in the same session object
  next.now = w.end.now;
  w.h.Feed({next.Opened(), next.Request(h2::ClientStart() + H2Get(1, "/after"))});
  w.Wait(11);
  ASSERT_EQ(w.spans().size(), 3U);
  EXPECT_EQ(w.spans()[2].path, "/after");
  EXPECT_EQ(w.spans()[2].incomplete, "open");
}

TEST(OpenStream, WhatSaysSoIsBelowTheSpanToCome) {
  for (const ws_role role : {WS_ROLE_SERVER, WS_ROLE_CLIENT}) {
    EventMaker end(kInode, role);
    end.step = 30 * kSecond;
    const std::string context = Literal("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    std::vector<Record> records = {
        end.Opened(), end.Request(h2::ClientStart()), end.Response(ServerSettings()),
        end.Request(Frame(FrameType::kHeaders, kWhole, 1, GetFields("/events") + context) + H2Get(3, "/other"))};
    for (int i = 0; i < 30; ++i) records.push_back(end.Response((i == 0 ? EventsHead(1) : "") + Data(1, "x", i == 29)));
    records.push_back(end.Response(H2Ok(3)));
    const std::vector<exporters::Span> spans = Assemble(records, TellingAfterTenSeconds(), 30 * kSecond);
    ASSERT_EQ(spans.size(), 4U);
    const auto find = [&](std::string_view path, bool is_open) {
      const auto found = std::find_if(spans.begin(), spans.end(), [&](const exporters::Span& span) {
        const std::string said = TextOf(span.attributes, "url.path") + TextOf(span.attributes, "url.full");
        return said.ends_with(path) && (TextOf(span.attributes, "wirespan.incomplete") == "open") == is_open;
      });
      EXPECT_NE(found, spans.end()) << path;
      return *found;
    };
    for (const std::string_view path : {"/events", "/other"}) {
      EXPECT_EQ(find(path, true).parent_span_id, find(path, false).span_id) << path;
      EXPECT_EQ(find(path, true).trace_id, find(path, false).trace_id) << path;
    }
    EXPECT_EQ(exporters::ToHex(find("/events", false).trace_id), "4bf92f3577b34da6a3ce929d0e0e4736");
    EXPECT_NE(find("/other", false).trace_id, find("/events", false).trace_id);
  }
}

}  // namespace
}  // namespace wirespan::testing
