// Matcher: which response answers which request, for protocols that answer in order (HTTP/1 with pipelining, RFC 9112 9.3.2):
// first come, first served, whichever thread read or wrote them. One per session; exchange objects are lent by the shard's
// ExchangePool.
//
// A response answers the oldest open request, unless it began before that request did: then it answers nothing that was seen.
// Only the newest request may be incomplete. An exchange is over when its response is, and its request too: a server may answer
// early. Beyond the bound, requests are counted and not kept; their places in the order are, so that what follows pairs right.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "agent/match/exchange.h"

namespace wirespan::match {

// `ExchangeType` is an Exchange or a HeldExchange; `Extra` what the caller keeps with it: it has Clear().
template <typename ExchangeType, typename Extra>
struct OpenExchange {
  ExchangeType exchange;
  Extra extra;
  bool request_complete = false;
  bool response_complete = false;
  bool ambiguous = false;   // of its framing there are two readings: it must not become a span
  bool overlapped = false;  // another exchange of the connection was open meanwhile

  void Clear() {
    exchange.Clear();
    extra.Clear();
    request_complete = response_complete = ambiguous = overlapped = false;
  }
};

// The open exchanges of one shard: bounded, objects reused.
template <typename Open>
class ExchangePool {
 public:
  explicit ExchangePool(size_t max_open) : max_open_(max_open) {}

  std::unique_ptr<Open> Take() {  // nullptr: the bound is reached
    if (open_ >= max_open_) return nullptr;
    ++open_;
    if (spares_.empty()) return std::make_unique<Open>();
    std::unique_ptr<Open> open = std::move(spares_.back());
    spares_.pop_back();
    return open;
  }
  void Give(std::unique_ptr<Open> open) {
    --open_;
    if (spares_.size() >= kMaxSpares) return;
    open->Clear();
    spares_.push_back(std::move(open));
  }
  size_t open() const { return open_; }

 private:
  static constexpr size_t kMaxSpares = 1024;
  size_t max_open_;
  size_t open_ = 0;
  std::vector<std::unique_ptr<Open>> spares_;
};

enum class MatchResult : uint8_t {
  kUnmatched,  // no request that was seen asked for it
  kNotKept,    // its request was beyond the bound
  kWaiting,    // paired; its request goes on
  kReady,      // the oldest exchange is over: TakeReady
};

template <typename Message, typename Extra>
class Matcher {
 public:
  using Open = OpenExchange<HeldExchange<Message>, Extra>;
  using Pool = ExchangePool<Open>;

  Matcher(Pool& pool, size_t max_open) : pool_(&pool), max_open_(max_open) {}
  ~Matcher() {
    while (!empty()) pool_->Give(TakeOldest());
  }
  Matcher(const Matcher&) = delete;
  Matcher& operator=(const Matcher&) = delete;

  bool empty() const { return first_ == open_.size(); }
  size_t size() const { return open_.size() - first_; }
  size_t not_kept() const { return not_kept_; }
  // True once two requests were open at once: a turn of the connection is no longer one exchange.
  bool pipelined() const { return pipelined_; }

  // A request whose head was seen. nullptr: beyond the bound.
  Open* Begin(const MessageFacts& facts) {
    newest_is_kept_ = false;
    std::unique_ptr<Open> open = not_kept_ == 0 && size() < max_open_ ? pool_->Take() : nullptr;
    if (open == nullptr) {
      ++not_kept_;
      return nullptr;
    }
    newest_is_kept_ = true;
    open->exchange.request_facts = facts;
    open->exchange.request_facts.seen = true;
    if (facts.index > 0) pipelined_ = true;
    if (!empty()) open->overlapped = open_.back()->overlapped = true;
    if (first_ > 0 && open_.size() == open_.capacity()) Compact();
    open_.push_back(std::move(open));
    return open_.back().get();
  }

  // The newest request; nullptr where there is none or it was beyond the bound.
  Open* Newest() { return newest_is_kept_ && !empty() ? open_.back().get() : nullptr; }
  Open* Oldest() { return empty() ? nullptr : open_[first_].get(); }

  // The newest request is whole (or cut: Message::incomplete). True: its exchange is over.
  bool CompleteNewest() {
    Open* open = Newest();
    newest_is_kept_ = false;
    if (open == nullptr) return false;
    open->request_complete = true;
    return open->response_complete && size() == 1;
  }

  // Whether a response that began then would answer a request that was seen, or one that was not kept.
  bool Expects(uint64_t first_byte_ns) const {
    if (empty()) return not_kept_ > 0;
    const Open& open = *open_[first_];
    return !open.response_complete && first_byte_ns >= open.exchange.request_facts.first_byte_ns;
  }

  // A final response, whole or cut; never null. Its facts and message are moved in unless the result is kUnmatched or kNotKept.
  MatchResult Answer(std::unique_ptr<Message>& response, const MessageFacts& facts) {
    Open* open = Oldest();
    if (open == nullptr) {
      if (not_kept_ == 0) return MatchResult::kUnmatched;
      --not_kept_;
      return MatchResult::kNotKept;
    }
    if (open->response_complete || facts.first_byte_ns < open->exchange.request_facts.first_byte_ns)
      return MatchResult::kUnmatched;
    if (size() > 1 && open_[first_ + 1]->exchange.request_facts.first_byte_ns < facts.first_byte_ns) pipelined_ = true;
    open->exchange.response = std::move(response);
    open->exchange.response_facts = facts;
    open->exchange.response_facts.seen = true;
    open->response_complete = true;
    return open->request_complete ? MatchResult::kReady : MatchResult::kWaiting;
  }

  // The oldest open exchange, whatever it lacks. Must not be empty().
  std::unique_ptr<Open> TakeOldest() {
    std::unique_ptr<Open> open = std::move(open_[first_++]);
    if (first_ == open_.size()) {
      open_.clear();
      first_ = 0;
      newest_is_kept_ = false;
    }
    return open;
  }
  void Give(std::unique_ptr<Open> open) { pool_->Give(std::move(open)); }
  // The order begins anew: places of requests that were not kept are forgotten. Must be empty().
  void Restart() { not_kept_ = 0, newest_is_kept_ = false; }

 private:
  void Compact() {
    open_.erase(open_.begin(), open_.begin() + static_cast<std::ptrdiff_t>(first_));
    first_ = 0;
  }

  Pool* pool_;
  size_t max_open_;
  std::vector<std::unique_ptr<Open>> open_;  // oldest at first_
  size_t first_ = 0;
  size_t not_kept_ = 0;
  bool newest_is_kept_ = false;
  bool pipelined_ = false;
};

}  // namespace wirespan::match
