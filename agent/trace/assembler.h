// TraceAssembler: facts of all shards in, whole spans out: ids, parent, flags, trace state, and how the parent is known. It
// merges the shards' facts by time, joins both ends of a local connection by key, takes causal links from the LinkResolver, and
// holds a span only until its place in its trace is settled. Bounded; counts what it lets go early. One thread (`assemble`), no
// locks, no clock: time is what the facts and Advance say, so the same facts give the same spans, however they were cut into
// batches. docs/linking.md has the rules of precedence.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "agent/base/flat_table.h"
#include "agent/base/stable_array.h"
#include "agent/span/ids.h"
#include "agent/trace/fact.h"
#include "agent/trace/fact_queue.h"
#include "agent/trace/link.h"
#include "agent/trace/link_reason.h"
#include "agent/trace/pool.h"
#include "agent/trace/timer_queue.h"
#include "exporters/span_exporter.h"

namespace wirespan::trace {

struct AssemblerConfig {
  uint64_t merge_window_ns = 50'000'000;     // facts of different shards are ordered if they arrive within this
  uint64_t settle_window_ns = 200'000'000;   // how long the other end, or evidence against a link, may lag behind
  uint64_t hold_ns = 5'000'000'000;          // longest wait of a finished span for evidence of its parent
  uint64_t forget_ns = 600'000'000'000;      // an exchange that neither ended nor moved on is forgotten after this
  uint64_t late_server_ns = 60'000'000'000;  // how long a call that got no answer may wait for the server to read it
  uint32_t max_exchanges = 65'536;           // exchanges and calls known at once (about 400 bytes each)
  uint32_t max_held_spans = 16'384;          // spans waiting, in the merge queue too; the oldest is let go early
  uint32_t max_lingering = 16'384;           // exchanges kept after their span was let go, for those that refer to them
  uint32_t max_unanswered = 4'096;           // calls kept for a server that may yet read them
  uint32_t max_processes = 4'096;
  uint32_t max_queued_facts = 65'536;       // beyond it the oldest facts are taken before their merge window is over
  uint32_t max_uncollected_spans = 16'384;  // let go while no Advance came to collect them; beyond it they are dropped
  uint32_t max_shards = 64;
};

enum class SpanDrop : uint8_t {
  kDuplicate,     // a second span of the same exchange
  kNotCollected,  // let go early, and Advance was not called in time
  kCount,
};
std::string_view Name(SpanDrop reason);  // "duplicate"

// spans_in == spans_out + sum(dropped) + TraceAssembler::held_spans(), at every moment.
struct AssemblerCounters {
  uint64_t spans_in = 0;
  uint64_t spans_out = 0;
  std::array<uint64_t, static_cast<size_t>(SpanDrop::kCount)> dropped{};
  uint64_t released_early = 0;       // spans let go before their place was settled, for want of room
  uint64_t exchanges_evicted = 0;    // open exchanges forgotten for want of room
  uint64_t exchanges_forgotten = 0;  // open exchanges forgotten by age
  uint64_t lingering_evicted = 0;    // exchanges forgotten before a late reference could come
  uint64_t late_facts = 0;           // facts that came after their time had been passed
  uint64_t merged_early = 0;         // facts taken before their merge window was over, for want of room
  uint64_t refused_shard = 0;        // batches of a shard number beyond the limit, taken as shard 0's
  uint64_t translated_joins = 0;     // ends joined by sequence numbers alone
  uint64_t ambiguous_joins = 0;      // requests whose join key a live request of the same side has already
  LinkCounters links;
};

class TraceAssembler {
 public:
  // `journal`, if any, is told of every decision; it outlives the assembler.
  TraceAssembler(const AssemblerConfig& config, const span::IdKey& key, LinkJournal* journal = nullptr);

  // Takes the facts of one shard, in the shard's order. The batch's elements stay, spent; their spans carry spare buffers for the
  // next use. Never blocks. `told_after_ns`: the shard told them after it was given that time, the last but one (0: not known).
  // A fact that is older than that by more than merge_window_ns is late, and counts as if it happened merge_window_ns before.
  void Add(FactBatch&& batch, uint32_t shard = 0, uint64_t told_after_ns = 0);
  // Every fact that a shard told before it was given the time `now_boot_ns` was added. Appends the spans whose place is settled
  // at `now_boot_ns` - merge_window_ns. How often and with which times it is called changes nothing of what becomes of the spans,
  // as long as Add is told told_after_ns and no bound is met; where it is not, what comes late is taken as it comes.
  void Advance(uint64_t now_boot_ns, exporters::SpanBatch& out);
  // Events or facts before now may be missing: links that are only right if nothing is missing are not made for a while.
  void NoteLosses(uint64_t now_boot_ns) { links_.NoteLosses(now_boot_ns); }
  // No more facts will come, or none is waited for: appends every span held. After an Advance to the end.
  void Flush(exporters::SpanBatch& out);
  // Gives up memory that was not needed since the last call, of a peak that is over: room for facts, and the buffers of spans.
  // Now and then, by the caller's clock; nothing that is told depends on it. Whether there was any.
  bool Relax() {
    const bool gave_up_room = queue_.Relax();
    return spans_.Relax() > 0 || gave_up_room;
  }

  const AssemblerCounters& counters() const { return counters_; }
  const ResolverCounters& link_counters() const { return links_.counters(); }
  uint32_t held_spans() const { return spans_.out(); }
  uint32_t known_exchanges() const { return links_.size(); }
  // How far the links of a process are trusted now.
  Trust TrustOf(uint32_t tgid) { return links_.TrustOf(tgid, now_); }

 private:
  static constexpr uint32_t kNone = UINT32_MAX;
  static constexpr size_t kEvidences = static_cast<size_t>(exporters::LinkEvidence::kInjected) + 1;
  static constexpr size_t kConfidences = static_cast<size_t>(exporters::LinkConfidence::kExact) + 1;
  // kUnanswered: as kLingering, longer: a call that ended without an answer, before its server was heard of.
  enum class Stage : uint8_t { kFree, kOpen, kHeld, kLingering, kUnanswered };

  // What the assembler knows of an exchange or call; lies beside the resolver's slot of the same number.
  struct EntryValues {
    JoinKey join;       // registered in joins_; not known() where it could not be
    JoinKey sequences;  // registered in sequences_
    JoinKey identity;   // what ids are made of
    uint64_t start_ns = 0;
    uint64_t seen_at = 0;                     // when (in facts' time) it was first heard of
    uint64_t ended_at = 0;                    // when its span came
    Ref partner;                              // the other end
    Ref adopted_from;                         // the child through which a header below gives this chain its trace
    uint32_t context = kNone;                 // index in contexts_: the header of its request
    uint32_t span = kNone;                    // index in spans_
    uint32_t previous = kNone, next = kNone;  // list of its stage
    uint32_t visit = 0;
    Stage stage = Stage::kFree;
    ConnectionRole role = ConnectionRole::kUnknown;
    bool request_known = false;  // its RequestSeen came
    bool has_ended = false;      // its span came
    uint8_t continuity = 0;      // kContinues, kIsContinued; not 0: continuities_ may have more
    bool answered = false;       // bytes of an answer did
    bool decided = false;
    // Valid once decided; never changes after.
    uint8_t trace_flags = 0;
    bool parent_is_remote = false;
    bool has_reason = false;
    exporters::LinkEvidence evidence = exporters::LinkEvidence::kNone;
    exporters::LinkConfidence confidence = exporters::LinkConfidence::kNone;
    Carrier carrier = Carrier::kW3c;  // of the header that was followed
    UnlinkedReason reason = UnlinkedReason::kNoContext;
    exporters::TraceId trace_id{};
    exporters::SpanId span_id{};
    exporters::SpanId parent_span_id{};
  };
  struct Entry : EntryValues {
    std::string trace_state;
  };
  static constexpr uint8_t kContinues = 1;    // it is no exchange: a Continued told of it
  static constexpr uint8_t kIsContinued = 2;  // something waits for it to be decided
  // Of the few that continue something or are continued.
  struct Continuity {
    Ref within;    // what it continues
    Ref follower;  // what continues it, to be decided as soon as this is
  };
  struct Ends {
    uint32_t client = kNone;
    uint32_t server = kNone;
    bool ambiguous = false;  // two requests at one end
  };
  // Both kinds of keys are well mixed already, by a key that nobody outside has (span/ids.h).
  struct JoinKeyHash {
    uint64_t operator()(const JoinKey& key) const { return key.low ^ key.high; }
  };
  struct List {
    uint32_t first = kNone, last = kNone, size = 0;
  };
  // How long one span may make its ancestors be waited for. All zero: not at all.
  struct Patience {
    uint64_t settle_until = 0;  // for calls that have a link but no end
    uint64_t hold_until = 0;    // for everything
    uint64_t since = 0;
  };
  // One step up the chain.
  struct Step {
    uint32_t slot = kNone;
    uint32_t parent = kNone;  // kNone: a root, or the parent is not local
    LinkStatus status{};
  };

  // assembler.cc: facts, time, memory
  void Collect(exporters::SpanBatch& out);
  void Run(uint64_t limit);
  void TakeFirst();
  void OnRequest(QueuedFact& fact);
  void OnResponse(const ResponseStarted& response);
  void OnContinued(const Continued& continued);
  void OnFinished(const FinishedFact& finished);
  void Begin(uint32_t slot, ConnectionRole role, const JoinKey& join, uint64_t start_ns, Token token, uint32_t index);
  static void Leave(FlatTable<JoinKey, Ends, JoinKeyHash>& joins, const JoinKey& key, ConnectionRole role, uint32_t slot);
  void Register(uint32_t slot, const JoinKey& join);
  void RegisterSequences(uint32_t slot, const JoinKey& sequences);
  bool Pair(uint32_t client, uint32_t server);
  void Unregister(uint32_t slot);
  Patience PatienceOf(uint32_t slot) const;
  void Release(uint32_t slot, const Patience& patience);
  void Emit(uint32_t slot);
  void Drop(SpanDrop reason, uint32_t span);
  uint32_t TakeSpan();
  void ReleaseContext(uint32_t at);
  Entry& Sized(uint32_t slot);
  void MakeRoom();
  // Forgets by age; called before every fact and timer, so that what is forgotten depends on facts' time alone.
  void Expire() {
    const bool too_many = lingering_.size > config_.max_lingering || unanswered_.size > config_.max_unanswered;
    if (now_ >= next_expiry_ns_ || too_many) ExpireNow();
  }
  void ExpireNow();
  void ForgetOld();
  void ForgetLingering(uint32_t slot);
  void Forget(uint32_t slot);
  List* ListOf(Stage stage);
  void Move(uint32_t slot, Stage stage);

  // decision.cc: parents and traces
  bool Decide(uint32_t slot, const Patience& patience);
  bool Up(uint32_t slot, const Patience& patience, Step& step);
  bool UpFromClient(const Entry& entry, const Patience& patience, Step& step);
  [[gnu::noinline]] bool UpFromContinued(Step& step) const;  // rare: Up is to be short without it
  void Commit(const Step& step);
  void CommitClient(Entry& entry, const Step& step);
  void CommitServer(Entry& entry, const Step& step);
  void CommitContinued(Entry& entry, const Step& step);
  void DecideFollower(uint32_t slot);
  void Inherit(Entry& entry, const Entry& parent);
  void StartTrace(Entry& entry, uint32_t slot);
  void FollowHeader(Entry& entry, const IncomingContext& header, bool remote);
  void Adopt(uint32_t child);
  const IncomingContext* HeaderOf(const Entry& entry) const;
  const IncomingContext* AdoptedHeader(uint32_t slot);
  void Tell(uint32_t slot, const Entry& entry) const;
  const exporters::AttributeList& WordsOf(exporters::LinkEvidence evidence, exporters::LinkConfidence confidence);
  void Dress(const Entry& entry, exporters::Span& span);

  AssemblerConfig config_;
  span::IdKey key_;
  LinkJournal* journal_ = nullptr;
  LinkResolver links_;
  FactQueue queue_;
  StableArray<Entry> entries_;                             // by slot
  std::unordered_map<uint32_t, Continuity> continuities_;  // by slot, where the entry says that there is one
  FlatTable<JoinKey, Ends, JoinKeyHash> joins_;
  FlatTable<JoinKey, Ends, JoinKeyHash> sequences_;  // of requests that had no partner by address when they came
  Pool<exporters::SpanBox> spans_;
  Pool<IncomingContext> contexts_;
  TimerQueue<Ref> timers_;
  std::vector<Step> climb_;
  std::array<exporters::AttributeList, kEvidences * kConfidences> link_words_;  // of spans with a link
  List open_, held_, lingering_, unanswered_;
  exporters::SpanBatch ready_;
  exporters::SpanBatch* out_ = nullptr;  // where spans go now; null outside Advance and Flush: then to ready_
  uint64_t now_ = 0;
  uint64_t next_expiry_ns_ = 0;  // nothing goes by age before: the lists are in the order of their times
  uint64_t wait_until_ = 0;      // set by Decide when it has to wait
  uint32_t visit_ = 0;
  AssemblerCounters counters_;
};

}  // namespace wirespan::trace
