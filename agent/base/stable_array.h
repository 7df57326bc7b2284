// StableArray: numbered objects whose addresses stay as it grows, found by a shift and a mask (a std::deque of large objects
// divides, and goes through a node each). Never shrinks. One thread.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

namespace wirespan {

template <typename T>
class StableArray {
 public:
  size_t size() const { return size_; }
  T& operator[](size_t at) { return chunks_[at / kChunk][at % kChunk]; }
  const T& operator[](size_t at) const { return chunks_[at / kChunk][at % kChunk]; }
  T& back() { return (*this)[size_ - 1]; }
  // One more, as T() makes it.
  void Add() {
    if (size_ == chunks_.size() * kChunk) chunks_.push_back(std::make_unique<T[]>(kChunk));
    ++size_;
  }

 private:
  static constexpr size_t kChunk = 64;
  std::vector<std::unique_ptr<T[]>> chunks_;
  size_t size_ = 0;
};

}  // namespace wirespan
