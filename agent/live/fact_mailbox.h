// FactMailbox: facts from the shard threads to the assemble thread. Any shard delivers, one thread collects. Batches change hands
// by swapping and come back spent, so the steady state allocates nothing. Bounded; what finds no room is counted.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <vector>

#include "agent/pipeline/fact_writer.h"
#include "agent/trace/fact.h"

namespace wirespan::live {

class FactMailbox {
 public:
  explicit FactMailbox(size_t max_facts) : max_facts_(max_facts) {}

  struct Letter {
    uint32_t shard = 0;
    uint64_t told_after_ns = 0;  // TraceAssembler::Add
    trace::FactBatch facts;
  };

  void Deliver(uint32_t shard, uint64_t told_after_ns, trace::FactBatch& batch);
  // Waits for letters until `patience` is over or Close; takes all there are.
  void Collect(std::vector<Letter>& letters, std::chrono::milliseconds patience);
  // Gives spent letters back for reuse; clears the vector.
  void Return(std::vector<Letter>& letters);
  void Close();

  size_t pending_facts() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return pending_facts_;
  }
  uint64_t dropped_facts() const { return dropped_facts_.load(std::memory_order_relaxed); }
  uint64_t dropped_spans() const { return dropped_spans_.load(std::memory_order_relaxed); }  // spans among them

 private:
  const size_t max_facts_;
  mutable std::mutex mutex_;
  std::condition_variable arrived_;
  std::vector<Letter> pending_;
  std::vector<trace::FactBatch> spent_;
  size_t pending_facts_ = 0;
  bool closed_ = false;
  std::atomic<uint64_t> dropped_facts_{0};
  std::atomic<uint64_t> dropped_spans_{0};
};

// A shard's end of it.
class MailboxSink final : public pipeline::FactSink {
 public:
  MailboxSink(FactMailbox& mailbox, uint32_t shard) : mailbox_(mailbox), shard_(shard) {}
  void Deliver(trace::FactBatch& batch) override { mailbox_.Deliver(shard_, told_after_ns_, batch); }
  // The shard was given that time.
  void Ticked(uint64_t now_ns) { told_after_ns_ = now_ns; }

 private:
  FactMailbox& mailbox_;
  const uint32_t shard_;
  uint64_t told_after_ns_ = 0;
};

}  // namespace wirespan::live
