// Session: what a connection's protocol makes of its bytes. One per connection whose protocol is known and that is not at rest;
// the decoder, the pairing and the building of spans are behind it (agent/pipeline/protocol_session.h). Shard's thread; never
// blocks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "agent/kernel/event.h"
#include "agent/stream/byte_stream.h"
#include "agent/stream/losses.h"
#include "decoders/decoder.h"
#include "decoders/description.h"
#include "decoders/guess.h"

namespace wirespan::pipeline {
struct Handover;
}

namespace wirespan::stream {

// Who a connection is between, as far as its opening told.
struct ConnectionFacts {
  ConnectionId id = 0;
  ConnectionId peer = 0;  // unix sockets
  uint64_t net_namespace = 0;
  Address address;
  std::string unix_path;  // an abstract name begins with '@'
  uint32_t tgid = 0;      // the process that acted on it last
  ConnectionRole role = ConnectionRole::kUnknown;
  bool preexisting = false;
  bool opening_seen = false;  // false: address and path are not known
};

enum class FeedResult : uint8_t {
  kFlowing,    // what can be decoded was; the rest stays in the stream's head
  kFreed,      // as kFlowing, and the other direction may go on with the bytes in its head: decode those, then Feed again
  kAdrift,     // as kFlowing, and a message went on without its framing, in either direction: ask Adrift and InStep
  kBroken,     // the direction's place in the protocol is lost: nothing more of it until Restart
  kAmbiguous,  // as kBroken, and never to be found again on this connection
  kLeft,       // every later byte of both directions is another protocol: ask successor()
};

class Session {
 public:
  virtual ~Session() = default;
  // Decodes the stream's head and consumes it.
  virtual FeedResult Feed(decoders::Direction dir, ByteStream& stream) = 0;
  // `size` bytes at the stream's position were not seen (the stream has not skipped them yet).
  virtual FeedResult Gap(decoders::Direction dir, uint64_t size, const ByteStream& stream) = 0;
  // The last byte that the direction was given ended a call of the program: there a message adrift may be seen to end.
  virtual FeedResult EndCall(decoders::Direction dir, const ByteStream& stream) = 0;
  // The message adrift in that direction is over. `is_whole` false: part of it was not seen.
  virtual void EndAdrift(decoders::Direction dir, bool is_whole) = 0;
  // The direction carries no more bytes; a response that this cuts short ended for the reason `cut`.
  virtual void End(decoders::Direction dir, const ByteStream& stream, decoders::ExchangeEnd cut) = 0;
  // The direction's bytes were elsewhere than was believed. Only where finds_its_place().
  virtual void Lose(decoders::Direction /*dir*/) {}
  // A new start in both directions at the streams' positions. No exchange may be open.
  virtual void Restart() = 0;

  // Every open exchange is over: its response was not seen (wholly), for this reason.
  virtual void FinishOpen(decoders::ExchangeEnd end, uint64_t now_ns) = 0;
  // Every open exchange is given up without a span.
  virtual void DropOpen(Loss reason) = 0;

  // Tells of what has been open for `after_ns`, once: a span that says so, within that which will be told at the end.
  virtual void TellOpen(uint64_t /*now_ns*/, uint64_t /*after_ns*/) {}

  virtual size_t open_count() const = 0;
  virtual bool had_request() const = 0;  // since the session was opened
  // Two requests were open at once.
  virtual bool pipelined() const = 0;
  // Between two messages of that direction.
  virtual bool AtBoundary(decoders::Direction dir) const = 0;
  // Bytes still to come of a body of known length; 0 in any other place.
  virtual uint64_t BodyLeft(decoders::Direction dir) const = 0;
  // The message in progress lost its framing to a gap: its own bytes cannot tell where it ends.
  virtual bool Adrift(decoders::Direction dir) const = 0;
  // False: the direction is passed over until Restart; after a message adrift has ended this is no fault.
  virtual bool InStep(decoders::Direction dir) const = 0;
  // A gap cut a head on this connection: it needs a larger budget.
  virtual bool head_was_cut() const = 0;
  // It looks for its place by itself in all the bytes and gaps of either direction: no turn is taken for a beginning, kBroken
  // means that it does not believe in the protocol any more, and the tables it keeps between messages forbid that it rests.
  virtual bool finds_its_place() const { return false; }
  // Its decoder knows what later messages mean and no byte will say again (prepared statements): it does not rest.
  virtual bool holds_state() const { return false; }
  // Turns hold many messages, of which the budget would cut off all but the first: a larger one is asked for at once.
  virtual bool many_per_turn() const { return false; }
  // Neither end waits for the other before it sends, so that a turn may have no end: the largest budget of all is asked for.
  virtual bool speaks_at_will() const { return false; }
  // After kLeft: the protocol that goes on, and what is left to its session; kUnknownProtocol: it is not decoded. The handover
  // lives until DropOpen.
  virtual decoders::ProtocolId successor() const { return decoders::kUnknownProtocol; }
  virtual const pipeline::Handover* handover() const { return nullptr; }
  // Goes on where `before` left the protocol; before the first byte.
  virtual void Inherit(const Session& /*before*/) {}
  virtual decoders::ProtocolId protocol() const = 0;
};

// Makes sessions and takes them back. Implemented over decoders/registry.h.
class SessionSource {
 public:
  virtual ~SessionSource() = default;
  virtual std::unique_ptr<Session> Open(decoders::ProtocolId protocol, const ConnectionFacts& facts) = 0;
  virtual void Close(std::unique_ptr<Session> session) = 0;
};

// What user space decides about a connection, for the kernel. Called rarely; by the shard's thread.
class ConnectionPolicy {
 public:
  virtual ~ConnectionPolicy() = default;
  virtual void Off(ConnectionId connection) = 0;
  // `bytes`: copied at most per turn. `role`: of this end, for a kernel that does not know it.
  virtual void Budget(ConnectionId connection, uint32_t bytes, ConnectionRole role) = 0;
  // The same of one whose frames (RFC 9113 4.1) the kernel is to walk; `bytes` where it cannot.
  virtual void Frames(ConnectionId connection, uint32_t bytes, ConnectionRole role) = 0;
};

}  // namespace wirespan::stream
