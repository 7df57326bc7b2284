// Conversation: what is told of one WebSocket connection when it is over: counts of each direction's messages, and how it was
// closed. The upgrade that led to it is a span of its own.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "decoders/decoder.h"
#include "decoders/websocket/message.h"

namespace wirespan::decoders::websocket {

inline constexpr size_t kMaxUpgradeBytes = 4096;  // of each text of the upgrade that is kept

// What the upgrade said (RFC 6455 4).
struct Upgrade {
  std::string target;
  std::string host;
  std::string subprotocol;  // that the server chose
  bool compresses = false;  // permessage-deflate was agreed upon (RFC 7692)

  void Clear() { target.clear(), host.clear(), subprotocol.clear(), compresses = false; }
};

struct Counts {
  uint64_t text = 0;
  uint64_t binary = 0;
  uint64_t ping = 0;
  uint64_t pong = 0;
  uint64_t compressed = 0;  // of text and binary
  uint64_t bytes = 0;       // of payload
  uint64_t faults = 0;      // messages that break the specification, and bytes that are no frame
  uint64_t unseen = 0;      // bytes of which it is not known what they were: the counts lack them
  bool closed = false;      // a Close was seen
};

struct Conversation {
  Upgrade upgrade;
  bool upgrade_seen = false;
  std::array<Counts, 2> sides{};  // by Index(Direction)
  uint16_t close_code = 0;        // of the first Close; 0: none, or its code was not seen
  bool has_close = false;
  Direction closed_by = Direction::kClientToServer;  // has_close

  void Add(const Message& message);
  void Clear() {
    upgrade.Clear();
    upgrade_seen = has_close = false;
    sides = {};
    close_code = 0;
  }
};

}  // namespace wirespan::decoders::websocket
