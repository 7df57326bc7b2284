#include "decoders/fastcgi/message.h"

#include <algorithm>
#include <utility>

namespace wirespan::decoders::fastcgi {

std::string_view Message::Get(Parameter parameter) const {
  for (const FieldRef& field : fields) {
    if (field.parameter == parameter) return Value(field);
  }
  return {};
}

bool Message::Has(Parameter parameter) const {
  return std::any_of(fields.begin(), fields.end(),
                     [&](const FieldRef& field) { return field.parameter == parameter && !field.contradicted; });
}

void Message::Clear() {
  std::string text_buffer = std::move(text);
  std::vector<FieldRef> field_buffer = std::move(fields);
  *this = Message{};
  text = std::move(text_buffer), text.clear();
  fields = std::move(field_buffer), fields.clear();
}

}  // namespace wirespan::decoders::fastcgi
