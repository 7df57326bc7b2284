#include "exporters/attributes.h"

#include <cstring>

#include "exporters/utf8.h"
#include "exporters/wire.h"

namespace wirespan::exporters {
namespace {

// Span.attributes = 9; KeyValue{key = 1, value = 2}; AnyValue{string_value = 1, bool_value = 2, int_value = 3, double_value = 4}.
constexpr uint32_t kAttributes = 9, kKey = 1, kValue = 2;
constexpr uint32_t kStringValue = 1, kBoolValue = 2, kIntValue = 3, kDoubleValue = 4;
static_assert(wire::Tag(kAttributes, wire::kBytes) == 0x4a && wire::Tag(kKey, wire::kBytes) == 0x0a &&
              wire::Tag(kValue, wire::kBytes) == 0x12);  // of KeyFrame
constexpr size_t kMaxKeyBytes = 256;

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
  return LongString(CleanKey(key, scratch), value);
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
  const auto bits = static_cast<uint64_t>(value);
  char* to = BeginAttribute(wire_, CleanKey(key, scratch), 1 + wire::VarintSize(bits));
  *to++ = static_cast<char>(wire::Tag(kIntValue, wire::kVarint));
  wire::PutVarint(to, bits);
  ++count_;
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
