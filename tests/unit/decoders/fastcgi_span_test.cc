// fastcgi::Describe: what the HTTP semantic conventions say of both ends, redaction, forwarding headers, and what went wrong.
#include <gtest/gtest.h>

#include <map>

#include "decoders/fastcgi/span.h"
#include "tests/unit/decoders/fastcgi_records.h"

namespace wirespan::testing {
namespace {

using decoders::ExchangeContext;
using decoders::ExchangeEnd;
using decoders::SpanSide;
using decoders::SpanStatus;
using decoders::fastcgi::Message;

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
  std::string Of(const std::string& name) const {
    const auto found = attributes.find(name);
    return found == attributes.end() ? "(absent)" : found->second;
  }
};

// Describes what `request` and `response` decode to; empty: not seen.
Told Tell(const std::string& request, const std::string& response, ExchangeContext context = {}) {
  FastCgiWire wire;
  wire.Feed(kC2s, request);
  wire.Feed(kS2c, response);
  wire.Close(kC2s);
  wire.Close(kS2c);
  const Message* seen_request = nullptr;
  const Message* seen_response = nullptr;
  for (const Message& message : wire.messages()) (message.is_request ? seen_request : seen_response) = &message;
  Told told;
  Sink sink;
  decoders::fastcgi::Describe(seen_request, seen_response, context, sink, told.description);
  told.attributes = sink.attributes;
  return told;
}

ExchangeContext Side(SpanSide side, ExchangeEnd end = ExchangeEnd::kComplete) {
  ExchangeContext context;
  context.side = side;
  context.end = end;
  (side == SpanSide::kServer ? context.local_address : context.peer_address) = "/run/php.sock";
  return context;
}

const std::string kOk = Response(1, "Content-type: text/plain\r\n\r\nok");
const Pairs kParameters = {{"QUERY_STRING", "x=1&y="},
                           {"REQUEST_METHOD", "POST"},
                           {"CONTENT_LENGTH", "3"},
                           {"SCRIPT_NAME", "/index.php"},
                           {"REQUEST_URI", "/a/b?x=1&y="},
                           {"REQUEST_SCHEME", "https"},
                           {"HTTPS", "on"},
                           {"REMOTE_ADDR", "192.0.2.9"},
                           {"SERVER_ADDR", "10.0.0.1"},
                           {"SERVER_PORT", "443"},
                           {"SERVER_NAME", "www"},
                           {"HTTP_HOST", "shop.example:8443"},
                           {"HTTP_USER_AGENT", "ua/1"},
                           {"HTTP_COOKIE", "a=secret"},
                           {"HTTP_AUTHORIZATION", "secret"}};

Told Server(const Pairs& pairs, const std::string& response = kOk) {
  return Tell(Request(1, pairs), response, Side(SpanSide::kServer));
}

TEST(FastCgiSpan, ServerSide) {
  const Told told = Tell(Request(1, kParameters, "abc"), kOk, Side(SpanSide::kServer));
  EXPECT_EQ(told.description.name, "POST");
  EXPECT_EQ(told.description.status, SpanStatus::kUnset);
  EXPECT_EQ(told.attributes, (Attributes{{"http.request.method", "POST"},
                                         {"url.path", "/a/b"},
                                         {"url.query", "x=REDACTED&y="},
                                         {"url.scheme", "https"},
                                         {"server.address", "shop.example"},
                                         {"server.port", "8443"},
                                         {"client.address", "192.0.2.9"},
                                         {"user_agent.original", "ua/1"},
                                         {"http.response.status_code", "200"},
                                         {"network.protocol.name", "fastcgi"},
                                         {"http.request.body.size", "3"},
                                         {"http.response.body.size", "2"}}));
}

TEST(FastCgiSpan, ClientSideNamesTheFastCgiServerAndNoUrl) {
  const Told told = Tell(Request(1, kParameters, "abc"), kOk, Side(SpanSide::kClient));
  EXPECT_EQ(told.description.name, "POST");
  EXPECT_EQ(told.attributes, (Attributes{{"http.request.method", "POST"},
                                         {"url.path", "/a/b"},
                                         {"url.query", "x=REDACTED&y="},
                                         {"url.scheme", "https"},
                                         {"server.address", "/run/php.sock"},
                                         {"http.response.status_code", "200"},
                                         {"network.protocol.name", "fastcgi"},
                                         {"http.request.body.size", "3"},
                                         {"http.response.body.size", "2"}}));
}

TEST(FastCgiSpan, WithoutARequestUriThePathIsPutTogether) {
  Told told =
      Server({{"REQUEST_METHOD", "GET"}, {"SCRIPT_NAME", "/app.php"}, {"PATH_INFO", "/users/7"}, {"QUERY_STRING", "k=v"}});
  EXPECT_EQ(told.Of("url.path"), "/app.php/users/7");
  EXPECT_EQ(told.Of("url.query"), "k=REDACTED");
  told = Server({{"REQUEST_METHOD", "GET"}, {"DOCUMENT_URI", "/doc"}, {"QUERY_STRING", ""}});
  EXPECT_EQ(told.Of("url.path"), "/doc");
  EXPECT_EQ(told.Of("url.query"), "(absent)");
  EXPECT_EQ(Server({{"REQUEST_METHOD", "GET"}}).Of("url.path"), "(absent)");
}

TEST(FastCgiSpan, AnAbsoluteUriGivesItsPath) {
  const Told told = Server({{"REQUEST_METHOD", "GET"}, {"REQUEST_URI", "http://h/p?sig=1"}});
  EXPECT_EQ(told.Of("url.path"), "/p");
  EXPECT_EQ(told.Of("url.query"), "sig=REDACTED");
}

TEST(FastCgiSpan, TheServerIsTheOneThatWasAskedFor) {
  EXPECT_EQ(Server({{"HTTP_X_FORWARDED_HOST", "front.example"}, {"HTTP_HOST", "back"}}).Of("server.address"), "front.example");
  const Told named = Server({{"SERVER_NAME", "www"}, {"SERVER_PORT", "81"}});
  EXPECT_EQ(named.Of("server.address"), "www");
  EXPECT_EQ(named.Of("server.port"), "81");
  EXPECT_EQ(Server({{"SERVER_NAME", "_"}, {"SERVER_ADDR", "10.0.0.1"}}).Of("server.address"), "10.0.0.1");
  EXPECT_EQ(Server({}).Of("server.address"), "/run/php.sock");
  EXPECT_EQ(Server({{"SERVER_NAME", "www"}, {"SERVER_PORT", "x"}}).Of("server.port"), "(absent)");
}

TEST(FastCgiSpan, TheClientIsTheWebServersClient) {
  EXPECT_EQ(Server({{"HTTP_X_FORWARDED_FOR", "198.51.100.7, 10.0.0.1"}, {"REMOTE_ADDR", "10.0.0.1"}}).Of("client.address"),
            "198.51.100.7");
  EXPECT_EQ(Server({{"REMOTE_ADDR", "2001:db8::1"}}).Of("client.address"), "2001:db8::1");
  EXPECT_EQ(Server({{"REMOTE_ADDR", "unix:"}}).Of("client.address"), "(absent)");
}

TEST(FastCgiSpan, Schemes) {
  EXPECT_EQ(Server({}).Of("url.scheme"), "http");
  EXPECT_EQ(Server({{"HTTPS", "on"}}).Of("url.scheme"), "https");
  EXPECT_EQ(Server({{"HTTPS", "off"}}).Of("url.scheme"), "http");
  EXPECT_EQ(Server({{"HTTP_X_FORWARDED_PROTO", "https"}, {"REQUEST_SCHEME", "http"}}).Of("url.scheme"), "https");
  EXPECT_EQ(Server({{"REQUEST_SCHEME", "gopher"}}).Of("url.scheme"), "http");
}

TEST(FastCgiSpan, StatusesAreErrorsAsInHttp) {
  const auto of = [](SpanSide side, const std::string& status) {
    return Tell(Request(1, {{"REQUEST_METHOD", "GET"}}), Response(1, "Status: " + status + "\r\n\r\n"), Side(side));
  };
  EXPECT_EQ(of(SpanSide::kServer, "404 Not Found").description.status, SpanStatus::kUnset);
  EXPECT_EQ(of(SpanSide::kClient, "404 Not Found").Of("error.type"), "404");
  const Told told = of(SpanSide::kServer, "500 Internal Server Error");
  EXPECT_EQ(told.description.status, SpanStatus::kError);
  EXPECT_EQ(told.Of("error.type"), "500");
  EXPECT_EQ(told.Of("http.response.status_code"), "500");
}

TEST(FastCgiSpan, RefusalsAreErrors) {
  for (const auto& [code, name] :
       {std::pair(1, "cant_multiplex"), {2, "overloaded"}, {3, "unknown_role"}, {77, "unknown_protocol_status"}}) {
    const Told told = Server({{"REQUEST_METHOD", "GET"}}, EndRequest(1, 0, code));
    EXPECT_EQ(told.Of("error.type"), name);
    EXPECT_EQ(told.description.status, SpanStatus::kError);
    EXPECT_EQ(told.Of("http.response.status_code"), "(absent)");
  }
}

TEST(FastCgiSpan, OddMethodsKeepTheNameLow) {
  Told told = Server({{"REQUEST_METHOD", "FROB"}});
  EXPECT_EQ(told.description.name, "HTTP");
  EXPECT_EQ(told.Of("http.request.method"), "_OTHER");
  EXPECT_EQ(told.Of("http.request.method_original"), "FROB");
  told = Server({{"REQUEST_METHOD", "GET"}, {"REQUEST_METHOD", "POST"}});
  EXPECT_EQ(told.Of("http.request.method"), "(absent)") << "sent twice, readers differ";
}

TEST(FastCgiSpan, RolesOtherThanTheUsualAreSaid) {
  const auto of = [](int role) {
    return Tell(BeginRequest(1, role) + Params(1, {{"REQUEST_METHOD", "GET"}}) + Stdin(1, ""), kOk, Side(SpanSide::kServer));
  };
  EXPECT_EQ(of(1).Of("wirespan.fastcgi.role"), "(absent)");
  EXPECT_EQ(of(2).Of("wirespan.fastcgi.role"), "authorizer");
  EXPECT_EQ(of(3).Of("wirespan.fastcgi.role"), "filter");
}

TEST(FastCgiSpan, AHeadRequestHasNoBodySize) {
  EXPECT_EQ(Server({{"REQUEST_METHOD", "HEAD"}}).Of("http.response.body.size"), "(absent)");
}

TEST(FastCgiSpan, WhatIsMissingIsSaid) {
  const std::string request = Request(1, kParameters, "abc");
  for (const ExchangeEnd end : {ExchangeEnd::kNoResponse, ExchangeEnd::kConnectionReset, ExchangeEnd::kProcessExited}) {
    const Told told = Tell(request, "", Side(SpanSide::kServer, end));
    EXPECT_EQ(told.Of("wirespan.incomplete"), Name(end));
    EXPECT_EQ(told.Of("error.type"), Name(end));
  }
  EXPECT_EQ(Tell(request, "", Side(SpanSide::kServer, ExchangeEnd::kAgentStopped)).Of("error.type"), "(absent)");
  const Told cut = Tell(request, Stdout(1, "Status: 200\r\n\r\nbeginning"), Side(SpanSide::kServer));
  EXPECT_EQ(cut.Of("wirespan.incomplete"), "response_cut");
  EXPECT_EQ(cut.Of("http.response.body.size"), "(absent)");
  const Told unseen = Tell("", kOk, Side(SpanSide::kServer));
  EXPECT_EQ(unseen.Of("wirespan.incomplete"), "request_not_seen");
  EXPECT_EQ(unseen.description.name, "HTTP");
}

TEST(FastCgiSpan, CutPartsAreSaid) {
  const Told told = Server({{"REQUEST_METHOD", "GET"}, {"HTTP_HOST", std::string(9000, 'h')}});
  EXPECT_EQ(told.Of("wirespan.truncated"), "true");
  EXPECT_EQ(told.Of("server.address"), "/run/php.sock");
}

}  // namespace
}  // namespace wirespan::testing
