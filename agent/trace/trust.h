// TrustMeter: how far the causal links of one process can be trusted, told without labels from what its threads do (causality:
// contradictions and violations). Counts over a sliding window of facts' time. Owned by the LinkResolver; one thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace wirespan::trace {

// F, V, FLX and VL of the causality reference.
struct Trust {
  bool verify = false;   // V: more than 0.1 % contradictions: a forward link counts only if verified
  bool narrow = false;   // LX: more than 1 % violations: no sibling unions outside event loops
  bool spotless = true;  // no contradiction, no violation, no migration in the window: links are exact
  // Calls that timers may have made have kept to their exchange often enough, never strayed, and none was seen that only a timer
  // can have made.
  bool timer_proven = false;
  bool timer_strayed = false;  // one strayed, or such a call was seen: that proof cannot come while the sign is in the window
  // Timers make calls here. What follows a call in its turn shows that no timer made it only where events and timers have phases
  // of their own, as in libuv: calls that were followed so must have kept to their exchange often enough, and never strayed.
  bool timers_call = false;
  bool sandwich_proven = false;
  // Answers after the response of a call were given before the deadline of the loop often enough, and none that only a timer can
  // have given.
  bool answer_proven = false;
  bool reuse_strayed = false;      // a pooled connection reused at once served another exchange
  bool context_shared = false;     // a goroutine or context answered two exchanges that overlapped: identities tell nothing here
  bool context_proven = false;     // they have kept exchanges apart often enough, and never failed to
  bool reuse_proven = false;       // reused pool connections have kept to their exchange often enough, and never strayed
  bool late_reuse_proven = false;  // the same two of those reused after the thread had read another request
  bool late_reuse_strayed = false;
  bool operator==(const Trust&) const = default;
};

class TrustMeter {
 public:
  enum class Sign : uint8_t {
    kAgreement,      // an answer followed the response of a call of the same exchange
    kContradiction,  // an answer followed the response of a call of another, open exchange
    kLink,           // a link was made, forward or backward
    kViolation,      // a backward link named an exchange younger than the call
    kJuggled,        // a thread that is no event loop read a request while another exchange of its own was open
    kReuseKept,      // a call on a connection reused at once was verified
    kReuseStrayed,   // such a call turned out to be another exchange's
    kLateReuseKept,  // the same two where the thread had read another request since
    kLateReuseStrayed,
    kTimerKept,     // a call that a timer may have made was verified
    kTimerCall,     // a call after the deadline of a loop that worked for nothing: timers make calls here
    kTimerStrayed,  // the answer after its response was another exchange's
    kSandwichKept,  // a call after the deadline that a read followed in its turn was verified
    kSandwichStrayed,
    kTimerAnswer,    // an answer after the deadline of a loop that had read nothing: timers answer here
    kAnswerKept,     // an answer followed the response of a call: of its own, or, before the deadline, of nobody's
    kMigrated,       // a loop wrote a call and another thread read its response: work wanders between loops
    kContextKept,    // a goroutine or context answered one exchange while another was open
    kContextShared,  // one answered two exchanges that overlapped
    kCount,
  };
  static constexpr uint64_t kBucketNs = 5'000'000'000;
  static constexpr uint64_t kBuckets = 12;  // a window of one minute
  static constexpr uint64_t kWindowNs = kBucketNs * kBuckets;
  static constexpr uint64_t kReuseProof = 16;
  static constexpr uint64_t kTimerProof = 32;
  static constexpr uint64_t kCalmProof = 64;  // agreements, after which fewer signs are enough
  static constexpr uint64_t kCalmSigns = 4;
  static constexpr uint64_t kSandwichProof = 16;
  static constexpr uint64_t kAnswerProof = 32;
  static constexpr uint64_t kContextProof = 16;

  void Note(Sign sign, uint64_t now_ns);
  const Trust& trust(uint64_t now_ns);
  uint64_t Count(Sign sign) const { return totals_[static_cast<size_t>(sign)]; }

 private:
  using Counts = std::array<uint32_t, static_cast<size_t>(Sign::kCount)>;
  void Roll(uint64_t now_ns);
  Trust Judge() const;

  std::array<Counts, kBuckets> buckets_{};
  std::array<uint64_t, static_cast<size_t>(Sign::kCount)> totals_{};
  uint64_t epoch_ = 0;  // bucket number of the newest bucket
  uint64_t epoch_ends_ns_ = kBucketNs;
  Trust trust_;             // as judged last
  bool is_judged_ = false;  // and no count has changed since that could change it
};

}  // namespace wirespan::trace
