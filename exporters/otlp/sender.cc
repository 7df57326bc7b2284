#include "exporters/otlp/sender.h"

#include <algorithm>
#include <random>

namespace wirespan::exporters::otlp {

Sender::Sender(const OtlpOptions& options, std::unique_ptr<Transport> transport)
    : gzip_(options.gzip),
      on_retry_(options.on_retry),
      retry_(options.retry),
      transport_(std::move(transport)),
      seed_(std::random_device()()) {}

std::string_view Sender::Compress(std::string_view body, bool& is_gzip) {
  is_gzip = gzip_ && !transport_->compresses() && gzip_encoder_.Encode(body, compressed_);
  return is_gzip ? std::string_view(compressed_) : body;
}

void Sender::Send(std::string_view body, uint64_t items, ExportOutcome& outcome) {
  const auto give_up = [&](std::string why) {
    outcome.gave_up += items;
    outcome.message = std::move(why);
  };
  if (body.size() > kMaxRequestBytes)
    return give_up("request of " + std::to_string(body.size()) + " bytes is over the limit of 64 MiB");
  bool is_gzip = false;
  const std::string_view wire = Compress(body, is_gzip);
  Backoff backoff(retry_, Clock::now(), seed_++);
  for (;;) {
    if (is_shut_down() && outcome.attempts > 0) return give_up("not sent: the agent is ending");
    ++outcome.attempts;
    Attempt attempt = transport_->Send(wire, is_gzip);
    switch (attempt.result) {
      case Attempt::Result::kDelivered: {
        outage_told_ = false;
        const auto rejected = std::min(items, static_cast<uint64_t>(attempt.rejected));
        outcome.accepted += items - rejected;
        outcome.rejected += rejected;
        if (!attempt.message.empty()) outcome.message = std::move(attempt.message);
        return;
      }
      case Attempt::Result::kRefused:
        outcome.rejected += items;
        outcome.message = std::move(attempt.message);
        return;
      case Attempt::Result::kInterrupted:
        return give_up(std::move(attempt.message));
      case Attempt::Result::kRetry:
        break;
    }
    const auto wait = backoff.Next(Clock::now(), attempt.server_minimum);
    if (!wait) return give_up("gave up after " + std::to_string(outcome.attempts) + " attempts: " + attempt.message);
    if (!outage_told_ && on_retry_) on_retry_(attempt.message);
    outage_told_ = true;
    if (!WaitBeforeRetry(*wait)) return give_up("gave up at the end of the agent: " + attempt.message);
  }
}

bool Sender::is_shut_down() {
  const std::lock_guard lock(mutex_);
  return shut_down_;
}

bool Sender::WaitBeforeRetry(Milliseconds wait) {
  std::unique_lock lock(mutex_);
  return !stopped_.wait_for(lock, wait, [this] { return shut_down_; });
}

void Sender::Shutdown(Clock::time_point deadline) {
  transport_->Interrupt(deadline);
  const std::lock_guard lock(mutex_);
  shut_down_ = true;
  stopped_.notify_all();
}

}  // namespace wirespan::exporters::otlp
