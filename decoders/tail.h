// Tail: the last bytes of what is passed over, so that an end which the protocol marks is seen wherever calls cut it. One thread.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <string_view>

namespace wirespan::decoders {

template <size_t kBytes>
class Tail {
 public:
  void Clear() { size_ = 0; }
  void Take(std::string_view bytes) {
    const size_t fresh = std::min(bytes.size(), kBytes);
    std::memmove(bytes_.data(), bytes_.data() + fresh, kBytes - fresh);
    std::memcpy(bytes_.data() + kBytes - fresh, bytes.data() + bytes.size() - fresh, fresh);
    size_ = std::min(kBytes, size_ + fresh);
  }
  size_t size() const { return size_; }
  // The last `count` <= kBytes; empty where there were fewer since Clear.
  std::string_view Last(size_t count) const {
    return count <= size_ ? std::string_view(bytes_.data() + kBytes - count, count) : std::string_view();
  }

 private:
  std::array<char, kBytes> bytes_{};
  size_t size_ = 0;
};

}  // namespace wirespan::decoders
