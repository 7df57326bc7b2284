// LinkJournal: what the linker considered, and why, call by call; for `wirespan explain-link`. The resolver and the assembler
// tell it as they go. Live captures have none: then nothing is told, at the cost of one comparison.
#pragma once

#include <cstdint>
#include <string_view>

#include "agent/kernel/event.h"
#include "agent/trace/link_reason.h"
#include "exporters/span.h"

namespace wirespan::trace {

// One step of the linker's reasoning about one request.
enum class LinkStep : uint8_t {
  kContext,        // `other`: what the thread worked for (an exchange, or a call); `text`: how that is known
  kNoContext,      // `text`: why there is none
  kCandidate,      // `other`: the exchange that may be its parent; `text`: how firm that is
  kSibling,        // `other`: the call whose fate it shares
  kVerified,       // `other`: the exchange whose answer followed the response
  kContradicted,   // `other`: the exchange that was answered instead
  kLinkedBack,     // `other`: the exchange whose answer proved it
  kViolation,      // `other`: an exchange that is younger than the call, so that it cannot have caused it
  kNotLinkedBack,  // `other`: an exchange whose answer would have proved it; `text`: why it did not
  kWoke,           // `other`: the exchange whose thread was woken by the one that read the response
  kRuntime,        // `other`: the exchange that the same goroutine or context works for; `text`: which
};
std::string_view Name(LinkStep step);

class LinkJournal {
 public:
  virtual ~LinkJournal() = default;
  // Of the request named by `token` and `index`. Views live for the call only.
  virtual void Note(Token token, uint32_t index, LinkStep step, Token other, std::string_view text) = 0;
  // It got its span id; `reason`: where it has no parent for it, null where it has one or none is expected.
  virtual void Decided(Token token, uint32_t index, const exporters::SpanId& id, const exporters::SpanId& parent,
                       exporters::LinkEvidence evidence, exporters::LinkConfidence confidence, const UnlinkedReason* reason) = 0;
};

}  // namespace wirespan::trace
