// InOrderDecoder: what decoders have in common whose protocol answers in order and marks its messages itself (frames, records,
// typed values): how a direction loses and finds its place, gaps, closes, messages adrift, and where messages come from and go.
// A base of the decoder, which it knows as `Derived`; nothing is virtual. The contract is that of decoders/decoder.h and of
// docs/adding-a-protocol.md.
//
// | place of a direction | next bytes are                        | leaves it                                                |
// | -------------------- | ------------------------------------- | -------------------------------------------------------- |
// | kInside              | the decoder's own to read             | kInvalid at the offending byte; a gap it cannot absorb   |
// | kAdrift              | what is left of a message, no framing | what proves that it ended: see Adrift                    |
// | kLost                | unknown: after a gap or kInvalid      | Resync                                                   |
// | kCandidate           | perhaps a start that Resync found     | enough bytes to tell -> kInside; kInvalid                |
// | kPoisoned            | beyond all positions                  | never                                                    |
//
// Derived has, private and with this class as a friend:
//   kMatchStart                        a StartMatcher
//   ParseStep Inside(s, bytes, out)    one own state's share of `bytes` (never empty); moves `position` by what it consumed
//   void Enter(s)                      the next byte begins a message: its own state is what it is there
//   void PassAdrift(s, bytes)          what it remembers of the bytes of a message adrift; null: a gap
//   uint64_t PassGap(s, size, out)     absorbs what of the gap lies in known framing, moving `position`; what is left
//   bool Drift(s, out)                 the open message goes on without its framing (place becomes kAdrift). False: it cannot
//   Incomplete EndAtClose(s)           how a message adrift has ended that its direction's end ends
//   void FinishAdrift(s, why, out)     appends the message adrift; which request is answered next stays known
//   void EndIncomplete(s, why, out)    appends the open message
//   void Forget(s)                     the direction is lost: what was believed of it and of the pairing goes
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include "decoders/decoder.h"
#include "decoders/message_list.h"
#include "decoders/message_pool.h"
#include "decoders/start_match.h"

namespace wirespan::decoders {

enum class Place : uint8_t { kInside, kAdrift, kLost, kCandidate, kPoisoned };

// A direction; decoders add their own.
template <typename Message>
struct InOrderSide {
  Direction direction = Direction::kClientToServer;
  Place place = Place::kInside;
  uint64_t position = 0;
  std::unique_ptr<Message> open;
  std::string_view reason{};  // of kLost and kPoisoned; a constant

  bool is_request() const { return direction == Direction::kClientToServer; }
};

template <typename Derived, typename Side, typename MessageType>
class InOrderDecoder {
 public:
  using Message = MessageType;
  using Messages = MessageList<Message>;
  using MessagePool = decoders::MessagePool<Message>;

  ParseStep Decode(Direction dir, std::span<const std::byte> bytes, Messages& out) {
    if (!stop_reason_.empty()) return {ParseStatus::kStop, 0, stop_reason_};
    Side& s = side(dir);
    const std::string_view text = Text(bytes);
    size_t used = 0;
    while (used < text.size()) {
      const ParseStep step = Step(s, text.substr(used), out);
      used += step.consumed;
      if (!stop_reason_.empty()) return {ParseStatus::kStop, used, stop_reason_};
      if (step.status == ParseStatus::kAdvanced) continue;
      if (used > 0) break;  // the next call says it
      return step;
    }
    return {used > 0 ? ParseStatus::kAdvanced : ParseStatus::kNeedMore, used, {}};
  }

  std::optional<size_t> Resync(Direction dir, std::span<const std::byte> bytes) {
    Side& s = side(dir);
    if (s.place == Place::kPoisoned || !stop_reason_.empty()) return std::nullopt;
    if (s.place != Place::kLost) return 0;
    const std::optional<size_t> offset = FindStart(Derived::kMatchStart, Text(bytes), dir);
    if (!offset) return std::nullopt;
    s.position += *offset;
    s.place = Place::kCandidate;
    return offset;
  }

  bool OnGap(Direction dir, size_t size, Messages& out) {
    if (size == 0) return true;
    Side& s = side(dir);
    const uint64_t end = AddBounded(s.position, size);
    const bool absorbed = AbsorbGap(s, size, out);
    s.position = end;
    if (end < kMaxPosition || !stop_reason_.empty()) return absorbed;
    // No stream is that long: what claims so is not to be believed further.
    if (s.open != nullptr) derived().EndIncomplete(s, Incomplete::kGap, out);
    Lose(s, "position_overflow");
    s.place = Place::kPoisoned;
    return false;
  }

  void OnClose(Direction dir, Messages& out) {
    Side& s = side(dir);
    if (!stop_reason_.empty() || s.place == Place::kPoisoned) return;
    if (s.place == Place::kAdrift) {
      EndAdrift(s, derived().EndAtClose(s), out);
    } else if (s.open != nullptr) {
      derived().EndIncomplete(s, Incomplete::kClosed, out);
    }
    // The other direction goes on: its pairing with what was seen here stays.
    s.reason = "closed";
    s.place = Place::kLost;
  }

  void Skip(Direction dir, size_t size) {
    Side& s = side(dir);
    if (s.place == Place::kCandidate) s.place = Place::kLost;
    s.position = AddBounded(s.position, size);
  }

  uint64_t Position(Direction dir) const { return side(dir).position; }
  // False while the direction's place in the protocol is not known: after kInvalid or an unabsorbed gap, until a start was found.
  bool Synced(Direction dir) const { return side(dir).place == Place::kInside || Adrift(dir); }
  // True where the direction can never be decoded again on this connection.
  bool Poisoned(Direction dir) const { return side(dir).place == Place::kPoisoned; }

  // A message is adrift where a gap took its framing. Whatever follows in its direction is passed over as part of it, in O(1),
  // until something proves that it ended: of a request, that the answer to it begins; of an answer, that a request begins after
  // it; that the direction closes; the call below; or EndsHere of the decoder.
  bool Adrift(Direction dir) const { return side(dir).place == Place::kAdrift; }
  bool AnyAdrift() const { return Adrift(Direction::kClientToServer) || Adrift(Direction::kServerToClient); }
  // The message adrift is over, as the caller knows from elsewhere. `is_whole` false: part of it was not seen.
  void EndAdrift(Direction dir, bool is_whole, Messages& out) {
    Side& s = side(dir);
    if (s.place == Place::kAdrift) EndAdrift(s, is_whole ? Incomplete::kNo : Incomplete::kGap, out);
  }

 protected:
  // `pool` may be null: then messages are allocated anew.
  explicit InOrderDecoder(MessagePool* pool) : pool_(pool) {
    sides_[Index(Direction::kServerToClient)].direction = Direction::kServerToClient;
  }
  ~InOrderDecoder() = default;
  InOrderDecoder(InOrderDecoder&&) = default;
  InOrderDecoder& operator=(InOrderDecoder&&) = default;

  const Side& side(Direction dir) const { return sides_[Index(dir)]; }
  Side& side(Direction dir) { return sides_[Index(dir)]; }
  Side& requests() { return side(Direction::kClientToServer); }
  Side& replies() { return side(Direction::kServerToClient); }

  // The connection is left: the bytes from here on are not decoded.
  void Leave(std::string_view reason) { stop_reason_ = reason; }
  bool has_left() const { return !stop_reason_.empty(); }
  ParseStep Left(size_t used) const { return {ParseStatus::kStop, used, stop_reason_}; }

  void Begin(Side& s, uint64_t start) {
    s.open = pool_ != nullptr ? pool_->Take() : std::make_unique<Message>();
    s.open->direction = s.direction;
    s.open->is_request = s.is_request();
    s.open->start = start;
  }
  // The open message is none after all.
  void GiveBack(Side& s) {
    if (pool_ != nullptr) pool_->Give(std::move(s.open));
    s.open.reset();
  }
  void Hand(Side& s, uint64_t end, Messages& out) {
    s.open->end = end < s.open->start ? s.open->start : end;
    out.push_back(std::move(s.open));
  }

  void Lose(Side& s, std::string_view reason) {
    derived().Forget(s);
    s.reason = reason;
    s.place = Place::kLost;
  }
  // What was consumed stays so; what follows is not the protocol.
  ParseStep Refuse(Side& s, std::string_view reason, size_t used, Messages& out) {
    if (s.open != nullptr) derived().EndIncomplete(s, Incomplete::kAmbiguous, out);
    Lose(s, reason);
    return {used > 0 ? ParseStatus::kAdvanced : ParseStatus::kInvalid, used, reason};
  }
  void EndAdrift(Side& s, Incomplete why, Messages& out) {
    derived().FinishAdrift(s, why, out);
    s.reason = "gap";
    s.place = Place::kLost;
  }
  // The message adrift, which was handed on, ended where the next one begins.
  void EnterBehindAdrift(Side& s) {
    derived().Enter(s);
    s.place = Place::kInside;
  }

 private:
  Derived& derived() { return static_cast<Derived&>(*this); }
  static std::string_view Text(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }

  ParseStep Step(Side& s, std::string_view bytes, Messages& out) {
    switch (s.place) {
      case Place::kInside:
        return derived().Inside(s, bytes, out);
      case Place::kAdrift:
        s.position += bytes.size();
        derived().PassAdrift(s, bytes);
        return {ParseStatus::kAdvanced, bytes.size(), {}};
      case Place::kCandidate:
        return InCandidate(s, bytes);
      case Place::kLost:
      case Place::kPoisoned:
        break;
    }
    return {ParseStatus::kInvalid, 0, s.reason};
  }

  ParseStep InCandidate(Side& s, std::string_view bytes) {
    const StartMatch match = Derived::kMatchStart(bytes, s.direction);
    if (match == StartMatch::kMore) return {ParseStatus::kNeedMore, 0, {}};
    if (match == StartMatch::kNo) {
      s.place = Place::kLost;
      return {ParseStatus::kInvalid, 0, s.reason};
    }
    derived().Enter(s);
    s.place = Place::kInside;
    return {ParseStatus::kAdvanced, 0, {}};
  }

  bool AbsorbGap(Side& s, uint64_t size, Messages& out) {
    if (has_left()) return true;
    if (s.place == Place::kAdrift) {
      derived().PassAdrift(s, {});
      return true;
    }
    if (s.place == Place::kCandidate) s.place = Place::kLost;
    if (s.place != Place::kInside) return false;
    if (derived().PassGap(s, size, out) == 0 || has_left()) return true;
    if (derived().Drift(s, out)) return true;
    if (s.open != nullptr) derived().EndIncomplete(s, Incomplete::kGap, out);
    Lose(s, "gap");
    return false;
  }

  std::array<Side, 2> sides_;
  MessagePool* pool_ = nullptr;
  std::string_view stop_reason_{};  // set once the connection is left
};

}  // namespace wirespan::decoders
