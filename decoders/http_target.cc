#include "decoders/http_target.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "decoders/http_characters.h"

namespace wirespan::decoders {
namespace {

constexpr size_t kMaxHostBytes = 255;
constexpr size_t kMaxSchemeBytes = 32;
constexpr size_t kMaxBareKeyBytes = 24;

// semantic-conventions 1.44, docs/http/http-spans.md: case-sensitive.
constexpr std::array<std::string_view, 7> kSecretKeys = {
    "X-Amz-Signature", "X-Amz-Credential", "X-Amz-Security-Token", "AWSAccessKeyId", "Signature", "sig", "X-Goog-Signature"};

std::optional<uint16_t> ParsePort(std::string_view text) {
  uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc{} || end != text.data() + text.size() || port == 0) return std::nullopt;
  return port;
}

size_t HostLength(std::string_view text) {
  size_t length = 0;
  while (length < text.size() && Is(kHostChar, text[length])) ++length;
  return length;
}

bool IsScheme(std::string_view text) {
  if (text.empty() || text.size() > kMaxSchemeBytes || !IsAlpha(text.front())) return false;
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return IsAlpha(c) || IsDigit(c) || c == '+' || c == '-' || c == '.'; });
}

void SplitQuery(std::string_view text, Target& target) {
  text = text.substr(0, text.find('#'));
  const size_t mark = text.find('?');
  target.path = text.substr(0, mark);
  target.has_query = mark != std::string_view::npos;
  if (target.has_query) target.query = text.substr(mark + 1);
}

// Whether a key, its percent-encoding taken off, is `name`.
bool KeyIs(std::string_view key, std::string_view name) {
  size_t matched = 0;
  for (size_t i = 0; i < key.size(); ++i, ++matched) {
    char c = key[i];
    if (c == '%' && i + 2 < key.size() && Is(kHexChar, key[i + 1]) && Is(kHexChar, key[i + 2])) {
      c = static_cast<char>(HexValue(key[i + 1]) * 16 + HexValue(key[i + 2]));
      i += 2;
    }
    if (matched == name.size() || c != name[matched]) return false;
  }
  return matched == name.size();
}

bool IsSecret(std::string_view key) {
  return std::any_of(kSecretKeys.begin(), kSecretKeys.end(), [&](std::string_view name) { return KeyIs(key, name); });
}

bool IsBareKey(std::string_view element) {
  return element.size() <= kMaxBareKeyBytes && std::all_of(element.begin(), element.end(), [](char c) {
           return IsAlpha(c) || IsDigit(c) || c == '_' || c == '-' || c == '.' || c == '[' || c == ']';
         });
}

void AppendElement(std::string_view element, bool keep_values, BoundedText& out) {
  const size_t equals = element.find('=');
  const std::string_view key = element.substr(0, equals);
  if (equals == std::string_view::npos) return out.Append(keep_values || IsBareKey(element) ? element : kRedacted);
  if (keep_values && !IsSecret(key)) return out.Append(element);
  out.Append(key);
  out.Append('=');
  if (equals + 1 < element.size()) out.Append(kRedacted);
}

}  // namespace

std::optional<Authority> ParseAuthority(std::string_view text) {
  Authority authority;
  size_t end = HostLength(text);
  // Only where there is more than a name and a port can there be user information.
  if (const size_t at = end == text.size() ? std::string_view::npos : text.find('@'); at != std::string_view::npos) {
    authority.has_userinfo = true;
    text.remove_prefix(at + 1);
    end = HostLength(text);
  }
  if (text.starts_with('[')) {
    const size_t bracket = text.find(']');
    if (bracket == std::string_view::npos) return std::nullopt;
    authority.host = text.substr(1, bracket - 1);
    authority.is_ipv6 = true;
    text.remove_prefix(bracket + 1);
    if (!IsIpv6(authority.host) || (!text.empty() && text.front() != ':')) return std::nullopt;
    end = 0;
  } else {
    authority.host = text.substr(0, end);
    if (end == 0 || end > kMaxHostBytes || (end < text.size() && text[end] != ':')) return std::nullopt;
  }
  if (text.size() - end <= 1) return authority;  // no port, or an empty one
  const std::optional<uint16_t> port = ParsePort(text.substr(end + 1));
  if (!port) return std::nullopt;
  authority.port = *port;
  return authority;
}

Target ParseTarget(std::string_view text, bool is_connect) {
  Target target;
  if (is_connect) {
    target.form = TargetForm::kAuthority;
    target.authority = ParseAuthority(text);
    if (target.authority && target.authority->port == 0) target.authority.reset();
    return target;
  }
  if (text == "*") {
    target.form = TargetForm::kAsterisk;
    target.path = text;
    return target;
  }
  const size_t scheme_end = text.starts_with('/') ? std::string_view::npos : text.find("://");
  if (scheme_end == std::string_view::npos || !IsScheme(text.substr(0, scheme_end))) {
    target.form = text.starts_with('/') ? TargetForm::kOrigin : TargetForm::kOther;
    SplitQuery(text, target);
    return target;
  }
  target.form = TargetForm::kAbsolute;
  target.scheme = text.substr(0, scheme_end);
  text.remove_prefix(scheme_end + 3);
  const size_t end = std::min(text.find_first_of("/?#"), text.size());
  target.authority = ParseAuthority(text.substr(0, end));
  SplitQuery(text.substr(end), target);
  if (target.path.empty()) target.path = "/";
  return target;
}

void BoundedText::AppendNumber(uint64_t number) {
  std::array<char, 20> digits;
  const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), number);
  Append(std::string_view(digits.data(), static_cast<size_t>(end - digits.data())));
}

void AppendRedactedQuery(std::string_view query, bool keep_values, BoundedText& out) {
  // Some readers separate parameters by ';' too: a secret behind one must not pass as part of another's value.
  const auto is_separator = [keep_values](char c) { return c == '&' || (keep_values && c == ';'); };
  while (!out.cut()) {
    const auto end = static_cast<size_t>(std::find_if(query.begin(), query.end(), is_separator) - query.begin());
    AppendElement(query.substr(0, end), keep_values, out);
    if (end == query.size()) return;
    out.Append(query[end]);
    query.remove_prefix(end + 1);
  }
}

bool IsIpv4(std::string_view text) {
  for (int part = 0; part < 4; ++part) {
    const size_t dot = part < 3 ? text.find('.') : text.size();
    if (dot == std::string_view::npos) return false;
    uint8_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + dot, value);
    if (error != std::errc{} || end != text.data() + dot || (dot > 1 && text.front() == '0')) return false;
    text.remove_prefix(std::min(dot + 1, text.size()));
  }
  return true;
}

bool IsIpv6(std::string_view text) {
  if (text.size() < 2 || text.size() > 45) return false;
  size_t groups = 0;
  bool compressed = false;
  size_t at = 0;
  if (text.starts_with("::")) {
    compressed = true;
    at = 2;
  }
  while (at < text.size()) {
    const size_t colon = text.find(':', at);
    const std::string_view group = text.substr(at, colon == std::string_view::npos ? colon : colon - at);
    const bool last = colon == std::string_view::npos;
    if (last && group.find('.') != std::string_view::npos) {
      groups += 2;
      return IsIpv4(group) && (compressed ? groups < 8 : groups == 8);
    }
    if (group.empty() || group.size() > 4) return false;
    if (!std::all_of(group.begin(), group.end(), [](char c) { return Is(kHexChar, c); })) return false;
    ++groups;
    if (last) break;
    at = colon + 1;
    if (at < text.size() && text[at] == ':') {
      if (compressed) return false;
      compressed = true;
      ++at;
    } else if (at == text.size()) {
      return false;
    }
  }
  return compressed ? groups < 8 : groups == 8;
}

}  // namespace wirespan::decoders
