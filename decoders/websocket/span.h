// What spans say of WebSocket. The semantic conventions have nothing for it: names are ours (docs/attributes.md), but for the
// general ones.
#pragma once

#include "decoders/description.h"
#include "decoders/websocket/conversation.h"
#include "decoders/websocket/message.h"

namespace wirespan::decoders::websocket {

// A connection: `conversation` is never null, the second is not looked at.
void Describe(const Conversation* conversation, const Conversation* none, const ExchangeContext& context, AttributeSink& sink,
              Description& out);
// One message, whichever of the two it is.
void Describe(const Message* message, const Message* other, const ExchangeContext& context, AttributeSink& sink,
              Description& out);

}  // namespace wirespan::decoders::websocket
