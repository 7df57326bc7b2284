#include "exporters/otlp/retry_policy.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <ctime>
#include <string>

namespace wirespan::exporters::otlp {
namespace {

// google.rpc.Code
constexpr int kCancelled = 1, kDeadlineExceeded = 4, kResourceExhausted = 8, kAborted = 10, kOutOfRange = 11, kUnavailable = 14,
              kDataLoss = 15;

// IMF-fixdate, the one form that RFC 9110 5.6.7 lets senders use: "Sun, 06 Nov 1994 08:49:37 GMT".
std::optional<int64_t> ParseHttpDate(std::string_view value) {
  constexpr size_t kLength = 29;
  if (value.size() != kLength || !value.ends_with(" GMT")) return std::nullopt;
  constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto month = std::find(kMonths.begin(), kMonths.end(), value.substr(8, 3));
  if (month == kMonths.end() || value[4] != ' ' || value[19] != ':' || value[22] != ':') return std::nullopt;
  bool ok = true;
  const auto number = [&](size_t at, size_t digits) {
    int out = 0;
    for (size_t i = at; i < at + digits; ++i) {
      ok = ok && value[i] >= '0' && value[i] <= '9';
      out = out * 10 + (value[i] - '0');
    }
    return out;
  };
  std::tm time{};
  time.tm_mday = number(5, 2);
  time.tm_mon = static_cast<int>(month - kMonths.begin());
  time.tm_year = number(12, 4) - 1900;
  time.tm_hour = number(17, 2);
  time.tm_min = number(20, 2);
  time.tm_sec = number(23, 2);
  if (!ok || time.tm_mday < 1 || time.tm_mday > 31 || time.tm_hour > 23 || time.tm_min > 59 || time.tm_sec > 60)
    return std::nullopt;
  return static_cast<int64_t>(timegm(&time));
}

}  // namespace

bool IsRetryableHttpStatus(long status) { return status == 429 || status == 502 || status == 503 || status == 504; }

bool IsRetryableGrpcStatus(int code, bool has_retry_info) {
  switch (code) {
    case kCancelled:
    case kDeadlineExceeded:
    case kAborted:
    case kOutOfRange:
    case kUnavailable:
    case kDataLoss:
      return true;
    case kResourceExhausted:
      return has_retry_info;
    default:
      return false;
  }
}

std::optional<Milliseconds> ParseRetryAfter(std::string_view value, int64_t unix_now_s) {
  while (!value.empty() && (value.front() == ' ' || value.front() == '\t')) value.remove_prefix(1);
  while (!value.empty() && (value.back() == ' ' || value.back() == '\t')) value.remove_suffix(1);
  if (value.empty()) return std::nullopt;
  constexpr int64_t kMaxSeconds = 1'000'000'000;  // what is longer is given up anyway; keeps the arithmetic in range
  if (std::all_of(value.begin(), value.end(), [](char c) { return c >= '0' && c <= '9'; })) {
    int64_t seconds = 0;
    for (const char c : value) seconds = std::min(kMaxSeconds, seconds * 10 + (c - '0'));
    return Milliseconds(seconds * 1000);
  }
  const auto date = ParseHttpDate(value);
  if (!date) return std::nullopt;
  return Milliseconds(std::clamp<int64_t>(*date - unix_now_s, 0, kMaxSeconds) * 1000);
}

Backoff::Backoff(const RetryOptions& options, Clock::time_point first_attempt, uint64_t seed)
    : options_(options),
      deadline_(first_attempt + options.total),
      backoff_ms_(static_cast<double>(options.initial_backoff.count())),
      random_state_(seed) {}

// splitmix64: spreads exporters that failed together; nothing here needs to be hard to guess.
double Backoff::NextUniform() {
  random_state_ += 0x9E3779B97F4A7C15U;
  uint64_t z = random_state_;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
  return static_cast<double>((z ^ (z >> 31)) >> 11) * 0x1p-53;
}

std::optional<Milliseconds> Backoff::Next(Clock::time_point now, std::optional<Milliseconds> server_minimum) {
  const double max_ms = static_cast<double>(options_.max_backoff.count());
  double wait_ms = 0;
  if (server_minimum) {
    // At least what was asked for, then grow from it; jitter only adds.
    const double asked = static_cast<double>(server_minimum->count());
    backoff_ms_ = std::max(backoff_ms_, std::min(asked, max_ms));
    wait_ms = asked + NextUniform() * 0.2 * std::min(std::max(asked, backoff_ms_), max_ms);
  } else {
    wait_ms = backoff_ms_ * (0.5 + 0.5 * NextUniform());
  }
  backoff_ms_ = std::min(backoff_ms_ * options_.multiplier, max_ms);
  const Milliseconds wait(static_cast<int64_t>(std::ceil(wait_ms)));
  if (now + wait >= deadline_) return std::nullopt;
  return wait;
}

}  // namespace wirespan::exporters::otlp
