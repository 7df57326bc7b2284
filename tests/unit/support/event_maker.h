// EventMaker: raw ring records as the kernel writes them, built readably. One maker is one end of one connection: it keeps the
// positions, turns and tokens that the kernel would keep, so that a test says only what happened.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "bpf/shared/events.h"

namespace wirespan::testing {

using Record = std::vector<std::byte>;

template <typename Wire>
Record ToRecord(const Wire& wire, std::string_view payload = {}) {
  Record record(sizeof(Wire) + payload.size());
  std::memcpy(record.data(), &wire, sizeof(Wire));
  if (!payload.empty()) std::memcpy(record.data() + sizeof(Wire), payload.data(), payload.size());
  return record;
}

inline ws_data_event DataOf(const Record& record) {
  ws_data_event wire;
  std::memcpy(&wire, record.data(), sizeof(wire));
  return wire;
}

// A send whose end is told after `next`, of another thread: it is stamped with the turn that has begun meanwhile.
inline void StampLate(Record& send, const Record& next) {
  ws_data_event wire = DataOf(send);
  const ws_data_event now = DataOf(next);
  wire.turn = now.turn;
  wire.exchange = now.exchange;
  std::memcpy(send.data(), &wire, sizeof(wire));
}

// What a test may wish to change of one data event; -1 and nullopt-like defaults leave what the kernel would say.
struct ChunkOptions {
  uint32_t tid = 0;       // 0: the maker's
  int64_t captured = -1;  // bytes copied of the text; -1: all, up to WS_MAX_PAYLOAD
  uint32_t skipped = 0;   // bytes of the text before the first copied one
  bool raced = false;
  uint64_t cpu_ns = 0;
  Record (*damage)(Record) = nullptr;
};

class EventMaker {
 public:
  EventMaker(uint64_t inode, ws_role role, uint32_t tgid = 100) : inode_(inode), role_(role), tgid_(tgid) {}

  uint64_t now = 1'000'000'000;  // boot time of the next event; every event moves it on by `step`
  uint64_t step = 1'000;
  uint32_t position[2] = {1000, 5000};  // by ws_direction
  uint64_t moved[2] = {0, 0};
  uint16_t local_port = 8080;
  uint16_t peer_port = 40000;

  Record Opened(bool preexisting = false) {
    ws_connection_event wire{};
    Fill(wire.header, WS_EVENT_CONNECTION_OPENED, sizeof(wire));
    wire.inode = inode_;
    wire.net_namespace = 4026531840;
    wire.opened_ns = wire.header.time_ns;
    wire.address.family = WS_FAMILY_IPV4;
    wire.address.local_port = local_port;
    wire.address.peer_port = peer_port;
    const __u8 local[4] = {127, 0, 0, 1};
    std::memcpy(wire.address.local, local, 4);
    std::memcpy(wire.address.peer, local, 4);
    wire.tgid = tgid_;
    wire.fd = 7;
    wire.role = role_;
    wire.flags = preexisting ? static_cast<uint32_t>(WS_CONNECTION_PREEXISTING) : 0U;
    wire.send_position = position[WS_SEND];
    wire.receive_position = position[WS_RECEIVE];
    return ToRecord(wire);
  }

  Record Received(std::string_view text, const ChunkOptions& options = {}) { return Moved(WS_RECEIVE, text, options); }
  Record Sent(std::string_view text, const ChunkOptions& options = {}) { return Moved(WS_SEND, text, options); }
  // A request or response as this end's role moves it.
  Record Request(std::string_view text, const ChunkOptions& options = {}) { return Moved(RequestSide(), text, options); }
  Record Response(std::string_view text, const ChunkOptions& options = {}) { return Moved(ResponseSide(), text, options); }
  // `size` bytes move in a call that no hook sees (splice, sendfile): nothing is told but the next positions.
  void Unseen(ws_direction direction, uint64_t size) { Advance(direction, size); }
  // A call of `size` bytes of which only the size is told.
  Record Uncaptured(ws_direction direction, uint32_t size) {
    ws_data_event wire = Data(direction, {});
    wire.original_size = size;
    Advance(direction, size);
    return ToRecord(wire);
  }

  Record Ended(ws_direction direction) {
    ws_close_event wire{};
    Fill(wire.header, WS_EVENT_STREAM_ENDED, sizeof(wire));
    wire.inode = inode_;
    wire.tgid = tgid_;
    wire.direction = direction;
    wire.position = position[direction];
    return ToRecord(wire);
  }
  Record Closed(uint32_t error = 0) {
    ws_close_event wire{};
    Fill(wire.header, WS_EVENT_CONNECTION_CLOSED, sizeof(wire));
    wire.inode = inode_;
    wire.tgid = tgid_;
    wire.error = error;
    return ToRecord(wire);
  }
  Record Exited() {
    ws_process_event wire{};
    Fill(wire.header, WS_EVENT_PROCESS_EXITED, sizeof(wire));
    wire.tgid = tgid_;
    return ToRecord(wire);
  }

  ws_direction RequestSide() const { return role_ == WS_ROLE_CLIENT ? WS_SEND : WS_RECEIVE; }
  ws_direction ResponseSide() const { return role_ == WS_ROLE_CLIENT ? WS_RECEIVE : WS_SEND; }
  uint64_t Token() const { return WS_TOKEN(inode_, exchange_); }
  uint64_t inode() const { return inode_; }

 private:
  void Fill(ws_event_header& header, uint32_t type, size_t size) {
    header.type = type;
    header.size = static_cast<uint32_t>(size);
    header.time_ns = now;
    now += step;
  }

  // The kernel's rule: a turn ends when the direction changes; an exchange begins with the turn of its request.
  ws_data_event Data(ws_direction direction, const ChunkOptions& options) {
    ws_data_event wire{};
    Fill(wire.header, WS_EVENT_DATA, sizeof(wire));
    const bool first = last_direction_ != static_cast<int>(direction);
    if (first) ++turn_;
    if (first && direction == RequestSide()) exchange_ = turn_;
    last_direction_ = static_cast<int>(direction);
    wire.inode = inode_;
    wire.exchange = exchange_ != 0 ? Token() : 0;
    wire.thread.tgid = tgid_;
    wire.thread.tid = options.tid != 0 ? options.tid : tgid_;
    wire.thread.sequence = ++sequence_;
    wire.thread.cpu_ns = options.cpu_ns;
    wire.position = position[direction];
    wire.reverse_position = position[direction == WS_SEND ? WS_RECEIVE : WS_SEND];
    wire.position_high = static_cast<uint32_t>(moved[direction] >> 20U);
    wire.turn = turn_;
    wire.direction = static_cast<__u16>(direction);
    wire.role = static_cast<__u16>(role_);
    wire.fd = 7;
    wire.srtt_us = 50;
    if (first) wire.flags |= WS_DATA_FIRST_OF_TURN;
    if (first && role_ == WS_ROLE_SERVER && direction == WS_SEND) wire.flags |= WS_DATA_FIRST_OF_RESPONSE;
    if (options.raced) wire.flags |= WS_DATA_POSITION_RACED;
    return wire;
  }

  Record Moved(ws_direction direction, std::string_view text, const ChunkOptions& options) {
    ws_data_event wire = Data(direction, options);
    const size_t skipped = options.skipped < text.size() ? options.skipped : text.size();
    size_t captured = text.size() - skipped;
    if (captured > WS_MAX_PAYLOAD) captured = WS_MAX_PAYLOAD;
    if (options.captured >= 0 && captured > static_cast<size_t>(options.captured))
      captured = static_cast<size_t>(options.captured);
    wire.original_size = static_cast<uint32_t>(text.size());
    wire.skipped_size = static_cast<uint32_t>(skipped);
    wire.captured_size = static_cast<uint32_t>(captured);
    wire.header.size = static_cast<uint32_t>(sizeof(wire) + captured);
    Advance(direction, text.size());
    return ToRecord(wire, text.substr(skipped, captured));
  }

  void Advance(ws_direction direction, uint64_t size) {
    position[direction] += static_cast<uint32_t>(size);
    moved[direction] += size;
  }

  uint64_t inode_;
  ws_role role_;
  uint32_t tgid_;
  uint32_t turn_ = 0;
  uint32_t exchange_ = 0;
  uint32_t sequence_ = 0;
  int last_direction_ = -1;
};

}  // namespace wirespan::testing
