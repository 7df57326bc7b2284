// FlatTable: an open-addressing hash table from a small key to a small value, for look-ups on the data path. Linear probing, at
// most half full (at 3/4 an erasure took three times the instructions), erasing shifts back (no tombstones). It allocates only
// when it grows, by doubling; Reserve avoids that. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace wirespan {

// Spreads a 64-bit key over all bits (finalizer of splitmix64); structured keys such as inode numbers cluster without it.
constexpr uint64_t MixBits(uint64_t x) {
  x ^= x >> 30U;
  x *= 0xbf58476d1ce4e5b9U;
  x ^= x >> 27U;
  x *= 0x94d049bb133111ebU;
  return x ^ (x >> 31U);
}

// `Hash` is a callable uint64_t(const Key&) whose low bits are well spread. Key and Value are trivially copyable in spirit: they
// are copied when the table grows or closes a hole. Pointers into the table live until the next Insert or Erase.
template <typename Key, typename Value, typename Hash>
class FlatTable {
 public:
  explicit FlatTable(size_t expected = 0) { Reserve(expected); }

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  // Room for `expected` entries without growing.
  void Reserve(size_t expected) {
    size_t capacity = kMinimumCapacity;
    while (capacity / 2 < expected) capacity *= 2;
    if (capacity > slots_.size()) Rehash(capacity);
  }

  Value* Find(const Key& key) {
    const size_t at = Locate(key);
    return slots_[at].used ? &slots_[at].value : nullptr;
  }
  const Value* Find(const Key& key) const {
    const size_t at = Locate(key);
    return slots_[at].used ? &slots_[at].value : nullptr;
  }

  // The value of `key`, and whether it was added now (then it is `value`).
  std::pair<Value*, bool> Insert(const Key& key, const Value& value) {
    if ((size_ + 1) > slots_.size() / 2) Rehash(slots_.size() * 2);
    const size_t at = Locate(key);
    Slot& slot = slots_[at];
    if (slot.used) return {&slot.value, false};
    slot.key = key;
    slot.value = value;
    slot.used = true;
    ++size_;
    return {&slot.value, true};
  }

  bool Erase(const Key& key) {
    const size_t at = Locate(key);
    if (!slots_[at].used) return false;
    CloseHole(at);
    return true;
  }
  // What Find gave, with no Insert or Erase since.
  void EraseFound(const Value* found) {
    const auto offset = reinterpret_cast<const char*>(found) - reinterpret_cast<const char*>(&slots_.front().value);
    CloseHole(static_cast<size_t>(offset) / sizeof(Slot));
  }

  void Clear() {
    for (Slot& slot : slots_) slot.used = false;
    size_ = 0;
  }

 private:
  static constexpr size_t kMinimumCapacity = 16;
  struct Slot {
    Key key{};
    Value value{};
    bool used = false;
  };

  void CloseHole(size_t hole) {
    const size_t mask = slots_.size() - 1;
    for (size_t next = (hole + 1) & mask; slots_[next].used; next = (next + 1) & mask) {
      const size_t home = Hash{}(slots_[next].key) & mask;
      // `next` may move into the hole only if its home does not lie between the hole and itself.
      if (((next - home) & mask) < ((next - hole) & mask)) continue;
      slots_[hole].key = slots_[next].key;
      slots_[hole].value = slots_[next].value;
      hole = next;
    }
    slots_[hole].used = false;
    --size_;
  }

  // The slot that holds `key`, else the free one where it belongs. Ends: the table is never full.
  size_t Locate(const Key& key) const {
    const size_t mask = slots_.size() - 1;
    size_t at = Hash{}(key)&mask;
    while (slots_[at].used && !(slots_[at].key == key)) at = (at + 1) & mask;
    return at;
  }
  void Rehash(size_t capacity) {
    std::vector<Slot> old(capacity);
    old.swap(slots_);
    for (const Slot& slot : old) {
      if (!slot.used) continue;
      slots_[Locate(slot.key)] = slot;
    }
  }

  std::vector<Slot> slots_;
  size_t size_ = 0;
};

}  // namespace wirespan
