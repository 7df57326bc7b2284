// Transport: one attempt to deliver one encoded request. Send is called by one thread; Interrupt by any thread.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "exporters/otlp/options.h"

namespace wirespan::exporters::otlp {

struct Attempt {
  enum class Result : uint8_t {
    kDelivered,    // the server took it, but for `rejected` items
    kRetry,        // it may be sent again, after `server_minimum` if that is given
    kRefused,      // it must not be sent again
    kInterrupted,  // Interrupt's deadline came
  };
  Result result = Result::kRefused;
  int64_t rejected = 0;
  std::optional<Milliseconds> server_minimum;
  std::string message;  // one line; also for kDelivered where the server said something
};

class Transport {
 public:
  using Clock = std::chrono::steady_clock;
  virtual ~Transport() = default;
  // Takes at most the attempt time-out of the options, and ends by the deadline of Interrupt.
  virtual Attempt Send(std::string_view body, bool is_gzip) = 0;
  // A running Send, and every later one, ends by `deadline`.
  virtual void Interrupt(Clock::time_point deadline) = 0;
  // True: Send compresses by itself, `is_gzip` is never given.
  virtual bool compresses() const = 0;
};

ValueOr<std::unique_ptr<Transport>> NewHttpTransport(const OtlpOptions& options);
ValueOr<std::unique_ptr<Transport>> NewGrpcTransport(const OtlpOptions& options);

// A deadline that another thread may bring forward.
class StopDeadline {
 public:
  using Clock = std::chrono::steady_clock;
  void Set(Clock::time_point deadline) { ticks_.store(deadline.time_since_epoch().count()); }
  bool is_set() const { return ticks_.load() != kNone; }
  Clock::time_point get() const { return Clock::time_point(Clock::duration(ticks_.load())); }

 private:
  static constexpr Clock::rep kNone = Clock::duration::max().count();
  std::atomic<Clock::rep> ticks_{kNone};
};

std::string UserAgent(const OtlpOptions& options);  // "wirespan/1.2.3 OTel-OTLP-Exporter-Cpp/1.2.3"

}  // namespace wirespan::exporters::otlp
