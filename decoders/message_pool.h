// MessagePool: message objects that wait to be used again, so that decoding allocates nothing once it is warm and an idle
// connection holds no buffers. One pool per shard thread and protocol, shared by its connections' decoders; it must outlive them.
#pragma once

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

namespace wirespan::decoders {

// `Message` has Clear(), which keeps its buffers, and BufferBytes(), what those take.
template <typename Message>
class MessagePool {
 public:
  // At most `max_spares` messages are kept; one whose buffers grew beyond kMaxKeptBytes is kept without them.
  explicit MessagePool(size_t max_spares = 256) : max_spares_(max_spares) {
    spares_.reserve(max_spares), shells_.reserve(max_spares);
  }

  static constexpr size_t kMaxKeptBytes = size_t{8} * 1024;

  // The caller is done with a message the decoder appended to `out`.
  void Give(Message&& message) {
    if (spares_.size() >= max_spares_) return;
    std::unique_ptr<Message> shell = TakeFrom(shells_);
    if (message.BufferBytes() <= kMaxKeptBytes) *shell = std::move(message);
    shell->Clear();
    spares_.push_back(std::move(shell));
  }

  // The same of a message object; null: nothing.
  void Give(std::unique_ptr<Message> message) {
    if (message == nullptr || spares_.size() >= max_spares_) return;
    if (message->BufferBytes() > kMaxKeptBytes) *message = Message();
    message->Clear();
    spares_.push_back(std::move(message));
  }

  // For the decoder: an empty message; and a message object whose content was moved away.
  std::unique_ptr<Message> Take() { return TakeFrom(spares_); }
  void GiveShell(std::unique_ptr<Message> shell) {
    if (shells_.size() < max_spares_) shells_.push_back(std::move(shell));
  }

 private:
  static std::unique_ptr<Message> TakeFrom(std::vector<std::unique_ptr<Message>>& shelf) {
    if (shelf.empty()) return std::make_unique<Message>();
    std::unique_ptr<Message> message = std::move(shelf.back());
    shelf.pop_back();
    return message;
  }

  size_t max_spares_;
  std::vector<std::unique_ptr<Message>> spares_;  // with buffers
  std::vector<std::unique_ptr<Message>> shells_;  // without
};

}  // namespace wirespan::decoders
