// websocket::Decoder: both directions of a connection after its upgrade to WebSocket (RFC 6455, RFC 7692) to messages. Owned by
// the connection, used by its thread. Everything given is consumed at once; payload is passed over. The directions know nothing
// of each other.
//
// | state    | next bytes are               | leaves it                                                  |
// | -------- | ---------------------------- | ---------------------------------------------------------- |
// | kHeader  | a frame's header             | its last byte -> kPayload; kInvalid at a byte none can have |
// | kPayload | payload, `remaining` of it   | remaining == 0 -> kHeader                                  |
// | kLost    | unknown: a gap or kInvalid   | StartAt                                                    |
//
// Bytes alone never prove where a frame begins: two of them are a header. So Resync finds nothing, and the caller says where one
// begins by StartAt; agent/pipeline/websocket_session.cc takes the beginning of a call whose frames end with it.
#pragma once

#include <array>
#include <vector>

#include "decoders/websocket/frame.h"
#include "decoders/websocket/message.h"

namespace wirespan::decoders::websocket {

class Decoder {
 public:
  using Message = websocket::Message;
  using Messages = websocket::Messages;
  using MessagePool = websocket::MessagePool;

  // Messages hold no buffers but the reason of a Close: the pool is not needed.
  explicit Decoder(MessagePool* /*pool*/ = nullptr) {
    sides_[Index(Direction::kServerToClient)].direction = Direction::kServerToClient;
  }

  // The contract of decoders/decoder.h.
  ParseStep Decode(Direction dir, std::span<const std::byte> bytes, Messages& out);
  static std::optional<size_t> Resync(Direction /*dir*/, std::span<const std::byte> /*bytes*/) { return std::nullopt; }
  bool OnGap(Direction dir, size_t size, Messages& out);
  void OnClose(Direction dir, Messages& out);
  void Skip(Direction dir, size_t size) { Pass(side(dir), size); }
  uint64_t Position(Direction dir) const { return side(dir).position; }

  // A frame begins at the direction's position: perhaps in the middle of a message.
  void StartAt(Direction dir);
  bool Synced(Direction dir) const { return side(dir).state != State::kLost; }
  // Where the frame in progress began; nullopt between frames and where the direction is lost.
  std::optional<uint64_t> OpenStart(Direction dir) const;
  // Where the message in progress began, of whose frames one may be in progress; nullopt: between messages, or lost.
  std::optional<uint64_t> OpenMessageStart(Direction dir) const;
  static bool Adrift(Direction /*dir*/) { return false; }
  static bool EndsHere(Direction /*dir*/, std::vector<Message>& /*out*/) { return false; }

 private:
  enum class State : uint8_t { kHeader, kPayload, kLost };

  struct Side {
    Direction direction = Direction::kClientToServer;
    State state = State::kHeader;
    bool has_open = false;     // a data message that goes on
    bool in_middle = false;    // a message may go on whose first frame was not seen
    bool closed = false;       // a Close was seen
    bool control_cut = false;  // part of the control frame's payload was not seen
    uint8_t control_size = 0;  // bytes of a Close's payload
    uint64_t position = 0;
    uint64_t remaining = 0;
    uint64_t frame_start = 0;
    std::string_view reason{};  // of kLost; a constant
    HeaderScan scan;
    Message open;
    std::array<char, kMaxControlBytes> control{};  // a Close's payload, unmasked
  };

  const Side& side(Direction dir) const { return sides_[Index(dir)]; }
  Side& side(Direction dir) { return sides_[Index(dir)]; }

  static size_t InHeader(Side& s, std::span<const std::byte> bytes, Messages& out);
  static size_t InPayload(Side& s, std::span<const std::byte> bytes, Messages& out);
  static void BeginFrame(Side& s, Messages& out);
  static void EndFrame(Side& s, Messages& out);
  static void EndControl(Side& s, Messages& out);
  static void ReadClose(const Side& s, Message& message);
  static void EndOpen(Side& s, Incomplete why, Messages& out);
  static void Lose(Side& s, std::string_view reason, Incomplete why, Messages& out);
  static void Pass(Side& s, uint64_t size);

  std::array<Side, 2> sides_;
};

// Whether a Close may carry the code on the wire (RFC 6455 7.4).
bool IsCloseCode(uint16_t code);

}  // namespace wirespan::decoders::websocket
