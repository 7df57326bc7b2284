// TraceAssembler's second half: which parent a span has and which trace it belongs to. A span is decided once its ancestors are,
// top first, and never changes after.
#include <algorithm>

#include "agent/span/attribute_key.h"
#include "agent/trace/assembler.h"
#include "decoders/semantic_conventions.h"

namespace wirespan::trace {

using exporters::LinkConfidence;
using exporters::LinkEvidence;

namespace {

constexpr uint8_t kSampled = 0x01;
constexpr uint8_t kRandom = 0x02;
constexpr uint32_t kHasIsRemote = 0x100;  // Span.flags of opentelemetry.proto.trace.v1
constexpr uint32_t kIsRemote = 0x200;
constexpr uint64_t kShortestWaitNs = 10'000'000;
constexpr int kMaxAdoptionSteps = 64;

// Looking again costs; the longer a span has waited, the rarer.
uint64_t NextLook(uint64_t now, uint64_t since, uint64_t until) {
  const uint64_t waited = now > since ? now - since : 0;
  return std::min(until, now + std::max(kShortestWaitNs, waited / 4));
}

// Where the sender left it to the receiver, the trace is sampled: everything is, here.
uint8_t FlagsOf(const IncomingContext& header) { return header.sampling == Sampling::kDefer ? kSampled : header.flags; }

}  // namespace

// ---- Up the chain ----

// Decides `slot` and all its ancestors, or says in wait_until_ when to look again. With no patience left it always decides.
bool TraceAssembler::Decide(uint32_t slot, const Patience& patience) {
  climb_.clear();
  ++visit_;
  uint32_t at = slot;
  while (!entries_[at].decided) {
    if (entries_[at].visit == visit_) {
      // Parents begin before their children, so a ring cannot be; should the facts lie, it is cut open here.
      climb_.back().parent = kNone;
      climb_.back().status = {.state = LinkStatus::State::kUnlinked, .reason = UnlinkedReason::kParentYounger};
      break;
    }
    entries_[at].visit = visit_;
    Step step{.slot = at};
    if (!Up(at, patience, step)) return false;
    climb_.push_back(step);
    if (step.parent == kNone) break;
    at = step.parent;
  }
  while (!climb_.empty()) {
    Commit(climb_.back());
    climb_.pop_back();
  }
  return true;
}

bool TraceAssembler::UpFromContinued(Step& step) const {
  const auto found = continuities_.find(step.slot);
  if (found != continuities_.end() && links_.Alive(found->second.within)) step.parent = found->second.within.slot;
  return true;
}

// Fills in the parent of step.slot, kNone for a root; false: it cannot be told yet.
bool TraceAssembler::Up(uint32_t slot, const Patience& patience, Step& step) {
  const Entry& entry = entries_[slot];
  if ((entry.continuity & kContinues) != 0) [[unlikely]]
    return UpFromContinued(step);
  if (entry.role == ConnectionRole::kClient) return UpFromClient(entry, patience, step);
  if (links_.Alive(entry.partner)) {
    step.parent = entry.partner.slot;
    return true;
  }
  // The client's request is older than the server's, but its shard may tell of it later.
  const uint64_t until = std::min(entry.seen_at + config_.settle_window_ns, patience.hold_until);
  const bool may_join = entry.join.known() || entry.sequences.known();
  if (!may_join || now_ >= until) return true;
  wait_until_ = until;
  return false;
}

bool TraceAssembler::UpFromClient(const Entry& entry, const Patience& patience, Step& step) {
  const bool final = now_ >= patience.hold_until;
  step.status = links_.Status(step.slot, final, now_);
  switch (step.status.state) {
    case LinkStatus::State::kPending:
      wait_until_ = NextLook(now_, patience.since, patience.hold_until);
      return false;
    case LinkStatus::State::kUnlinked:
      return true;
    case LinkStatus::State::kLinked:
      break;
  }
  step.parent = step.status.parent.slot;
  if (step.status.settled || final) return true;
  // Evidence against the link would come with, or soon after, the response.
  if (entry.has_ended) {
    const uint64_t until = std::min(entry.ended_at + config_.settle_window_ns, patience.hold_until);
    wait_until_ = until;
    return now_ >= until;
  }
  wait_until_ = NextLook(now_, patience.since, patience.settle_until);
  return now_ >= patience.settle_until;
}

// ---- The verdict; the parent, if there is one, is decided ----

void TraceAssembler::Commit(const Step& step) {
  Entry& entry = entries_[step.slot];
  entry.span_id = span::MakeSpanId(key_, entry.identity, entry.role, entry.start_ns);
  if ((entry.continuity & kContinues) != 0) [[unlikely]] {
    CommitContinued(entry, step);
  } else if (entry.role == ConnectionRole::kClient) {
    CommitClient(entry, step);
    links_.Settle(step.slot);
  } else {
    CommitServer(entry, step);
  }
  entry.decided = true;
  if (journal_ != nullptr) Tell(step.slot, entry);
}

void TraceAssembler::DecideFollower(uint32_t slot) {
  const auto found = continuities_.find(slot);
  if (found == continuities_.end()) return;
  const Ref follower = found->second.follower;
  if (links_.Alive(follower) && !entries_[follower.slot].decided) Decide(follower.slot, Patience{});
}

// Without what it continues, of which nothing is known any more, it is a root.
void TraceAssembler::CommitContinued(Entry& entry, const Step& step) {
  if (step.parent == kNone) {
    StartTrace(entry, step.slot);
    return;
  }
  Inherit(entry, entries_[step.parent]);
  entry.evidence = LinkEvidence::kSameConnection;
  entry.confidence = LinkConfidence::kExact;
}

void TraceAssembler::CommitServer(Entry& entry, const Step& step) {
  if (step.parent != kNone) {
    Inherit(entry, entries_[step.parent]);
    entry.parent_is_remote = true;  // in another process, as far as contexts go
    entry.evidence = LinkEvidence::kSameConnection;
    entry.confidence = LinkConfidence::kExact;
    return;
  }
  if (const IncomingContext* header = HeaderOf(entry); header != nullptr) {
    FollowHeader(entry, *header, true);
    return;
  }
  StartTrace(entry, step.slot);
  // A root only because what it carried is not known.
  entry.has_reason = entry.role == ConnectionRole::kUnknown || !entry.request_known;
  entry.reason = entry.role == ConnectionRole::kUnknown ? UnlinkedReason::kUnknownRole : UnlinkedReason::kRequestNotSeen;
}

void TraceAssembler::CommitClient(Entry& entry, const Step& step) {
  const IncomingContext* header = HeaderOf(entry);
  entry.reason = step.status.reason;
  entry.has_reason = step.parent == kNone;
  if (step.parent != kNone) {
    const Entry& parent = entries_[step.parent];
    if (header == nullptr || header->trace_id == parent.trace_id) {
      Inherit(entry, parent);
      entry.evidence = step.status.evidence;
      entry.confidence = step.status.confidence;
      if (header != nullptr) entry.trace_state = header->trace_state;
      return;
    }
    entry.has_reason = true;
    entry.reason = UnlinkedReason::kOtherTrace;
  }
  if (header != nullptr) {
    FollowHeader(entry, *header, false);  // the application itself named the parent
  } else {
    StartTrace(entry, step.slot);
  }
}

void TraceAssembler::Inherit(Entry& entry, const Entry& parent) {
  entry.trace_id = parent.trace_id;
  entry.parent_span_id = parent.span_id;
  entry.trace_flags = parent.trace_flags;
  entry.trace_state = parent.trace_state;
}

void TraceAssembler::FollowHeader(Entry& entry, const IncomingContext& header, bool remote) {
  entry.trace_id = header.trace_id;
  entry.parent_span_id = header.parent_span_id;
  entry.trace_flags = FlagsOf(header);
  entry.trace_state = header.trace_state;
  entry.parent_is_remote = remote;
  entry.carrier = header.carrier;
  entry.evidence = LinkEvidence::kTraceparent;
  entry.confidence = LinkConfidence::kExact;
}

// A root of its own: of the trace that a request below it carried, if one did.
void TraceAssembler::StartTrace(Entry& entry, uint32_t slot) {
  if (const IncomingContext* below = AdoptedHeader(slot); below != nullptr) {
    entry.trace_id = below->trace_id;
    entry.trace_flags = FlagsOf(*below);
    entry.trace_state = below->trace_state;
    return;
  }
  entry.trace_id = span::MakeTraceId(key_, entry.identity, entry.role, entry.start_ns);
  entry.trace_flags = kSampled | kRandom;
}

// ---- Headers, which both ends of a connection saw ----

const IncomingContext* TraceAssembler::HeaderOf(const Entry& entry) const {
  if (entry.context != kNone) return &contexts_[entry.context];
  if (!links_.Alive(entry.partner)) return nullptr;
  const uint32_t other = entries_[entry.partner.slot].context;
  return other == kNone ? nullptr : &contexts_[other];
}

// Tells everything above `child` that a header below names the trace, as far up as nothing says otherwise yet.
void TraceAssembler::Adopt(uint32_t child) {
  for (int i = 0; i < kMaxAdoptionSteps; ++i) {
    const Entry& entry = entries_[child];
    const Ref above = entry.role == ConnectionRole::kClient ? links_.ParentSoFar(child) : entry.partner;
    if (!links_.Alive(above)) return;
    Entry& parent = entries_[above.slot];
    const bool told = links_.Alive(parent.adopted_from);
    if (parent.decided || told || (parent.context != kNone)) return;
    if (HeaderOf(entry) == nullptr && !links_.Alive(entry.adopted_from)) return;
    parent.adopted_from = links_.RefOf(child);
    child = above.slot;
  }
}

// The header that Adopt told of, if every link down to it still stands.
const IncomingContext* TraceAssembler::AdoptedHeader(uint32_t slot) {
  for (int i = 0; i < kMaxAdoptionSteps; ++i) {
    const Entry& entry = entries_[slot];
    if (!links_.Alive(entry.adopted_from)) return nullptr;
    const uint32_t child = entry.adopted_from.slot;
    if (entry.role == ConnectionRole::kClient) {
      if (!(entries_[child].partner == links_.RefOf(slot))) return nullptr;
    } else {
      const LinkStatus status = links_.Status(child, false, now_);
      if (status.state != LinkStatus::State::kLinked || !(status.parent == links_.RefOf(slot))) return nullptr;
    }
    if (const IncomingContext* header = HeaderOf(entries_[child]); header != nullptr) return header;
    slot = child;
  }
  return nullptr;
}

void TraceAssembler::Tell(uint32_t slot, const Entry& entry) const {
  const auto [token, index] = links_.NameOf(slot);
  journal_->Decided(token, index, entry.span_id, entry.parent_span_id, entry.evidence, entry.confidence,
                    entry.has_reason ? &entry.reason : nullptr);
}

// ---- What the span says ----

// Put into words once.
const exporters::AttributeList& TraceAssembler::WordsOf(LinkEvidence evidence, LinkConfidence confidence) {
  exporters::AttributeList& words = link_words_[static_cast<size_t>(evidence) * kConfidences + static_cast<size_t>(confidence)];
  if (words.count() > 0) return words;
  words.String(span::KeyOf(semconv::kWirespanLinkEvidence), exporters::Name(evidence));
  words.String(span::KeyOf(semconv::kWirespanLinkConfidence), exporters::Name(confidence));
  return words;
}

void TraceAssembler::Dress(const Entry& entry, exporters::Span& span) {
  span.trace_id = entry.trace_id;
  span.span_id = entry.span_id;
  span.parent_span_id = entry.parent_span_id;
  span.flags = entry.trace_flags | kHasIsRemote | (entry.parent_is_remote ? kIsRemote : 0);
  span.trace_state = entry.trace_state;
  span.link_evidence = entry.evidence;
  span.link_confidence = entry.confidence;
  if (entry.evidence != LinkEvidence::kNone) {
    ++counters_.links.Links(entry.evidence, entry.confidence);
    span.attributes.Append(WordsOf(entry.evidence, entry.confidence));
    if (entry.evidence == LinkEvidence::kTraceparent && entry.carrier != Carrier::kW3c) {
      span.attributes.String(span::KeyOf(semconv::kWirespanLinkCarrier), Name(entry.carrier));
    }
  }
  if (!entry.has_reason) return;
  ++counters_.links.Unlinked(entry.reason);
  // A call that nothing caused is no defect.
  if (entry.reason == UnlinkedReason::kNoContext) return;
  span.attributes.String(span::KeyOf(semconv::kWirespanUnlinkedReason), Name(entry.reason));
}

}  // namespace wirespan::trace
