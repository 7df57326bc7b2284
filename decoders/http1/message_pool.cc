#include "decoders/http1/message_pool.h"

namespace wirespan::decoders::http1 {

std::unique_ptr<Message> MessagePool::Take() {
  if (spares_.empty()) return std::make_unique<Message>();
  std::unique_ptr<Message> message = std::move(spares_.back());
  spares_.pop_back();
  return message;
}

void MessagePool::Give(Message&& message) {
  if (spares_.size() >= max_spares_) return;
  std::unique_ptr<Message> shell;
  if (shells_.empty()) {
    shell = std::make_unique<Message>();
  } else {
    shell = std::move(shells_.back());
    shells_.pop_back();
  }
  const size_t bytes = message.head.capacity() + message.trailer.capacity() +
                       (message.fields.capacity() + message.trailers.capacity()) * sizeof(FieldRef);
  if (bytes <= kMaxKeptBytes) *shell = std::move(message);
  shell->Clear();
  spares_.push_back(std::move(shell));
}

void MessagePool::GiveShell(std::unique_ptr<Message> shell) {
  if (shells_.size() < max_spares_) shells_.push_back(std::move(shell));
}

}  // namespace wirespan::decoders::http1
