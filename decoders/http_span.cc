#include "decoders/http_span.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "decoders/http_characters.h"
#include "decoders/http_target.h"

namespace wirespan::decoders::http {
namespace {

constexpr std::array<std::string_view, 10> kKnownMethods = {"CONNECT", "DELETE", "GET", "HEAD",  "OPTIONS",
                                                            "PATCH",   "POST",   "PUT", "TRACE", "QUERY"};
constexpr std::string_view kOtherMethod = "_OTHER";

void DescribeMethod(std::string_view method, AttributeSink& sink, Description& out) {
  out.name = "HTTP";
  if (method.empty()) return;
  if (std::find(kKnownMethods.begin(), kKnownMethods.end(), method) != kKnownMethods.end()) {
    out.name = method;
    sink.String(semconv::kHttpRequestMethod, method);
    return;
  }
  sink.String(semconv::kHttpRequestMethod, kOtherMethod);
  sink.String(semconv::kHttpRequestMethodOriginal, method);
}

std::string_view Scheme(const Exchange& exchange, const Target& target, const Forwarded& forwarded,
                        const ExchangeContext& context) {
  if (!forwarded.scheme.empty()) return forwarded.scheme;
  for (const std::string_view said : {target.scheme, exchange.scheme}) {
    if (EqualsIgnoringCase(said, "https")) return "https";
    if (EqualsIgnoringCase(said, "http")) return "http";
  }
  return context.is_encrypted ? "https" : "http";
}

uint16_t DefaultPort(std::string_view scheme) { return scheme == "https" ? 443 : 80; }

// Values may be folded over lines (RFC 9112 5.2): the folds become spaces.
void GiveUserAgent(std::string_view value, AttributeSink& sink) {
  if (value.empty()) return;
  if (value.find_first_of("\r\n") == std::string_view::npos) return sink.String(semconv::kUserAgentOriginal, value);
  BoundedText unfolded;
  for (const char c : value.substr(0, 1024)) unfolded.Append(c == '\r' || c == '\n' ? ' ' : c);
  sink.String(semconv::kUserAgentOriginal, unfolded.view());
}

// True: something was cut.
bool DescribeServer(const Exchange& exchange, const Target& target, const ExchangeContext& context, AttributeSink& sink) {
  const Forwarded forwarded = ReadForwarded(exchange.forwarded);
  bool cut = false;
  if (!target.path.empty()) sink.String(semconv::kUrlPath, target.path);
  if (target.has_query) {
    BoundedText query;
    AppendRedactedQuery(target.query, context.keep_query_values, query);
    sink.String(semconv::kUrlQuery, query.view());
    cut = query.cut();
  }
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

bool DescribeClient(const Exchange& exchange, const Target& target, const ExchangeContext& context, AttributeSink& sink) {
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

void DescribeOutcome(const Exchange& exchange, SpanSide side, AttributeSink& sink, Description& out) {
  const uint16_t first_error = side == SpanSide::kServer ? 500 : 400;
  if (exchange.status != 0) sink.Int(semconv::kHttpResponseStatusCode, exchange.status);
  if (exchange.status >= first_error) {
    std::array<char, 5> digits;
    const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), exchange.status);
    out.error_type.assign(digits.data(), end);
  } else {
    out.error_type = exchange.failure;
  }
  GiveError(sink, out);
  if (!exchange.missing.empty()) sink.String(semconv::kWirespanIncomplete, exchange.missing);
}

}  // namespace

std::string_view Missing(const Part& request, const Part& response, ExchangeEnd end) {
  if (end != ExchangeEnd::kComplete) return Name(end);
  if (!request.seen || request.incomplete == Incomplete::kGap) return Name(ExchangeEnd::kRequestNotSeen);
  if (!response.seen || response.incomplete == Incomplete::kGap) return Name(ExchangeEnd::kResponseNotSeen);
  if (response.incomplete == Incomplete::kClosed) return Name(ExchangeEnd::kResponseCut);
  return request.incomplete == Incomplete::kClosed ? "request_cut" : "";
}

std::string_view FailureOf(std::string_view missing) {
  const bool fails = missing == Name(ExchangeEnd::kNoResponse) || missing == Name(ExchangeEnd::kConnectionReset) ||
                     missing == Name(ExchangeEnd::kResponseCut) || missing == Name(ExchangeEnd::kProcessExited);
  return fails ? missing : std::string_view{};
}

void GiveServer(std::string_view address, uint16_t port, AttributeSink& sink) {
  if (address.empty()) return;
  sink.String(semconv::kServerAddress, address);
  if (port != 0) sink.Int(semconv::kServerPort, port);
}

void GiveError(AttributeSink& sink, Description& out) {
  if (out.error_type.empty()) return;
  out.status = SpanStatus::kError;
  sink.String(semconv::kErrorType, out.error_type);
}

void Describe(const Exchange& exchange, const ExchangeContext& context, AttributeSink& sink, Description& out) {
  out.Clear();
  DescribeMethod(exchange.method, sink, out);
  bool cut = exchange.truncated;
  if (!exchange.target.empty()) {
    const Target target = ParseTarget(exchange.target, exchange.target_is_authority);
    const bool is_server = context.side == SpanSide::kServer;
    const bool own_cut =
        is_server ? DescribeServer(exchange, target, context, sink) : DescribeClient(exchange, target, context, sink);
    cut = cut || own_cut;
  }
  DescribeOutcome(exchange, context.side, sink, out);
  if (!exchange.version.empty()) sink.String(semconv::kNetworkProtocolVersion, exchange.version);
  if (exchange.request_body) sink.Int(semconv::kHttpRequestBodySize, static_cast<int64_t>(*exchange.request_body));
  if (exchange.response_body) sink.Int(semconv::kHttpResponseBodySize, static_cast<int64_t>(*exchange.response_body));
  if (cut) sink.Bool(semconv::kWirespanTruncated, true);
}

}  // namespace wirespan::decoders::http
