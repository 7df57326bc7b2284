// FieldList: the fields of one header block, owned and bounded. Filled by HpackDecoder, kept in Message. Two allocations, none
// once the object is warm.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace wirespan::decoders::http2 {

inline constexpr size_t kMaxFields = 256;                    // of a block that are kept; further ones set FieldList::truncated
inline constexpr size_t kMaxTextBytes = size_t{64} * 1024;   // of names and values that are kept of a block
inline constexpr size_t kMaxNameBytes = 512;                 // kept of a name, here and in the dynamic table
inline constexpr size_t kMaxValueBytes = size_t{16} * 1024;  // kept of a value, here and in the dynamic table

struct Field {
  uint32_t name = 0;  // offset into FieldList::text; so is `value`
  uint32_t name_length = 0;
  uint32_t value = 0;
  uint32_t value_length = 0;
  bool name_known = true;  // false: an entry of the dynamic table that was inserted where it could not be seen; the name is empty
  bool value_known = true;  // false: the same of the value
  bool sensitive = false;   // "never indexed" (RFC 7541 6.2.3): the sender thinks it a secret
  bool truncated = false;   // name or value is the beginning of a longer one
};

struct FieldList {
  std::string text;
  std::vector<Field> fields;
  bool truncated = false;    // fields are missing at a limit, or one of them is truncated
  bool has_unknown = false;  // the name or value of a field is not known

  auto begin() const { return fields.begin(); }
  auto end() const { return fields.end(); }
  std::string_view Name(const Field& f) const { return std::string_view(text).substr(f.name, f.name_length); }
  std::string_view Value(const Field& f) const { return std::string_view(text).substr(f.value, f.value_length); }
  // The first field known to have that name (names are lower-case, RFC 9113 8.2); null: none, or none that is known to be it.
  const Field* Find(std::string_view name) const;
  // The value of that field; empty where there is none or it is not known.
  std::string_view Get(std::string_view name) const;
  // Names or values beyond the limits are cut or left out, and `truncated` says so.
  void Add(std::string_view name, std::string_view value, Field flags);
  // Back to the empty list; keeps the buffers, which take BufferBytes().
  void Clear();
  size_t BufferBytes() const { return text.capacity() + fields.capacity() * sizeof(Field); }
};

}  // namespace wirespan::decoders::http2
