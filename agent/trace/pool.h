// Pool: objects with numbers that are taken and given back, and keep their buffers in between. It allocates only when more
// objects are out than ever since Relax; giving back never allocates. Numbers stay, addresses stay. One thread.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "agent/base/stable_array.h"

namespace wirespan::trace {

template <typename T>
class Pool {
 public:
  uint32_t Take() {
    if (!free_.empty()) {
      const uint32_t at = free_.back();
      free_.pop_back();
      most_out_ = std::max(most_out_, out());
      return at;
    }
    objects_.Add();
    if (free_.capacity() < objects_.size()) free_.reserve(objects_.size() * 2);
    most_out_ = std::max(most_out_, out());
    return static_cast<uint32_t>(objects_.size() - 1);
  }
  void GiveBack(uint32_t at) { free_.push_back(at); }
  // Gives up what free objects hold that were not needed since the last call: beyond the most that were out at once. How many
  // objects that were. `T` has empty().
  uint32_t Relax() {
    const size_t kept = std::exchange(most_out_, out()) - out();
    uint32_t given_up = 0;
    for (size_t i = 0; i + kept < free_.size(); ++i) {  // those given back last are taken first
      T& object = objects_[free_[i]];
      if (object.empty()) continue;
      object = T();
      ++given_up;
    }
    return given_up;
  }

  T& operator[](uint32_t at) { return objects_[at]; }
  const T& operator[](uint32_t at) const { return objects_[at]; }
  uint32_t out() const { return static_cast<uint32_t>(objects_.size() - free_.size()); }
  uint32_t size() const { return static_cast<uint32_t>(objects_.size()); }  // objects out now and given back

 private:
  StableArray<T> objects_;
  std::vector<uint32_t> free_;
  uint32_t most_out_ = 0;  // since Relax
};

}  // namespace wirespan::trace
