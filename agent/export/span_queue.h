// SpanQueue: the bounded hand-over from the thread that makes spans to the thread of one exporter. Any thread may put; one thread
// takes. Spans travel by swapping, in batches whose memory is used again. What does not fit is dropped by name and counted:
// offered = taken + held + dropped, at every moment.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

#include "exporters/span_exporter.h"

namespace wirespan::exporting {

struct SpanQueueLimits {
  size_t max_spans = 65'536;
  size_t max_bytes = 64U << 20;  // of spans as SpanBytes counts them
  size_t batch_spans = 512;      // what one Take gives at most
};

enum class QueueDrop : uint8_t { kSpans, kBytes, kClosed };
inline constexpr size_t kQueueDropCount = 3;
std::string_view Name(QueueDrop drop);  // "queue_full_spans", "queue_full_bytes", "queue_closed"

struct SpanQueueCounts {
  uint64_t offered = 0;
  uint64_t taken = 0;
  uint64_t held = 0;
  uint64_t held_bytes = 0;
  uint64_t wakes = 0;  // how often a Put woke whoever waits in Take
  uint64_t dropped[kQueueDropCount] = {};
  uint64_t dropped_total() const { return dropped[0] + dropped[1] + dropped[2]; }
};

// Memory that a queued span holds on to, near enough.
size_t SpanBytes(const exporters::Span& span);

class SpanQueue {
 public:
  using Clock = std::chrono::steady_clock;
  explicit SpanQueue(SpanQueueLimits limits);

  // Takes every span of `batch`, which comes back empty with buffers to use again. Never blocks on an exporter. Wakes the taker
  // for the first span of a batch and for a whole batch, not for each span between: what waits is taken by the clock.
  void Put(exporters::SpanBatch& batch);
  // As Put, and leaves `batch` as it was: for all but the last of several queues.
  void PutCopy(const exporters::SpanBatch& batch);

  // Waits until a whole batch is there, or `delay` after its first span was put, or the queue was closed, or `until`. Swaps the
  // oldest spans into `out`. False: there is nothing (then the queue is closed and empty, or `until` has come).
  bool Take(exporters::SpanBatch& out, std::chrono::milliseconds delay, Clock::time_point until);

  // Nothing can be put any more; what is held can still be taken, at once.
  void Close();
  bool closed_and_empty() const;

  SpanQueueCounts counts() const;

 private:
  struct Chunk {
    exporters::SpanBatch batch;
    size_t bytes = 0;
    Clock::time_point first_put;
  };

  template <typename Store>
  void PutOne(const exporters::Span& span, Clock::time_point now, const Store& store);
  Chunk& Tail(Clock::time_point now);
  template <typename PutAll>
  void PutUnderLock(const PutAll& put_all);
  bool IsReady(std::chrono::milliseconds delay, Clock::time_point now) const;

  const SpanQueueLimits limits_;
  mutable std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<std::unique_ptr<Chunk>> chunks_;  // oldest first; all but the last are full
  std::vector<std::unique_ptr<Chunk>> spares_;
  SpanQueueCounts counts_;
  bool closed_ = false;
};

}  // namespace wirespan::exporting
