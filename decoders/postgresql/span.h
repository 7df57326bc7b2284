// An exchange of PostgreSQL in the words of the semantic conventions 1.44 (docs/db/postgresql.md). Pure.
#pragma once

#include "decoders/description.h"
#include "decoders/postgresql/message.h"

namespace wirespan::decoders::postgresql {

// Either message may be null: it was not seen.
void Describe(const Message* request, const Message* response, const ExchangeContext& context, AttributeSink& sink,
              Description& out);

}  // namespace wirespan::decoders::postgresql
