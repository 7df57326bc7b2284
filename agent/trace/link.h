// LinkResolver: decides from the facts which exchange caused which call (docs/linking.md). It keeps one slot per exchange and
// call that may still matter, the open exchanges and the trust of each process; it makes no links across connections (the
// assembler joins those) and knows nothing of ids. Pure: same facts, same links. Bounded; owned and used by the assembler's
// thread.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/base/flat_table.h"
#include "agent/trace/fact.h"
#include "agent/trace/fact_queue.h"
#include "agent/trace/journal.h"
#include "agent/trace/link_reason.h"
#include "agent/trace/pool.h"
#include "agent/trace/runtime_context.h"
#include "agent/trace/trust.h"

namespace wirespan::trace {

// Names a slot for as long as it lives: a slot that was freed and used again has another generation.
struct Ref {
  uint32_t slot = UINT32_MAX;
  uint32_t generation = 0;
  bool operator==(const Ref&) const = default;
};

struct LinkStatus {
  enum class State : uint8_t {
    kPending,  // evidence may still come
    kLinked,
    kUnlinked,
  };
  State state = State::kPending;
  bool settled = false;  // linked, and no evidence against it can come any more
  Ref parent{};          // linked: an exchange that lives
  exporters::LinkEvidence evidence = exporters::LinkEvidence::kNone;
  exporters::LinkConfidence confidence = exporters::LinkConfidence::kNone;
  UnlinkedReason reason = UnlinkedReason::kNoContext;
};

struct LinkLimits {
  uint32_t max_exchanges = 65'536;
  uint32_t max_processes = 4'096;
};

struct ResolverCounters {
  uint64_t agreements = 0;
  uint64_t contradictions = 0;
  uint64_t violations = 0;
  uint64_t completion_wakes = 0;         // seen
  uint64_t juggled = 0;                  // requests read by a thread, no event loop, that had another exchange open
  uint64_t timed_threads_forgotten = 0;  // turns of threads beyond the bound, whose calls were no longer watched
  uint64_t wakes_unproven = 0;     // calls that a wake would have linked, had their process proven that its wakes can be believed
  uint64_t contexts_shared = 0;    // answers by a goroutine or context that answered another exchange meanwhile: it is no task
  uint64_t processes_refused = 0;  // facts of processes beyond the limit
  uint64_t answers_unknown = 0;    // answers to an exchange whose request was not seen
  uint64_t demotions = 0;          // processes that became distrusted (V)
  uint64_t promotions = 0;         // and that were trusted again
};

class LinkResolver {
 public:
  // `journal`, if any, outlives the resolver.
  explicit LinkResolver(const LinkLimits& limits, LinkJournal* journal = nullptr);

  bool full() const { return slots_.out() >= limits_.max_exchanges; }
  uint32_t size() const { return slots_.out(); }

  // The slot of a request or of a finished span: found, or made. The resolver must not be full(). `now_ns` never goes back.
  Ref Open(const RequestSeen& request, uint64_t now_ns);
  Ref Finish(const FinishedFact& finished, uint64_t now_ns);
  // The calls that gained a parent by this answer are in linked() until the next Answer.
  void Answer(const ResponseStarted& response, uint64_t now_ns);
  void Wake(const CompletionWake& wake, uint64_t now_ns);
  void EndProcess(uint32_t tgid);
  // Facts up to now may be missing: for a while, what is only right if nothing is missing is not believed.
  void NoteLosses(uint64_t now_ns);

  const std::vector<Ref>& linked() const { return linked_; }
  // Of a client slot. `final`: do not wait any more.
  LinkStatus Status(uint32_t slot, bool final, uint64_t now_ns);
  // The exchange that a call belongs to as far as is known now: for evidence of traces, not yet a link. Not alive if there is
  // none.
  Ref ParentSoFar(uint32_t slot);
  // The link of a call is decided: it claims no exchange any more, and no evidence changes it.
  void Settle(uint32_t slot);
  bool claimed(uint32_t slot) const { return slots_[slot].claims > 0; }
  bool Alive(Ref ref) const {
    return ref.slot < slots_.size() && slots_[ref.slot].live && slots_[ref.slot].generation == ref.generation;
  }
  // Token and index of the request.
  std::pair<Token, uint32_t> NameOf(uint32_t slot) const { return {slots_[slot].token, slots_[slot].index}; }
  Ref RefOf(uint32_t slot) const { return {slot, slots_[slot].generation}; }
  void Free(uint32_t slot);

  Trust TrustOf(uint32_t tgid, uint64_t now_ns);
  const ResolverCounters& counters() const { return counters_; }

 private:
  static constexpr uint32_t kNone = UINT32_MAX;
  static constexpr uint32_t kMaxAwaitingProof = 256;  // per process: the spans of more are not held for signs that may never come

  // What the forward candidate of a call needs before it is a link, from little to much. From kQueuedAlone on it is doubtful: the
  // answer must verify it, or the process must have earned belief (Believed).
  enum class Candidate : uint8_t {
    kNone,
    kFirm,          // nothing, while the process is trusted
    kStored,        // proof that the exchange was open: its answer came later
    kQueuedAlone,   // the connection was reused at once; no other exchange was open
    kQueued,        // the same, others were open, all of them waiting for a call of theirs
    kQueuedBehind,  // the same, and others waited for something else: for a connection, perhaps
    kUnnoted,       // an event loop's connection made for nobody that is known, and used for the first time
    kWoken,         // the thread has been woken at a futex since, and may have been given other work
    kTimer,         // a timer may have acted
  };
  // Whose word a call's link is.
  enum class Identity : uint8_t {
    kThread,         // what threads did
    kPooled,         // the same, in a process of goroutines: the one that wrote the call tells nothing
    kStranger,       // a goroutine's new connection, made for nobody that is known: nothing
    kNobodys,        // asked for by a goroutine that works for no exchange: nothing
    kGoroutine,      // the goroutine that asked for the call, that wrote it, or that made its connection
    kPythonContext,  // the context the call was written in: the answer of its exchange tells
  };
  // A call in the list of the undecided calls of one context; its name there is slot * kContextLevels + level.
  struct ContextPlace {
    uint64_t runtime_id = 0;  // 0: in no list
    uint64_t born_ns = 0;     // when the call's own context, or the one between, was copied from it; 0: it is the call's own
    uint32_t previous = kNone, next = kNone;
  };
  struct Slot {
    Token token = 0;
    uint32_t index = 0;
    uint32_t generation = 0;
    uint32_t tgid = 0;
    uint32_t process = kNone;
    ConnectionRole role = ConnectionRole::kUnknown;
    bool live = false, request_seen = false, finished = false;
    bool ambiguous = false;    // another request shares the token
    bool multiplexed = false;  // its connection carries several at once
    bool shared = false;       // and did so while it was open: neither its token nor what is read or written there is its own
    bool closed = false;       // server: no call can come from it any more
    bool listed = false;       // server: in its process's list of open exchanges
    // Server.
    uint32_t out = 0;     // calls under way that have it as candidate
    uint32_t claims = 0;  // undecided calls that name it
    uint64_t order = 0;   // in its process's list. Client: exchanges from this order on are too young to be its parent
    uint64_t opened_ns = 0;
    uint64_t answered_ns = 0;                 // 0: not seen
    Ref woken;                                // server: the call whose completion woke its thread last. Client: the one before
    uint32_t woken_tid = 0;                   // client: that thread; 0: none
    uint32_t previous = kNone, next = kNone;  // server: open exchanges of the process. Client: ring of siblings
    // Client.
    Token forward = 0;  // the candidate
    Ref parent;         // claimed: the exchange of `late`, else of `forward`
    Ref charged;        // the exchange in whose `out` it counts
    Ref earlier;        // the call whose response led to this one
    Ref after;          // the call whose response the thread had read last, sure or not
    Candidate candidate = Candidate::kNone;
    UnlinkedReason reason = UnlinkedReason::kNoContext;
    bool late = false;      // `parent` comes from a backward link
    bool by_wake = false;   // and that from a completion wake
    bool indirect = false;  // and that as the sibling of the call whose response led to the answer
    Identity identity = Identity::kThread;
    uint64_t runtime_id = 0;                                // of whoever wrote the call, or read the request
    bool requester_known = false, requester_again = false;  // as in RequestSeen
    uint64_t strayed_ns = 0;                                // goroutine's new connection: when one was last given to another
    std::array<ContextPlace, kContextLevels> contexts{};    // that may tell of the call: its own first
    bool verified = false, contradicted = false, settled = false;
    bool other_unresolved = false, loop_thread = false;
    uint32_t tid = 0;                            // client: of the thread that wrote the request
    uint32_t read_tid = 0, read_turn = 0;        // client, finished: who read the end of the response, in which turn
    bool sandwiched = false;                     // reads followed in its turn: no timer made it, where those have a phase
    bool late_reuse = false;                     // its connection was reused after the thread had read another request
    bool by_timed_answer = false;                // `late`, by an answer that a timer may have given
    Candidate without_timer = Candidate::kNone;  // kTimer: the grade if that is so
    Ref timed;                                   // kTimer: the call before it in its turn
    bool awaits_proof = false;                   // it is one of Process::awaiting_proof
    bool lone = false;                           // client: one exchange of its process was open, no more, when it began
    bool lone_candidate = false;                 // that one is the candidate, known in doubt only: who else could have called?
    bool lone_timed = false;                     // and a timer may have acted
  };
  struct Process {
    uint32_t tgid = 0;
    uint32_t first_open = kNone, last_open = kNone;
    uint64_t next_order = 1;
    uint32_t open = 0;            // open exchanges
    uint32_t stalled = 0;         // of them, those with no call under way
    uint32_t slots = 0;           // slots that refer to it: it stays until they are gone
    uint64_t strayed_ns = 0;      // when a goroutine's connection last went to a request that may not have asked for it
    uint32_t awaiting_proof = 0;  // undecided calls that wait for signs alone
    uint32_t wakes_kept = 0;      // completion wakes that named an exchange older than the call, since the last that did not
    bool live = false, ended = false, distrusted = false;
    bool timers_call = false;  // Trust::timers_call, as judged last
    bool multiplexes = false;  // it has made calls on a connection that carries several at once
    bool shares = false;       // it has made or served several on one connection at once
    TrustMeter meter;
  };
  struct TimedTurn {
    uint32_t turn = 0;
    Ref last;
  };
  struct SlotKey {
    Token token = 0;
    uint32_t index = 0;
    bool operator==(const SlotKey&) const = default;
  };
  struct SlotKeyHash {
    uint64_t operator()(const SlotKey& key) const { return MixBits(key.token ^ (static_cast<uint64_t>(key.index) << 40U)); }
  };
  struct NumberHash {
    uint64_t operator()(uint64_t number) const { return MixBits(number); }
  };
  // What a thread worked for, as far as it can be believed.
  struct Context {
    enum class Kind : uint8_t { kNone, kExchange, kCall, kUnknown };
    Kind kind = Kind::kNone;
    Token exchange = 0;
    uint32_t call = kNone;
    bool doubtful = false;  // kExchange by way of `call`, whose own link waits for verification
  };

  static std::string_view Name(Candidate candidate);
  void Say(const Slot& slot, LinkStep step, Token other, std::string_view text = {}) const {
    if (journal_ != nullptr) journal_->Note(slot.token, slot.index, step, other, text);
  }
  void SayContext(const Slot& slot, const RequestSeen& request, const Context& context) const;

  Slot* Find(Token token, uint32_t index = 0);
  uint32_t SlotOfCall(Token token);
  // link_multiplexed.cc: connections that carry several at once.
  uint32_t CallReadBy(const ThreadStamp& thread);
  bool Multiplexes(uint32_t tgid);
  bool IsMultiplexed(ConnectionId connection) const;
  void NoteMultiplexed(uint32_t at, const RequestSeen& request);
  void Share(Slot& slot);
  void ExcuseCauseless(Slot& call, const RequestSeen& request);
  bool OpenSharedCall(uint32_t at, const RequestSeen& request);
  static UnlinkedReason SharedTurn(const Slot& slot) {
    return slot.multiplexed ? UnlinkedReason::kMultiplexed : UnlinkedReason::kPipelined;
  }
  uint32_t Take(Token token, uint32_t index, ConnectionRole role, uint32_t tgid);
  Process* ProcessOf(const Slot& slot) { return slot.process == kNone ? nullptr : &processes_[slot.process]; }
  void Attach(Slot& slot);
  uint32_t TakeProcess(uint32_t tgid);
  bool ReclaimProcess();
  void FreeProcess(uint32_t at);
  Trust Judge(Process& process, uint64_t now_ns);
  void Note(const Slot& slot, TrustMeter::Sign sign, uint64_t now_ns);

  void OpenServer(uint32_t at);
  void OpenClient(uint32_t at, const RequestSeen& request, uint64_t now_ns);
  void Close(uint32_t at);
  Context ContextOf(const ThreadStamp& thread, bool loop_thread);
  Context ContextOfToken(Token token);
  Context ContextOfRequest(const RequestSeen& request, UnlinkedReason& reason, bool& proven);
  bool Doubtful(const Slot& call);
  void ConsiderExchange(uint32_t at, const RequestSeen& request, const Context& context, Candidate reuse, bool proven);
  Candidate Grade(Slot& call, const RequestSeen& request, const Context& context, Candidate reuse, bool proven) const;
  Candidate GradeReuse(const Slot& call, const Slot* parent);
  bool ReuseBelieved(Candidate grade, bool late_reuse, const Trust& trust, uint64_t now_ns) const;
  void Charge(Slot& call, uint32_t exchange);
  void Uncharge(Slot& call);
  bool OthersOpen(const Slot& call);
  bool LeadsToOne(uint32_t call);
  bool AgreeThroughTimers(uint32_t call, uint32_t exchange, uint64_t now_ns);
  static bool MayBeTimer(const RequestSeen& request);
  static bool IsTimers(const RequestSeen& request);
  static bool IsWoken(const ThreadStamp& thread, bool handed_over);
  Context ContextBeforeWake(const RequestSeen& request);
  void AnswerOfWoken(uint32_t at, uint32_t exchange, const ResponseStarted& response, uint64_t now_ns);
  void AwaitActivity(uint32_t at, const RequestSeen& request);
  void NoteActivity(uint32_t tgid, uint32_t tid, uint32_t turn, uint64_t time_ns);
  void NoteJuggling(const Slot& slot, const RequestSeen& request, uint64_t now_ns);
  void Contradict(Slot& call, bool parent_open, uint64_t now_ns);
  void Join(uint32_t call, uint32_t sibling);
  void LeaveRing(uint32_t at);
  void Verify(uint32_t call, Token exchange, uint64_t now_ns);
  void LinkBack(uint32_t call, uint32_t exchange, bool timer_due, bool by_wake, uint64_t now_ns);
  void LinkWoken(uint32_t exchange, uint32_t tid, uint64_t now_ns);
  bool WakeIsBelieved(const Slot& call, const Slot& exchange, uint64_t now_ns);
  void LinkOneBack(uint32_t call, uint32_t exchange, bool timer_due, bool by_wake, uint64_t now_ns);
  // link_runtime.cc: what the language runtime says.
  bool OpenCallOfRuntime(uint32_t at, const RequestSeen& request, uint64_t now_ns);
  void OpenCallOfGoroutine(uint32_t at, const RequestSeen& request, uint64_t now_ns);
  bool IsByRuntime(uint32_t call) const;
  void AnswerOfRuntime(uint32_t exchange, const ResponseStarted& response, uint64_t now_ns);
  void LinkContext(uint32_t exchange, uint64_t runtime_id, uint64_t now_ns);
  ContextPlace& PlaceOf(uint32_t name) { return slots_[name / kContextLevels].contexts[name % kContextLevels]; }
  void JoinContexts(uint32_t call, const RequestSeen& request);
  void JoinContext(uint32_t call, uint32_t level, uint64_t runtime_id, uint64_t born_ns);
  void LeaveContexts(uint32_t call);
  void LeaveContext(uint32_t name);
  LinkStatus StatusOfRuntime(Slot& call, bool final, const Trust& trust);
  void Claim(Slot& call, uint32_t exchange);
  void Unclaim(Slot& call);
  bool MayStillBeLinked(const Slot& call);
  LinkStatus StatusOfForward(Slot& call, bool final, const Trust& trust, uint64_t now_ns);
  LinkStatus StatusOfDoubtful(Slot& call, bool final, const Trust& trust, uint64_t now_ns);
  bool AwaitsProof(Slot& call, Candidate grade, const Trust& trust);
  void StopAwaiting(Slot& call);
  LinkStatus Linked(const Slot& call, Ref parent, const Trust& trust, bool settled);

  LinkLimits limits_;
  LinkJournal* journal_ = nullptr;
  Pool<Slot> slots_;
  FlatTable<SlotKey, uint32_t, SlotKeyHash> by_token_;
  FlatTable<uint64_t, TimedTurn, NumberHash> timed_;  // tgid << 32 | tid -> calls of its turn that a timer may have made
  FlatTable<uint64_t, Ref, NumberHash> newest_;       // server or multiplexed connection -> its newest exchange or call
  Pool<Process> processes_;
  uint32_t reclaim_hand_ = 0;
  uint64_t losses_until_ns_ = 0;
  FlatTable<uint64_t, uint32_t, NumberHash> by_tgid_;
  FlatTable<ContextKey, uint32_t, ContextKeyHash> contexts_;  // context -> its undecided call that came last, by name
  AnswerHistory answers_;
  std::vector<Ref> linked_;
  ResolverCounters counters_;
};

}  // namespace wirespan::trace
