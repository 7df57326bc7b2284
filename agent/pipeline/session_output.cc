#include "agent/pipeline/session_output.h"

namespace wirespan::pipeline {

void SessionOutput::Reset(const stream::ConnectionFacts& facts) {
  connection_ = &facts;
  profile_.Clear();
  repeated_.Clear();
  join_keys_.Clear();
}

void SessionOutput::NoteFirst(const DataChunk& chunk, match::MessageFacts& facts) {
  facts.first_byte_ns = facts.last_byte_ns = chunk.time_ns;
  facts.token = chunk.exchange;
  facts.first = facts.last = chunk.thread;
  facts.retransmits_first = facts.retransmits_last = chunk.retransmits;
  facts.srtt_us = chunk.srtt_us;
  facts.queue_wait_jiffies = chunk.queue_wait_jiffies;
  facts.first_call_ns = chunk.call_ns;
}

void SessionOutput::NoteLast(const DataChunk& chunk, match::MessageFacts& facts) {
  facts.last_byte_ns = chunk.time_ns;
  facts.last = chunk.thread;
  facts.retransmits_last = chunk.retransmits;
  facts.srtt_us = chunk.srtt_us;
}

void SessionOutput::NoteSeen(const DataChunk& chunk, uint64_t position, trace::RequestSeen& seen) const {
  seen = {};
  seen.stored = chunk.stored;
  seen.active_open = chunk.active_open;
  seen.fresh = chunk.fresh;
  seen.stored_conflict = chunk.stored_conflict;
  seen.other_unresolved = chunk.other_unresolved;
  seen.timer_due = chunk.timer_due;
  seen.loop_thread = chunk.loop_thread;
  seen.queued_reuse = chunk.queued_reuse;
  seen.several_reads = chunk.several_reads;
  seen.stored_doubtful = chunk.stored_doubtful;
  seen.stored_timer = chunk.stored_timer;
  seen.stored_sandwiched = chunk.stored_sandwiched;
  seen.handed_over = chunk.handed_over;
  seen.requester_known = chunk.requester_known;
  seen.requester_again = chunk.requester_again;
  seen.ancestors = chunk.ancestors;
  // The other direction's position is known of a call's first byte.
  const bool begins_call = chunk.first_of_turn && chunk.position == static_cast<uint32_t>(position);
  if (!begins_call || connection_->address.family == AddressFamily::kUnix) return;
  seen.sequences = span::MakeSequenceKey(services_->config->id_key, connection_->role, chunk.position, chunk.reverse_position);
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

void SessionOutput::TellRequest(const trace::RequestSeen& seen, const match::MessageFacts& facts, const ExchangeExtra& extra) {
  auto& fact = services_->facts->Add<trace::RequestSeen>();
  fact = seen;
  fact.time_ns = facts.first_byte_ns;
  fact.token = facts.token;
  fact.index = facts.index;
  fact.role = connection_->role;
  fact.join = extra.join;
  if (extra.has_incoming) fact.incoming = extra.incoming;
  fact.tgid = extra.tgid;
  fact.thread = facts.first;
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
