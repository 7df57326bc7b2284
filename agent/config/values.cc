#include "agent/config/values.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace wirespan::config {
namespace {

constexpr size_t kMaxTextBytes = size_t{64} * 1024;
constexpr uint64_t kMaxMilliseconds = 366ULL * 24 * 3600 * 1000;

struct Unit {
  std::string_view name;
  uint64_t factor;
};
constexpr std::array<Unit, 8> kByteUnits = {{{"", 1},
                                             {"B", 1},
                                             {"KiB", 1024},
                                             {"MiB", 1024UL * 1024},
                                             {"GiB", 1024UL * 1024 * 1024},
                                             {"kB", 1000},
                                             {"MB", 1000UL * 1000},
                                             {"GB", 1000UL * 1000 * 1000}}};
constexpr std::array<Unit, 4> kTimeUnits = {{{"ms", 1}, {"s", 1000}, {"m", 60UL * 1000}, {"h", 3600UL * 1000}}};

std::string Quoted(std::string_view text) { return "'" + OneLine(text.substr(0, 100)) + (text.size() > 100 ? "...'" : "'"); }

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }

bool EqualsIgnoringCase(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return Lower(x) == Lower(y); });
}

// The digits at the beginning as a number, which they are taken off; false where there are none or they are too many.
bool TakeNumber(std::string_view& text, uint64_t& out) {
  const char* end = std::find_if_not(text.data(), text.data() + text.size(), IsDigit);
  const auto [stop, error] = std::from_chars(text.data(), end, out);
  if (stop == text.data() || error != std::errc()) return false;
  text.remove_prefix(static_cast<size_t>(stop - text.data()));
  return true;
}

std::string Range(uint64_t least, uint64_t most) { return " from " + std::to_string(least) + " to " + std::to_string(most); }

// One "12.5s" of a duration in milliseconds; false where it is none. At most three digits after the point count.
bool TakeTime(std::string_view& text, uint64_t& out) {
  uint64_t whole = 0;
  if (!TakeNumber(text, whole) || whole > kMaxMilliseconds) return false;
  uint64_t thousandths = 0;
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    if (text.empty() || !IsDigit(text[0])) return false;
    for (uint64_t place = 100; !text.empty() && IsDigit(text[0]); place /= 10, text.remove_prefix(1)) {
      thousandths += place * static_cast<uint64_t>(text[0] - '0');
    }
  }
  const auto is_letter = [](char c) { return c >= 'a' && c <= 'z'; };
  const auto end = std::find_if_not(text.begin(), text.end(), is_letter);
  const std::string_view name = text.substr(0, static_cast<size_t>(end - text.begin()));
  for (const Unit& unit : kTimeUnits) {
    if (unit.name != name) continue;
    out += whole * unit.factor + thousandths * unit.factor / 1000;
    text.remove_prefix(name.size());
    return true;
  }
  return false;
}

}  // namespace

Result<uint64_t> ParseCount(std::string_view text, uint64_t least, uint64_t most) {
  uint64_t value = 0;
  std::string_view rest = text;
  if (!TakeNumber(rest, value) || !rest.empty() || value < least || value > most) {
    return Error(Quoted(text) + " is not a number" + Range(least, most));
  }
  return value;
}

Result<uint64_t> ParseBytes(std::string_view text, uint64_t least, uint64_t most) {
  uint64_t value = 0;
  std::string_view rest = text;
  if (TakeNumber(rest, value)) {
    for (const Unit& unit : kByteUnits) {
      if (rest != unit.name || value > most / unit.factor) continue;
      if (value * unit.factor >= least) return value * unit.factor;
    }
  }
  return Error(Quoted(text) + " is not a size" + Range(least, most) + " bytes (units: KiB, MiB, GiB, kB, MB, GB)");
}

Result<std::chrono::milliseconds> ParseDuration(std::string_view text, BareNumber bare) {
  uint64_t total = 0;
  std::string_view rest = text;
  if (bare == BareNumber::kIsMilliseconds && TakeNumber(rest, total) && rest.empty()) {
    if (total != 0 && total <= kMaxMilliseconds) return std::chrono::milliseconds(total);
    rest = "out of range";
  } else {
    rest = text;
    total = 0;
    while (!rest.empty() && TakeTime(rest, total) && total <= kMaxMilliseconds) {
    }
    if (rest.empty() && total != 0 && total <= kMaxMilliseconds) return std::chrono::milliseconds(total);
  }
  return Error(Quoted(text) + " is not a time over 0 and up to a year (such as 250ms, 30s, 5m, 1h" +
               (bare == BareNumber::kIsMilliseconds ? ", or a number of milliseconds)" : ")"));
}

Result<bool> ParseBool(std::string_view text) {
  if (EqualsIgnoringCase(text, "true")) return true;
  if (EqualsIgnoringCase(text, "false")) return false;
  return Error(Quoted(text) + " is not one of true, false");
}

Result<std::string> ParseWord(std::string_view text, std::initializer_list<std::string_view> words) {
  std::string list;
  for (const std::string_view word : words) {
    if (EqualsIgnoringCase(text, word)) return std::string(word);
    list += (list.empty() ? "" : ", ") + std::string(word);
  }
  return Error(Quoted(text) + " is not one of " + list);
}

Result<status::ListenAddress> ParseListenAddress(std::string_view text) {
  const Error error(Quoted(text) + " is not HOST:PORT, as in 127.0.0.1:9464 or [::1]:9464");
  constexpr size_t kLongestHost = 253;  // RFC 1035 2.3.4
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return error;
  const Result<uint64_t> port = ParseCount(text.substr(colon + 1), 0, 65535);
  std::string_view host = text.substr(0, colon);
  const bool in_brackets = host.starts_with('[') && host.ends_with(']');
  if (in_brackets) host = host.substr(1, host.size() - 2);
  if (!port || host.empty() || host.size() > kLongestHost || (!in_brackets && host.find(':') != std::string_view::npos))
    return error;
  const bool is_plain = std::all_of(host.begin(), host.end(), [](char c) { return c > ' ' && c < 0x7f && c != '[' && c != ']'; });
  if (!is_plain) return error;
  return status::ListenAddress{std::string(host), static_cast<uint16_t>(*port)};
}

Result<std::string> ParseText(std::string_view text) {
  if (text.empty()) return Error("empty");
  if (text.size() > kMaxTextBytes) return Error("longer than 64 KiB");
  if (std::any_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; })) {
    return Error(Quoted(text) + " has a control character");
  }
  return std::string(text);
}

std::string OneLine(std::string_view text) {
  std::string line(text);
  std::replace_if(
      line.begin(), line.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, '?');
  return line;
}

std::vector<std::string> SplitList(std::string_view text) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const size_t comma = text.find(',');
    std::string_view part = text.substr(0, comma);
    text.remove_prefix(comma == std::string_view::npos ? text.size() : comma + 1);
    while (!part.empty() && (part.front() == ' ' || part.front() == '\t')) part.remove_prefix(1);
    while (!part.empty() && (part.back() == ' ' || part.back() == '\t')) part.remove_suffix(1);
    if (!part.empty()) parts.emplace_back(part);
  }
  return parts;
}

}  // namespace wirespan::config
