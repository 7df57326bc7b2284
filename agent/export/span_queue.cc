#include "agent/export/span_queue.h"

#include <algorithm>
#include <utility>

namespace wirespan::exporting {
namespace {

constexpr size_t kMaxSpareChunks = 4;  // memory kept for the next burst

}  // namespace

std::string_view Name(QueueDrop drop) {
  switch (drop) {
    case QueueDrop::kSpans:
      return "queue_full_spans";
    case QueueDrop::kBytes:
      return "queue_full_bytes";
    case QueueDrop::kClosed:
      return "queue_closed";
  }
  return "";
}

size_t SpanBytes(const exporters::Span& span) {
  return sizeof(exporters::Span) + span.name.size() + span.trace_state.size() + span.status_message.size() +
         span.attributes.wire().size();
}

SpanQueue::SpanQueue(SpanQueueLimits limits) : limits_(limits) {}

SpanQueue::Chunk& SpanQueue::Tail(Clock::time_point now) {
  if (!chunks_.empty() && chunks_.back()->batch.size < limits_.batch_spans) return *chunks_.back();
  if (spares_.empty()) {
    chunks_.push_back(std::make_unique<Chunk>());
  } else {
    chunks_.push_back(std::move(spares_.back()));
    spares_.pop_back();
  }
  Chunk& tail = *chunks_.back();
  tail.batch.Clear();
  tail.bytes = 0;
  tail.first_put = now;
  return tail;
}

// Counts `span` in or out; `store` moves or copies it to the end of the batch it is given.
template <typename Store>
void SpanQueue::PutOne(const exporters::Span& span, Clock::time_point now, const Store& store) {
  ++counts_.offered;
  const size_t bytes = SpanBytes(span);
  const auto drop = [this](QueueDrop reason) { ++counts_.dropped[static_cast<size_t>(reason)]; };
  if (closed_) return drop(QueueDrop::kClosed);
  if (counts_.held >= limits_.max_spans) return drop(QueueDrop::kSpans);
  if (counts_.held_bytes + bytes > limits_.max_bytes) return drop(QueueDrop::kBytes);
  Chunk& tail = Tail(now);
  store(tail.batch);
  tail.bytes += bytes;
  ++counts_.held;
  counts_.held_bytes += bytes;
}

// A taker that waits has seen the queue empty, or its oldest batch open; it is woken when that changes.
template <typename PutAll>
void SpanQueue::PutUnderLock(const PutAll& put_all) {
  const auto has_whole_batch = [this] { return !chunks_.empty() && chunks_.front()->batch.size >= limits_.batch_spans; };
  bool wakes = false;
  {
    const std::lock_guard lock(mutex_);
    const bool was_empty = chunks_.empty();
    const bool had_whole_batch = has_whole_batch();
    put_all(Clock::now());
    wakes = was_empty ? !chunks_.empty() : !had_whole_batch && has_whole_batch();
    counts_.wakes += wakes ? 1 : 0;
  }
  if (wakes) ready_.notify_one();
}

void SpanQueue::Put(exporters::SpanBatch& batch) {
  if (batch.size == 0) return;
  PutUnderLock([&](Clock::time_point now) {
    for (size_t i = 0; i < batch.size; ++i) {
      exporters::SpanBox& span = batch.spans.box(i);
      PutOne(*span, now, [&span](exporters::SpanBatch& tail) { tail.Take(span); });
    }
  });
  batch.Clear();
}

void SpanQueue::PutCopy(const exporters::SpanBatch& batch) {
  if (batch.size == 0) return;
  PutUnderLock([&](Clock::time_point now) {
    for (size_t i = 0; i < batch.size; ++i) {
      const exporters::Span& span = batch.spans[i];
      PutOne(span, now, [&span](exporters::SpanBatch& tail) { tail.Add() = span; });
    }
  });
}

bool SpanQueue::IsReady(std::chrono::milliseconds delay, Clock::time_point now) const {
  if (chunks_.empty()) return closed_;
  const Chunk& oldest = *chunks_.front();
  return closed_ || oldest.batch.size >= limits_.batch_spans || now >= oldest.first_put + delay;
}

bool SpanQueue::Take(exporters::SpanBatch& out, std::chrono::milliseconds delay, Clock::time_point until) {
  std::unique_lock lock(mutex_);
  for (auto now = Clock::now(); !IsReady(delay, now); now = Clock::now()) {
    if (now >= until) return false;
    const auto due = chunks_.empty() ? until : std::min(until, chunks_.front()->first_put + delay);
    ready_.wait_until(lock, due);
  }
  if (chunks_.empty()) return false;
  std::unique_ptr<Chunk> chunk = std::move(chunks_.front());
  chunks_.pop_front();
  std::swap(out, chunk->batch);
  counts_.held -= out.size;
  counts_.held_bytes -= chunk->bytes;
  counts_.taken += out.size;
  if (spares_.size() < kMaxSpareChunks) spares_.push_back(std::move(chunk));
  return true;
}

void SpanQueue::Close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  ready_.notify_all();
}

bool SpanQueue::closed_and_empty() const {
  const std::lock_guard lock(mutex_);
  return closed_ && chunks_.empty();
}

SpanQueueCounts SpanQueue::counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

}  // namespace wirespan::exporting
