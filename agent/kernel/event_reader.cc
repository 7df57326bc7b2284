#include "agent/kernel/event_reader.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>

#include "bpf/shared/events.h"

namespace wirespan {
namespace {

// Copies a wire struct out of the record, which is only 8-byte aligned by convention: a recording may lie anywhere.
template <typename Wire>
bool Load(std::span<const std::byte> record, Wire& wire) {
  if (record.size() < sizeof(Wire)) return false;
  std::memcpy(&wire, record.data(), sizeof(Wire));
  return true;
}

ThreadStamp ToStamp(const ws_thread_stamp& wire) {
  return {.tgid = wire.tgid,
          .tid = wire.tid,
          .sequence = wire.sequence,
          .turn = wire.turn,
          .active = wire.active,
          .last_call = wire.last_call,
          .runtime_id = wire.runtime_id,
          .cpu_ns = wire.cpu_ns,
          .exec_start_ns = wire.exec_start_ns,
          .run_delay_ns = wire.run_delay_ns,
          .active_source = static_cast<ActiveSource>(wire.active_source),
          .cpu = wire.cpu,
          .activations = wire.activations};
}

bool IsValid(const ws_thread_stamp& wire) { return wire.active_source <= WS_ACTIVE_CONNECT; }

void CopyFlags(uint32_t flags, DataChunk& out) {
  const auto has = [flags](uint32_t flag) { return (flags & flag) != 0; };
  out.first_of_turn = has(WS_DATA_FIRST_OF_TURN);
  out.fresh = has(WS_DATA_FRESH);
  out.stored_conflict = has(WS_DATA_STORED_CONFLICT);
  out.other_unresolved = has(WS_DATA_OTHER_UNRESOLVED);
  out.timer_due = has(WS_DATA_TIMER_DUE);
  out.loop_thread = has(WS_DATA_LOOP_THREAD);
  out.position_raced = has(WS_DATA_POSITION_RACED);
  out.first_of_response = has(WS_DATA_FIRST_OF_RESPONSE);
  out.active_open = has(WS_DATA_ACTIVE_OPEN);
  out.queued_reuse = has(WS_DATA_QUEUED_REUSE);
  out.several_reads = has(WS_DATA_SEVERAL_READS);
  out.stored_doubtful = has(WS_DATA_STORED_DOUBTFUL);
  out.stored_timer = has(WS_DATA_STORED_TIMER);
  out.stored_sandwiched = has(WS_DATA_STORED_SANDWICHED);
  out.requester_known = has(WS_DATA_REQUESTER);
  out.requester_again = has(WS_DATA_REQUESTER_AGAIN);
  out.handed_over = has(WS_DATA_HANDED_OVER);
  out.copy_fault = has(WS_DATA_COPY_FAULT);
}

// ::ffff:a.b.c.d
bool IsMappedIpv4(const __u8 (&address)[16]) {
  static constexpr std::array<uint8_t, 12> kPrefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  return std::equal(kPrefix.begin(), kPrefix.end(), address);
}

bool ToAddress(const ws_address& wire, Address& out) {
  out = {};
  switch (wire.family) {
    case 0:
      return true;
    case WS_FAMILY_UNIX:
      out.family = AddressFamily::kUnix;
      return true;
    case WS_FAMILY_IPV4:
      out.family = AddressFamily::kIpv4;
      break;
    case WS_FAMILY_IPV6:
      out.family = AddressFamily::kIpv6;
      break;
    default:
      return false;
  }
  out.local_port = wire.local_port;
  out.peer_port = wire.peer_port;
  if (out.family == AddressFamily::kIpv6 && IsMappedIpv4(wire.local) && IsMappedIpv4(wire.peer)) {
    out.family = AddressFamily::kIpv4;
    std::copy_n(wire.local + 12, 4, out.local.begin());
    std::copy_n(wire.peer + 12, 4, out.peer.begin());
    return true;
  }
  const size_t length = out.family == AddressFamily::kIpv4 ? 4 : 16;
  std::copy_n(wire.local, length, out.local.begin());
  std::copy_n(wire.peer, length, out.peer.begin());
  return true;
}

// A path name ends at its NUL; an abstract name begins with one and may hold more.
std::string_view UnixPath(std::string_view field) {
  return field.empty() || field.front() == '\0' ? field : field.substr(0, field.find('\0'));
}

EventFault ToConnectionOpened(std::span<const std::byte> record, ConnectionOpened& out) {
  ws_connection_event wire;
  if (!Load(record, wire)) return EventFault::kShort;
  if (wire.header.size != sizeof(wire)) return EventFault::kBadSize;
  if (wire.inode == 0 || wire.role > WS_ROLE_CLIENT || wire.address.path_length > WS_UNIX_PATH_LENGTH)
    return EventFault::kBadField;
  if (!ToAddress(wire.address, out.address)) return EventFault::kBadField;
  out.time_ns = wire.header.time_ns;
  out.connection = wire.inode;
  out.peer = wire.peer_inode;
  out.net_namespace = wire.net_namespace;
  out.opened_ns = wire.opened_ns;
  const char* path = reinterpret_cast<const char*>(record.data()) + offsetof(ws_connection_event, path);
  out.unix_path = UnixPath({path, wire.address.path_length});
  out.tgid = wire.tgid;
  out.fd = wire.fd;
  out.role = static_cast<ConnectionRole>(wire.role);
  out.preexisting = (wire.flags & WS_CONNECTION_PREEXISTING) != 0;
  out.send_position = wire.send_position;
  out.receive_position = wire.receive_position;
  return EventFault::kNone;
}

EventFault ToCloseEvent(std::span<const std::byte> record, Event& out) {
  ws_close_event wire;
  if (!Load(record, wire)) return EventFault::kShort;
  if (wire.header.size != sizeof(wire)) return EventFault::kBadSize;
  if (wire.inode == 0 || wire.direction > WS_SEND) return EventFault::kBadField;
  if (wire.header.type == WS_EVENT_STREAM_ENDED) {
    out = StreamEnded{.time_ns = wire.header.time_ns,
                      .connection = wire.inode,
                      .side = static_cast<StreamSide>(wire.direction),
                      .position = wire.position,
                      .tgid = wire.tgid};
  } else {
    out = ConnectionClosed{.time_ns = wire.header.time_ns, .connection = wire.inode, .tgid = wire.tgid, .error = wire.error};
  }
  return EventFault::kNone;
}

EventFault ToProcessEvent(std::span<const std::byte> record, Event& out) {
  ws_process_event wire;
  if (!Load(record, wire)) return EventFault::kShort;
  if (wire.header.size != sizeof(wire)) return EventFault::kBadSize;
  if (wire.tgid == 0) return EventFault::kBadField;
  switch (wire.header.type) {
    case WS_EVENT_PROCESS_FORKED:
      out = ProcessForked{.time_ns = wire.header.time_ns, .tgid = wire.tgid, .parent_tgid = wire.parent_tgid};
      break;
    case WS_EVENT_PROCESS_EXECED: {
      const char* comm = reinterpret_cast<const char*>(record.data()) + offsetof(ws_process_event, comm);
      out = ProcessExeced{
          .time_ns = wire.header.time_ns, .tgid = wire.tgid, .comm = std::string_view(comm, strnlen(comm, WS_COMM_LENGTH))};
      break;
    }
    default:
      out = ProcessExited{.time_ns = wire.header.time_ns, .tgid = wire.tgid, .wait_status = wire.exit_code};
  }
  return EventFault::kNone;
}

EventFault ToWakeEvent(std::span<const std::byte> record, Event& out) {
  ws_wake_event wire;
  if (!Load(record, wire)) return EventFault::kShort;
  if (wire.header.size != sizeof(wire)) return EventFault::kBadSize;
  if (!IsValid(wire.thread)) return EventFault::kBadField;
  out = CompletionWake{.time_ns = wire.header.time_ns,
                       .waker = ToStamp(wire.thread),
                       .token = wire.token,
                       .wakee_exchange = wire.wakee_exchange,
                       .wakee_tid = wire.wakee_tid,
                       .wakee_tgid = wire.wakee_tgid};
  return EventFault::kNone;
}

}  // namespace

const uint32_t kRecordCaptureStarted = WS_RECORD_CAPTURE_STARTED;
const uint32_t kRecordProcess = WS_RECORD_PROCESS;
const uint32_t kRecordLosses = WS_RECORD_LOSSES;
const uint32_t kRecordRing = WS_RECORD_RING;
const uint32_t kRecordTick = WS_RECORD_TICK;
const uint32_t kRecordLossNoted = WS_RECORD_LOSS_NOTED;
const uint32_t kKernelLossCount = WS_LOSS_REASON_COUNT;
const uint32_t kKernelCountCount = WS_COUNT_COUNT;

static_assert(kRecordHeaderBytes == sizeof(ws_event_header));

std::optional<RecordHeader> ReadRecordHeader(std::span<const std::byte> record) {
  ws_event_header wire;
  if (!Load(record, wire) || wire.size < sizeof(wire) || wire.size > record.size()) return std::nullopt;
  return RecordHeader{.type = wire.type, .size = wire.size, .time_ns = wire.time_ns};
}

bool IsDataRecord(const RecordHeader& header) { return header.type == WS_EVENT_DATA; }

EventFault ToDataChunk(std::span<const std::byte> record, DataChunk& out) {
  ws_data_event wire;
  if (!Load(record, wire)) return EventFault::kShort;
  if (wire.captured_size > WS_MAX_PAYLOAD || wire.header.size != sizeof(wire) + wire.captured_size) return EventFault::kBadSize;
  if (wire.header.size > record.size()) return EventFault::kShort;
  if (wire.skipped_size > wire.original_size || wire.captured_size > wire.original_size - wire.skipped_size) {
    return EventFault::kBadField;
  }
  if (wire.inode == 0 || wire.direction > WS_SEND || wire.role > WS_ROLE_CLIENT || !IsValid(wire.thread)) {
    return EventFault::kBadField;
  }
  out.time_ns = wire.header.time_ns;
  out.connection = wire.inode;
  out.exchange = wire.exchange;
  out.stored = wire.stored;
  out.thread = ToStamp(wire.thread);
  out.position = wire.position;
  out.reverse_position = wire.reverse_position;
  out.position_high = wire.position_high;
  out.original_size = wire.original_size;
  out.skipped_size = wire.skipped_size;
  out.turn = wire.turn;
  out.srtt_us = wire.srtt_us;
  out.retransmits = wire.retransmits;
  out.queue_wait_jiffies = wire.queue_wait_jiffies;
  for (size_t i = 0; i < kAncestors; ++i) out.ancestors[i] = {wire.ancestors[i].runtime_id, wire.ancestors[i].born_ns};
  out.fd = wire.fd;
  out.side = static_cast<StreamSide>(wire.direction);
  out.role = static_cast<ConnectionRole>(wire.role);
  CopyFlags(wire.flags, out);
  out.bytes = record.subspan(sizeof(wire), wire.captured_size);
  return EventFault::kNone;
}

EventFault ToEvent(std::span<const std::byte> record, Event& out) {
  ws_event_header header;
  if (!Load(record, header)) return EventFault::kShort;
  if (header.size < sizeof(header) || header.size > record.size()) return EventFault::kBadSize;
  switch (header.type) {
    case WS_EVENT_DATA: {
      DataChunk* chunk = std::get_if<DataChunk>(&out);
      return ToDataChunk(record, chunk != nullptr ? *chunk : out.emplace<DataChunk>());
    }
    case WS_EVENT_CONNECTION_OPENED:
      return ToConnectionOpened(record, out.emplace<ConnectionOpened>());
    case WS_EVENT_STREAM_ENDED:
    case WS_EVENT_CONNECTION_CLOSED:
      return ToCloseEvent(record, out);
    case WS_EVENT_PROCESS_FORKED:
    case WS_EVENT_PROCESS_EXECED:
    case WS_EVENT_PROCESS_EXITED:
      return ToProcessEvent(record, out);
    case WS_EVENT_COMPLETION_WAKE:
      return ToWakeEvent(record, out);
    default:
      return EventFault::kUnknownType;
  }
}

RecordProcess ProcessOf(std::span<const std::byte> record) {
  const std::optional<RecordHeader> header = ReadRecordHeader(record);
  if (!header) return {};
  switch (header->type) {
    case WS_EVENT_DATA: {
      ws_data_event wire;
      return Load(record, wire) ? RecordProcess{.tgid = wire.thread.tgid} : RecordProcess{};
    }
    case WS_EVENT_CONNECTION_OPENED: {
      ws_connection_event wire;
      return Load(record, wire) ? RecordProcess{.tgid = wire.tgid} : RecordProcess{};
    }
    case WS_EVENT_PROCESS_EXECED: {
      ws_process_event wire;
      return Load(record, wire) ? RecordProcess{.tgid = wire.tgid, .execed = true} : RecordProcess{};
    }
    default:
      return {};
  }
}

std::string_view KernelLossName(uint32_t reason) {
  switch (reason) {
    case WS_LOSS_RING_FULL:
      return "ring_full";
    case WS_LOSS_RING_FULL_CONTROL:
      return "ring_full_control";
    case WS_LOSS_CONNECTIONS_FULL:
      return "kernel_connections_full";
    case WS_LOSS_THREADS_FULL:
      return "threads_full";
    case WS_LOSS_TARGETS_FULL:
      return "targets_full";
    case WS_LOSS_COPY_FAULT:
      return "copy_fault";
    case WS_LOSS_IOVEC_LIMIT:
      return "iovec_limit";
    case WS_LOSS_POSITION_RACED:
      return "position_raced";
    case WS_LOSS_NO_RING:
      return "no_ring";
    case WS_LOSS_COMPAT_CALL:
      return "compat_call";
    default:
      return {};
  }
}

std::string_view KernelCountName(uint32_t count) {
  switch (count) {
    case WS_COUNT_DATA_EVENTS:
      return "data_events";
    case WS_COUNT_CONTROL_EVENTS:
      return "control_events";
    case WS_COUNT_CAPTURED_BYTES:
      return "captured_bytes";
    case WS_COUNT_MOVED_BYTES:
      return "moved_bytes";
    case WS_COUNT_OFF_CALLS:
      return "off_calls";
    case WS_COUNT_FURTHER_PIECES:
      return "further_pieces";
    case WS_COUNT_TRACED_CALLS:
      return "traced_calls";
    default:
      return {};
  }
}

}  // namespace wirespan
