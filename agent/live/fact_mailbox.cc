#include "agent/live/fact_mailbox.h"

#include <utility>

namespace wirespan::live {

void FactMailbox::Deliver(uint32_t shard, uint64_t told_after_ns, trace::FactBatch& batch) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (pending_facts_ + batch.size() > max_facts_) {
      dropped_facts_ += batch.size();
      for (const trace::Fact& fact : batch) {
        if (std::holds_alternative<trace::SpanFinished>(fact)) ++dropped_spans_;
      }
      return;
    }
    pending_facts_ += batch.size();
    Letter letter{shard, told_after_ns, {}};
    if (!spent_.empty()) {
      letter.facts = std::move(spent_.back());
      spent_.pop_back();
    }
    letter.facts.swap(batch);
    pending_.push_back(std::move(letter));
  }
  arrived_.notify_one();
}

void FactMailbox::Collect(std::vector<Letter>& letters, std::chrono::milliseconds patience) {
  std::unique_lock<std::mutex> lock(mutex_);
  arrived_.wait_for(lock, patience, [&] { return closed_ || !pending_.empty(); });
  letters.swap(pending_);
  pending_facts_ = 0;
}

void FactMailbox::Return(std::vector<Letter>& letters) {
  constexpr size_t kSpareBatches = 16;
  const std::lock_guard<std::mutex> lock(mutex_);
  for (Letter& letter : letters) {
    if (spent_.size() < kSpareBatches) spent_.push_back(std::move(letter.facts));
  }
  letters.clear();
}

void FactMailbox::Close() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    closed_ = true;
  }
  arrived_.notify_all();
}

}  // namespace wirespan::live
