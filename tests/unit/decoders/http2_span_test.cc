// http2::Describe: HTTP's and gRPC's semantic conventions for both ends, and what went wrong; gRPC's message counts.
#include <gtest/gtest.h>

#include <map>

#include "decoders/http2/grpc_span.h"
#include "decoders/http2/span.h"
#include "tests/unit/decoders/http2_harness.h"

namespace wirespan::testing::h2 {
namespace {

using decoders::ExchangeContext;
using decoders::ExchangeEnd;
using decoders::SpanSide;
using decoders::SpanStatus;
using decoders::http2::GrpcCounts;
using decoders::http2::GrpcKind;
using decoders::http2::GrpcWalker;
using decoders::http2::kEndHeaders;
using decoders::http2::kEndStream;

using Attributes = std::map<std::string, std::string>;

class Sink final : public decoders::AttributeSink {
 public:
  void String(const AttributeName& name, std::string_view value) override { Put(name, std::string(value)); }
  void Int(const AttributeName& name, int64_t value) override { Put(name, std::to_string(value)); }
  void Bool(const AttributeName& name, bool value) override { Put(name, value ? "true" : "false"); }
  Attributes attributes;

 private:
  void Put(const AttributeName& name, std::string value) {
    EXPECT_TRUE(attributes.emplace(name.text, std::move(value)).second) << name.text << " given twice";
  }
};

struct Told {
  Attributes attributes;
  decoders::Description description;
  std::string At(const std::string& name) const { return attributes.contains(name) ? attributes.at(name) : ""; }
};

// Heads of stream 1, each with what followed absorbed, as a session puts them together.
Told Tell(const std::string& client, const std::string& server, const ExchangeContext& context) {
  Wire wire;
  wire.Feed(kC2s, ClientStart() + client);
  wire.Feed(kS2c, ServerStart() + server);
  std::vector<Message> messages = wire.messages();
  Message* request = nullptr;
  Message* response = nullptr;
  for (Message& message : messages) {
    Message*& head = message.is_request ? request : response;
    if (message.kind == MessageKind::kInterim) continue;
    if (message.kind == MessageKind::kRequestHead || message.kind == MessageKind::kResponseHead) {
      head = &message;
    } else if (head != nullptr) {
      head->Absorb(message);
    }
  }
  Told told;
  Sink sink;
  decoders::http2::Describe(request, response, context, sink, told.description);
  told.attributes = sink.attributes;
  return told;
}

ExchangeContext Side(SpanSide side, ExchangeEnd end = ExchangeEnd::kComplete) {
  ExchangeContext context;
  context.side = side;
  context.end = end;
  context.local_address = "10.0.0.1";
  context.local_port = 8080;
  context.peer_address = "10.0.0.2";
  context.peer_port = 40000;
  return context;
}
const ExchangeContext kServer = Side(SpanSide::kServer);
const ExchangeContext kClient = Side(SpanSide::kClient);

std::string Headers(std::string_view block, bool ends = false) {
  return Frame(FrameType::kHeaders, ends ? kEndHeaders | kEndStream : kEndHeaders, 1, block);
}
std::string Data(std::string_view bytes, bool ends = false) {
  return Frame(FrameType::kData, ends ? kEndStream : uint8_t{0}, 1, bytes);
}
std::string Reset(uint32_t code) { return Frame(FrameType::kRstStream, 0, 1, Uint32(code)); }

std::string Request(std::string_view method, std::string_view path, std::string_view more = {}) {
  return LiteralOf(2, method) + Indexed(6) + LiteralOf(4, path) + LiteralOf(1, "shop.example:8443") + std::string(more);
}
std::string Status(std::string_view status) { return LiteralOf(8, status); }

TEST(Http2Span, ServerSide) {
  const Told told =
      Tell(Headers(Request("POST", "/a/b?x=1&flag", LiteralOf(58, "ua/1") + Literal("forwarded", "for=192.0.2.7;proto=https"))) +
               Data("abc", true),
           Headers(Status("201")) + Data("hello", true), kServer);
  EXPECT_EQ(told.description.name, "POST");
  EXPECT_EQ(told.description.status, SpanStatus::kUnset);
  EXPECT_EQ(told.attributes, (Attributes{{"http.request.method", "POST"},
                                         {"url.path", "/a/b"},
                                         {"url.query", "x=REDACTED&flag"},
                                         {"url.scheme", "https"},
                                         {"server.address", "shop.example"},
                                         {"server.port", "8443"},
                                         {"client.address", "192.0.2.7"},
                                         {"user_agent.original", "ua/1"},
                                         {"http.response.status_code", "201"},
                                         {"network.protocol.version", "2"},
                                         {"http.request.body.size", "3"},
                                         {"http.response.body.size", "5"}}));
}

TEST(Http2Span, ClientSide) {
  const Told told = Tell(Headers(Request("GET", "/a?sig=s"), true), Headers(Status("404"), true), kClient);
  EXPECT_EQ(told.description.error_type, "404");
  EXPECT_EQ(told.attributes, (Attributes{{"http.request.method", "GET"},
                                         {"url.full", "http://shop.example:8443/a?sig=REDACTED"},
                                         {"server.address", "shop.example"},
                                         {"server.port", "8443"},
                                         {"http.response.status_code", "404"},
                                         {"error.type", "404"},
                                         {"network.protocol.version", "2"}}));
}

TEST(Http2Span, TunnelsAndExtendedConnect) {
  const Told tunnel = Tell(Headers(LiteralOf(2, "CONNECT") + LiteralOf(1, "db:5432")), Headers(Status("200")), kClient);
  EXPECT_EQ(tunnel.At("server.address"), "db");
  EXPECT_EQ(tunnel.At("url.full"), "");
  const Told socket = Tell(Headers(LiteralOf(2, "CONNECT") + Literal(":protocol", "websocket") + Indexed(7) +
                                   LiteralOf(4, "/chat") + LiteralOf(1, "h")),
                           Headers(Status("200")), kServer);
  EXPECT_EQ(socket.At("url.path"), "/chat");
  EXPECT_EQ(socket.At("url.scheme"), "https");
  EXPECT_EQ(socket.At("server.address"), "h");
}

TEST(Http2Span, WhatIsMissing) {
  for (const ExchangeEnd end : {ExchangeEnd::kNoResponse, ExchangeEnd::kConnectionReset, ExchangeEnd::kProcessExited}) {
    const Told told = Tell(Headers(Request("GET", "/"), true), "", Side(SpanSide::kClient, end));
    EXPECT_EQ(told.description.error_type, decoders::Name(end));
    EXPECT_EQ(told.At("wirespan.incomplete"), decoders::Name(end));
  }
  EXPECT_EQ(Tell("", Headers(Status("200"), true), kServer).At("wirespan.incomplete"), "request_not_seen");
  EXPECT_EQ(Tell(Headers(Request("GET", "/"), true), "", kServer).At("wirespan.incomplete"), "response_not_seen");
}

TEST(Http2Span, AResetByTheClientIsNoFailureAndOneByTheServerIs) {
  const Told cancelled = Tell(Headers(Request("GET", "/"), false) + Reset(8), "", kClient);
  EXPECT_EQ(cancelled.At("wirespan.incomplete"), "stream_reset");
  EXPECT_EQ(cancelled.description.status, SpanStatus::kUnset);
  const Told refused = Tell(Headers(Request("GET", "/"), true), Headers(Status("200")) + Reset(7), kClient);
  EXPECT_EQ(refused.At("wirespan.incomplete"), "stream_reset");
  EXPECT_EQ(refused.At("error.type"), "refused_stream");
  EXPECT_EQ(refused.At("http.response.status_code"), "200");
  // Once the response is whole, a reset only stops the rest of the request (RFC 9113 8.1).
  const Told answered = Tell(Headers(Request("POST", "/")) + Data("part"), Headers(Status("200"), true) + Reset(0), kServer);
  EXPECT_EQ(answered.description.status, SpanStatus::kUnset);
  EXPECT_EQ(answered.At("http.response.status_code"), "200");
}

TEST(Http2Span, APartThatIsUnknownIsLeftOut) {
  Wire wire(Start::kMiddle);
  const std::string block = Indexed(3) + Indexed(6) + Indexed(70) + Literal("a", "b");
  wire.Feed(kC2s, Headers(block, true) + Frame(FrameType::kPing, 0, 0, "12345678"));
  ASSERT_EQ(wire.messages().size(), 1U);
  Sink sink;
  decoders::Description description;
  decoders::http2::Describe(&wire.messages()[0], nullptr, kServer, sink, description);
  EXPECT_EQ(description.name, "POST");
  EXPECT_FALSE(sink.attributes.contains("url.path"));
}

// --- gRPC ---------------------------------------------------------------------------------------------------------------------

std::string Grpc(std::string_view more = {}, std::string_view type = "application/grpc") {
  return Request("POST", "/shop.v1.Cart/Add", LiteralOf(31, type) + std::string(more));
}
std::string Prefix(uint32_t length, char flags = 0) { return std::string(1, flags) + Uint32(length); }
const std::string kGrpcHead = Headers(Status("200") + LiteralOf(31, "application/grpc+proto"));
std::string Trailers(std::string_view status, std::string_view more = {}) {
  return Headers(Literal("grpc-status", status) + std::string(more), true);
}

TEST(Http2GrpcSpan, ACallWithItsMessages) {
  const Told told = Tell(Headers(Grpc(Literal("grpc-timeout", "250m"))) + Data(Prefix(3) + "abc", true),
                         kGrpcHead + Data(Prefix(2) + "xy" + Prefix(1) + "z") + Trailers("0"), kServer);
  EXPECT_EQ(told.description.name, "shop.v1.Cart/Add");
  EXPECT_EQ(told.description.status, SpanStatus::kUnset);
  EXPECT_EQ(told.attributes, (Attributes{{"rpc.system.name", "grpc"},
                                         {"rpc.method", "shop.v1.Cart/Add"},
                                         {"rpc.status_code", "OK"},
                                         {"server.address", "shop.example"},
                                         {"server.port", "8443"},
                                         {"network.protocol.version", "2"},
                                         {"wirespan.rpc.timeout_ns", "250000000"},
                                         {"wirespan.rpc.request.messages", "1"},
                                         {"wirespan.rpc.request.bytes", "3"},
                                         {"wirespan.rpc.response.messages", "2"},
                                         {"wirespan.rpc.response.bytes", "3"}}));
}

TEST(Http2GrpcSpan, StatusesAreErrorsOfOneEndOrOfBoth) {
  const auto of = [](const std::string& status, const ExchangeContext& context) {
    return Tell(Headers(Grpc(), true), kGrpcHead + Trailers(status, Literal("grpc-message", "secret")), context);
  };
  EXPECT_EQ(of("5", kServer).description.status, SpanStatus::kUnset);
  EXPECT_EQ(of("5", kServer).At("rpc.status_code"), "NOT_FOUND");
  EXPECT_EQ(of("5", kClient).At("error.type"), "NOT_FOUND");
  EXPECT_EQ(of("13", kServer).At("error.type"), "INTERNAL");
  EXPECT_EQ(of("99", kServer).At("error.type"), "UNKNOWN");
  EXPECT_EQ(of("x", kServer).At("rpc.status_code"), "");
  EXPECT_EQ(of("0", kClient).description.status, SpanStatus::kUnset);
  for (const auto& [name, value] : of("13", kServer).attributes) EXPECT_EQ(value.find("secret"), std::string::npos) << name;
}

TEST(Http2GrpcSpan, TrailersOnlyAndDetails) {
  const std::string only = Headers(Status("200") + LiteralOf(31, "application/grpc") + Literal("grpc-status", "7") +
                                       Literal("grpc-status-details-bin", "CAcSBG5vcGU"),
                                   true);
  const Told told = Tell(Headers(Grpc(), true), only, kClient);
  EXPECT_EQ(told.At("rpc.status_code"), "PERMISSION_DENIED");
  EXPECT_EQ(told.At("wirespan.rpc.status_details"), "true");
}

TEST(Http2GrpcSpan, WhatAServerDoesNotImplementNamesNoSpan) {
  const Told told = Tell(Headers(Grpc(), true), kGrpcHead + Trailers("12"), kServer);
  EXPECT_EQ(told.description.name, "grpc");
  EXPECT_EQ(told.At("rpc.method"), "_OTHER");
  EXPECT_EQ(told.At("rpc.method_original"), "shop.v1.Cart/Add");
  EXPECT_EQ(Tell(Headers(Grpc(), true), kGrpcHead + Trailers("12"), kClient).description.name, "shop.v1.Cart/Add");
}

TEST(Http2GrpcSpan, OfAContentTypeThatIsNotKnownTheFramingTells) {
  struct Case {
    std::string path, body, field;
    bool is_grpc;
  };
  const std::string unknown = Indexed(70);
  const std::string call = "/shop.v1.Cart/Add";
  for (const Case& c : {Case{call, Prefix(3) + "abc", unknown, true}, Case{call, Prefix(3) + "abc" + Prefix(0, 1), unknown, true},
                        Case{call, Prefix(3) + "abcd", unknown, false}, Case{call, Prefix(4) + "abc", unknown, false},
                        Case{call, "{\"a\":1}", unknown, false}, Case{call, "", unknown, false},
                        Case{"/upload", Prefix(3) + "abc", unknown, false},
                        Case{call, Prefix(3) + "abc", unknown + LiteralOf(31, "application/json"), false},
                        Case{call, Prefix(3) + "abc", "", false}}) {
    Wire wire(Start::kMiddle);
    wire.Feed(kC2s, Headers(Indexed(3) + Indexed(6) + LiteralOf(4, c.path) + c.field) + Data(c.body, true) +
                        Frame(FrameType::kPing, 0, 0, "12345678"));
    ASSERT_EQ(wire.messages().size(), 2U);
    std::vector<Message> messages = wire.messages();
    messages[0].Absorb(messages[1]);
    Sink sink;
    decoders::Description description;
    decoders::http2::Describe(&messages[0], nullptr, kServer, sink, description);
    EXPECT_EQ(sink.attributes.contains("rpc.method"), c.is_grpc) << c.path << " " << c.body;
  }
}

// A deadline makes a client cancel, too.
TEST(Http2GrpcSpan, WhereADeadlineMayNotHaveBeenSeenACancelledCallHasNoStatusAtItsClient) {
  for (const bool is_known : {true, false}) {
    Wire wire;
    wire.Feed(kC2s, ClientStart() + Headers(Grpc()) + Reset(8));
    ASSERT_EQ(wire.messages().size(), 2U);
    std::vector<Message> messages = wire.messages();
    messages[0].Absorb(messages[1]);
    messages[0].fields.has_unknown = !is_known;
    for (const ExchangeContext& context : {kClient, kServer}) {
      Sink sink;
      decoders::Description description;
      decoders::http2::Describe(&messages[0], nullptr, context, sink, description);
      const bool is_told = is_known || context.side == SpanSide::kServer;
      EXPECT_EQ(sink.attributes["rpc.status_code"], is_told ? "CANCELLED" : "");
      EXPECT_EQ(sink.attributes["wirespan.incomplete"], "stream_reset");
    }
  }
}

// Of a connection that is older than what was seen of it.
TEST(Http2GrpcSpan, AStatusThatIsNotKnownIsSaidToBeMissing) {
  Wire wire;
  wire.Feed(kC2s, ClientStart() + Headers(Grpc(), true));
  for (const bool is_known : {true, false}) {
    Message response;
    response.kind = MessageKind::kResponseHead;
    response.is_request = false;
    response.end_stream = true;
    response.status = 200;
    response.trailers.Add("grpc-message", "", {});
    if (!is_known) response.trailers.Add("grpc-status", "", {.value_known = false});
    Sink sink;
    decoders::Description description;
    decoders::http2::Describe(&wire.messages()[0], &response, kClient, sink, description);
    EXPECT_FALSE(sink.attributes.contains("rpc.status_code"));
    EXPECT_EQ(sink.attributes.contains("wirespan.incomplete"), !is_known);
    EXPECT_EQ(sink.attributes["wirespan.incomplete"], is_known ? "" : "response_not_seen");
  }
}

TEST(Http2GrpcSpan, ResetsAndHttpErrorsAreStatuses) {
  EXPECT_EQ(Tell(Headers(Grpc()) + Reset(8), "", kServer).At("rpc.status_code"), "CANCELLED");
  EXPECT_EQ(Tell(Headers(Grpc(), true), kGrpcHead + Reset(7), kClient).At("error.type"), "UNAVAILABLE");
  const Told proxy = Tell(Headers(Grpc(), true), Headers(Status("503"), true), kClient);
  EXPECT_EQ(proxy.At("rpc.status_code"), "UNAVAILABLE");
  EXPECT_EQ(proxy.At("http.response.status_code"), "503");
  EXPECT_EQ(Tell(Headers(Grpc(), true), Headers(Status("404")) + Reset(8), kClient).At("rpc.status_code"), "UNIMPLEMENTED")
      << "decided by the head, whatever became of the stream";
  // No status and nothing in its place: none is invented.
  EXPECT_EQ(Tell(Headers(Grpc(), true), kGrpcHead, kClient).At("rpc.status_code"), "");
}

TEST(Http2GrpcSpan, ACallThatItsClientCancelsAtItsDeadlineExceededIt) {
  const auto status = [](ExchangeContext context, uint64_t elapsed_ms, uint32_t error, std::string_view timeout) {
    context.elapsed_ns = elapsed_ms * 1'000'000;
    const std::string field = timeout.empty() ? std::string() : Literal("grpc-timeout", timeout);
    return Tell(Headers(Grpc(field)) + Reset(error), "", context).At("rpc.status_code");
  };
  EXPECT_EQ(status(kClient, 300, 8, "300m"), "DEADLINE_EXCEEDED");
  EXPECT_EQ(status(kClient, 296, 8, "300m"), "DEADLINE_EXCEEDED") << "the time-out was rounded up";
  EXPECT_EQ(status(kClient, 290, 8, "300m"), "CANCELLED");
  EXPECT_EQ(status(kClient, 300, 8, ""), "CANCELLED");
  EXPECT_EQ(status(kClient, 300, 2, "300m"), "INTERNAL");
  EXPECT_EQ(status(kServer, 300, 8, "300m"), "CANCELLED") << "what the server was told";
  EXPECT_EQ(status(kClient, 0, 8, "0n"), "CANCELLED") << "how long it took is not known";
}

TEST(Http2GrpcSpan, TheWebVariantIsACallToo) {
  const Told told = Tell(Headers(Grpc({}, "application/grpc-web+proto")) + Data(Prefix(1) + "a", true),
                         Headers(Status("200") + LiteralOf(31, "application/grpc-web+proto")) +
                             Data(Prefix(2) + "bc" + Prefix(15, '\x80') + "grpc-status: 5\n", true),
                         kClient);
  EXPECT_EQ(told.At("rpc.system.name"), "grpc");
  EXPECT_EQ(told.At("wirespan.rpc.response.messages"), "1");
  EXPECT_EQ(told.At("wirespan.rpc.response.bytes"), "2");
  EXPECT_EQ(told.At("rpc.status_code"), "NOT_FOUND");
  EXPECT_EQ(told.At("error.type"), "NOT_FOUND");
}

std::optional<uint16_t> WebStatus(const std::string& trailers, char flags = '\x80', size_t at = 0,
                                  GrpcKind kind = GrpcKind::kGrpcWeb) {
  const std::string body = Prefix(2) + "bc" + Prefix(static_cast<uint32_t>(trailers.size()), flags) + trailers;
  GrpcWalker walker(kind);
  walker.Feed(AsBytes(std::string_view(body).substr(0, at)));
  walker.Feed(AsBytes(std::string_view(body).substr(at)));
  return walker.Counts(true).web_status;
}

TEST(Http2Grpc, TheStatusInWebTrailersIsReadAtEverySplit) {
  const std::string trailers = "x-before: grpc-status: 3\r\ngrpc-status:13\r\ngrpc-message: no\r\ngrpc-status: 1\r\n";
  for (size_t at = 0; at <= trailers.size() + 12; ++at) EXPECT_EQ(WebStatus(trailers, '\x80', at), 13U) << at;
  EXPECT_EQ(WebStatus("grpc-status: 0"), 0U) << "the last line may have no end";
  EXPECT_EQ(WebStatus("Grpc-Status:\t7 \r\n"), 7U);
  for (const char* none :
       {"", "grpc-status\r\n", "grpc-status:\r\n", "grpc-status: 1234\r\n", "grpc-status: 1 2\r\n", "grpc-status: -1\r\n",
        " grpc-status: 1\r\n", "grpc-status-details-bin: 1\r\n", "grpc-statu", "a: b"}) {
    EXPECT_EQ(WebStatus(none), std::nullopt) << none;
  }
  EXPECT_EQ(WebStatus(trailers, '\x81'), std::nullopt) << "compressed";
  EXPECT_EQ(WebStatus(trailers, '\0'), std::nullopt) << "a message that only looks like them";
  EXPECT_EQ(WebStatus(trailers, '\x80', 0, GrpcKind::kGrpc), std::nullopt) << "gRPC's own trailers are the stream's";
}

TEST(Http2Grpc, WebTrailersThatWereNotAllSeenSayNoWrongStatus) {
  const std::string body = Prefix(16, '\x80') + "grpc-status: 13\n";
  for (size_t from = 5; from < body.size(); ++from) {
    GrpcWalker walker(GrpcKind::kGrpcWeb);
    walker.Feed(AsBytes(std::string_view(body).substr(0, from)));
    walker.Gap(1);
    walker.Feed(AsBytes(std::string_view(body).substr(from + 1)));
    const std::optional<uint16_t> status = walker.Counts(true).web_status;
    EXPECT_TRUE(!status || (from + 1 == body.size() && *status == 13)) << from;
  }
}

TEST(Http2Grpc, ContentTypes) {
  using decoders::http2::GrpcKindOf;
  for (const std::string_view type : {"application/grpc", "application/grpc+proto", "Application/GRPC;x=1"}) {
    EXPECT_EQ(GrpcKindOf(type), GrpcKind::kGrpc) << type;
  }
  EXPECT_EQ(GrpcKindOf("application/grpc-web"), GrpcKind::kGrpcWeb);
  EXPECT_EQ(GrpcKindOf("application/grpc-web-text+proto"), GrpcKind::kGrpcWebText);
  for (const std::string_view type : {"", "application/json", "application/grpcx", "application/grpc-we"}) {
    EXPECT_EQ(GrpcKindOf(type), GrpcKind::kNone) << type;
  }
}

TEST(Http2Grpc, Timeouts) {
  using decoders::http2::ParseGrpcTimeout;
  EXPECT_EQ(ParseGrpcTimeout("1H"), int64_t{3600} * 1000000000);
  EXPECT_EQ(ParseGrpcTimeout("99999999S"), int64_t{99999999} * 1000000000);
  EXPECT_EQ(ParseGrpcTimeout("5n"), 5);
  EXPECT_EQ(ParseGrpcTimeout("99999999H"), std::nullopt);
  for (const std::string_view text : {"", "S", "1", "-1S", "1x", "123456789S", "1.5S"})
    EXPECT_EQ(ParseGrpcTimeout(text), std::nullopt) << text;
}

TEST(Http2Grpc, Methods) {
  using decoders::http2::GrpcMethod;
  EXPECT_EQ(GrpcMethod("/a.B/C"), "a.B/C");
  EXPECT_EQ(GrpcMethod("/x/a.B/C"), "x/a.B/C");
  for (const std::string& path :
       {std::string(), std::string("/"), std::string("a.B/C"), std::string("/a"), std::string("//C"), std::string("/a/"),
        std::string("/a/b?x"), std::string("/a b/c"), "/" + std::string(300, 'a') + "/b"}) {
    EXPECT_EQ(GrpcMethod(path), "") << path;
  }
}

TEST(Http2Grpc, MessagesAreCountedAtEverySplit) {
  const std::string body = Prefix(3) + "abc" + Prefix(0) + Prefix(300, 1) + std::string(300, 'x');
  for (size_t at = 0; at <= body.size(); ++at) {
    GrpcWalker walker(GrpcKind::kGrpc);
    walker.Feed(AsBytes(std::string_view(body).substr(0, at)));
    walker.Feed(AsBytes(std::string_view(body).substr(at)));
    EXPECT_EQ(walker.Counts(true), (GrpcCounts{3, 303, true, {}})) << at;
  }
}

TEST(Http2Grpc, AGapInAMessageIsNothingAndOneInAPrefixIsSaid) {
  for (size_t from = 0; from < 13; ++from) {
    const std::string body = Prefix(3) + "abc" + Prefix(0);
    GrpcWalker walker(GrpcKind::kGrpc);
    walker.Feed(AsBytes(std::string_view(body).substr(0, from)));
    walker.Gap(1);
    walker.Feed(AsBytes(std::string_view(body).substr(std::min(from + 1, body.size()))));
    const bool in_message = from >= 5 && from < 8;
    EXPECT_EQ(walker.Counts(true).exact, in_message) << from;
    EXPECT_EQ(walker.Counts(true).messages == 2, in_message) << from;
  }
}

TEST(Http2Grpc, WhatIsNoPrefixOrEndsInsideIsNotExact) {
  GrpcWalker other(GrpcKind::kGrpc);
  other.Feed(AsBytes("{\"a\": 1}"));
  EXPECT_EQ(other.Counts(true), (GrpcCounts{0, 0, false, {}}));
  GrpcWalker cut(GrpcKind::kGrpc);
  cut.Feed(AsBytes(Prefix(3) + "ab"));
  EXPECT_EQ(cut.Counts(false), (GrpcCounts{1, 3, true, {}}));
  EXPECT_EQ(cut.Counts(true), (GrpcCounts{1, 3, false, {}}));
}

TEST(Http2Grpc, APayloadThatWasNotCopiedIsCountedByItsPrefix) {
  Wire wire;
  wire.Feed(kC2s, ClientStart() + Headers(Grpc()) + FrameHead(FrameType::kData, kEndStream, 1, 1005) + Prefix(1000));
  wire.Gap(kC2s, 1000);
  const Message& end = wire.messages().back();
  EXPECT_EQ(end.grpc, (GrpcCounts{1, 1000, true, {}}));
  EXPECT_EQ(end.body_length, 1005U);
}

}  // namespace
}  // namespace wirespan::testing::h2
