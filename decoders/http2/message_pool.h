// MessagePool: message objects that wait to be used again, so that decoding allocates nothing once it is warm and an idle
// connection holds no buffers. One pool per shard thread, shared by its connections' decoders; it must outlive them.
#pragma once

#include <cstddef>
#include <vector>

#include "decoders/http2/message.h"

namespace wirespan::decoders::http2 {

class MessagePool {
 public:
  // At most `max_spares` messages are kept; one whose buffers grew beyond kMaxKeptBytes is let go.
  explicit MessagePool(size_t max_spares = 256) : max_spares_(max_spares) { spares_.reserve(max_spares); }

  static constexpr size_t kMaxKeptBytes = size_t{8} * 1024;

  // The caller is done with a message the decoder appended to `out`.
  void Give(Message&& message);
  // For the decoder: an empty message.
  Message Take();

 private:
  size_t max_spares_;
  std::vector<Message> spares_;
};

}  // namespace wirespan::decoders::http2
