#include "decoders/http2/message_pool.h"

#include <utility>

namespace wirespan::decoders::http2 {
namespace {

size_t BytesOf(const FieldList& list) { return list.text.capacity() + list.fields.capacity() * sizeof(Field); }

}  // namespace

Message MessagePool::Take() {
  if (spares_.empty()) return {};
  Message message = std::move(spares_.back());
  spares_.pop_back();
  return message;
}

void MessagePool::Give(Message&& message) {
  if (spares_.size() >= max_spares_ || BytesOf(message.fields) + BytesOf(message.trailers) > kMaxKeptBytes) return;
  spares_.push_back(std::move(message));
  spares_.back().Clear();
}

}  // namespace wirespan::decoders::http2
