#include "agent/trace/link_reason.h"

namespace wirespan::trace {

std::string_view Name(UnlinkedReason reason) {
  switch (reason) {
    case UnlinkedReason::kNoContext:
      return "no-context";
    case UnlinkedReason::kContextUnknown:
      return "context-unknown";
    case UnlinkedReason::kParentClosed:
      return "parent-closed";
    case UnlinkedReason::kParentUnknown:
      return "parent-unknown";
    case UnlinkedReason::kParentNotProven:
      return "parent-not-proven";
    case UnlinkedReason::kParentYounger:
      return "parent-younger";
    case UnlinkedReason::kStoredConflict:
      return "stored-conflict";
    case UnlinkedReason::kQueuedReuse:
      return "queued-reuse";
    case UnlinkedReason::kTimerDue:
      return "timer-due";
    case UnlinkedReason::kContradicted:
      return "contradicted";
    case UnlinkedReason::kOtherUnresolved:
      return "other-unresolved";
    case UnlinkedReason::kUnverified:
      return "unverified";
    case UnlinkedReason::kContextShared:
      return "context-shared";
    case UnlinkedReason::kPipelined:
      return "pipelined";
    case UnlinkedReason::kMultiplexed:
      return "multiplexed";
    case UnlinkedReason::kUnknownRole:
      return "unknown-role";
    case UnlinkedReason::kRequestNotSeen:
      return "request-not-seen";
    case UnlinkedReason::kOtherTrace:
      return "other-trace";
    case UnlinkedReason::kHoldExpired:
      return "hold-expired";
    case UnlinkedReason::kProcessesFull:
      return "processes-full";
    case UnlinkedReason::kCount:
      break;
  }
  return {};
}

}  // namespace wirespan::trace
