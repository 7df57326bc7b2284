#include "decoders/http1/span.h"

#include <array>
#include <optional>

#include "decoders/http_characters.h"
#include "decoders/http_forwarded.h"
#include "decoders/http_semantics.h"
#include "decoders/http_target.h"

namespace wirespan::decoders::http1 {
namespace {

std::string_view Scheme(const Target& target, const Forwarded& forwarded, const ExchangeContext& context) {
  if (!forwarded.scheme.empty()) return forwarded.scheme;
  if (EqualsIgnoringCase(target.scheme, "https")) return "https";
  if (EqualsIgnoringCase(target.scheme, "http")) return "http";
  return context.is_encrypted ? "https" : "http";
}

uint16_t DefaultPort(std::string_view scheme) { return scheme == "https" ? 443 : 80; }

bool MayBeForwarded(const Message& request) {
  return request.MayHave("forwarded") || request.MayHave("x-forwarded-for") || request.MayHave("x-forwarded-host") ||
         request.MayHave("x-forwarded-proto");
}

// True: something was cut.
bool DescribeServer(const Message& request, const Target& target, const ExchangeContext& context, AttributeSink& sink) {
  if (!target.path.empty()) sink.String(semconv::kUrlPath, target.path);
  const bool cut = GiveQuery(target, context, sink);
  // From one client that asks for paths and not through a proxy, all else is what these two say.
  const std::array<std::string_view, 2> inputs = {request.Header("host"), request.Header("user-agent")};
  const bool is_usual = target.form == TargetForm::kOrigin && !MayBeForwarded(request);
  if (is_usual && sink.Repeat(inputs)) return cut;
  const Forwarded forwarded = ReadForwarded({request.Header("forwarded"), request.Header("x-forwarded-for"),
                                             request.Header("x-forwarded-host"), request.Header("x-forwarded-proto")});
  sink.String(semconv::kUrlScheme, Scheme(target, forwarded, context));
  // RFC 9112 3.2.2: an absolute-form target replaces the Host field.
  std::optional<Authority> host = forwarded.host;
  if (!host) host = target.authority ? target.authority : ParseAuthority(inputs[0]);
  if (host) {
    GiveServer(host->host, host->port, sink);
  } else {
    GiveServer(context.local_address, context.local_port, sink);
  }
  const std::string_view client = forwarded.client.empty() ? context.peer_address : forwarded.client;
  if (!client.empty()) sink.String(semconv::kClientAddress, client);
  GiveUserAgent(inputs[1], sink);
  if (is_usual) sink.Remember();
  return cut;
}

void AppendHost(const Authority& host, BoundedText& url) {
  if (host.has_userinfo) url.Append("REDACTED:REDACTED@");
  if (host.is_ipv6) url.Append('[');
  url.Append(host.host);
  if (host.is_ipv6) url.Append(']');
  if (host.port == 0) return;
  url.Append(':');
  url.AppendNumber(host.port);
}

bool DescribeClient(const Message& request, const Target& target, const ExchangeContext& context, AttributeSink& sink) {
  const std::string_view scheme = Scheme(target, Forwarded{}, context);
  std::optional<Authority> host = target.authority;
  const bool has_own_host = target.form == TargetForm::kAbsolute || target.form == TargetForm::kAuthority;
  if (!has_own_host) host = ParseAuthority(request.Header("host"));
  bool given = host.has_value();
  if (!host && !has_own_host && !context.peer_address.empty()) {
    host = Authority{context.peer_address, context.peer_port, context.peer_address.find(':') != std::string_view::npos, false};
    given = context.peer_port != 0;  // the path of a unix socket is no host of a URL
  }
  if (!host) return false;
  bool cut = false;
  if (given && target.form != TargetForm::kAuthority) {
    BoundedText url;
    url.Append(scheme);
    url.Append("://");
    AppendHost(*host, url);
    if (target.form != TargetForm::kAsterisk) {
      if (!target.path.starts_with('/')) url.Append('/');
      url.Append(target.path);
    }
    if (target.has_query) {
      url.Append('?');
      AppendRedactedQuery(target.query, context.keep_query_values, url);
    }
    sink.String(semconv::kUrlFull, url.view());
    cut = url.cut();
  }
  // A client that names no port uses the scheme's; without a proxy that is the one it connected to.
  uint16_t port = host->port;
  if (port == 0 && !has_own_host) port = context.peer_port;
  if (port == 0 && given) port = DefaultPort(scheme);
  GiveServer(host->host, port, sink);
  return cut;
}

void DescribeVersion(const Message* request, const Message* response, AttributeSink& sink) {
  const bool by_request = request != nullptr && request->has_start_line;
  const Message& message = by_request ? *request : response != nullptr ? *response : *request;
  if (!message.has_start_line) return;
  const std::array<char, 3> version = {'1', '.', static_cast<char>('0' + message.minor_version % 10)};
  sink.String(semconv::kNetworkProtocolVersion, std::string_view(version.data(), version.size()));
}

void DescribeBody(const Message* message, bool may_have_body, const AttributeName& name, AttributeSink& sink) {
  if (message == nullptr || !message->complete() || message->body_length_unknown || !may_have_body) return;
  const bool has_body = message->has_content_length || message->chunked || message->body_length > 0;
  if (has_body) sink.Int(name, static_cast<int64_t>(message->body_length));
}

Incomplete StateOf(const Message* message) { return message == nullptr ? Incomplete::kGap : message->incomplete; }

}  // namespace

void Describe(const Message* request, const Message* response, const ExchangeContext& context, AttributeSink& sink,
              Description& out) {
  out.Clear();
  GiveMethod(request != nullptr ? request->method() : std::string_view{}, sink, out);
  bool cut = (request != nullptr && request->truncated) || (response != nullptr && response->truncated);
  if (request != nullptr && !request->target().empty()) {
    const Target target = ParseTarget(request->target(), request->method() == "CONNECT");
    const bool is_server = context.side == SpanSide::kServer;
    const bool own_cut =
        is_server ? DescribeServer(*request, target, context, sink) : DescribeClient(*request, target, context, sink);
    cut = cut || own_cut;
  }
  const uint16_t status = response != nullptr ? response->status : uint16_t{0};
  GiveOutcome(status, {}, MissingOf(StateOf(request), StateOf(response), context.end), context.side, sink, out);
  if (request != nullptr || response != nullptr) DescribeVersion(request, response, sink);
  const bool head = request != nullptr && request->method() == "HEAD";
  DescribeBody(request, true, semconv::kHttpRequestBodySize, sink);
  DescribeBody(response, !head && status != 204 && status != 304, semconv::kHttpResponseBodySize, sink);
  if (cut) sink.Bool(semconv::kWirespanTruncated, true);
}

}  // namespace wirespan::decoders::http1
