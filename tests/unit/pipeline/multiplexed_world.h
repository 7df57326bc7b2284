// One connection of HTTP/2 as one end of it tells it to a shard, for the tests of multiplexed sessions; and frames by hand.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "tests/unit/decoders/http2_harness.h"
#include "tests/unit/support/shard_harness.h"

namespace wirespan::testing {

using decoders::http2::FrameType;
using decoders::http2::kEndHeaders;
using decoders::http2::kEndStream;
using h2::Frame;
using h2::Indexed;
using h2::Literal;
using h2::LiteralOf;
using h2::Uint32;

inline constexpr uint64_t kInode = 77;
inline constexpr uint8_t kWhole = kEndHeaders | kEndStream;

inline std::string GetFields(std::string_view path) {
  return Indexed(2) + Indexed(6) + LiteralOf(4, path) + LiteralOf(1, "shop");
}
inline std::string StatusFields(int status) { return LiteralOf(8, std::to_string(status)); }
inline std::string H2Get(uint32_t stream, std::string_view path) {
  return Frame(FrameType::kHeaders, kWhole, stream, GetFields(path));
}
inline std::string PostHead(uint32_t stream, std::string_view path) {
  return Frame(FrameType::kHeaders, kEndHeaders, stream, Indexed(3) + Indexed(6) + LiteralOf(4, path) + LiteralOf(1, "shop"));
}
inline std::string Data(uint32_t stream, std::string_view body, bool ends) {
  return Frame(FrameType::kData, ends ? kEndStream : uint8_t{0}, stream, body);
}
inline std::string OkHead(uint32_t stream, int status = 200) {
  return Frame(FrameType::kHeaders, kEndHeaders, stream, StatusFields(status));
}
inline std::string H2Ok(uint32_t stream, std::string_view body = "ok", int status = 200) {
  return OkHead(stream, status) + Data(stream, body, true);
}
inline std::string ResetOf(uint32_t stream, uint32_t error) { return Frame(FrameType::kRstStream, 0, stream, Uint32(error)); }
inline std::string GoAway(uint32_t last) { return Frame(FrameType::kGoAway, 0, 0, Uint32(last) + Uint32(0)); }
inline std::string ServerSettings() { return Frame(FrameType::kSettings, 0, 0, h2::Setting(3, 100)); }
inline std::string Ping() { return Frame(FrameType::kPing, 0, 0, std::string(8, 'p')); }

struct World {
  explicit World(ws_role role = WS_ROLE_SERVER, bool preexisting = false, pipeline::ShardConfig config = {})
      : h(config), end(kInode, role) {
    h.Feed(end.Opened(preexisting));
    if (preexisting) return;
    Request(h2::ClientStart());
    Response(ServerSettings());
  }
  void Request(std::string_view call) { Feed(end.RequestSide(), call); }
  void Response(std::string_view call) { Feed(end.ResponseSide(), call); }
  void Feed(ws_direction direction, std::string_view call) {
    while (!call.empty()) {
      const std::string_view piece = call.substr(0, WS_MAX_PAYLOAD);
      h.Feed(direction == WS_SEND ? end.Sent(piece) : end.Received(piece));
      call.remove_prefix(piece.size());
    }
  }
  void Close() { h.Feed({end.Ended(end.RequestSide()), end.Ended(end.ResponseSide()), end.Closed()}); }
  const std::vector<SpanView>& spans() {
    h.Tick(end.now);
    return h.facts.spans;
  }
  const SpanView& Of(std::string_view path) {
    for (const SpanView& span : spans()) {
      if (span.path == path) return span;
    }
    static const SpanView kNone;
    ADD_FAILURE() << "no span of " << path;
    return kNone;
  }
  void ExpectNothingLost() {
    for (size_t i = 0; i < kLossCount; ++i) EXPECT_EQ(h.Lost(static_cast<Loss>(i)), 0U) << LossName(static_cast<Loss>(i));
    ExpectBalance();
  }
  void ExpectBalance() {
    EXPECT_TRUE(h.Balances()) << h.losses().requests_seen << " requests, " << h.losses().spans_emitted << " spans, "
                              << h.shard.open_exchanges() << " open, " << h.losses().ExchangesLost() << " lost";
  }

  ShardHarness h;
  EventMaker end;
};

}  // namespace wirespan::testing
