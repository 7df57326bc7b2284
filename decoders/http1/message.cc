#include "decoders/http1/message.h"

#include "decoders/http_characters.h"

namespace wirespan::decoders::http1 {

std::string_view Message::Header(std::string_view name) const {
  if (!MayHave(name)) return {};
  for (const FieldRef& field : fields) {
    if (EqualsIgnoringCase(Name(field), name)) return Value(field);
  }
  return {};
}

size_t Message::HeaderCount(std::string_view name) const {
  if (!MayHave(name)) return 0;
  size_t count = 0;
  for (const FieldRef& field : fields) count += EqualsIgnoringCase(Name(field), name) ? 1U : 0U;
  return count;
}

size_t Message::BufferBytes() const {
  return head.capacity() + trailer.capacity() + (fields.capacity() + trailers.capacity()) * sizeof(FieldRef);
}

void Message::Clear() {
  static_cast<MessageValues&>(*this) = {};
  head.clear();
  trailer.clear();
  fields.clear();
  trailers.clear();
}

}  // namespace wirespan::decoders::http1
