#include "decoders/redis/message.h"

#include <utility>

namespace wirespan::decoders::redis {

void Message::Clear() {
  Message fresh;
  for (const auto part : {&Message::name, &Message::text, &Message::batch_name, &Message::procedure}) {
    (fresh.*part).swap(this->*part);
    (fresh.*part).clear();
  }
  *this = std::move(fresh);
}

}  // namespace wirespan::decoders::redis
