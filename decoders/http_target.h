// Request targets and authorities (RFC 9112 3.2, RFC 3986): split, checked, and put together again without secrets. Pure; views
// are into what was given.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>

namespace wirespan::decoders {

// host [ ":" port ], as a Host field or an authority-form target has it.
struct Authority {
  std::string_view host;  // a name, an IPv4 address, or an IPv6 address without its brackets
  uint16_t port = 0;      // 0: none given
  bool is_ipv6 = false;
  bool has_userinfo = false;
};
// nullopt: not an authority that a client could connect to (an empty or odd host, a port that is none, two '@').
std::optional<Authority> ParseAuthority(std::string_view text);

enum class TargetForm : uint8_t { kOrigin, kAbsolute, kAuthority, kAsterisk, kOther };
struct Target {
  TargetForm form = TargetForm::kOther;
  std::string_view scheme;             // kAbsolute
  std::optional<Authority> authority;  // kAbsolute, kAuthority; nullopt where it is not a valid one
  std::string_view path;               // kOrigin, kAbsolute ("/" where empty), kAsterisk; kOther: the target
  std::string_view query;              // without '?'
  bool has_query = false;
};
// A fragment, which has no place on the wire, is left out.
Target ParseTarget(std::string_view target, bool is_connect);

// A text that is put together in place, cut at its bound.
class BoundedText {
 public:
  void Append(std::string_view text) {
    const size_t room = bytes_.size() - size_;
    cut_ = cut_ || text.size() > room;
    text = text.substr(0, room);
    if (!text.empty()) std::memcpy(bytes_.data() + size_, text.data(), text.size());
    size_ += text.size();
  }
  void Append(char c) {
    if (size_ < bytes_.size()) {
      bytes_[size_++] = c;
    } else {
      cut_ = true;
    }
  }
  void AppendNumber(uint64_t number);
  std::string_view view() const { return {bytes_.data(), size_}; }
  bool cut() const { return cut_; }

 private:
  std::array<char, 4096> bytes_;
  size_t size_ = 0;
  bool cut_ = false;
};

inline constexpr std::string_view kRedacted = "REDACTED";
// The query with the values of its parameters replaced by REDACTED: all of them, or (`keep_values`) those of the keys that the
// semantic conventions name as secret. A long or odd element without '=' is taken for a value.
void AppendRedactedQuery(std::string_view query, bool keep_values, BoundedText& out);

bool IsIpv4(std::string_view text);
bool IsIpv6(std::string_view text);

}  // namespace wirespan::decoders
