// The strings at the beginning of a frame, each ended by a zero byte, as they come; what follows them is passed over. Pure;
// stores nothing but what it is given to store in.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

namespace wirespan::decoders::postgresql {

class Strings {
 public:
  // The frame has so many of them; the first `skipped` bytes are something else.
  void Begin(uint8_t count, uint8_t skipped) {
    left_ = count;
    skip_ = skipped;
  }
  bool done() const { return left_ == 0; }
  // Takes bytes for the string in progress. `text`: its part of them, `ends`: it is over with them. Returns the bytes taken; 0
  // once done, or at the end of `bytes`.
  size_t Take(std::string_view bytes, std::string_view& text, bool& ends) {
    text = {};
    ends = false;
    if (left_ == 0 || bytes.empty()) return 0;
    if (skip_ > 0) {
      const size_t size = std::min<size_t>(skip_, bytes.size());
      skip_ = static_cast<uint8_t>(skip_ - size);
      return size;
    }
    const size_t zero = bytes.find('\0');
    text = bytes.substr(0, zero);
    ends = zero != std::string_view::npos;
    if (ends) --left_;
    return text.size() + (ends ? 1 : 0);
  }
  // What follows in this frame is not known to be a string.
  void Lose() { left_ = 0; }

 private:
  uint8_t left_ = 0;
  uint8_t skip_ = 0;
};

// Appends what fits; false: something was cut.
inline bool AppendBounded(std::string& to, std::string_view text, size_t most) {
  const size_t room = most - std::min(most, to.size());
  to.append(text.substr(0, room));
  return text.size() <= room;
}

}  // namespace wirespan::decoders::postgresql
