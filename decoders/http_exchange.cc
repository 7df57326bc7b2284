#include "decoders/http_exchange.h"

#include <array>

#include "decoders/http_characters.h"
#include "decoders/http_semantics.h"
#include "decoders/http_target.h"

namespace wirespan::decoders {
namespace {

std::string_view Scheme(const HttpExchange& exchange, const Target& target, const Forwarded& forwarded,
                        const ExchangeContext& context) {
  if (!forwarded.scheme.empty()) return forwarded.scheme;
  for (const std::string_view said : {target.scheme, exchange.scheme}) {
    if (EqualsIgnoringCase(said, "https")) return "https";
    if (EqualsIgnoringCase(said, "http")) return "http";
  }
  return context.is_encrypted ? "https" : "http";
}

uint16_t DefaultPort(std::string_view scheme) { return scheme == "https" ? 443 : 80; }

// True: something was cut.
bool DescribeServer(const HttpExchange& exchange, const Target& target, const ExchangeContext& context, AttributeSink& sink) {
  if (!target.path.empty()) sink.String(semconv::kUrlPath, target.path);
  const bool cut = GiveQuery(target, context, sink);
  // From one client that asks for paths and not through a proxy, all else is what these say.
  const std::array<std::string_view, 3> inputs = {exchange.host, exchange.user_agent, exchange.scheme};
  const bool is_usual = target.form == TargetForm::kOrigin && !exchange.forwarded.any();
  if (is_usual && sink.Repeat(inputs)) return cut;
  const Forwarded forwarded = ReadForwarded(exchange.forwarded);
  sink.String(semconv::kUrlScheme, Scheme(exchange, target, forwarded, context));
  // RFC 9112 3.2.2: an absolute-form target replaces the Host field.
  std::optional<Authority> host = forwarded.host;
  if (!host) host = target.authority ? target.authority : ParseAuthority(exchange.host);
  if (host) {
    GiveServer(host->host, host->port, sink);
  } else {
    GiveServer(context.local_address, context.local_port, sink);
  }
  const std::string_view client = forwarded.client.empty() ? context.peer_address : forwarded.client;
  if (!client.empty()) sink.String(semconv::kClientAddress, client);
  GiveUserAgent(exchange.user_agent, sink);
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

bool DescribeClient(const HttpExchange& exchange, const Target& target, const ExchangeContext& context, AttributeSink& sink) {
  const std::string_view scheme = Scheme(exchange, target, Forwarded{}, context);
  std::optional<Authority> host = target.authority;
  const bool has_own_host = target.form == TargetForm::kAbsolute || target.form == TargetForm::kAuthority;
  if (!has_own_host) host = ParseAuthority(exchange.host);
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

}  // namespace

void Describe(const HttpExchange& exchange, const ExchangeContext& context, AttributeSink& sink, Description& out) {
  out.Clear();
  GiveMethod(exchange.method, sink, out);
  bool cut = exchange.truncated;
  if (!exchange.target.empty()) {
    const Target target = ParseTarget(exchange.target, exchange.target_is_authority);
    const bool is_server = context.side == SpanSide::kServer;
    const bool own_cut =
        is_server ? DescribeServer(exchange, target, context, sink) : DescribeClient(exchange, target, context, sink);
    cut = cut || own_cut;
  }
  const bool status_fails = IsErrorStatus(exchange.status, context.side);
  GiveOutcome(exchange.status, status_fails ? std::string_view{} : exchange.failure, exchange.missing, context.side, sink, out);
  if (!exchange.version.empty()) sink.String(semconv::kNetworkProtocolVersion, exchange.version);
  if (exchange.request_body) sink.Int(semconv::kHttpRequestBodySize, static_cast<int64_t>(*exchange.request_body));
  if (exchange.response_body) sink.Int(semconv::kHttpResponseBodySize, static_cast<int64_t>(*exchange.response_body));
  if (cut) sink.Bool(semconv::kWirespanTruncated, true);
}

}  // namespace wirespan::decoders
