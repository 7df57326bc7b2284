#include "decoders/fastcgi/span.h"

#include <charconv>
#include <optional>

#include "decoders/http_characters.h"
#include "decoders/http_forwarded.h"
#include "decoders/http_semantics.h"
#include "decoders/http_target.h"

namespace wirespan::decoders::fastcgi {
namespace {

// RFC 3875 has no variable for the URL as it was sent; servers send REQUEST_URI beside what it defines, which is split and
// decoded. True: something was cut.
bool GiveUrl(const Message& request, const ExchangeContext& context, AttributeSink& sink) {
  const std::string_view uri = request.Get(Parameter::kRequestUri);
  Target target;
  BoundedText path;
  if (!uri.empty()) {
    target = ParseTarget(uri, request.method() == "CONNECT");
    path.Append(target.path);
  } else {
    target.query = request.Get(Parameter::kQueryString);
    target.has_query = !target.query.empty();
    path.Append(request.Get(Parameter::kScriptName));
    path.Append(request.Get(Parameter::kPathInfo));
    if (path.view().empty()) path.Append(request.Get(Parameter::kDocumentUri));
  }
  if (!path.view().empty()) sink.String(semconv::kUrlPath, path.view());
  return GiveQuery(target, context, sink) || path.cut();
}

// HTTPS is set where the web server's client came over TLS, and else is empty, "off", or not there.
std::string_view Scheme(const Message& request, const Forwarded& forwarded) {
  if (!forwarded.scheme.empty()) return forwarded.scheme;
  const std::string_view scheme = request.Get(Parameter::kRequestScheme);
  if (scheme == "http" || scheme == "https") return scheme == "https" ? "https" : "http";
  const std::string_view https = request.Get(Parameter::kHttps);
  return https.empty() || EqualsIgnoringCase(https, "off") ? "http" : "https";
}

uint16_t PortOf(std::string_view text) {
  uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc{} && end == text.data() + text.size() ? port : uint16_t{0};
}

// The server as the web server's client named it; else as the web server names itself.
void GiveLogicalServer(const Message& request, const Forwarded& forwarded, const ExchangeContext& context, AttributeSink& sink) {
  std::optional<Authority> host = forwarded.host;
  if (!host) host = ParseAuthority(request.Get(Parameter::kHost));
  if (host) return GiveServer(host->host, host->port, sink);
  for (const Parameter parameter : {Parameter::kServerName, Parameter::kServerAddr}) {
    const std::string_view name = request.Get(parameter);
    if (name.empty() || name == "_") continue;  // nginx's name of a server that has none
    return GiveServer(name, PortOf(request.Get(Parameter::kServerPort)), sink);
  }
  GiveServer(context.local_address, context.local_port, sink);
}

void GiveClientAddress(const Message& request, const Forwarded& forwarded, const ExchangeContext& context, AttributeSink& sink) {
  std::string_view client = forwarded.client;
  const std::string_view remote = request.Get(Parameter::kRemoteAddr);
  if (client.empty() && (IsIpv4(remote) || IsIpv6(remote))) client = remote;
  if (client.empty()) client = context.peer_address;
  if (!client.empty()) sink.String(semconv::kClientAddress, client);
}

bool DescribeRequest(const Message& request, const ExchangeContext& context, AttributeSink& sink) {
  const Forwarded forwarded = ReadForwarded({request.Get(Parameter::kForwarded), request.Get(Parameter::kXForwardedFor),
                                             request.Get(Parameter::kXForwardedHost), request.Get(Parameter::kXForwardedProto)});
  const bool cut = GiveUrl(request, context, sink);
  sink.String(semconv::kUrlScheme, Scheme(request, forwarded));
  if (context.side == SpanSide::kServer) {
    GiveLogicalServer(request, forwarded, context, sink);
    GiveClientAddress(request, forwarded, context, sink);
    GiveUserAgent(request.Get(Parameter::kUserAgent), sink);
  } else {
    // The URL names the web server, which is this span's client: its server is the other end of the connection.
    GiveServer(context.peer_address, context.peer_port, sink);
  }
  if (request.role == Role::kAuthorizer) sink.String(semconv::kWirespanFastcgiRole, "authorizer");
  if (request.role == Role::kFilter) sink.String(semconv::kWirespanFastcgiRole, "filter");
  return cut;
}

// What the server says it could not do; empty: it did.
std::string_view FailureOf(const Message* response) {
  if (response == nullptr || !response->ended) return {};
  switch (response->protocol_status) {
    case ProtocolStatus::kRequestComplete:
      return {};
    case ProtocolStatus::kCantMultiplex:
      return "cant_multiplex";
    case ProtocolStatus::kOverloaded:
      return "overloaded";
    case ProtocolStatus::kUnknownRole:
      return "unknown_role";
  }
  return "unknown_protocol_status";
}

void GiveBodies(const Message* request, const Message* response, AttributeSink& sink) {
  if (request != nullptr && request->complete() && request->content_length > 0) {
    sink.Int(semconv::kHttpRequestBodySize, static_cast<int64_t>(request->content_length & INT64_MAX));
  }
  const bool head = request != nullptr && request->method() == "HEAD";
  if (response == nullptr || !response->complete() || response->body_length_unknown || head) return;
  if (response->body_length > 0) sink.Int(semconv::kHttpResponseBodySize, static_cast<int64_t>(response->body_length));
}

Incomplete StateOf(const Message* message) { return message == nullptr ? Incomplete::kGap : message->incomplete; }

}  // namespace

void Describe(const Message* request, const Message* response, const ExchangeContext& context, AttributeSink& sink,
              Description& out) {
  out.Clear();
  GiveMethod(request != nullptr ? request->method() : std::string_view{}, sink, out);
  bool cut = (request != nullptr && request->truncated) || (response != nullptr && response->truncated);
  if (request != nullptr) {
    const bool own_cut = DescribeRequest(*request, context, sink);
    cut = cut || own_cut;
  }
  const uint16_t status = response != nullptr ? response->status_code : uint16_t{0};
  GiveOutcome(status, FailureOf(response), MissingOf(StateOf(request), StateOf(response), context.end), context.side, sink, out);
  sink.String(semconv::kNetworkProtocolName, "fastcgi");
  GiveBodies(request, response, sink);
  if (cut) sink.Bool(semconv::kWirespanTruncated, true);
}

}  // namespace wirespan::decoders::fastcgi
