#include "decoders/http_forwarded.h"

#include "decoders/http_characters.h"

namespace wirespan::decoders::http {
namespace {

constexpr size_t kMaxReadBytes = 1024;  // of a field value

// The first element of a list; a comma inside a quoted string separates nothing.
std::string_view FirstElement(std::string_view list) {
  list = list.substr(0, kMaxReadBytes);
  bool quoted = false;
  for (size_t i = 0; i < list.size(); ++i) {
    if (list[i] == '"') quoted = !quoted;
    if (list[i] == ',' && !quoted) return TrimBlanks(list.substr(0, i));
  }
  return TrimBlanks(list);
}

// A quoted string without its quotes; one with escapes is nobody's address.
std::string_view Unquoted(std::string_view text) {
  if (text.size() < 2 || text.front() != '"' || text.back() != '"') return text;
  text = text.substr(1, text.size() - 2);
  return text.find('\\') == std::string_view::npos ? text : std::string_view{};
}

// "192.0.2.1", "192.0.2.1:80", "[2001:db8::1]", "[2001:db8::1]:80" or a bare IPv6 address.
std::string_view NumericAddress(std::string_view text) {
  if (IsIpv6(text)) return text;
  const std::optional<Authority> authority = ParseAuthority(text);
  if (!authority || authority->has_userinfo) return {};
  return authority->is_ipv6 || IsIpv4(authority->host) ? authority->host : std::string_view{};
}

std::string_view Scheme(std::string_view text) {
  if (EqualsIgnoringCase(text, "http")) return "http";
  return EqualsIgnoringCase(text, "https") ? "https" : std::string_view{};
}

std::optional<Authority> Host(std::string_view text) {
  std::optional<Authority> authority = ParseAuthority(text);
  if (authority && authority->has_userinfo) authority.reset();
  return authority;
}

void ReadPair(std::string_view pair, Forwarded& out) {
  const size_t equals = pair.find('=');
  if (equals == std::string_view::npos) return;
  const std::string_view name = TrimBlanks(pair.substr(0, equals));
  const std::string_view value = Unquoted(TrimBlanks(pair.substr(equals + 1)));
  if (EqualsIgnoringCase(name, "for")) out.client = NumericAddress(value);
  if (EqualsIgnoringCase(name, "host")) out.host = Host(value);
  if (EqualsIgnoringCase(name, "proto")) out.scheme = Scheme(value);
}

void ReadElement(std::string_view element, Forwarded& out) {
  bool quoted = false;
  size_t from = 0;
  for (size_t i = 0; i <= element.size(); ++i) {
    if (i < element.size() && element[i] == '"') quoted = !quoted;
    if (i < element.size() && (element[i] != ';' || quoted)) continue;
    ReadPair(element.substr(from, i - from), out);
    from = i + 1;
  }
}

}  // namespace

Forwarded ReadForwarded(const ForwardedFields& fields) {
  Forwarded forwarded;
  ReadElement(FirstElement(fields.forwarded), forwarded);
  if (forwarded.client.empty()) forwarded.client = NumericAddress(FirstElement(fields.x_forwarded_for));
  if (!forwarded.host) forwarded.host = Host(FirstElement(fields.x_forwarded_host));
  if (forwarded.scheme.empty()) forwarded.scheme = Scheme(FirstElement(fields.x_forwarded_proto));
  return forwarded;
}

}  // namespace wirespan::decoders::http
