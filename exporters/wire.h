// Protocol-buffer wire primitives: sizes, writers over a caller's buffer of sufficient size, and a bounds-checked reader for what
// comes from outside. Pure functions.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace wirespan::exporters::wire {

inline constexpr uint32_t kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5;  // wire types
constexpr uint32_t Tag(uint32_t field, uint32_t type) { return field << 3 | type; }

constexpr size_t VarintSize(uint64_t value) { return (static_cast<size_t>(std::bit_width(value | 1)) + 6) / 7; }
// Of a length-delimited field with a tag of `tag_bytes`.
constexpr size_t FieldSize(size_t content, size_t tag_bytes = 1) { return tag_bytes + VarintSize(content) + content; }

inline char* PutVarint(char* to, uint64_t value) {
  while (value >= 0x80) {
    *to++ = static_cast<char>(value | 0x80);
    value >>= 7;
  }
  *to++ = static_cast<char>(value);
  return to;
}
inline char* PutRaw(char* to, std::string_view bytes) {
  if (!bytes.empty()) std::memcpy(to, bytes.data(), bytes.size());
  return to + bytes.size();
}
// Short texts, which most are, without a call. `to` and `from` do not overlap; nothing beyond `size` is read or written. The
// result is the bitwise or of words that hold all of them.
[[gnu::always_inline]] inline uint64_t CopyShort(char* to, const char* from, size_t size) {
  uint64_t all = 0;
  const auto copy = [to, from, &all](size_t at, auto word) {
    std::memcpy(&word, from + at, sizeof word);
    std::memcpy(to + at, &word, sizeof word);
    all |= word;
  };
  constexpr uint64_t kWord = 0;
  if (size >= 16) {
    for (size_t at = 0; at + 16 < size; at += 16) copy(at, kWord), copy(at + 8, kWord);
    copy(size - 16, kWord), copy(size - 8, kWord);
  } else if (size >= 8) {
    copy(0, kWord), copy(size - 8, kWord);
  } else if (size >= 4) {
    copy(0, uint32_t{}), copy(size - 4, uint32_t{});
  } else {
    for (size_t at = 0; at < size; ++at) copy(at, uint8_t{});
  }
  return all;
}
// The same; false where a byte is not ASCII.
[[gnu::always_inline]] inline bool CopyShortAscii(char* to, const char* from, size_t size) {
  return (CopyShort(to, from, size) & 0x8080808080808080U) == 0;
}
inline char* PutFixed64(char* to, uint64_t value) {
  static_assert(std::endian::native == std::endian::little);
  std::memcpy(to, &value, sizeof value);
  return to + sizeof value;
}
inline char* PutFixed32(char* to, uint32_t value) {
  std::memcpy(to, &value, sizeof value);
  return to + sizeof value;
}
// A length-delimited field.
inline char* PutField(char* to, uint32_t field, std::string_view content) {
  to = PutVarint(to, Tag(field, kBytes));
  to = PutVarint(to, content.size());
  return PutRaw(to, content);
}
inline char* PutFieldHead(char* to, uint32_t field, size_t content_size) {
  return PutVarint(PutVarint(to, Tag(field, kBytes)), content_size);
}

// Reads the fields of one message. Total: malformed input ends the walk with ok() false.
class Fields {
 public:
  explicit Fields(std::string_view message) : rest_(message) {}

  // The next field; false at the end or where the bytes are not a message.
  bool Next() {
    if (rest_.empty() || !ok_) return false;
    uint64_t tag = 0;
    if (!TakeVarint(tag) || tag > UINT32_MAX || tag >> 3 == 0) return Fail();
    number_ = static_cast<uint32_t>(tag >> 3);
    type_ = static_cast<uint32_t>(tag & 7);
    switch (type_) {
      case kVarint:
        return TakeVarint(value_) || Fail();
      case kFixed64:
        return TakeFixed(sizeof(uint64_t)) || Fail();
      case kFixed32:
        return TakeFixed(sizeof(uint32_t)) || Fail();
      case kBytes:
        return TakeBytes() || Fail();
      default:
        return Fail();
    }
  }
  bool ok() const { return ok_; }
  bool Is(uint32_t number, uint32_t type) const { return number_ == number && type_ == type; }
  uint32_t number() const { return number_; }
  uint64_t value() const { return value_; }          // of a varint or fixed field
  std::string_view bytes() const { return bytes_; }  // of a length-delimited field

 private:
  bool Fail() { return ok_ = false; }
  bool TakeVarint(uint64_t& out) {
    out = 0;
    for (uint32_t shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
      const auto byte = static_cast<uint8_t>(rest_.front());
      rest_.remove_prefix(1);
      out |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if ((byte & 0x80) == 0) return true;
    }
    return false;
  }
  bool TakeFixed(size_t size) {
    if (rest_.size() < size) return false;
    value_ = 0;
    std::memcpy(&value_, rest_.data(), size);
    rest_.remove_prefix(size);
    return true;
  }
  bool TakeBytes() {
    uint64_t size = 0;
    if (!TakeVarint(size) || size > rest_.size()) return false;
    bytes_ = rest_.substr(0, static_cast<size_t>(size));
    rest_.remove_prefix(static_cast<size_t>(size));
    return true;
  }

  std::string_view rest_;
  bool ok_ = true;
  uint32_t number_ = 0;
  uint32_t type_ = 0;
  uint64_t value_ = 0;
  std::string_view bytes_;
};

}  // namespace wirespan::exporters::wire
