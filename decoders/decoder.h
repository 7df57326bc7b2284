// The contract of every protocol decoder: bytes and gaps of one connection in, messages out. Decoders are a pure library: no I/O,
// threads, clock, logging; nothing but the standard library. A decoder belongs to one connection and is used by one thread.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace wirespan::decoders {

// Client to server is the direction of the end that connected, whatever the protocol says first.
enum class Direction : uint8_t { kClientToServer = 0, kServerToClient = 1 };
constexpr Direction Opposite(Direction d) {
  return d == Direction::kClientToServer ? Direction::kServerToClient : Direction::kClientToServer;
}
constexpr size_t Index(Direction d) { return static_cast<size_t>(d); }

enum class ParseStatus : uint8_t {
  kAdvanced,  // `consumed` > 0 bytes absorbed; zero or more messages appended to `out`. A long body is absorbed, not buffered.
  kNeedMore,  // Nothing consumed; call again with at least one more byte at the end.
  kInvalid,   // Not this protocol here; nothing consumed; the caller may Resync().
  kStop,      // As kAdvanced (consumed may be 0), but every later byte of both directions is another protocol (101, CONNECT).
};

struct ParseStep {
  ParseStatus status = ParseStatus::kNeedMore;
  size_t consumed = 0;
  std::string_view reason{};  // kInvalid, kStop: a constant in snake_case ("bad_request_line", "upgrade", "connect").
  // What was decoded lets the other direction go on with bytes that it left to the caller: give it those before any more of this
  // one. A decoder stops at the very byte that frees them, so that nothing depends on how the bytes were cut.
  bool frees_other = false;
};

// Why a message is not complete. Names are part of the output (`wirespan.incomplete`).
enum class Incomplete : uint8_t {
  kNo,         // complete
  kGap,        // bytes in the middle were not seen
  kClosed,     // the direction ended before the message did
  kAmbiguous,  // framing that two readers could read differently (RFC 9112 6.3); no span is made of it
};

// Rules (see docs/adding-a-protocol.md): total on all inputs; kNeedMore keeps a resume offset, so that work per byte is O(1);
// every length is compared with a named limit first; no state is shared between connections; bytes are never invented.
//
// D::Messages is a MessageList or a vector of D::Message. Positions: a decoder counts, per direction, the bytes it consumed, the
// gaps it was told of, and the bytes Resync skipped. Message::start and ::end are such positions: 0 is the first byte ever given
// for that direction.
template <typename D>
concept Decoder = requires(D d, const D c, std::span<const std::byte> bytes, Direction dir, typename D::Messages& out) {
  // `bytes` begin at the direction's current position. Called again with the unconsumed rest and what followed.
  { d.Decode(dir, bytes, out) } -> std::same_as<ParseStep>;
  // After kInvalid or an unabsorbed gap: bytes to skip to the next plausible start of a message, which the decoder counts as
  // skipped; nullopt: none in `bytes` (the caller drops all but the last kResyncTail of them through Skip).
  { d.Resync(dir, bytes) } -> std::same_as<std::optional<size_t>>;
  // `size` bytes were not seen. True: they lie inside a body of known framing and are absorbed; or the open message goes on
  // without its framing (http1::Decoder::Adrift), or is over with it. False: the open message, if there was one, has been
  // appended to `out` as incomplete, and the direction needs Resync. Messages of the other direction may be appended before.
  { d.OnGap(dir, size_t{}, out) } -> std::same_as<bool>;
  // The direction will carry no more bytes: ends a body that is delimited by the close; appends an open message as incomplete.
  // After a gap or a close, as after `frees_other`, the other direction may go on with bytes it left: give it those.
  { d.OnClose(dir, out) } -> std::same_as<void>;
  // The caller dropped `size` bytes unread while searching for a start.
  { d.Skip(dir, size_t{}) } -> std::same_as<void>;
  // Bytes consumed, absorbed and skipped so far.
  { c.Position(dir) } -> std::same_as<uint64_t>;
};

// Positions and lengths end here instead of wrapping round; a direction whose gaps lead here is never decoded again.
inline constexpr uint64_t kMaxPosition = uint64_t{1} << 63U;
constexpr uint64_t AddBounded(uint64_t value, uint64_t size) {
  return value < kMaxPosition && size < kMaxPosition - value ? value + size : kMaxPosition;
}

inline constexpr size_t kResyncTail = 32;  // bytes kept at the end of a failed Resync, so that a start split there is found

}  // namespace wirespan::decoders
