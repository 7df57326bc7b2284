#include "decoders/http1/message.h"

#include "decoders/http_characters.h"

namespace wirespan::decoders::http1 {

std::string_view Message::Header(std::string_view name) const {
  for (const FieldRef& field : fields) {
    if (EqualsIgnoringCase(Name(field), name)) return Value(field);
  }
  return {};
}

size_t Message::HeaderCount(std::string_view name) const {
  size_t count = 0;
  for (const FieldRef& field : fields) count += EqualsIgnoringCase(Name(field), name) ? 1U : 0U;
  return count;
}

size_t Message::BufferBytes() const {
  return head.capacity() + trailer.capacity() + (fields.capacity() + trailers.capacity()) * sizeof(FieldRef);
}

void Message::Clear() {
  std::string head_buffer = std::move(head);
  std::string trailer_buffer = std::move(trailer);
  std::vector<FieldRef> field_buffer = std::move(fields);
  std::vector<FieldRef> trailer_fields_buffer = std::move(trailers);
  *this = Message{};
  head = std::move(head_buffer), head.clear();
  trailer = std::move(trailer_buffer), trailer.clear();
  fields = std::move(field_buffer), fields.clear();
  trailers = std::move(trailer_fields_buffer), trailers.clear();
}

}  // namespace wirespan::decoders::http1
