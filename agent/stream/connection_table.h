// ConnectionTable: all connections of one shard by id. Open addressing (linear probing, backward-shift removal) to slots that
// never move. Bounded: when full, a connection without an open exchange is forgotten, the one of a few that was quiet longest.
// Remembers the ids closed last, so that events which come after their connection's close do not bring it back. Shard's thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "agent/stream/connection.h"

namespace wirespan::stream {

class ConnectionTable {
 public:
  explicit ConnectionTable(size_t max_connections);

  size_t size() const { return size_; }
  Connection* Find(ConnectionId id);
  // A fresh connection with that id, which must not be there. nullptr: full of busy connections.
  Connection* Add(ConnectionId id, StreamContext& context);
  // Clears and forgets it. The id counts as closed until it is added again.
  void Remove(ConnectionId id, StreamContext& context);
  bool WasClosed(ConnectionId id) const;

  template <typename Visit>
  void ForEach(Visit&& visit) {
    for (Slot& slot : slots_) {
      if (slot.in_use) visit(slot.connection);
    }
  }
  // Visits up to `count` slots in turn, going on where the last sweep ended.
  template <typename Visit>
  void Sweep(size_t count, Visit&& visit) {
    for (size_t n = count < slots_.size() ? count : slots_.size(); n > 0; --n) {
      if (hand_ >= slots_.size()) hand_ = 0;
      Slot& slot = slots_[hand_++];
      if (slot.in_use) visit(slot.connection);
    }
  }

 private:
  struct Slot {
    Connection connection;
    bool in_use = false;
  };
  struct Cell {
    ConnectionId id = 0;  // 0: empty
    uint32_t slot = 0;
  };
  static constexpr size_t kRememberedCloses = 256;
  static constexpr size_t kEvictionSample = 64;

  size_t Home(ConnectionId id) const;
  size_t CellOf(ConnectionId id) const;  // its cell, or the empty one where it would go
  void Grow();
  bool Evict(StreamContext& context);
  void Erase(ConnectionId id, StreamContext& context);

  size_t max_connections_;
  size_t size_ = 0;
  size_t hand_ = 0;
  std::vector<Cell> cells_;  // a power of two, at most half full
  std::deque<Slot> slots_;   // a deque, so that growing moves nothing
  std::vector<uint32_t> free_;
  std::array<ConnectionId, kRememberedCloses> closed_{};
  size_t next_closed_ = 0;
};

// The bound on what an idle connection takes, its table cells included.
inline constexpr size_t kMaxIdleConnectionBytes = 512;

}  // namespace wirespan::stream
