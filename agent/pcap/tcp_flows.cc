#include "agent/pcap/tcp_flows.h"

#include <algorithm>
#include <cerrno>
#include <functional>
#include <string_view>

#include "decoders/registry.h"

namespace wirespan::pcap {
namespace {

// Who moved the bytes is not in a capture. Two threads, so that nobody takes the one that reads for the one that answers.
constexpr std::array<uint32_t, 2> kThreads = {1, 2};

int32_t Distance(uint32_t from, uint32_t to) { return static_cast<int32_t>(to - from); }
uint32_t PayloadAt(const Segment& segment) { return segment.sequence + (segment.syn ? 1U : 0U); }
uint32_t EndOf(const Segment& segment) { return PayloadAt(segment) + segment.size; }

}  // namespace

size_t TcpFlows::KeyHash::operator()(const Key& key) const {
  const auto text = [](const Endpoint& end) {
    return std::string_view(reinterpret_cast<const char*>(end.address.data()), end.address.size());
  };
  const std::hash<std::string_view> hash;
  const size_t ports = size_t{key.low.port} << 16U | key.high.port;
  return hash(text(key.low)) ^ (hash(text(key.high)) * 31) ^ (ports * 0x9e3779b97f4a7c15U);
}

TcpFlows::Key TcpFlows::KeyOf(const Segment& segment) {
  const bool in_order = segment.source < segment.destination;
  return in_order ? Key{segment.source, segment.destination} : Key{segment.destination, segment.source};
}

// Of a connection whose SYN was not seen: who speaks like a client; else who has the higher port.
bool TcpFlows::FromClient(const Segment& segment) {
  if (segment.syn) return !segment.ack;
  const auto as_request = decoders::GuessProtocol(segment.bytes, {}).likeness;
  const auto as_response = decoders::GuessProtocol({}, segment.bytes).likeness;
  if (as_request != as_response) return as_request > as_response;
  return segment.source.port >= segment.destination.port;
}

void TcpFlows::Take(const Segment& segment) {
  ++segments_;
  Flow* flow = FlowFor(segment);
  if (flow != nullptr && flow->closed) flow = Reopen(*flow, segment);
  if (flow == nullptr) return;
  const size_t from = segment.source == flow->client ? kClient : kServer;
  if (segment.syn) Begin(*flow, segment);
  if (segment.size > 0 || segment.fin) Add(*flow, from, segment);
  Pump(*flow, segment.time_ns);
  if (!segment.reset) return;
  flow->reset_by = from;
  Close(*flow, segment.time_ns, ECONNRESET);
}

// The flow of a segment; one that tells of nothing begins none.
TcpFlows::Flow* TcpFlows::FlowFor(const Segment& segment) {
  const auto found = by_key_.find(KeyOf(segment));
  if (found != by_key_.end()) {
    const Place place = found->second;
    const bool opens = segment.syn && !segment.ack;
    const Half& half = place->halves[kClient];
    const bool is_again = opens && half.started && segment.source == place->client && half.first == segment.sequence + 1;
    if (!opens || is_again) {
      flows_.splice(flows_.begin(), flows_, place);
      return &*place;
    }
    Close(*place, segment.time_ns, 0);  // the ports are used again
    Remove(place);
  }
  if (segment.reset || (segment.size == 0 && !segment.syn)) return nullptr;
  return &Open(segment, FromClient(segment));
}

// A reset that was none: who seems to have sent it goes on (somebody else did, or its receiver refused it: RFC 5961 3). Null:
// nothing new. What the other end sent meanwhile is no sign of it.
TcpFlows::Flow* TcpFlows::Reopen(Flow& flow, const Segment& segment) {
  const bool from_client = segment.source == flow.client;
  const Half& half = flow.halves[from_client ? kClient : kServer];
  const bool is_resetter = flow.reset_by == (from_client ? kClient : kServer);
  if (is_resetter && (segment.size > 0 || segment.syn)) flow.went_on = true;
  if (segment.size == 0 || half.ended || !flow.went_on) return nullptr;
  if (half.started && Distance(half.next, EndOf(segment)) <= 0) {
    ++counters_.repeated_segments;
    return nullptr;
  }
  Remove(by_key_.find(flow.key)->second);
  return &Open(segment, from_client);
}

TcpFlows::Flow& TcpFlows::Open(const Segment& segment, bool from_client) {
  if (flows_.size() == limits_.max_flows) {
    ++counters_.evicted;
    Close(flows_.back(), segment.time_ns, 0);
    Remove(std::prev(flows_.end()));
  }
  Flow& flow = flows_.emplace_front();
  flow.key = KeyOf(segment);
  by_key_.emplace(flow.key, flows_.begin());
  flow.id = ++last_id_;
  flow.family = segment.family;
  flow.client = from_client ? segment.source : segment.destination;
  flow.server = from_client ? segment.destination : segment.source;
  ++counters_.opened;
  if (!segment.syn) ++counters_.unseen_openings;
  ConnectionOpened opened;
  opened.time_ns = opened.opened_ns = segment.time_ns;
  opened.connection = flow.id;
  opened.address = {.family = flow.family,
                    .local_port = flow.server.port,
                    .peer_port = flow.client.port,
                    .local = flow.server.address,
                    .peer = flow.client.address};
  opened.role = ConnectionRole::kServer;
  opened.preexisting = !segment.syn;
  sink_.Tell(opened);
  return flow;
}

// SYN says where a direction begins.
void TcpFlows::Begin(Flow& flow, const Segment& segment) {
  Half& half = flow.halves[segment.source == flow.client ? kClient : kServer];
  if (half.started) return;
  half.started = true;
  half.first = half.next = segment.sequence + 1;
}

void TcpFlows::Add(Flow& flow, size_t from, const Segment& segment) {
  Half& half = flow.halves[from];
  if (!half.started) {  // from the middle of a connection
    half.started = true;
    half.first = half.next = PayloadAt(segment);
  }
  if (half.ended || !IsBelieved(half, segment)) return;
  if (Distance(half.next, EndOf(segment)) <= 0 && !segment.fin) {
    ++counters_.repeated_segments;
    return;
  }
  Hold(flow, half, segment);
}

bool TcpFlows::IsBelieved(Half& half, const Segment& segment) {
  const int64_t distance = Distance(half.next, PayloadAt(segment));
  if (distance <= limits_.window && distance >= -int64_t{limits_.window}) {
    half.strays = 0;
    return true;
  }
  if (++half.strays < kOutOfWindowRuns) {
    ++counters_.out_of_window;
    return false;
  }
  half.strays = 0;  // it really is there: the capture has a long hole
  half.next = PayloadAt(segment);
  ++counters_.holes;
  return true;
}

void TcpFlows::Hold(Flow& flow, Half& half, const Segment& segment) {
  const uint32_t at = PayloadAt(segment);
  auto place = half.pending.begin();
  for (; place != half.pending.end() && Distance(PayloadAt(place->segment), at) >= 0; ++place) {
    const bool is_known = PayloadAt(place->segment) == at && Distance(EndOf(segment), EndOf(place->segment)) >= 0;
    if (is_known && place->segment.fin == segment.fin) {
      ++counters_.repeated_segments;
      return;
    }
  }
  Pending& held = *half.pending.emplace(place);
  held.number = segments_;
  held.segment = segment;
  held.bytes.assign(segment.bytes.begin(), segment.bytes.end());
  held.segment.bytes = {};
  flow.pending_bytes += held.bytes.size();
  pending_bytes_ += held.bytes.size();
}

// The first that waits in `half` is in order, and what it acknowledges of `other` was told.
bool TcpFlows::MayTell(const Half& half, const Half& other) {
  const Segment& first = half.pending.front().segment;
  if (Distance(half.next, PayloadAt(first)) > 0) return false;
  if (first.syn && !first.ack && !other.started) return false;  // TCP Fast Open: where the answers begin is not known yet
  return !first.ack || !other.started || Distance(other.next, first.acknowledged) <= 0;
}

// Whose turn it is: of those that may be told the one that was captured first; by force of all.
std::optional<size_t> TcpFlows::NextHalf(const Flow& flow, bool force) const {
  std::optional<size_t> next;
  for (const size_t from : {kClient, kServer}) {
    const Half& half = flow.halves[from];
    if (half.pending.empty() || (!force && !MayTell(half, flow.halves[1 - from]))) continue;
    if (!next || half.pending.front().number < flow.halves[*next].pending.front().number) next = from;
  }
  return next;
}

bool TcpFlows::IsOverdue(const Flow& flow, uint64_t now_ns) const {
  const size_t count = flow.halves[kClient].pending.size() + flow.halves[kServer].pending.size();
  if (count == 0) return false;
  if (count > limits_.max_pending || flow.pending_bytes > limits_.max_pending_bytes) return true;
  if (pending_bytes_ > limits_.max_pending_bytes_all) return true;
  return std::any_of(flow.halves.begin(), flow.halves.end(), [&](const Half& half) {
    return !half.pending.empty() && half.pending.front().segment.time_ns + limits_.patience_ns < now_ns;
  });
}

void TcpFlows::Pump(Flow& flow, uint64_t now_ns) {
  while (!flow.closed) {
    std::optional<size_t> next = NextHalf(flow, false);
    if (!next && IsOverdue(flow, now_ns)) next = NextHalf(flow, true);
    if (!next) return;
    TellFirst(flow, *next);
  }
}

// What `sender` must have sent, since its peer's segment acknowledges it, but what waits of it: that may come yet.
void TcpFlows::PassMissing(Flow& flow, size_t sender, const Segment& acknowledging) {
  Half& half = flow.halves[sender];
  uint32_t seen = acknowledging.acknowledged;
  if (!half.pending.empty()) {
    const uint32_t waits = PayloadAt(half.pending.front().segment);
    if (Distance(waits, seen) > 0) seen = waits;
  }
  const int32_t missing = Distance(half.next, seen);
  if (missing <= 0 || static_cast<uint32_t>(missing) > limits_.window) return;
  ++counters_.holes;
  if (missing == 1) {  // as a rule a FIN, which takes a number
    half.next = seen;
    return;
  }
  Segment unseen;
  unseen.time_ns = acknowledging.time_ns;
  unseen.sequence = half.next;
  unseen.size = static_cast<uint32_t>(missing);
  TellBytes(flow, sender, unseen, {});
}

void TcpFlows::TellFirst(Flow& flow, size_t from) {
  Half& half = flow.halves[from];
  Half& other = flow.halves[1 - from];
  Pending held = std::move(half.pending.front());
  half.pending.erase(half.pending.begin());
  flow.pending_bytes -= held.bytes.size();
  pending_bytes_ -= held.bytes.size();
  Segment& segment = held.segment;
  if (Distance(half.next, PayloadAt(segment)) > 0) {
    ++counters_.holes;
    half.next = PayloadAt(segment);
  }
  if (segment.ack && other.started) PassMissing(flow, 1 - from, segment);
  const int32_t old = Distance(PayloadAt(segment), half.next);
  std::span<const std::byte> bytes = held.bytes;
  if (old > 0 && static_cast<uint32_t>(old) < segment.size) {
    bytes = bytes.subspan(std::min(bytes.size(), static_cast<size_t>(old)));
    segment.sequence += static_cast<uint32_t>(old);
    segment.size -= static_cast<uint32_t>(old);
  } else if (old > 0) {
    if (segment.size > 0) ++counters_.repeated_segments;
    segment.size = 0;
  }
  if (segment.size > 0) TellBytes(flow, from, segment, bytes);
  if (!segment.fin || half.ended) return;
  StreamEnded ended;
  ended.time_ns = segment.time_ns;
  ended.connection = flow.id;
  ended.side = from == kClient ? StreamSide::kReceive : StreamSide::kSend;
  ended.position = half.next;
  sink_.Tell(ended);
  ++half.next;  // FIN takes a number
  half.ended = true;
  if (other.ended) Close(flow, segment.time_ns, 0);
}

void TcpFlows::TellBytes(Flow& flow, size_t from, const Segment& segment, std::span<const std::byte> bytes) {
  Half& half = flow.halves[from];
  const bool first_of_turn = flow.last_half != from;
  if (first_of_turn) ++flow.turn;
  if (first_of_turn && from == kClient) flow.exchange = flow.turn;
  flow.last_half = from;
  DataChunk chunk;
  chunk.time_ns = segment.time_ns;
  chunk.connection = flow.id;
  chunk.exchange = flow.id << 24U | (flow.exchange & 0xffffffU);
  chunk.thread.tid = kThreads[from];
  chunk.position = PayloadAt(segment);
  const Half& other = flow.halves[1 - from];
  chunk.reverse_position = other.started ? other.next : segment.acknowledged;
  chunk.position_high = static_cast<uint32_t>(half.moved >> 20U);
  chunk.original_size = segment.size;
  chunk.turn = flow.turn;
  chunk.side = from == kClient ? StreamSide::kReceive : StreamSide::kSend;
  chunk.role = ConnectionRole::kServer;
  chunk.first_of_turn = first_of_turn;
  chunk.first_of_response = first_of_turn && from == kServer;
  chunk.bytes = bytes.subspan(0, std::min<size_t>(bytes.size(), segment.size));
  half.next = EndOf(segment);
  half.moved += segment.size;
  sink_.Tell(chunk);
}

void TcpFlows::DrainAll(Flow& flow) {
  while (!flow.closed) {
    std::optional<size_t> next = NextHalf(flow, false);
    if (!next) next = NextHalf(flow, true);
    if (!next) return;
    TellFirst(flow, *next);
  }
}

void TcpFlows::Close(Flow& flow, uint64_t time_ns, uint32_t error) {
  if (flow.closed) return;
  DrainAll(flow);
  if (flow.closed) return;  // by its last FIN
  flow.closed = true;
  for (Half& half : flow.halves) {
    for (const Pending& held : half.pending) pending_bytes_ -= held.bytes.size();
    half.pending.clear();
  }
  flow.pending_bytes = 0;
  ConnectionClosed closed;
  closed.time_ns = time_ns;
  closed.connection = flow.id;
  closed.error = error;
  sink_.Tell(closed);
}

void TcpFlows::Remove(Place place) {
  by_key_.erase(place->key);
  flows_.erase(place);
}

void TcpFlows::Finish() {
  for (Flow& flow : flows_) DrainAll(flow);
}

}  // namespace wirespan::pcap
