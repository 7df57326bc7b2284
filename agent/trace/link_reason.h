// Why a span got no causal link: one name per reason, the same in `wirespan.unlinked.reason`, in metrics and in docs/linking.md.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "exporters/span.h"

namespace wirespan::trace {

enum class UnlinkedReason : uint8_t {
  kNoContext,        // the thread worked for no exchange: the call stands for itself
  kContextUnknown,   // the response of a call that is not known was read, a futex waited at, or a goroutine connected for nobody
  kParentClosed,     // the exchange had begun its answer before the call
  kParentUnknown,    // the exchange's request was not seen: lost, older than the agent, or forgotten
  kParentNotProven,  // the exchange was noted at connect; that it was still open at the call was never shown
  kParentYounger,    // the evidence names an exchange that began after the call
  kStoredConflict,   // the exchange noted at connect and the active one differ
  kQueuedReuse,      // a pooled connection was reused at once, perhaps for a request that had queued for it
  kTimerDue,         // a timer of the event loop may have made the call
  kContradicted,     // the thread read the call's response and then answered another exchange
  kOtherUnresolved,  // distrusted process: the thread had read another exchange in the same turn
  kUnverified,       // distrusted process: the answer did not follow the call's response
  kContextShared,    // the goroutine or the context of the call serves several exchanges at once in this process
  kPipelined,        // the call or its parent shares a turn of its connection with another request
  kMultiplexed,      // the call or its parent is one of several on its connection: what a thread did there may be another's
  kUnknownRole,      // which end asked is not known
  kRequestNotSeen,   // the span's own request was not reported: lost, or forgotten
  kOtherTrace,       // the call carried the header of another trace than its parent's
  kHoldExpired,      // the time to wait for evidence ran out, or the tables were full
  kProcessesFull,    // too many processes: none of this one's links can be judged
  kCount,
};
inline constexpr size_t kUnlinkedReasonCount = static_cast<size_t>(UnlinkedReason::kCount);

std::string_view Name(UnlinkedReason reason);  // "queued-reuse"; "" for kCount and beyond

// Spans let go, by how their parent is known, and by why it is not. A client span that has a parent only by the header it carried
// counts in both.
struct LinkCounters {
  static constexpr size_t kEvidenceCount = static_cast<size_t>(exporters::LinkEvidence::kInjected) + 1;
  static constexpr size_t kConfidenceCount = static_cast<size_t>(exporters::LinkConfidence::kExact) + 1;
  std::array<std::array<uint64_t, kConfidenceCount>, kEvidenceCount> links{};
  std::array<uint64_t, kUnlinkedReasonCount> unlinked{};

  uint64_t& Links(exporters::LinkEvidence evidence, exporters::LinkConfidence confidence) {
    return links[static_cast<size_t>(evidence)][static_cast<size_t>(confidence)];
  }
  uint64_t Links(exporters::LinkEvidence evidence, exporters::LinkConfidence confidence) const {
    return links[static_cast<size_t>(evidence)][static_cast<size_t>(confidence)];
  }
  uint64_t& Unlinked(UnlinkedReason reason) { return unlinked[static_cast<size_t>(reason)]; }
  uint64_t Unlinked(UnlinkedReason reason) const { return unlinked[static_cast<size_t>(reason)]; }
};

}  // namespace wirespan::trace
