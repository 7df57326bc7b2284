#include "agent/stream/connection_table.h"

#include <algorithm>

namespace wirespan::stream {
namespace {

constexpr size_t kFirstCells = 1024;

// Inode numbers are small and close together: every bit of the product's top half depends on all of them.
uint64_t Mix(uint64_t id) {
  id ^= id >> 32U;
  id *= 0x9e3779b97f4a7c15U;
  return id ^ (id >> 29U);
}

}  // namespace

static_assert(sizeof(Connection) + size_t{2} * 16 + 8 <= kMaxIdleConnectionBytes, "an idle connection has grown");

ConnectionTable::ConnectionTable(size_t max_connections)
    : max_connections_(std::max<size_t>(max_connections, 1)), cells_(kFirstCells) {}

size_t ConnectionTable::Home(ConnectionId id) const { return Mix(id) & (cells_.size() - 1); }

size_t ConnectionTable::CellOf(ConnectionId id) const {
  size_t cell = Home(id);
  while (cells_[cell].id != 0 && cells_[cell].id != id) cell = (cell + 1) & (cells_.size() - 1);
  return cell;
}

Connection* ConnectionTable::Find(ConnectionId id) {
  const Cell& cell = cells_[CellOf(id)];
  return cell.id == 0 ? nullptr : &slots_[cell.slot].connection;
}

Connection* ConnectionTable::Add(ConnectionId id, StreamContext& context) {
  if (id == 0 || (size_ >= max_connections_ && !Evict(context))) return nullptr;
  if (2 * (size_ + 1) > cells_.size()) Grow();
  uint32_t slot = 0;
  if (free_.empty()) {
    slot = static_cast<uint32_t>(slots_.size());
    slots_.emplace_back();
  } else {
    slot = free_.back();
    free_.pop_back();
  }
  cells_[CellOf(id)] = {id, slot};
  slots_[slot].in_use = true;
  ++size_;
  std::replace(closed_.begin(), closed_.end(), id, ConnectionId{0});
  Connection& connection = slots_[slot].connection;
  connection.facts.id = id;
  return &connection;
}

void ConnectionTable::Grow() {
  std::vector<Cell> old(2 * cells_.size());
  old.swap(cells_);
  for (const Cell& cell : old) {
    if (cell.id != 0) cells_[CellOf(cell.id)] = cell;
  }
}

bool ConnectionTable::Evict(StreamContext& context) {
  Connection* victim = nullptr;
  Sweep(kEvictionSample, [&victim](Connection& c) {
    if (c.session() != nullptr && c.session()->open_count() > 0) return;
    if (c.is_waiting()) return;
    if (victim == nullptr || c.last_event_ns < victim->last_event_ns) victim = &c;
  });
  if (victim == nullptr) return false;
  context.losses->Add(Loss::kConnectionEvicted);
  Erase(victim->facts.id, context);
  return true;
}

void ConnectionTable::Remove(ConnectionId id, StreamContext& context) {
  Erase(id, context);
  closed_[next_closed_] = id;
  next_closed_ = (next_closed_ + 1) % kRememberedCloses;
}

void ConnectionTable::Erase(ConnectionId id, StreamContext& context) {
  size_t hole = CellOf(id);
  if (cells_[hole].id == 0) return;
  const uint32_t slot = cells_[hole].slot;
  slots_[slot].connection.Clear(context);
  slots_[slot].in_use = false;
  free_.push_back(slot);
  --size_;
  // Backward shift: every cell after the hole that may lie in it moves there, so that no probe ends too early.
  const size_t mask = cells_.size() - 1;
  for (size_t next = (hole + 1) & mask; cells_[next].id != 0; next = (next + 1) & mask) {
    if (((next - Home(cells_[next].id)) & mask) >= ((next - hole) & mask)) {
      cells_[hole] = cells_[next];
      hole = next;
    }
  }
  cells_[hole] = {};
}

bool ConnectionTable::WasClosed(ConnectionId id) const { return std::find(closed_.begin(), closed_.end(), id) != closed_.end(); }

}  // namespace wirespan::stream
