// SessionOutput: what every kind of session makes of the chunks behind its messages: facts of a message, what the assembler is
// told, spans and measurements. One per session. Shard's thread.
#pragma once

#include <cstdint>
#include <utility>

#include "agent/match/exchange.h"
#include "agent/pipeline/shard_services.h"
#include "agent/stream/session.h"

namespace wirespan::pipeline {

// What is kept with an open exchange beside its messages.
struct ExchangeExtra {
  trace::JoinKey join;
  trace::IncomingContext incoming;
  bool has_incoming = false;
  bool response_began = false;                                      // bytes of a response were seen, but not its head
  decoders::ExchangeEnd cut = decoders::ExchangeEnd::kResponseCut;  // then: why it ended
  uint32_t tgid = 0;
  bool shared = false;     // trace::SpanFinished's
  bool told_open = false;  // a span said that it is open

  void Clear() {
    join = {};
    incoming.trace_id = {}, incoming.parent_span_id = {}, incoming.flags = 0, incoming.trace_state.clear();
    has_incoming = response_began = shared = told_open = false;
    cut = decoders::ExchangeEnd::kResponseCut;
    tgid = 0;
  }
};

// What the chunk of a request's first byte says of it beside MessageFacts.
struct RequestMarks {
  ActivityFlags flags;
  Token stored = 0;
  trace::JoinKey sequences;
  Ancestors ancestors{};
  bool multiplexed = false;  // trace::RequestSeen's
  bool shares = false;
};

class SessionOutput {
 public:
  explicit SessionOutput(const ShardServices& services) : services_(&services) {}

  // For the next connection. `facts` outlives the use.
  void Reset(const stream::ConnectionFacts& facts);

  const ShardServices& services() const { return *services_; }
  const stream::ConnectionFacts& connection() const { return *connection_; }
  Losses& losses() { return *services_->losses; }

  // What the chunk of a message's first byte says; the position is set already, token and index are the caller's to judge.
  static void NoteFirst(const DataChunk& chunk, match::MessageFacts& facts);
  // The same of the chunk of its last byte so far.
  static void NoteLast(const DataChunk& chunk, match::MessageFacts& facts);
  // The forward candidate that a request's first chunk carries, and its sequence numbers where it begins a call.
  void NoteMarks(const DataChunk& chunk, uint64_t position, RequestMarks& marks) const;

  // Names an exchange by the position of its request's first byte.
  trace::JoinKey JoinKeyOf(uint64_t position);
  // `marks` as NoteMarks left it.
  void TellRequest(const RequestMarks& marks, const match::MessageFacts& facts, const ExchangeExtra& extra);
  // What goes on after the exchange `within`, or in it (trace::Continued), told at `now_ns`; its span comes by Finish. `facts`
  // has token and index.
  void TellContinued(const match::MessageFacts& facts, const ExchangeExtra& extra, const trace::JoinKey& within, uint64_t now_ns);
  // The first byte of a response to the request of `token`, on a server connection.
  void TellResponse(const DataChunk& chunk, Token token);

  // The span of an exchange that is over, and its measurement; counted. `Open` is match::OpenExchange. `ended_ns`: SpanInput's.
  template <typename Open>
  void Finish(Open& open, uint64_t ended_ns) {
    if (open.ambiguous) {
      losses().Add(Loss::kAmbiguousMessage);
    } else if (EmitSpan(open, ended_ns)) {
      ++losses().spans_emitted;
      if (open.exchange.end != decoders::ExchangeEnd::kComplete) ++losses().spans_incomplete;
    } else {
      losses().Add(Loss::kUnknownRole);
    }
  }

  // A span that says that the exchange is open still, of its first `after_ns`, within the one that will come at its end. Where
  // the exchange has no name that both ends know it by, nothing can be within it, and nothing is told. Counted as an exchange of
  // its own, but not measured. The exchange is left as it was, but for told_open.
  template <typename Open>
  void TellOpen(Open& open, uint64_t now_ns, uint64_t after_ns) {
    open.extra.told_open = true;
    if (open.ambiguous || !open.extra.join.known()) return;
    match::MessageFacts& facts = open.exchange.request_facts;
    const uint32_t index = std::exchange(facts.index, NextPart());
    const trace::JoinKey join = std::exchange(open.extra.join, {});
    const decoders::ExchangeEnd end = std::exchange(open.exchange.end, decoders::ExchangeEnd::kStillOpen);
    ++losses().requests_seen;
    TellContinued(facts, open.extra, join, now_ns);
    if (EmitSpan<true>(open, facts.first_byte_ns + after_ns, now_ns)) {
      ++losses().spans_emitted;
      ++losses().spans_incomplete;
    } else {
      losses().Add(Loss::kUnknownRole);
    }
    facts.index = index;
    open.extra.join = join;
    open.exchange.end = end;
  }
  // An index for what continues an exchange of the connection (trace::Continued).
  uint32_t NextPart() { return trace::kContinuedIndex | ++parts_; }

 private:
  const span::ConnectionProfile& Profile();

  // kIsOpen: the exchange has not ended by `open_at_ns`.
  template <bool kIsOpen = false, typename Open>
  bool EmitSpan(Open& open, uint64_t ended_ns, uint64_t open_at_ns = 0) {
    const match::MessageFacts& request = open.exchange.request_facts;
    trace::SpanFinished& fact = services_->facts->AddSpan();
    span::SpanInput input{.connection = &Profile(),
                          .resource = services_->resources->Of(open.extra.tgid),
                          .incoming = open.extra.has_incoming ? &open.extra.incoming : nullptr,
                          .ended_ns = ended_ns,
                          .repeated = &repeated_,
                          .pipelined = open.overlapped};
    metrics::Measurement measurement;
    if (!services_->spans->Build(open.exchange, std::move(input), *fact.span, measurement)) {
      services_->facts->Withdraw();
      return false;
    }
    const span::SpanTimes times = span::TimesOf(request, open.exchange.response_facts, open.exchange.end, ended_ns);
    fact.time_ns = kIsOpen && open_at_ns > times.end_ns ? open_at_ns : times.end_ns;
    fact.start_ns = times.start_ns;
    fact.token = request.token;
    fact.index = request.index;
    fact.role = connection_->role;
    fact.tgid = open.extra.tgid;
    fact.join = open.extra.join;
    fact.last_tid = open.exchange.response_facts.last.tid;
    fact.last_turn = open.exchange.response_facts.last.turn;
    fact.shared = open.extra.shared;
    if constexpr (!kIsOpen) services_->measurements->Record(measurement);
    return true;
  }

  const ShardServices* services_;
  const stream::ConnectionFacts* connection_ = nullptr;
  span::ConnectionProfile profile_;
  span::RepeatedAttributes repeated_;  // of profile_
  span::TcpJoinKeys join_keys_;
  uint32_t parts_ = 0;                // that were told of this connection
  bool profile_has_opening_ = false;  // profile_ was made with the connection's addresses
};

}  // namespace wirespan::pipeline
