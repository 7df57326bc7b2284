// ByteBuffer: bytes that are only ever appended. Unlike std::string it does not clear what it makes room for, and moves and swaps
// by pointers alone. Clear keeps the memory. One thread.
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>

namespace wirespan::exporters {

class ByteBuffer {
 public:
  ByteBuffer() = default;
  ByteBuffer(const ByteBuffer& other) { Append(other.view()); }
  ByteBuffer(ByteBuffer&& other) noexcept { Swap(other); }
  ByteBuffer& operator=(const ByteBuffer& other) {
    if (this == &other) return *this;
    Clear();
    Append(other.view());
    return *this;
  }
  ByteBuffer& operator=(ByteBuffer&& other) noexcept {
    Swap(other);
    other.Clear();
    return *this;
  }
  ~ByteBuffer() = default;

  std::string_view view() const { return {bytes_.get(), size_}; }
  size_t size() const { return size_; }
  void Clear() { size_ = 0; }
  // `count` more bytes, to be written at once.
  char* Extend(size_t count) {
    if (count > capacity_ - size_) Grow(count);
    char* const to = bytes_.get() + size_;
    size_ += count;
    return to;
  }
  // Room for `count` more bytes, of which Take(n <= count) then takes the first.
  char* Room(size_t count) {
    if (count > capacity_ - size_) [[unlikely]]
      Grow(count);
    return bytes_.get() + size_;
  }
  void Take(size_t count) { size_ += count; }
  void Append(std::string_view bytes) {
    if (!bytes.empty()) std::memcpy(Extend(bytes.size()), bytes.data(), bytes.size());
  }
  void Swap(ByteBuffer& other) noexcept {
    bytes_.swap(other.bytes_);
    std::swap(size_, other.size_);
    std::swap(capacity_, other.capacity_);
  }

 private:
  static constexpr size_t kFirstCapacity = 64;
  void Grow(size_t count) {
    size_t capacity = capacity_ < kFirstCapacity ? kFirstCapacity : 2 * capacity_;
    while (capacity < size_ + count) capacity *= 2;
    std::unique_ptr<char[]> larger(new char[capacity]);  // not make_unique, which would clear it
    if (size_ > 0) std::memcpy(larger.get(), bytes_.get(), size_);
    bytes_ = std::move(larger);
    capacity_ = capacity;
  }

  std::unique_ptr<char[]> bytes_;
  size_t size_ = 0;
  size_t capacity_ = 0;
};

}  // namespace wirespan::exporters
