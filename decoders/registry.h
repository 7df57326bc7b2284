// The one list of protocols. Everything that needs "all protocols" iterates it: guessing, the decode door, a connection's
// decoder. A protocol is added by its folder and one line in `Protocols` (docs/adding-a-protocol.md).
#pragma once

#include <optional>
#include <type_traits>
#include <variant>

#include "decoders/decoder.h"
#include "decoders/fastcgi/decoder.h"
#include "decoders/fastcgi/guess.h"
#include "decoders/fastcgi/span.h"
#include "decoders/guess.h"
#include "decoders/http1/decoder.h"
#include "decoders/http1/guess.h"
#include "decoders/http1/span.h"
#include "decoders/http2/decoder.h"
#include "decoders/http2/guess.h"
#include "decoders/http2/span.h"
#include "decoders/postgresql/decoder.h"
#include "decoders/postgresql/guess.h"
#include "decoders/postgresql/span.h"
#include "decoders/redis/decoder.h"
#include "decoders/redis/guess.h"
#include "decoders/redis/span.h"
#include "decoders/websocket/decoder.h"
#include "decoders/websocket/guess.h"
#include "decoders/websocket/span.h"

namespace wirespan::decoders {

// How the messages of a protocol find their exchange.
enum class Pairing : uint8_t {
  kInOrder,   // the oldest request is answered first
  kByStream,  // by a number that both carry, in any order; the framing says its own lengths
  kNone,      // none answers another: what is told is the connection, with counts of them
};

// What an entry of the list has: the name used on command lines, in metrics and configuration; the decoder; how its first bytes
// look; what a span of it says; which session it takes; kManyPerTurn, where a turn holds many messages, so that a larger budget
// is asked for as soon as the protocol is known.
struct Http1 {
  static constexpr std::string_view kName = "http1";
  using Decoder = http1::Decoder;
  static constexpr auto kLikeness = &http1::LikenessOf;
  static constexpr auto kDescribe = &http1::Describe;
  static constexpr Pairing kPairing = Pairing::kInOrder;
};

struct FastCgi {
  static constexpr std::string_view kName = "fastcgi";
  using Decoder = fastcgi::Decoder;
  static constexpr auto kLikeness = &fastcgi::LikenessOf;
  static constexpr auto kDescribe = &fastcgi::Describe;
  static constexpr Pairing kPairing = Pairing::kInOrder;
};

struct Http2 {
  static constexpr std::string_view kName = "http2";
  using Decoder = http2::Decoder;
  static constexpr auto kLikeness = &http2::LikenessOf;
  static constexpr auto kDescribe = &http2::Describe;
  static constexpr Pairing kPairing = Pairing::kByStream;
};

struct Redis {
  static constexpr std::string_view kName = "redis";
  using Decoder = redis::Decoder;
  static constexpr auto kLikeness = &redis::LikenessOf;
  static constexpr auto kDescribe = &redis::Describe;
  static constexpr Pairing kPairing = Pairing::kInOrder;
  static constexpr bool kManyPerTurn = true;
};

struct PostgreSql {
  static constexpr std::string_view kName = "postgresql";
  using Decoder = postgresql::Decoder;
  static constexpr auto kLikeness = &postgresql::LikenessOf;
  static constexpr auto kDescribe = &postgresql::Describe;
  static constexpr Pairing kPairing = Pairing::kInOrder;
  static constexpr bool kManyPerTurn = true;
};

// Of messages; a connection is told by websocket::Conversation.
struct WebSocket {
  static constexpr std::string_view kName = "websocket";
  using Decoder = websocket::Decoder;
  static constexpr auto kLikeness = &websocket::LikenessOf;
  static constexpr void (*kDescribe)(const websocket::Message*, const websocket::Message*, const ExchangeContext&, AttributeSink&,
                                     Description&) = &websocket::Describe;
  static constexpr Pairing kPairing = Pairing::kNone;
};

template <typename... P>
struct ProtocolList {
  static constexpr size_t kSize = sizeof...(P);
  using AnyDecoder = std::variant<std::monostate, typename P::Decoder...>;
};

using Protocols = ProtocolList<Http1, FastCgi, Http2, Redis, PostgreSql, WebSocket>;
using AnyDecoder = Protocols::AnyDecoder;

// Calls `visit(P{})` for each protocol, in the list's order.
template <typename Visit, typename... P>
void ForEachProtocol(ProtocolList<P...> /*list*/, Visit&& visit) {
  (visit(P{}), ...);
}
template <typename Visit>
void ForEachProtocol(Visit&& visit) {
  ForEachProtocol(Protocols{}, static_cast<Visit&&>(visit));
}

// The place of a protocol in the list, from 1; 0 is "unknown" (ProtocolId of guess.h).
template <typename Protocol>
constexpr ProtocolId IdOf() {
  ProtocolId id = 0;
  ProtocolId found = 0;
  [&]<typename... P>(ProtocolList<P...>) { ((++id, found = std::is_same_v<P, Protocol> ? id : found), ...); }(Protocols{});
  return found;
}
// The name of a protocol; "unknown" for 0 and what is beyond the list.
std::string_view ProtocolName(ProtocolId id);
// nullopt: no protocol has that name.
std::optional<ProtocolId> ProtocolByName(std::string_view name);

}  // namespace wirespan::decoders
