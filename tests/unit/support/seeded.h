// What the property tests of the whole path share: seeds and choices.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <random>

#include "bpf/shared/events.h"

namespace wirespan::testing {

using Random = std::mt19937_64;

// A soak runs the same properties longer: WIRESPAN_PROPERTY_RUNS=20 is twenty times the seeds.
inline uint64_t Seeds(uint64_t count) {
  const char* runs = std::getenv("WIRESPAN_PROPERTY_RUNS");
  return count * std::max<uint64_t>(1, runs == nullptr ? 1 : std::strtoull(runs, nullptr, 10));
}

inline size_t Pick(Random& random, size_t below) { return static_cast<size_t>(random() % below); }

// Both ends take turns.
inline ws_role RoleOf(uint64_t seed) { return seed % 2 == 0 ? WS_ROLE_SERVER : WS_ROLE_CLIENT; }

}  // namespace wirespan::testing
