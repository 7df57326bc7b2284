// What is sent again, and when (opentelemetry-proto docs/specification.md, "Failures", "OTLP/gRPC Throttling", "OTLP/HTTP
// Throttling"). Pure; one object per request, used by one thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

namespace wirespan::exporters::otlp {

using Milliseconds = std::chrono::milliseconds;

struct RetryOptions {
  Milliseconds initial_backoff{1'000};
  Milliseconds max_backoff{30'000};
  double multiplier = 1.6;
  Milliseconds total{300'000};  // from the first attempt; after it the request is given up
};

bool IsRetryableHttpStatus(long status);  // 429, 502, 503, 504
// `has_retry_info`: the answer carried a google.rpc.RetryInfo, without which RESOURCE_EXHAUSTED is final.
bool IsRetryableGrpcStatus(int code, bool has_retry_info);

// Retry-After (RFC 9110 10.2.3): seconds, or an HTTP-date against `unix_now_s`. nullopt: neither.
std::optional<Milliseconds> ParseRetryAfter(std::string_view value, int64_t unix_now_s);

class Backoff {
 public:
  using Clock = std::chrono::steady_clock;
  Backoff(const RetryOptions& options, Clock::time_point first_attempt, uint64_t seed);

  // How long to wait before the next attempt; `server_minimum`: what the server asked for, waited for in full. nullopt: the total
  // time would be over by then, so give up now.
  std::optional<Milliseconds> Next(Clock::time_point now, std::optional<Milliseconds> server_minimum);

 private:
  double NextUniform();  // [0, 1)

  RetryOptions options_;
  Clock::time_point deadline_;
  double backoff_ms_;
  uint64_t random_state_;
};

}  // namespace wirespan::exporters::otlp
