// An exchange of Redis in the words of the semantic conventions 1.44 (docs/db/redis.md). Pure.
#pragma once

#include "decoders/description.h"
#include "decoders/redis/message.h"

namespace wirespan::decoders::redis {

// Either message may be null: it was not seen.
void Describe(const Message* request, const Message* response, const ExchangeContext& context, AttributeSink& sink,
              Description& out);

}  // namespace wirespan::decoders::redis
