// What the linker keeps of runtime identities (goroutines, CPython contexts): how to tell them apart, the key of one, and when
// each answered last. Owned by the LinkResolver; one thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "agent/base/flat_table.h"
#include "agent/kernel/event.h"

namespace wirespan::trace {

// ThreadStamp::runtime_id: the top bit tells a CPython context (its number or address) from a goroutine (its number); 0 is
// unknown.
inline constexpr uint64_t kPythonContextBit = uint64_t{1} << 63U;
inline constexpr uint64_t kUnnamedGoroutine = kPythonContextBit - 1;  // of a Go whose goroutines' numbers are not read
inline bool IsGoroutine(uint64_t runtime_id) { return runtime_id != 0 && (runtime_id & kPythonContextBit) == 0; }
inline bool IsPythonContext(uint64_t runtime_id) { return (runtime_id & kPythonContextBit) != 0; }

// The contexts by whose answers a call may be told: the one it was written in, and those that this one was copied from.
inline constexpr uint32_t kContextLevels = 1 + kAncestors;

struct ContextKey {
  uint64_t runtime_id = 0;
  uint32_t process = 0;  // the resolver's number of it
  bool operator==(const ContextKey&) const = default;
};
struct ContextKeyHash {
  uint64_t operator()(const ContextKey& key) const { return MixBits(key.runtime_id ^ (uint64_t{key.process} << 40U)); }
};

// When each context answered last. Of a fixed size: where two share a place the newer one stays, and an overlap of the older one
// may go unseen; the next is seen.
class AnswerHistory {
 public:
  // Notes the answer of an exchange that began at `opened_ns`. True: the context has answered another one since, so that it
  // worked for both at once.
  bool Overlaps(const ContextKey& key, uint64_t opened_ns, uint64_t answered_ns) {
    Place& place = (*places_)[ContextKeyHash{}(key) % kPlaces];
    const bool overlaps = place.key == key && place.answered_ns > opened_ns;
    place = {key, answered_ns};
    return overlaps;
  }

 private:
  static constexpr size_t kPlaces = 16'384;
  struct Place {
    ContextKey key;
    uint64_t answered_ns = 0;
  };
  std::unique_ptr<std::array<Place, kPlaces>> places_ = std::make_unique<std::array<Place, kPlaces>>();
};

}  // namespace wirespan::trace
