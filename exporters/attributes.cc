#include "exporters/attributes.h"

#include <cstring>

#include "exporters/utf8.h"
#include "exporters/wire.h"

namespace wirespan::exporters {
namespace {

// Span.attributes = 9; KeyValue{key = 1, value = 2}; AnyValue{string_value = 1, bool_value = 2, int_value = 3, double_value = 4}.
constexpr uint32_t kAttributes = 9, kKey = 1, kValue = 2;
constexpr uint32_t kStringValue = 1, kBoolValue = 2, kIntValue = 3, kDoubleValue = 4;
constexpr size_t kMaxKeyBytes = 256;

// An attribute of which all lengths take one byte, the content of its AnyValue being `value_size` bytes: nearly every one.
constexpr size_t kShortFrame = 6;  // three tags and three lengths
bool IsShort(std::string_view key, size_t value_size) { return kShortFrame - 2 + key.size() + value_size < 0x80; }

// Writes the tags and the key of a short attribute into sufficient room; FinishShort fills in what its value's size says.
inline char* BeginShort(char* to, std::string_view key) {
  to[0] = static_cast<char>(wire::Tag(kAttributes, wire::kBytes));
  to[2] = static_cast<char>(wire::Tag(kKey, wire::kBytes));
  to[3] = static_cast<char>(key.size());
  wire::CopyShort(to + 4, key.data(), key.size());
  to += 4 + key.size();
  to[0] = static_cast<char>(wire::Tag(kValue, wire::kBytes));
  return to + 2;
}
// `begin`: what BeginShort was given; `value`: what it gave; the content of the AnyValue ends at `end`.
inline void FinishShort(char* begin, char* value, const char* end) {
  begin[1] = static_cast<char>(end - begin - 2);
  value[-1] = static_cast<char>(end - value);
}
char* BeginAttribute(ByteBuffer& wire, std::string_view key, size_t value_size) {
  const size_t content = wire::FieldSize(key.size()) + wire::FieldSize(value_size);
  char* to = wire.Extend(wire::FieldSize(content));
  to = wire::PutFieldHead(to, kAttributes, content);
  to = wire::PutField(to, kKey, key);
  return wire::PutFieldHead(to, kValue, value_size);
}

// `key` as it may be stored: valid and bounded. Keys are constants of the code but for captured header names.
std::string_view CleanKey(std::string_view key, std::string& scratch) {
  if (key.size() <= kMaxKeyBytes && IsValidUtf8(key)) return key;
  AppendUtf8(key, kMaxKeyBytes, scratch);
  return scratch;
}

bool ReadValue(std::string_view any_value, AttributeView& out) {
  wire::Fields value(any_value);
  bool found = false;
  while (value.Next()) {
    found = true;
    if (value.Is(kStringValue, wire::kBytes)) {
      out.type = AttributeView::Type::kString;
      out.string_value = value.bytes();
    } else if (value.Is(kBoolValue, wire::kVarint)) {
      out.type = AttributeView::Type::kBool;
      out.bool_value = value.value() != 0;
    } else if (value.Is(kIntValue, wire::kVarint)) {
      out.type = AttributeView::Type::kInt;
      out.int_value = static_cast<int64_t>(value.value());
    } else if (value.Is(kDoubleValue, wire::kFixed64)) {
      out.type = AttributeView::Type::kDouble;
      out.double_value = std::bit_cast<double>(value.value());
    } else {
      return false;
    }
  }
  return found && value.ok();
}

}  // namespace

std::string_view AttributeList::String(std::string_view key, std::string_view value) {
  std::string scratch;
  return String(ConstantKey{CleanKey(key, scratch)}, value);
}

std::string_view AttributeList::String(ConstantKey key, std::string_view value) {
  if (IsShort(key.text, value.size() + 2)) {
    const size_t size = kShortFrame + key.text.size() + value.size() + 2;
    char* const begin = wire_.Room(size);
    char* const to = BeginShort(begin, key.text);
    to[0] = static_cast<char>(wire::Tag(kStringValue, wire::kBytes));
    to[1] = static_cast<char>(value.size());
    if (wire::CopyShortAscii(to + 2, value.data(), value.size())) {
      FinishShort(begin, to, begin + size);
      wire_.Extend(size);
      ++count_;
      return {to + 2, value.size()};
    }
  }
  return LongString(key.text, value);
}

std::string_view AttributeList::LongString(std::string_view key, std::string_view value) {
  std::string value_scratch;
  if (value.size() > kMaxAttributeValueBytes || !IsValidUtf8(value)) {
    dropped_bytes_ += value.size() - AppendUtf8(value, kMaxAttributeValueBytes, value_scratch);
    value = value_scratch;
  }
  wire::PutField(BeginAttribute(wire_, key, wire::FieldSize(value.size())), kStringValue, value);
  ++count_;
  return wire().substr(wire().size() - value.size());
}

void AttributeList::Int(std::string_view key, int64_t value) {
  std::string scratch;
  Int(ConstantKey{CleanKey(key, scratch)}, value);
}

void AttributeList::Int(ConstantKey key, int64_t value) {
  constexpr size_t kLongestValue = 1 + 10;  // tag, varint
  const auto bits = static_cast<uint64_t>(value);
  ++count_;
  if (!IsShort(key.text, kLongestValue)) {
    char* to = BeginAttribute(wire_, key.text, 1 + wire::VarintSize(bits));
    *to++ = static_cast<char>(wire::Tag(kIntValue, wire::kVarint));
    wire::PutVarint(to, bits);
    return;
  }
  char* const begin = wire_.Room(kShortFrame + key.text.size() + kLongestValue);
  char* const to = BeginShort(begin, key.text);
  *to = static_cast<char>(wire::Tag(kIntValue, wire::kVarint));
  const char* const end = wire::PutVarint(to + 1, bits);
  FinishShort(begin, to, end);
  wire_.Extend(static_cast<size_t>(end - begin));
}

void AttributeList::Double(std::string_view key, double value) {
  std::string scratch;
  char* to = BeginAttribute(wire_, CleanKey(key, scratch), 1 + sizeof value);
  *to++ = static_cast<char>(wire::Tag(kDoubleValue, wire::kFixed64));
  wire::PutFixed64(to, std::bit_cast<uint64_t>(value));
  ++count_;
}

void AttributeList::Bool(std::string_view key, bool value) {
  std::string scratch;
  char* to = BeginAttribute(wire_, CleanKey(key, scratch), 2);
  *to++ = static_cast<char>(wire::Tag(kBoolValue, wire::kVarint));
  *to = value ? '\1' : '\0';
  ++count_;
}

std::optional<AttributeView> AttributeList::Find(std::string_view key) const {
  Reader reader(*this);
  for (AttributeView view; reader.Next(view);) {
    if (view.key == key) return view;
  }
  return std::nullopt;
}

bool AttributeList::Reader::Next(AttributeView& out) {
  wire::Fields list(rest_);
  if (!list.Next() || !list.Is(kAttributes, wire::kBytes)) return false;
  rest_.remove_prefix(static_cast<size_t>(list.bytes().data() + list.bytes().size() - rest_.data()));
  out = {};
  bool has_value = false;
  wire::Fields pair(list.bytes());
  while (pair.Next()) {
    if (pair.Is(kKey, wire::kBytes)) out.key = pair.bytes();
    if (pair.Is(kValue, wire::kBytes)) has_value = ReadValue(pair.bytes(), out);
  }
  return has_value && pair.ok();
}

}  // namespace wirespan::exporters
