#include "agent/trace/journal.h"

namespace wirespan::trace {

std::string_view Name(LinkStep step) {
  switch (step) {
    case LinkStep::kContext:
      return "context";
    case LinkStep::kNoContext:
      return "no-context";
    case LinkStep::kCandidate:
      return "candidate";
    case LinkStep::kSibling:
      return "sibling";
    case LinkStep::kVerified:
      return "verified";
    case LinkStep::kContradicted:
      return "contradicted";
    case LinkStep::kLinkedBack:
      return "linked-back";
    case LinkStep::kViolation:
      return "violation";
    case LinkStep::kNotLinkedBack:
      return "not-linked-back";
    case LinkStep::kWoke:
      return "woke";
    case LinkStep::kRuntime:
      return "runtime";
  }
  return {};
}

}  // namespace wirespan::trace
