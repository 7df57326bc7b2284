// http1::Describe: the HTTP semantic conventions for both ends, redaction, forwarding headers, and what went wrong.
#include <gtest/gtest.h>

#include <map>

#include "decoders/http1/span.h"
#include "decoders/http_target.h"
#include "tests/unit/decoders/harness.h"

namespace wirespan::testing {
namespace {

using decoders::ExchangeContext;
using decoders::ExchangeEnd;
using decoders::SpanSide;
using decoders::SpanStatus;
using decoders::http1::Message;

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
};

// Describes what `request` and `response` decode to; empty: not seen.
Told Tell(const std::string& request, const std::string& response, ExchangeContext context = {}) {
  Wire wire;
  wire.Feed(kC2s, request);
  wire.Feed(kS2c, response);
  wire.Close(kC2s);
  wire.Close(kS2c);
  const Message* seen_request = nullptr;
  const Message* seen_response = nullptr;
  for (const Message& message : wire.messages()) (message.is_request ? seen_request : seen_response) = &message;
  Told told;
  Sink sink;
  decoders::http1::Describe(seen_request, seen_response, context, sink, told.description);
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

const std::string kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

std::string Get(const std::string& target, const std::string& fields = "Host: h:81\r\n") {
  return "GET " + target + " HTTP/1.1\r\n" + fields + "\r\n";
}

TEST(Http1Span, ServerSide) {
  const Told told =
      Tell("POST /a/b?x=1&y=&flag HTTP/1.1\r\nHost: shop.example:8443\r\nUser-Agent: ua/1\r\nContent-Length: 3\r\n\r\nabc", kOk,
           Side(SpanSide::kServer));
  EXPECT_EQ(told.description.name, "POST");
  EXPECT_EQ(told.description.status, SpanStatus::kUnset);
  EXPECT_EQ(told.attributes, (Attributes{{"http.request.method", "POST"},
                                         {"url.path", "/a/b"},
                                         {"url.query", "x=REDACTED&y=&flag"},
                                         {"url.scheme", "http"},
                                         {"server.address", "shop.example"},
                                         {"server.port", "8443"},
                                         {"client.address", "10.0.0.2"},
                                         {"user_agent.original", "ua/1"},
                                         {"http.response.status_code", "200"},
                                         {"network.protocol.version", "1.1"},
                                         {"http.request.body.size", "3"},
                                         {"http.response.body.size", "2"}}));
}

TEST(Http1Span, ClientSide) {
  const Told told =
      Tell("GET /a?t=s#frag HTTP/1.1\r\nHost: [2001:db8::1]:81\r\nUser-Agent: ua\r\n\r\n", kOk, Side(SpanSide::kClient));
  EXPECT_EQ(told.attributes, (Attributes{{"http.request.method", "GET"},
                                         {"url.full", "http://[2001:db8::1]:81/a?t=REDACTED"},
                                         {"server.address", "2001:db8::1"},
                                         {"server.port", "81"},
                                         {"http.response.status_code", "200"},
                                         {"network.protocol.version", "1.1"},
                                         {"http.response.body.size", "2"}}));
}

TEST(Http1Span, UnknownMethodsDoNotNameSpans) {
  for (const std::string method : {"get", "GeT", "FROB", "M-SEARCH"}) {
    const Told told = Tell(method + " / HTTP/1.1\r\n\r\n", kOk);
    EXPECT_EQ(told.description.name, "HTTP");
    EXPECT_EQ(told.attributes.at("http.request.method"), "_OTHER");
    EXPECT_EQ(told.attributes.at("http.request.method_original"), method);
  }
  EXPECT_EQ(Tell("QUERY / HTTP/1.1\r\n\r\n", kOk).description.name, "QUERY");
}

TEST(Http1Span, StatusDecidesErrorBySide) {
  struct Case {
    int status;
    bool server_error;
    bool client_error;
  };
  for (const Case c : {Case{204, false, false}, Case{302, false, false}, Case{404, false, true}, Case{499, false, true},
                       Case{500, true, true}, Case{503, true, true}, Case{999, true, true}}) {
    for (const SpanSide side : {SpanSide::kServer, SpanSide::kClient}) {
      const std::string code = std::to_string(c.status);
      const Told told = Tell(Get("/"), "HTTP/1.1 " + code + " x\r\nContent-Length: 0\r\n\r\n", Side(side));
      const bool error = side == SpanSide::kServer ? c.server_error : c.client_error;
      EXPECT_EQ(told.description.status == SpanStatus::kError, error) << code;
      EXPECT_EQ(told.description.error_type, error ? code : "") << code;
      EXPECT_EQ(told.attributes.count("error.type"), error ? 1U : 0U) << code;
      EXPECT_EQ(told.attributes.at("http.response.status_code"), code);
    }
  }
}

TEST(Http1Span, EndsThatAreFailuresAndEndsThatOnlyWereNotSeen) {
  struct Case {
    ExchangeEnd end;
    bool is_error;
  };
  for (const Case c :
       {Case{ExchangeEnd::kNoResponse, true}, Case{ExchangeEnd::kConnectionReset, true}, Case{ExchangeEnd::kProcessExited, true},
        Case{ExchangeEnd::kResponseCut, true}, Case{ExchangeEnd::kRequestNotSeen, false},
        Case{ExchangeEnd::kResponseNotSeen, false}, Case{ExchangeEnd::kAgentStopped, false}}) {
    const Told told = Tell(Get("/"), "", Side(SpanSide::kServer, c.end));
    EXPECT_EQ(told.attributes.at("wirespan.incomplete"), decoders::Name(c.end));
    EXPECT_EQ(told.description.status, c.is_error ? SpanStatus::kError : SpanStatus::kUnset);
    EXPECT_EQ(told.description.error_type, c.is_error ? decoders::Name(c.end) : "");
    EXPECT_EQ(told.attributes.count("http.response.status_code"), 0U);
  }
}

TEST(Http1Span, AResponseThatWasCutKeepsItsStatusAndSaysSo) {
  const Told told = Tell(Get("/"), "HTTP/1.1 201 Created\r\nContent-Length: 9\r\n\r\nabc", Side(SpanSide::kServer));
  EXPECT_EQ(told.attributes.at("http.response.status_code"), "201");
  EXPECT_EQ(told.attributes.at("error.type"), "response_cut");
  EXPECT_EQ(told.attributes.at("wirespan.incomplete"), "response_cut");
  EXPECT_EQ(told.attributes.count("http.response.body.size"), 0U);
}

TEST(Http1Span, AStatusThatIsAnErrorOutranksTheEnd) {
  const Told told = Tell(Get("/"), "HTTP/1.1 500 E\r\nContent-Length: 9\r\n\r\nabc", Side(SpanSide::kServer));
  EXPECT_EQ(told.description.error_type, "500");
  EXPECT_EQ(told.attributes.at("wirespan.incomplete"), "response_cut");
}

TEST(Http1Span, ARequestThatWasNotSeen) {
  const Told told = Tell("", kOk, Side(SpanSide::kServer, ExchangeEnd::kRequestNotSeen));
  EXPECT_EQ(told.description.name, "HTTP");
  EXPECT_EQ(told.attributes.count("http.request.method"), 0U);
  EXPECT_EQ(told.attributes.at("wirespan.incomplete"), "request_not_seen");
  decoders::Description description;
  Sink sink;
  decoders::http1::Describe(nullptr, nullptr, Side(SpanSide::kClient, ExchangeEnd::kAgentStopped), sink, description);
  EXPECT_EQ(sink.attributes, (Attributes{{"wirespan.incomplete", "agent_stopped"}}));
}

TEST(Http1Span, TruncatedHeadsSaySo) {
  const Told told = Tell(Get("/", "Host: h\r\nBig: " + std::string(70000, 'x') + "\r\n"), kOk);
  EXPECT_EQ(told.attributes.at("wirespan.truncated"), "true");
  EXPECT_EQ(Tell(Get("/?q=1&" + std::string(5000, 'k') + "=v"), kOk).attributes.at("wirespan.truncated"), "true");
  EXPECT_EQ(Tell(Get("/"), kOk).attributes.count("wirespan.truncated"), 0U);
}

TEST(Http1Span, QueriesAreRedactedByDefault) {
  const auto query = [](const std::string& text, bool keep) {
    ExchangeContext context;
    context.keep_query_values = keep;
    return Tell(Get("/?" + text), kOk, context).attributes.at("url.query");
  };
  EXPECT_EQ(query("a=1&b=2;c=3", false), "a=REDACTED&b=REDACTED");
  EXPECT_EQ(query("", false), "");
  EXPECT_EQ(query("&&a=&=x&", false), "&&a=&=REDACTED&");
  EXPECT_EQ(query("debug&eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.sig", false), "debug&REDACTED");
  EXPECT_EQ(query("a%20b", false), "REDACTED");
  EXPECT_EQ(query("a=1&sig=s3cr3t&Sig=kept", true), "a=1&sig=REDACTED&Sig=kept");
  EXPECT_EQ(query("a=1;sig=s3cr3t", true), "a=1;sig=REDACTED");
  EXPECT_EQ(query("%73ig=s3cr3t", true), "%73ig=REDACTED");
  for (const std::string key : {"X-Amz-Signature", "X-Amz-Credential", "X-Amz-Security-Token", "AWSAccessKeyId", "Signature",
                                "sig", "X-Goog-Signature"}) {
    EXPECT_EQ(query(key + "=s3cr3t", true), key + "=REDACTED");
  }
}

TEST(Http1Span, UrlFullHidesCredentials) {
  const auto full = [](const std::string& target) { return Tell(Get(target), kOk, Side(SpanSide::kClient)).attributes; };
  EXPECT_EQ(full("http://user:pass@h.example/p?q=v").at("url.full"), "http://REDACTED:REDACTED@h.example/p?q=REDACTED");
  EXPECT_EQ(full("http://user:pass@h.example/p?q=v").at("server.port"), "80");
  EXPECT_EQ(full("https://h.example").at("url.full"), "https://h.example/");
  EXPECT_EQ(full("https://h.example").at("server.port"), "443");
  EXPECT_EQ(full("*").at("url.full"), "http://h:81");
  EXPECT_EQ(full("http://a:b@@h/").count("url.full"), 0U);
}

TEST(Http1Span, ServerAddressComesFromTheFarthestPlaceThatNamesIt) {
  const auto server = [](const std::string& target, const std::string& fields) {
    const Attributes attributes = Tell(Get(target, fields), kOk, Side(SpanSide::kServer)).attributes;
    const auto port = attributes.find("server.port");
    return attributes.at("server.address") + (port == attributes.end() ? "" : " " + port->second);
  };
  EXPECT_EQ(server("/", "Host: h\r\n"), "h");
  EXPECT_EQ(server("/", "Host: 192.0.2.1:9000\r\n"), "192.0.2.1 9000");
  EXPECT_EQ(server("/", ""), "10.0.0.1 8080");
  EXPECT_EQ(server("/", "Host: a b\r\n"), "10.0.0.1 8080");
  EXPECT_EQ(server("/", "Host: h:99999\r\n"), "10.0.0.1 8080");
  EXPECT_EQ(server("http://t:82/", "Host: h\r\n"), "t 82");
  EXPECT_EQ(server("/", "Host: h\r\nX-Forwarded-Host: x:1, y\r\n"), "x 1");
  EXPECT_EQ(server("/", "Host: h\r\nX-Forwarded-Host: x\r\nForwarded: for=1.2.3.4;host=\"f:2\";proto=https, host=z\r\n"), "f 2");
  EXPECT_EQ(server("/", "Host: h\r\nForwarded: host=\"bad host\"\r\nX-Forwarded-Host: x\r\n"), "x");
}

TEST(Http1Span, SchemeAndClientComeFromProxiesOnlyInAProperForm) {
  const auto told = [](const std::string& fields) { return Tell(Get("/", fields), kOk, Side(SpanSide::kServer)).attributes; };
  EXPECT_EQ(told("X-Forwarded-Proto: HTTPS\r\n").at("url.scheme"), "https");
  EXPECT_EQ(told("Forwarded: proto=https\r\nX-Forwarded-Proto: http\r\n").at("url.scheme"), "https");
  EXPECT_EQ(told("X-Forwarded-Proto: javascript\r\n").at("url.scheme"), "http");
  EXPECT_EQ(told("X-Forwarded-For: 203.0.113.9, 10.0.0.3\r\n").at("client.address"), "203.0.113.9");
  EXPECT_EQ(told("X-Forwarded-For: 203.0.113.9:443\r\n").at("client.address"), "203.0.113.9");
  EXPECT_EQ(told("X-Forwarded-For: 2001:db8::9\r\n").at("client.address"), "2001:db8::9");
  EXPECT_EQ(told("Forwarded: For=\"[2001:db8::7]:80\"\r\nX-Forwarded-For: 1.1.1.1\r\n").at("client.address"), "2001:db8::7");
  EXPECT_EQ(told("Forwarded: for=_hidden\r\n").at("client.address"), "10.0.0.2");
  EXPECT_EQ(told("Forwarded: for=unknown\r\nX-Forwarded-For: 1.1.1.1\r\n").at("client.address"), "1.1.1.1");
  EXPECT_EQ(told("X-Forwarded-For: <script>\r\n").at("client.address"), "10.0.0.2");
  EXPECT_EQ(told("X-Forwarded-For: " + std::string(5000, '1') + "\r\n").at("client.address"), "10.0.0.2");
  // A client does not know what proxies say to servers.
  EXPECT_EQ(Tell(Get("/", "Host: h\r\nX-Forwarded-Host: x\r\nX-Forwarded-Proto: https\r\n"), kOk, Side(SpanSide::kClient))
                .attributes.at("url.full"),
            "http://h/");
}

TEST(Http1Span, EncryptedConnectionsAreHttps) {
  ExchangeContext context = Side(SpanSide::kClient);
  context.is_encrypted = true;
  const Attributes attributes = Tell(Get("/", "Host: h\r\n"), kOk, context).attributes;
  EXPECT_EQ(attributes.at("url.full"), "https://h/");
  EXPECT_EQ(attributes.at("server.port"), "40000");  // the port it connected to
}

TEST(Http1Span, ClientWithoutHostNamesThePeer) {
  const Attributes attributes = Tell("GET /p HTTP/1.0\r\n\r\n", kOk, Side(SpanSide::kClient)).attributes;
  EXPECT_EQ(attributes.at("url.full"), "http://10.0.0.2:40000/p");
  EXPECT_EQ(attributes.at("server.address"), "10.0.0.2");
  EXPECT_EQ(attributes.at("network.protocol.version"), "1.0");
  ExchangeContext unix_socket = Side(SpanSide::kClient);
  unix_socket.peer_address = "/run/app.sock";
  unix_socket.peer_port = 0;
  const Attributes local = Tell("GET /p HTTP/1.0\r\n\r\n", kOk, unix_socket).attributes;
  EXPECT_EQ(local.count("url.full"), 0U);
  EXPECT_EQ(local.at("server.address"), "/run/app.sock");
  EXPECT_EQ(local.count("server.port"), 0U);
}

TEST(Http1Span, ConnectNamesItsTargetAndHasNoUrl) {
  const Attributes attributes =
      Tell("CONNECT far.example:443 HTTP/1.1\r\nHost: proxy\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n", Side(SpanSide::kClient))
          .attributes;
  EXPECT_EQ(attributes.at("server.address"), "far.example");
  EXPECT_EQ(attributes.at("server.port"), "443");
  EXPECT_EQ(attributes.count("url.full"), 0U);
}

TEST(Http1Span, FoldedUserAgentsAreOneLine) {
  EXPECT_EQ(Tell(Get("/", "User-Agent: a\r\n b\r\n"), kOk).attributes.at("user_agent.original"), "a   b");
}

TEST(Http1Target, AuthoritiesOfOddFormAreRefused) {
  using decoders::ParseAuthority;
  for (const std::string_view bad : {"", ":80", "@", "a:b@@h:1", "h:0", "h:65536", "h:1x", "h ost", "h;x", "h=x", "[::1",
                                     "[::1]x", "[zz]", "[::1]:x", "h/x", "\x01", "h:80:80"}) {
    EXPECT_FALSE(ParseAuthority(bad).has_value()) << bad;
  }
  EXPECT_EQ(ParseAuthority("u:p@h:8")->host, "h");
  EXPECT_EQ(ParseAuthority("h:")->port, 0);
  EXPECT_FALSE(ParseAuthority(std::string(256, 'h')).has_value());
}

TEST(Http1Target, NumericAddresses) {
  using decoders::IsIpv4;
  using decoders::IsIpv6;
  for (const std::string_view good : {"0.0.0.0", "255.255.255.255", "10.1.2.3"}) EXPECT_TRUE(IsIpv4(good)) << good;
  for (const std::string_view bad :
       {"", "1.2.3", "1.2.3.4.5", "256.1.1.1", "01.2.3.4", "1.2.3.4 ", "1..2.3", "-1.2.3.4", "1.2.3."}) {
    EXPECT_FALSE(IsIpv4(bad)) << bad;
  }
  for (const std::string_view good :
       {"::", "::1", "1::", "2001:db8::1", "1:2:3:4:5:6:7:8", "::ffff:1.2.3.4", "1:2:3:4:5:6:1.2.3.4"}) {
    EXPECT_TRUE(IsIpv6(good)) << good;
  }
  for (const std::string_view bad : {"", ":", ":::", "1", "1:2", "12345::", "1::2::3", "1:2:3:4:5:6:7:8:9",
                                     "1:2:3:4:5:6:7:", "g::", "::1.2.3", "1:2:3:4:5:6:7:1.2.3.4"}) {
    EXPECT_FALSE(IsIpv6(bad)) << bad;
  }
}

}  // namespace
}  // namespace wirespan::testing
