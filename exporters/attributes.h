// AttributeList: an append-only list of attributes, kept in OTLP's own wire form (opentelemetry.proto.trace.v1.Span field 9), so
// that an exporter copies it and builds nothing. Other ways out read it back through Reader. One thread at a time.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>

#include "exporters/byte_buffer.h"
#include "exporters/wire.h"

namespace wirespan::exporters {

// Values longer than this are cut at a UTF-8 boundary and counted by dropped_bytes().
inline constexpr size_t kMaxAttributeValueBytes = 4096;

struct AttributeView {
  enum class Type : uint8_t { kString, kBool, kInt, kDouble };
  std::string_view key;
  Type type = Type::kString;
  std::string_view string_value;
  int64_t int_value = 0;
  double double_value = 0;
  bool bool_value = false;
};

// How an attribute of a key begins in OTLP: tag 9, the attribute's length, tag 1, the key's length, the key, tag 2, the value's
// length. Both lengths that the value decides are left open. The key is of ASCII characters.
struct KeyFrame {
  static constexpr size_t kBytes = 48;
  static constexpr size_t kAround = 6;  // bytes that are not the key's
  constexpr explicit KeyFrame(std::string_view key) {
    bytes = {0x4a, 0, 0x0a, static_cast<char>(key.size())};
    for (size_t i = 0; i < key.size(); ++i) bytes[4 + i] = key[i];
    bytes.at(4 + key.size()) = 0x12;
    bytes.at(5 + key.size()) = 0;
  }
  std::array<char, kBytes> bytes{};
};

// A key that needs no look: a constant of the code. `frame`: KeyFrame::bytes of it.
struct ConstantKey {
  std::string_view text;
  const char* frame;
};

class AttributeList {
 public:
  // Bytes that are not UTF-8 become U+FFFD. The value as it is kept; it lives until the list is changed.
  std::string_view String(std::string_view key, std::string_view value);
  std::string_view String(ConstantKey key, std::string_view value) {
    const size_t begin_bytes = KeyFrame::kAround + key.text.size();
    const size_t size = begin_bytes + 2 + value.size();
    if (size - 2 < 0x80) [[likely]] {
      char* const begin = wire_.Room(KeyFrame::kBytes + 2 + value.size());
      std::memcpy(begin, key.frame, KeyFrame::kBytes);
      char* const to = begin + begin_bytes;
      begin[1] = static_cast<char>(size - 2);
      to[-1] = static_cast<char>(value.size() + 2);
      to[0] = static_cast<char>(wire::Tag(kStringValue, wire::kBytes));
      to[1] = static_cast<char>(value.size());
      if (wire::CopyShortAscii(to + 2, value.data(), value.size())) [[likely]] {
        wire_.Take(size);
        ++count_;
        return {to + 2, value.size()};
      }
    }
    return LongString(key.text, value);
  }
  void Int(std::string_view key, int64_t value);
  void Int(ConstantKey key, int64_t value) {
    const size_t begin_bytes = KeyFrame::kAround + key.text.size();
    char* const begin = wire_.Room(KeyFrame::kBytes + kLongestInt);
    std::memcpy(begin, key.frame, KeyFrame::kBytes);
    char* const to = begin + begin_bytes;
    *to = static_cast<char>(wire::Tag(kIntValue, wire::kVarint));
    const char* const end = wire::PutVarint(to + 1, static_cast<uint64_t>(value));
    begin[1] = static_cast<char>(end - begin - 2);
    to[-1] = static_cast<char>(end - to);
    wire_.Take(static_cast<size_t>(end - begin));
    ++count_;
  }
  void Double(std::string_view key, double value);
  void Bool(std::string_view key, bool value);
  void Append(const AttributeList& other) {
    wire_.Append(other.wire_.view());
    count_ += other.count_;
    dropped_bytes_ += other.dropped_bytes_;
  }
  // A place in the list, and what was appended since.
  struct Mark {
    uint32_t bytes = 0;
    uint32_t count = 0;
    uint64_t dropped_bytes = 0;
  };
  Mark mark() const { return {static_cast<uint32_t>(wire_.size()), count_, dropped_bytes_}; }
  void AppendFrom(const AttributeList& other, const Mark& mark) {
    wire_.Append(other.wire_.view().substr(mark.bytes));
    count_ += other.count_ - mark.count;
    dropped_bytes_ += other.dropped_bytes_ - mark.dropped_bytes;
  }

  std::string_view wire() const { return wire_.view(); }
  uint32_t count() const { return count_; }
  uint64_t dropped_bytes() const { return dropped_bytes_; }
  void Clear() { wire_.Clear(), count_ = 0, dropped_bytes_ = 0; }
  void Swap(AttributeList& other) noexcept {
    wire_.Swap(other.wire_);
    std::swap(count_, other.count_);
    std::swap(dropped_bytes_, other.dropped_bytes_);
  }
  // The first attribute of that key, by a scan. For output and tests, not for the data path.
  std::optional<AttributeView> Find(std::string_view key) const;

  // Walks the list; views live as long as the list is not changed.
  class Reader {
   public:
    explicit Reader(const AttributeList& list) : rest_(list.wire()) {}
    bool Next(AttributeView& out);  // false at the end

   private:
    std::string_view rest_;
  };

 private:
  static constexpr uint32_t kStringValue = 1, kIntValue = 3;  // fields of AnyValue
  static constexpr size_t kLongestInt = 1 + 10;               // tag, varint
  static_assert(KeyFrame::kBytes + kLongestInt < 0x80);

  std::string_view LongString(std::string_view key, std::string_view value);

  ByteBuffer wire_;
  uint32_t count_ = 0;
  uint64_t dropped_bytes_ = 0;
};
inline void swap(AttributeList& a, AttributeList& b) noexcept { a.Swap(b); }

}  // namespace wirespan::exporters
