// TcpFlows: the connections of a capture. Puts TCP segments in order (out of order, sent again, overlapping, missing, from the
// middle of a connection) and tells them as Events, as the server's end would have seen them: what a live capture of the server
// tells. One thread. All memory is bounded, and what falls off a bound is counted.
//
// Order: a segment is told once everything before it in its direction was, and everything of the other direction that it
// acknowledges; so a packet that the capture wrote late does not come after its answer. What is missing for too long (the limits
// below) was not captured: it becomes a gap, as the positions of the next segment say, or a chunk without bytes where the other
// end acknowledges it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>
#include <unordered_map>
#include <vector>

#include "agent/kernel/event.h"
#include "agent/pcap/packet.h"

namespace wirespan::pcap {

class EventSink {
 public:
  virtual ~EventSink() = default;
  virtual void Tell(const Event& event) = 0;  // the event's bytes live no longer than the call
};

struct FlowLimits {
  size_t max_flows = 65'536;                         // the one that was quiet longest gives way
  size_t max_pending = 256;                          // segments of a flow that wait
  size_t max_pending_bytes = size_t{1} << 20U;       // of a flow
  size_t max_pending_bytes_all = size_t{64} << 20U;  // of all flows
  uint64_t patience_ns = 250'000'000;                // how long a flow's segments wait, by the capture's time
  uint32_t window = uint32_t{64} << 20U;             // how far from its place a segment is believed
};

struct FlowCounters {
  uint64_t opened = 0;             // connections; of these:
  uint64_t unseen_openings = 0;    //   their SYN is not in the capture
  uint64_t repeated_segments = 0;  // nothing new in them
  uint64_t out_of_window = 0;      // not believed
  uint64_t holes = 0;              // places where a segment is missing
  uint64_t evicted = 0;            // flows beyond max_flows
};

class TcpFlows {
 public:
  explicit TcpFlows(EventSink& sink, FlowLimits limits = {}) : sink_(sink), limits_(limits) {}

  void Take(const Segment& segment);
  // No more segments: what waits is told.
  void Finish();
  const FlowCounters& counters() const { return counters_; }

 private:
  static constexpr size_t kClient = 0;  // which end sends; index of Flow::halves
  static constexpr size_t kServer = 1;
  static constexpr uint32_t kOutOfWindowRuns = 4;  // segments in a row, before they are believed

  struct Pending {
    uint64_t number = 0;  // in the order of the capture
    Segment segment;      // `bytes` is empty
    std::vector<std::byte> bytes;
  };
  struct Half {
    uint32_t first = 0;
    uint32_t next = 0;  // sequence number after what was told
    uint64_t moved = 0;
    std::vector<Pending> pending;  // by sequence number
    uint32_t strays = 0;           // segments out of the window, one after another
    bool started = false;          // `first` and `next` are known
    bool ended = false;
  };
  struct Key {
    Endpoint low;
    Endpoint high;
    bool operator==(const Key&) const = default;
  };
  struct KeyHash {
    size_t operator()(const Key& key) const;
  };
  struct Flow {
    Key key;
    ConnectionId id = 0;
    AddressFamily family = AddressFamily::kUnknown;
    Endpoint client;
    Endpoint server;
    std::array<Half, 2> halves;
    size_t pending_bytes = 0;
    size_t last_half = 2;  // 2: nothing was told
    uint32_t turn = 0;
    uint32_t exchange = 0;
    size_t reset_by = 2;  // 2: nobody
    bool closed = false;
    bool went_on = false;  // who reset it sent more
  };
  using Place = std::list<Flow>::iterator;

  static Key KeyOf(const Segment& segment);
  Flow* FlowFor(const Segment& segment);
  Flow& Open(const Segment& segment, bool from_client);
  Flow* Reopen(Flow& flow, const Segment& segment);
  static bool FromClient(const Segment& segment);
  void Begin(Flow& flow, const Segment& segment);
  void Add(Flow& flow, size_t from, const Segment& segment);
  bool IsBelieved(Half& half, const Segment& segment);
  void Hold(Flow& flow, Half& half, const Segment& segment);
  static bool MayTell(const Half& half, const Half& other);
  void Pump(Flow& flow, uint64_t now_ns);
  bool IsOverdue(const Flow& flow, uint64_t now_ns) const;
  std::optional<size_t> NextHalf(const Flow& flow, bool force) const;
  void PassMissing(Flow& flow, size_t sender, const Segment& acknowledging);
  void TellFirst(Flow& flow, size_t from);
  void TellBytes(Flow& flow, size_t from, const Segment& segment, std::span<const std::byte> bytes);
  void DrainAll(Flow& flow);
  void Close(Flow& flow, uint64_t time_ns, uint32_t error);
  void Remove(Place place);

  EventSink& sink_;
  const FlowLimits limits_;
  FlowCounters counters_;
  std::list<Flow> flows_;  // the one used last first
  std::unordered_map<Key, Place, KeyHash> by_key_;
  size_t pending_bytes_ = 0;
  uint64_t segments_ = 0;
  ConnectionId last_id_ = 0;
};

}  // namespace wirespan::pcap
