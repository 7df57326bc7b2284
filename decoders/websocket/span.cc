#include "decoders/websocket/span.h"

#include <string>

#include "decoders/http_semantics.h"
#include "decoders/http_target.h"

namespace wirespan::decoders::websocket {
namespace {

constexpr uint16_t kAbnormal = 1006;  // no Close came (RFC 6455 7.1.5); never on the wire

// What the protocol itself calls a failure: not the normal end, not leaving, not no code, and not an application's own.
bool IsFailure(uint16_t code) { return code >= 1002 && code < 3000 && code != kNoStatus; }

void GiveAddress(const Upgrade& upgrade, const ExchangeContext& context, AttributeSink& sink) {
  const bool is_server = context.side == SpanSide::kServer;
  if (const std::optional<Authority> host = ParseAuthority(upgrade.host); host && !upgrade.host.empty()) {
    uint16_t port = host->port;
    if (port == 0) port = is_server ? 0 : context.peer_port;
    GiveServer(host->host, port, sink);
  } else {
    GiveServer(is_server ? context.local_address : context.peer_address, is_server ? context.local_port : context.peer_port,
               sink);
  }
  if (is_server && !context.peer_address.empty()) sink.String(semconv::kClientAddress, context.peer_address);
}

struct CountNames {
  const AttributeName& text;
  const AttributeName& binary;
  const AttributeName& ping;
  const AttributeName& pong;
  const AttributeName& compressed;
  const AttributeName& bytes;
};

void GiveCounts(const Counts& counts, const CountNames& names, AttributeSink& sink) {
  const auto give = [&sink](const AttributeName& name, uint64_t count) { sink.Int(name, static_cast<int64_t>(count)); };
  give(names.text, counts.text);
  give(names.binary, counts.binary);
  give(names.ping, counts.ping);
  give(names.pong, counts.pong);
  give(names.compressed, counts.compressed);
  give(names.bytes, counts.bytes);
}

// A connection that the watching ended has not failed.
void GiveEnd(const Conversation& conversation, const ExchangeContext& context, AttributeSink& sink, Description& out) {
  if (conversation.has_close) {
    sink.String(semconv::kWirespanWebSocketClosedBy, conversation.closed_by == Direction::kClientToServer ? "client" : "server");
    if (conversation.close_code != 0) sink.Int(semconv::kWirespanWebSocketCloseCode, conversation.close_code);
    if (IsFailure(conversation.close_code)) out.error_type = std::to_string(conversation.close_code);
    return;
  }
  const bool saw_all = conversation.sides[0].unseen == 0 && conversation.sides[1].unseen == 0;
  if (context.end == ExchangeEnd::kConnectionReset || context.end == ExchangeEnd::kProcessExited) {
    out.error_type = Name(context.end);
  } else if ((context.end == ExchangeEnd::kComplete || context.end == ExchangeEnd::kRequestNotSeen) && saw_all) {
    out.error_type = std::to_string(kAbnormal);
  }
}

}  // namespace

void Describe(const Conversation* conversation, const Conversation* /*none*/, const ExchangeContext& context, AttributeSink& sink,
              Description& out) {
  out.Clear();
  out.name = "websocket";
  sink.String(semconv::kNetworkProtocolName, "websocket");
  const Upgrade& upgrade = conversation->upgrade;
  if (conversation->upgrade_seen) {
    const Target target = ParseTarget(upgrade.target, false);
    if (!target.path.empty()) sink.String(semconv::kUrlPath, target.path);
    if (!upgrade.subprotocol.empty()) sink.String(semconv::kWirespanWebSocketSubprotocol, upgrade.subprotocol);
    if (upgrade.compresses) sink.String(semconv::kWirespanWebSocketCompression, "permessage-deflate");
  }
  GiveAddress(upgrade, context, sink);
  GiveCounts(conversation->sides[Index(Direction::kClientToServer)],
             {semconv::kWirespanWebSocketClientText, semconv::kWirespanWebSocketClientBinary,
              semconv::kWirespanWebSocketClientPing, semconv::kWirespanWebSocketClientPong,
              semconv::kWirespanWebSocketClientCompressed, semconv::kWirespanWebSocketClientBytes},
             sink);
  GiveCounts(conversation->sides[Index(Direction::kServerToClient)],
             {semconv::kWirespanWebSocketServerText, semconv::kWirespanWebSocketServerBinary,
              semconv::kWirespanWebSocketServerPing, semconv::kWirespanWebSocketServerPong,
              semconv::kWirespanWebSocketServerCompressed, semconv::kWirespanWebSocketServerBytes},
             sink);
  const uint64_t faults = conversation->sides[0].faults + conversation->sides[1].faults;
  const uint64_t unseen = AddBounded(conversation->sides[0].unseen, conversation->sides[1].unseen);
  if (faults != 0) sink.Int(semconv::kWirespanWebSocketProtocolErrors, static_cast<int64_t>(faults));
  if (unseen != 0) sink.Int(semconv::kWirespanWebSocketUncountedBytes, static_cast<int64_t>(unseen));
  GiveEnd(*conversation, context, sink, out);
  GiveError(sink, out);
}

void Describe(const Message* message, const Message* other, const ExchangeContext& context, AttributeSink& sink,
              Description& out) {
  const Message& told = message != nullptr ? *message : *other;
  out.Clear();
  const bool sent = (told.direction == Direction::kClientToServer) == (context.side == SpanSide::kClient);
  out.flow = sent ? SpanFlow::kSent : SpanFlow::kReceived;
  out.name.append("websocket ").append(Name(told.opcode));
  sink.String(semconv::kNetworkProtocolName, "websocket");
  sink.Int(semconv::kWirespanWebSocketMessageBytes, static_cast<int64_t>(told.length));
  sink.Int(semconv::kWirespanWebSocketMessageFrames, told.frames);
  if (told.compressed) sink.String(semconv::kWirespanWebSocketCompression, "permessage-deflate");
  if (told.opcode == Opcode::kClose && told.close_code != 0) sink.Int(semconv::kWirespanWebSocketCloseCode, told.close_code);
  out.error_type = told.fault;
  GiveError(sink, out);
}

}  // namespace wirespan::decoders::websocket
