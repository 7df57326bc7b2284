// SpanExporter: one way out. Export is called by one thread at a time, may block up to its own time-out, never throws.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "exporters/span_box.h"

namespace wirespan::exporters {

// Spans on their way out, in no order. Owned by whoever holds it; Clear keeps the memory.
struct SpanBatch {
  SpanList spans;
  size_t size = 0;  // spans in use; the rest are spare objects
  // One more, empty.
  Span& Add() {
    Span& span = *Next();
    span.Clear();
    return span;
  }
  // One more: takes it and leaves a spare span, or none, in its place.
  void Take(SpanBox& span) { Next().Swap(span); }
  void Clear() { size = 0; }

 private:
  SpanBox& Next() {
    if (size == spans.size()) spans.Grow();
    return spans.box(size++);
  }
};

struct ExportOutcome {
  uint64_t accepted = 0;  // spans the other side took
  uint64_t rejected = 0;  // spans it refused (partial success, non-retryable error)
  uint64_t gave_up = 0;   // spans dropped after the last retry, the deadline, or the size limit
  uint32_t attempts = 0;
  std::string message{};  // why, when not all were accepted; empty otherwise. One line.
};

class SpanExporter {
 public:
  virtual ~SpanExporter() = default;
  virtual ExportOutcome Export(const SpanBatch& batch) = 0;
  // Called by the thread of Export, about once per schedule delay, also when there is nothing to export: for exporters that hold
  // spans back (the console's waterfalls) and must act on the passing of time.
  virtual void OnTick(std::chrono::steady_clock::time_point /*now*/) {}
  // Writes what was held back and ends what was begun. Called once, by the thread of Export, after the last Export.
  virtual void Finish() {}
  // Ends what is in flight by `deadline`; no Export follows. May be called from another thread than Export: an Export that waits
  // for a retry returns.
  virtual void Shutdown(std::chrono::steady_clock::time_point deadline) = 0;
};

}  // namespace wirespan::exporters
