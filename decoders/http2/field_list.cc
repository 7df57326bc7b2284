#include "decoders/http2/field_list.h"

namespace wirespan::decoders::http2 {

const Field* FieldList::Find(std::string_view name) const {
  for (const Field& field : fields) {
    if (field.name_known && Name(field) == name) return &field;
  }
  return nullptr;
}

std::string_view FieldList::Get(std::string_view name) const {
  const Field* field = Find(name);
  return field != nullptr ? Value(*field) : std::string_view{};
}

void FieldList::Add(std::string_view name, std::string_view value, Field flags) {
  if (!flags.name_known || !flags.value_known) has_unknown = true;
  if (fields.size() >= kMaxFields || name.size() > kMaxTextBytes - text.size()) {
    truncated = true;
    return;
  }
  const size_t room = kMaxTextBytes - text.size() - name.size();
  if (value.size() > room) {
    value = value.substr(0, room);
    flags.truncated = true;
  }
  flags.name = static_cast<uint32_t>(text.size());
  flags.name_length = static_cast<uint32_t>(name.size());
  flags.value = static_cast<uint32_t>(text.size() + name.size());
  flags.value_length = static_cast<uint32_t>(value.size());
  truncated = truncated || flags.truncated;
  text.append(name).append(value);
  fields.push_back(flags);
}

void FieldList::Clear() {
  text.clear();
  fields.clear();
  truncated = has_unknown = false;
}

}  // namespace wirespan::decoders::http2
