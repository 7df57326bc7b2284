#include "agent/pipeline/session_output.h"

namespace wirespan::pipeline {

void SessionOutput::Reset(const stream::ConnectionFacts& facts) {
  connection_ = &facts;
  profile_.Clear();
  repeated_.Clear();
  join_keys_.Clear();
  parts_ = 0;
}

void SessionOutput::NoteFirst(const DataChunk& chunk, match::MessageFacts& facts) {
  facts.first_byte_ns = facts.last_byte_ns = chunk.time_ns;
  // Where the kernel does not know which end this is it names no exchange: the name that it would give.
  facts.token = chunk.exchange != 0 ? chunk.exchange : TokenOf(chunk.connection, chunk.turn);
  facts.first = facts.last = chunk.thread;
  facts.retransmits_first = facts.retransmits_last = chunk.retransmits;
  facts.srtt_us = chunk.srtt_us;
  facts.queue_wait_jiffies = chunk.queue_wait_jiffies;
}

void SessionOutput::NoteLast(const DataChunk& chunk, match::MessageFacts& facts) {
  facts.last_byte_ns = chunk.time_ns;
  facts.last = chunk.thread;
  facts.retransmits_last = chunk.retransmits;
  facts.srtt_us = chunk.srtt_us;
}

void SessionOutput::NoteMarks(const DataChunk& chunk, uint64_t position, RequestMarks& marks) const {
  marks.flags = static_cast<const ActivityFlags&>(chunk);
  marks.stored = chunk.stored;
  marks.ancestors = chunk.ancestors;
  marks.sequences = {};
  // The other direction's position is known of a call's first byte.
  const bool begins_call = chunk.first_of_turn && chunk.position == static_cast<uint32_t>(position);
  if (!begins_call || connection_->address.family == AddressFamily::kUnix) return;
  marks.sequences = span::MakeSequenceKey(services_->config->id_key, connection_->role, chunk.position, chunk.reverse_position);
}

trace::JoinKey SessionOutput::JoinKeyOf(uint64_t position) {
  const auto low = static_cast<uint32_t>(position);
  if (!connection_->opening_seen) return {};
  if (connection_->address.family == AddressFamily::kUnix) {
    return span::MakeUnixJoinKey(services_->config->id_key, connection_->id, connection_->peer, connection_->role, low);
  }
  if (!join_keys_.IsSetFor(connection_->role)) join_keys_.Set(services_->config->id_key, connection_->address, connection_->role);
  return join_keys_.At(low);
}

void SessionOutput::TellRequest(const RequestMarks& marks, const match::MessageFacts& facts, const ExchangeExtra& extra) {
  auto& fact = services_->facts->Add<trace::RequestSeen>();
  static_cast<ActivityFlags&>(fact) = marks.flags;
  fact.stored = marks.stored;
  fact.sequences = marks.sequences;
  fact.ancestors = marks.ancestors;
  fact.multiplexed = marks.multiplexed;
  fact.shares = marks.shares;
  fact.time_ns = facts.first_byte_ns;
  fact.token = facts.token;
  fact.index = facts.index;
  fact.role = connection_->role;
  fact.join = extra.join;
  if (extra.has_incoming) fact.incoming = extra.incoming;
  fact.tgid = extra.tgid;
  fact.thread = facts.first;
}

void SessionOutput::TellContinued(const match::MessageFacts& facts, const ExchangeExtra& extra, const trace::JoinKey& within,
                                  uint64_t now_ns) {
  auto& fact = services_->facts->Add<trace::Continued>();
  fact.time_ns = now_ns;
  fact.start_ns = facts.first_byte_ns;
  fact.token = facts.token;
  fact.index = facts.index;
  fact.role = connection_->role;
  fact.tgid = extra.tgid;
  fact.join = extra.join;
  fact.within = within;
}

void SessionOutput::TellResponse(const DataChunk& chunk, Token token) {
  auto& fact = services_->facts->Add<trace::ResponseStarted>();
  fact.time_ns = chunk.time_ns;
  fact.token = token;
  fact.thread = chunk.thread;
  fact.active_open = chunk.active_open;
  fact.timer_due = chunk.timer_due;
  fact.loop_thread = chunk.loop_thread;
  fact.several_reads = chunk.several_reads;
  fact.handed_over = chunk.handed_over;
}

const span::ConnectionProfile& SessionOutput::Profile() {
  if (profile_.role() == ConnectionRole::kUnknown || profile_has_opening_ != connection_->opening_seen) {
    profile_.Set(connection_->address, connection_->unix_path, connection_->role);
    repeated_.Clear();
    profile_has_opening_ = connection_->opening_seen;
  }
  return profile_;
}

}  // namespace wirespan::pipeline
