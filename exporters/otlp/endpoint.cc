#include "exporters/otlp/endpoint.h"

#include <algorithm>
#include <optional>

#include "exporters/joined.h"

namespace wirespan::exporters::otlp {
namespace {

struct Url {
  std::string_view scheme;  // empty: none
  std::string_view host;    // with brackets where it is an IPv6 address
  std::string_view port;    // empty: none
  std::string_view path;    // empty or from '/'
};

bool IsOneOf(char c, std::string_view set) { return set.find(c) != std::string_view::npos; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

std::string Lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

// What may be shown of an endpoint: nothing that could be a password, nothing that breaks the line.
std::string Shown(std::string_view text) {
  if (const size_t at = text.rfind('@'); at != std::string_view::npos)
    return Joined({"(credentials)@", Shown(text.substr(at + 1))});
  std::string out(text.substr(0, 200));
  std::replace_if(
      out.begin(), out.end(), [](char c) { return c < 0x20 || c == 0x7f; }, '?');
  return out;
}

bool IsHost(std::string_view host) {
  if (host.empty() || host.size() > 255) return false;
  if (host.front() == '[') {
    return host.size() > 3 && host.back() == ']' &&
           std::all_of(host.begin() + 1, host.end() - 1, [](char c) { return IsDigit(c) || IsLetter(c) || IsOneOf(c, ":.%"); });
  }
  return std::all_of(host.begin(), host.end(), [](char c) { return IsDigit(c) || IsLetter(c) || IsOneOf(c, ".-_"); });
}

bool IsPort(std::string_view port) {
  if (port.empty() || port.size() > 5 || !std::all_of(port.begin(), port.end(), IsDigit)) return false;
  unsigned value = 0;
  for (const char c : port) value = value * 10 + static_cast<unsigned>(c - '0');
  return value >= 1 && value <= 65'535;
}

// Why `text` is no URL that can be used; nullopt: it is, and `out` is set.
std::optional<std::string_view> Split(std::string_view text, Url& out) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) <= 0x20 || c == 0x7f) return "it has a space or control character in it";
  }
  if (const size_t end = text.find("://"); end != std::string_view::npos) {
    out.scheme = text.substr(0, end);
    text.remove_prefix(end + 3);
  }
  if (const size_t query = text.find_first_of("?#"); query != std::string_view::npos) return "it has a query or fragment";
  const size_t slash = text.find('/');
  std::string_view authority = text.substr(0, slash);
  if (slash != std::string_view::npos) out.path = text.substr(slash);
  if (authority.find('@') != std::string_view::npos) {
    return "it has a user name in it; give credentials in OTEL_EXPORTER_OTLP_HEADERS";
  }
  const size_t bracket = authority.rfind(']');
  const size_t colon = authority.find(':', bracket == std::string_view::npos ? 0 : bracket);
  out.host = authority.substr(0, colon);
  if (colon != std::string_view::npos) {
    out.port = authority.substr(colon + 1);
    if (!IsPort(out.port)) return "its port is not a number from 1 to 65535";
  }
  if (!IsHost(out.host)) return out.host.empty() ? "it has no host" : "its host is not a name or address";
  return std::nullopt;
}

std::string_view SignalPath(Signal signal) { return signal == Signal::kTraces ? "v1/traces" : "v1/metrics"; }

std::string_view VariableName(Signal signal, bool specific) {
  if (!specific) return "OTEL_EXPORTER_OTLP_ENDPOINT";
  return signal == Signal::kTraces ? "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT" : "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT";
}

ValueOr<Endpoint> ResolveHttp(const EndpointInputs& inputs, std::string_view text, bool specific, const std::string& what) {
  if (text.empty()) return Endpoint{Joined({"http://localhost:4318/", SignalPath(inputs.signal)}), false};
  Url url;
  const auto problem = Split(text, url);
  const std::string scheme = Lower(url.scheme);
  if (problem) return Failure{Joined({what, ": ", *problem})};
  if (scheme.empty())
    return Failure{Joined({what, " needs a scheme for ", Name(inputs.protocol), ", e.g. http://", Shown(text)})};
  if (scheme != "http" && scheme != "https") return Failure{what + ": its scheme is not http or https"};
  Endpoint out;
  out.tls = scheme == "https";
  out.target = Joined({scheme, "://", url.host, url.port.empty() ? "" : ":", url.port, url.path.empty() ? "/" : url.path});
  if (!specific) {
    if (out.target.back() != '/') out.target += '/';
    out.target += SignalPath(inputs.signal);
  }
  return out;
}

ValueOr<Endpoint> ResolveGrpc(const EndpointInputs& inputs, std::string_view text, const std::string& what) {
  if (text.empty()) return Endpoint{"localhost:4317", false};
  if (text.starts_with("unix:")) {
    const std::string_view path = text.substr(text.starts_with("unix://") ? 7 : 5);
    if (path.empty() || path.front() != '/') return Failure{what + ": a unix endpoint is unix: and an absolute path"};
    return Endpoint{Joined({"unix:", path}), false};
  }
  Url url;
  const auto problem = Split(text, url);
  if (problem) return Failure{Joined({what, ": ", *problem})};
  const std::string scheme = Lower(url.scheme);
  if (!scheme.empty() && scheme != "http" && scheme != "https") return Failure{what + ": its scheme is not http, https or unix"};
  if (!url.path.empty() && url.path != "/") {
    return Failure{Joined({what, ": gRPC has no path; use protocol http/protobuf or leave out ", Shown(url.path)})};
  }
  Endpoint out;
  out.tls = scheme.empty() ? !inputs.insecure : scheme == "https";
  const std::string_view default_port = scheme.empty() ? "4317" : (out.tls ? "443" : "80");
  out.target = Joined({url.host, ":", url.port.empty() ? default_port : url.port});
  return out;
}

}  // namespace

std::string_view Name(Protocol protocol) {
  switch (protocol) {
    case Protocol::kGrpc:
      return "grpc";
    case Protocol::kHttpProtobuf:
      return "http/protobuf";
    case Protocol::kHttpJson:
      return "http/json";
  }
  return "";
}

ValueOr<Endpoint> ResolveEndpoint(const EndpointInputs& inputs) {
  const bool specific = !inputs.specific.empty();
  const std::string_view text = specific ? inputs.specific : inputs.base;
  const std::string what = Joined({"OTLP endpoint ", VariableName(inputs.signal, specific), "=", Shown(text)});
  return inputs.protocol == Protocol::kGrpc ? ResolveGrpc(inputs, text, what) : ResolveHttp(inputs, text, specific, what);
}

}  // namespace wirespan::exporters::otlp
