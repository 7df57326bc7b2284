// What spans say of WebSocket connections and messages.
#include <gtest/gtest.h>

#include "decoders/websocket/span.h"
#include "tests/unit/decoders/span_sink.h"
#include "tests/unit/decoders/websocket_wire.h"

namespace wirespan::testing {
namespace {

using decoders::ExchangeContext;
using decoders::ExchangeEnd;
using decoders::SpanSide;
using decoders::SpanStatus;
using decoders::websocket::Conversation;
using decoders::websocket::Message;

struct Told {
  std::map<std::string, std::string> attributes;
  decoders::Description description;
  std::string Of(const std::string& name) const {
    const auto found = attributes.find(name);
    return found == attributes.end() ? "(absent)" : found->second;
  }
};

template <typename Subject>
Told Tell(const Subject& subject, const ExchangeContext& context) {
  Told told;
  TextSink sink;
  Describe(&subject, static_cast<const Subject*>(nullptr), context, sink, told.description);
  told.attributes = sink.attributes;
  return told;
}

Conversation ConversationOf(const std::string& client, const std::string& server) {
  WebSocketWire wire;
  wire.Feed(kC2s, client);
  wire.Feed(kS2c, server);
  Conversation conversation;
  for (const Message& message : wire.messages()) conversation.Add(message);
  conversation.upgrade_seen = true;
  conversation.upgrade.target = "/chat?token=secret";
  conversation.upgrade.host = "shop.example:8080";
  return conversation;
}

ExchangeContext ContextOf(SpanSide side, ExchangeEnd end = ExchangeEnd::kComplete) {
  ExchangeContext context;
  context.side = side;
  context.end = end;
  context.local_address = "192.0.2.1";
  context.local_port = 80;
  context.peer_address = "192.0.2.2";
  context.peer_port = 4000;
  return context;
}

TEST(WebSocketSpan, CountsOfBothDirections) {
  Conversation conversation = ConversationOf(
      FrameOf(kC2s, {.payload = "abc"}) + FrameOf(kC2s, {.opcode = 10}) + CloseFrame(kC2s, 1000),
      FrameOf(kS2c, {.opcode = 2, .payload = "x", .rsv1 = true}) + FrameOf(kS2c, {.opcode = 9}) + CloseFrame(kS2c, 1000));
  conversation.upgrade.subprotocol = "chat.v1";
  conversation.upgrade.compresses = true;
  const Told told = Tell(conversation, ContextOf(SpanSide::kServer));
  EXPECT_EQ(told.description.name, "websocket");
  EXPECT_EQ(told.description.status, SpanStatus::kUnset);
  const std::map<std::string, std::string> expected = {{"network.protocol.name", "websocket"},
                                                       {"url.path", "/chat"},
                                                       {"server.address", "shop.example"},
                                                       {"server.port", "8080"},
                                                       {"client.address", "192.0.2.2"},
                                                       {"wirespan.websocket.subprotocol", "chat.v1"},
                                                       {"wirespan.websocket.compression", "permessage-deflate"},
                                                       {"wirespan.websocket.client.text", "1"},
                                                       {"wirespan.websocket.client.binary", "0"},
                                                       {"wirespan.websocket.client.ping", "0"},
                                                       {"wirespan.websocket.client.pong", "1"},
                                                       {"wirespan.websocket.client.compressed", "0"},
                                                       {"wirespan.websocket.client.bytes", "5"},
                                                       {"wirespan.websocket.server.text", "0"},
                                                       {"wirespan.websocket.server.binary", "1"},
                                                       {"wirespan.websocket.server.ping", "1"},
                                                       {"wirespan.websocket.server.pong", "0"},
                                                       {"wirespan.websocket.server.compressed", "1"},
                                                       {"wirespan.websocket.server.bytes", "3"},
                                                       {"wirespan.websocket.closed_by", "client"},
                                                       {"wirespan.websocket.close_code", "1000"}};
  EXPECT_EQ(told.attributes, expected);
}

TEST(WebSocketSpan, CodesThatTellOfAFailure) {
  for (const auto& [code, error] : std::map<uint16_t, std::string>{
           {1000, ""}, {1001, ""}, {1002, "1002"}, {1007, "1007"}, {1011, "1011"}, {1013, "1013"}, {3000, ""}, {4999, ""}}) {
    const Told told = Tell(ConversationOf("", CloseFrame(kS2c, code)), ContextOf(SpanSide::kClient));
    EXPECT_EQ(told.description.error_type, error) << code;
    EXPECT_EQ(told.description.status, error.empty() ? SpanStatus::kUnset : SpanStatus::kError) << code;
    EXPECT_EQ(told.Of("wirespan.websocket.closed_by"), "server");
  }
  EXPECT_EQ(Tell(ConversationOf(FrameOf(kC2s, {.opcode = 8}), ""), ContextOf(SpanSide::kClient)).description.error_type, "");
}

TEST(WebSocketSpan, AnEndWithoutAClose) {
  Conversation conversation = ConversationOf(FrameOf(kC2s, {.payload = "abc"}), "");
  EXPECT_EQ(Tell(conversation, ContextOf(SpanSide::kServer)).description.error_type, "1006");
  EXPECT_EQ(Tell(conversation, ContextOf(SpanSide::kServer, ExchangeEnd::kConnectionReset)).description.error_type,
            "connection_reset");
  EXPECT_EQ(Tell(conversation, ContextOf(SpanSide::kServer, ExchangeEnd::kAgentStopped)).description.error_type, "");
  conversation.sides[1].unseen = 40;  // a Close may be among them
  const Told told = Tell(conversation, ContextOf(SpanSide::kServer));
  EXPECT_EQ(told.description.error_type, "");
  EXPECT_EQ(told.Of("wirespan.websocket.uncounted_bytes"), "40");
}

TEST(WebSocketSpan, FaultsAreCounted) {
  const Told told = Tell(ConversationOf(UnmaskedFrame({.payload = "a"}) + CloseFrame(kC2s, 1000), MaskedFrame({})),
                         ContextOf(SpanSide::kServer));
  EXPECT_EQ(told.Of("wirespan.websocket.protocol_errors"), "2");
}

TEST(WebSocketSpan, AnAddressWithoutAHost) {
  Conversation conversation = ConversationOf("", CloseFrame(kS2c, 1000));
  conversation.upgrade.Clear();
  conversation.upgrade_seen = false;
  const Told told = Tell(conversation, ContextOf(SpanSide::kClient));
  EXPECT_EQ(told.Of("server.address"), "192.0.2.2");
  EXPECT_EQ(told.Of("server.port"), "4000");
  EXPECT_EQ(told.Of("url.path"), "(absent)");
}

TEST(WebSocketSpan, AMessageIsSentOrReceived) {
  WebSocketWire wire;
  wire.Feed(kC2s, FrameOf(kC2s, {.payload = "abc", .final = false, .rsv1 = true}) + FrameOf(kC2s, {.opcode = 0}));
  const Message& message = wire.messages().at(0);
  const Told sent = Tell(message, ContextOf(SpanSide::kClient));
  EXPECT_EQ(sent.description.name, "websocket text");
  EXPECT_EQ(sent.description.flow, decoders::SpanFlow::kSent);
  EXPECT_EQ(sent.Of("wirespan.websocket.message.bytes"), "3");
  EXPECT_EQ(sent.Of("wirespan.websocket.message.frames"), "2");
  EXPECT_EQ(sent.Of("wirespan.websocket.compression"), "permessage-deflate");
  EXPECT_EQ(Tell(message, ContextOf(SpanSide::kServer)).description.flow, decoders::SpanFlow::kReceived);
}

}  // namespace
}  // namespace wirespan::testing
