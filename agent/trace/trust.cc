#include "agent/trace/trust.h"

#include <algorithm>
#include <cstddef>

namespace wirespan::trace {

// Moves the window on to `now_ns`; time that goes back counts in the newest bucket.
void TrustMeter::Roll(uint64_t now_ns) {
  if (now_ns < epoch_ends_ns_) return;
  const uint64_t epoch = now_ns / kBucketNs;
  const uint64_t steps = std::min(epoch - epoch_, kBuckets);
  for (uint64_t i = 1; i <= steps; ++i) {
    Counts& bucket = buckets_[(epoch_ + i) % kBuckets];
    for (size_t sign = 0; sign < bucket.size(); ++sign) totals_[sign] -= bucket[sign];
    bucket = {};
  }
  // A jump further than the window has emptied all of it: which bucket is reused first no longer matters.
  epoch_ = epoch;
  epoch_ends_ns_ = epoch < UINT64_MAX / kBucketNs ? (epoch + 1) * kBucketNs : UINT64_MAX;
  is_judged_ = false;
}

void TrustMeter::Note(Sign sign, uint64_t now_ns) {
  Roll(now_ns);
  uint32_t& count = buckets_[epoch_ % kBuckets][static_cast<size_t>(sign)];
  if (count == UINT32_MAX) return;
  ++count;
  const uint64_t total = ++totals_[static_cast<size_t>(sign)];
  // The two signs of every exchange change nothing where nothing speaks against the process.
  const bool is_usual = (sign == Sign::kLink && Count(Sign::kViolation) == 0) ||
                        (sign == Sign::kAgreement && total > kCalmProof && trust_.spotless);
  if (!is_usual) is_judged_ = false;
}

const Trust& TrustMeter::trust(uint64_t now_ns) {
  Roll(now_ns);
  if (!is_judged_) trust_ = Judge();
  is_judged_ = true;
  return trust_;
}

Trust TrustMeter::Judge() const {
  const uint64_t contradictions = Count(Sign::kContradiction);
  const uint64_t violations = Count(Sign::kViolation);
  Trust trust;
  const uint64_t doubts = contradictions + Count(Sign::kJuggled);
  trust.verify = doubts * 1000 > doubts + Count(Sign::kAgreement);
  trust.narrow = violations * 100 > violations + Count(Sign::kLink);
  trust.spotless = doubts == 0 && violations == 0 && Count(Sign::kMigrated) == 0;
  trust.context_shared = Count(Sign::kContextShared) > 0;
  trust.context_proven = !trust.context_shared && Count(Sign::kContextKept) >= kContextProof;
  // So many agreements, and no call that only a timer can have made: the process works without timers.
  const bool calm = Count(Sign::kAgreement) >= kCalmProof;
  const bool timers_kept =
      Count(Sign::kTimerKept) >= kTimerProof || (calm && Count(Sign::kTimerKept) + Count(Sign::kSandwichKept) >= kCalmSigns);
  trust.timer_strayed = Count(Sign::kTimerStrayed) + Count(Sign::kTimerCall) > 0;
  trust.timer_proven = !trust.timer_strayed && timers_kept;
  trust.timers_call = Count(Sign::kTimerCall) + Count(Sign::kSandwichStrayed) > 0;
  trust.sandwich_proven = Count(Sign::kSandwichStrayed) == 0 && Count(Sign::kSandwichKept) >= kSandwichProof;
  trust.answer_proven = Count(Sign::kTimerAnswer) == 0 && Count(Sign::kAnswerKept) >= kAnswerProof;
  trust.late_reuse_strayed = Count(Sign::kLateReuseStrayed) > 0;
  trust.late_reuse_proven = !trust.late_reuse_strayed && Count(Sign::kLateReuseKept) >= (calm ? kCalmSigns : kReuseProof);
  trust.reuse_strayed = Count(Sign::kReuseStrayed) > 0;
  trust.reuse_proven = !trust.reuse_strayed && Count(Sign::kReuseKept) >= (calm ? kCalmSigns : kReuseProof);
  return trust;
}

}  // namespace wirespan::trace
