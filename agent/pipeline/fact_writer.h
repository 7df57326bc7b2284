// FactWriter: gathers a shard's facts into batches and hands them on. Spans of spent batches are used again, so that the steady
// state allocates nothing. Shard's thread.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "agent/metrics/measurement.h"
#include "agent/trace/fact.h"

namespace wirespan::pipeline {

// Where a shard's facts go. Called by the shard's thread; must not block.
class FactSink {
 public:
  virtual ~FactSink() = default;
  // Takes what it needs of the batch, in order. What it leaves is spent: elements whose spans carry spare buffers, the same batch
  // or one that was taken earlier (swap it). The sink counts what it has no room for.
  virtual void Deliver(trace::FactBatch& batch) = 0;
};

// Where finished exchanges are measured. Called by the shard's thread; the views live for the call.
class MeasurementSink {
 public:
  virtual ~MeasurementSink() = default;
  virtual void Record(const metrics::Measurement& measurement) = 0;
};

class FactWriter {
 public:
  FactWriter(FactSink& sink, size_t batch_facts) : sink_(&sink), batch_facts_(batch_facts) { batch_.reserve(batch_facts); }

  template <typename T>
  T& Add() {
    if (batch_.size() >= batch_facts_) Flush();
    return std::get<T>(batch_.emplace_back(std::in_place_type<T>));
  }
  trace::SpanFinished& AddSpan() {
    trace::SpanFinished& fact = Add<trace::SpanFinished>();
    if (!spares_.empty()) {
      fact.span.Swap(spares_.back());
      spares_.pop_back();
      fact.span->Clear();
    }
    return fact;
  }
  // Takes back the fact added last.
  void Withdraw() { batch_.pop_back(); }

  void Flush() {
    if (batch_.empty()) return;
    sink_->Deliver(batch_);
    for (trace::Fact& fact : batch_) {
      auto* finished = std::get_if<trace::SpanFinished>(&fact);
      if (finished == nullptr || finished->span.empty() || spares_.size() >= 2 * batch_facts_) continue;
      spares_.push_back(std::move(finished->span));
    }
    batch_.clear();
  }

 private:
  FactSink* sink_;
  size_t batch_facts_;
  trace::FactBatch batch_;
  std::vector<exporters::SpanBox> spares_;
};

}  // namespace wirespan::pipeline
