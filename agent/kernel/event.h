// Event: the checked C++ form of a ring record. Payload views are valid only during the callback that delivers the event.
// Made by ToEvent (agent/kernel/event_reader.h), from a live ring and from a recording alike.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>

namespace wirespan {

// A socket's inode number: the identity of one end of a connection, through dup, fork and fd passing.
using ConnectionId = uint64_t;
// (connection id << 24) | turn: an exchange (server end) or a call (client end). 0: none.
using Token = uint64_t;
inline ConnectionId ConnectionOf(Token token) { return token >> 24U; }
inline Token TokenOf(ConnectionId connection, uint32_t turn) { return connection << 24U | (turn & 0xffffffU); }

enum class StreamSide : uint8_t { kReceive = 0, kSend = 1 };
enum class ConnectionRole : uint8_t { kUnknown = 0, kServer = 1, kClient = 2 };
enum class AddressFamily : uint8_t { kUnknown = 0, kUnix = 1, kIpv4 = 2, kIpv6 = 10 };
enum class ActiveSource : uint8_t { kNone = 0, kRead = 1, kResponse = 2, kConnect = 3 };

// The acting thread as it was before the event (bpf/shared/events.h has the meaning of each field).
struct ThreadStamp {
  uint32_t tgid = 0;
  uint32_t tid = 0;
  uint32_t sequence = 0;
  uint32_t turn = 0;
  Token active = 0;
  Token last_call = 0;
  uint64_t runtime_id = 0;
  uint64_t cpu_ns = 0;
  uint64_t exec_start_ns = 0;
  uint64_t run_delay_ns = 0;
  ActiveSource active_source = ActiveSource::kNone;
  uint16_t cpu = 0;
  uint16_t activations = 0;
};

// A CPython context that another was copied from, and when. 0: none, or not known.
struct Ancestor {
  uint64_t runtime_id = 0;
  uint64_t born_ns = 0;
  bool operator==(const Ancestor&) const = default;
};
inline constexpr size_t kAncestors = 3;
using Ancestors = std::array<Ancestor, kAncestors>;  // the nearest first

struct Address {
  AddressFamily family = AddressFamily::kUnknown;
  uint16_t local_port = 0;
  uint16_t peer_port = 0;
  std::array<uint8_t, 16> local{};  // network order; IPv4 in the first four bytes; v4-mapped IPv6 already turned into IPv4
  std::array<uint8_t, 16> peer{};
  bool operator==(const Address&) const = default;
};

struct ConnectionOpened {
  uint64_t time_ns = 0;
  ConnectionId connection = 0;
  ConnectionId peer = 0;  // unix sockets: the other end; 0 where unknown
  uint64_t net_namespace = 0;
  uint64_t opened_ns = 0;
  Address address;
  std::string_view unix_path;  // as the kernel has it: an abstract name begins with NUL (shown as '@' from ConnectionFacts on)
  uint32_t tgid = 0;
  int32_t fd = -1;
  ConnectionRole role = ConnectionRole::kUnknown;
  bool preexisting = false;
  uint32_t send_position = 0;
  uint32_t receive_position = 0;
};

// Flags of ws_data_flag: what the thread was at as a chunk's bytes moved, of which links are made.
struct ActivityFlags {
  bool fresh = false;
  bool stored_conflict = false;
  bool other_unresolved = false;
  bool timer_due = false;
  bool loop_thread = false;
  bool active_open = false;
  bool queued_reuse = false;
  bool several_reads = false;      // the thread had read several responses since it last sent: which led here is not known
  bool stored_doubtful = false;    // when `stored` was noted the thread had read other exchanges that had done nothing yet
  bool stored_timer = false;       // `stored` may have been noted by a timer; without it: the connection was made by one
  bool stored_sandwiched = false;  // the same, but the thread read on in that turn
  bool handed_over = false;      // since its last multiplexed wait the thread was woken at a futex, or read an eventfd or a pipe
  bool requester_known = false;  // the goroutine that asked for the call is known: `stored` is what it works for, 0 nothing
  bool requester_again = false;  // it was started for that exchange, and has made a call before
};

struct DataChunk : ActivityFlags {
  uint64_t time_ns = 0;  // sends: the call's start; receives: its end
  ConnectionId connection = 0;
  Token exchange = 0;
  Token stored = 0;
  ThreadStamp thread;
  uint32_t position = 0;  // of the first byte of the call; low 32 bits of the stream position
  uint32_t reverse_position = 0;
  uint32_t position_high = 0;  // approximate bytes so far / 2^20
  uint32_t original_size = 0;
  uint32_t skipped_size = 0;
  uint32_t turn = 0;
  uint32_t srtt_us = 0;
  uint32_t retransmits = 0;
  uint32_t queue_wait_jiffies = 0;
  int32_t fd = -1;
  StreamSide side = StreamSide::kReceive;
  ConnectionRole role = ConnectionRole::kUnknown;
  // The other flags.
  bool first_of_turn = false;
  bool position_raced = false;
  bool first_of_response = false;
  bool copy_fault = false;
  Ancestors ancestors{};             // of the context that begins a call
  std::span<const std::byte> bytes;  // the captured prefix, `skipped_size` after `position`
};

struct StreamEnded {
  uint64_t time_ns = 0;
  ConnectionId connection = 0;
  StreamSide side = StreamSide::kReceive;
  uint32_t position = 0;
  uint32_t tgid = 0;
};

struct ConnectionClosed {
  uint64_t time_ns = 0;
  ConnectionId connection = 0;
  uint32_t tgid = 0;
  uint32_t error = 0;  // errno; 0: orderly
};

struct ProcessForked {
  uint64_t time_ns = 0;
  uint32_t tgid = 0;
  uint32_t parent_tgid = 0;
};
struct ProcessExeced {
  uint64_t time_ns = 0;
  uint32_t tgid = 0;
  std::string_view comm;
};
struct ProcessExited {
  uint64_t time_ns = 0;
  uint32_t tgid = 0;
  uint32_t wait_status = 0;
};

struct CompletionWake {
  uint64_t time_ns = 0;
  ThreadStamp waker;
  Token token = 0;
  Token wakee_exchange = 0;
  uint32_t wakee_tid = 0;
  uint32_t wakee_tgid = 0;
};

using Event = std::variant<ConnectionOpened, DataChunk, StreamEnded, ConnectionClosed, ProcessForked, ProcessExeced,
                           ProcessExited, CompletionWake>;

}  // namespace wirespan
