// Pool: objects with numbers that are taken and given back, and keep their buffers in between. It allocates only when more
// objects are out than ever before; giving back never allocates. Numbers stay, addresses stay. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
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
      return at;
    }
    objects_.Add();
    if (free_.capacity() < objects_.size()) free_.reserve(objects_.size() * 2);
    return static_cast<uint32_t>(objects_.size() - 1);
  }
  void GiveBack(uint32_t at) { free_.push_back(at); }

  T& operator[](uint32_t at) { return objects_[at]; }
  const T& operator[](uint32_t at) const { return objects_[at]; }
  uint32_t out() const { return static_cast<uint32_t>(objects_.size() - free_.size()); }
  uint32_t size() const { return static_cast<uint32_t>(objects_.size()); }  // objects out now and given back

 private:
  StableArray<T> objects_;
  std::vector<uint32_t> free_;
};

}  // namespace wirespan::trace
