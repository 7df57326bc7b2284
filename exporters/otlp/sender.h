// Sender: delivers one encoded request through all its retries, and says what became of it. Send is called by one thread,
// Shutdown by any.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "exporters/otlp/gzip.h"
#include "exporters/otlp/options.h"
#include "exporters/otlp/transport.h"
#include "exporters/span_exporter.h"

namespace wirespan::exporters::otlp {

class Sender {
 public:
  using Clock = std::chrono::steady_clock;
  Sender(const OtlpOptions& options, std::unique_ptr<Transport> transport);

  // Adds what became of `items` items in `body` to `outcome`; each is counted once.
  void Send(std::string_view body, uint64_t items, ExportOutcome& outcome);

  // A wait before a retry ends now, a running attempt by `deadline`.
  void Shutdown(Clock::time_point deadline);

 private:
  // False: Shutdown was called.
  bool WaitBeforeRetry(Milliseconds wait);
  bool is_shut_down();
  std::string_view Compress(std::string_view body, bool& is_gzip);

  const bool gzip_;
  const std::function<void(const std::string&)> on_retry_;
  bool outage_told_ = false;
  const RetryOptions retry_;
  const std::unique_ptr<Transport> transport_;
  GzipEncoder gzip_encoder_;
  std::string compressed_;
  uint64_t seed_;
  std::mutex mutex_;
  std::condition_variable stopped_;
  bool shut_down_ = false;
};

}  // namespace wirespan::exporters::otlp
