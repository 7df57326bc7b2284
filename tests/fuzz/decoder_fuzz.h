// A decoder of a protocol that answers in order on hostile input. The input is a script (ReadScript); it is run whole and in
// pieces, which must give the same messages and errors. Each protocol's file says what of a message is written down and required.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "decoders/decoder.h"
#include "decoders/description.h"
#include "decoders/guess.h"

namespace wirespan::fuzzing {

using decoders::Direction;
using decoders::ParseStatus;

inline void Require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "violated: %s\n", what);
  std::abort();
}

inline std::span<const std::byte> AsBytes(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

struct Event {
  enum class Kind : uint8_t { kBytes, kGap, kClose, kCallEnd };
  Kind kind;
  Direction direction;
  std::string_view bytes;
  size_t gap = 0;
};

// The input as events: bytes up to one of 0xf8..0xff, whose bits say what comes next (bit 0: direction; bits 1-2: 0 bytes, 1 a
// close, or the end of a call where the next byte is even, 2 gap of the next byte's size, 3 gap of 2^(next byte % 64)).
inline std::vector<Event> ReadScript(std::string_view input) {
  std::vector<Event> events;
  Direction direction = Direction::kClientToServer;
  while (!input.empty()) {
    size_t end = 0;
    while (end < input.size() && static_cast<uint8_t>(input[end]) < 0xf8) ++end;
    if (end > 0) events.push_back({Event::Kind::kBytes, direction, input.substr(0, end)});
    if (end == input.size()) break;
    const auto control = static_cast<uint8_t>(input[end]);
    input.remove_prefix(end + 1);
    direction = (control & 1U) != 0 ? Direction::kServerToClient : Direction::kClientToServer;
    const unsigned what = (control >> 1U) & 3U;
    if (what == 0 || input.empty()) continue;
    const auto size = static_cast<uint8_t>(input[0]);
    input.remove_prefix(1);
    if (what == 1) {
      events.push_back({size % 2 == 0 ? Event::Kind::kCallEnd : Event::Kind::kClose, direction, {}});
      continue;
    }
    events.push_back({Event::Kind::kGap, direction, {}, what == 2 ? size : size_t{1} << (size % 64U)});
  }
  return events;
}

class BoundedSink final : public decoders::AttributeSink {
 public:
  void String(const AttributeName& /*name*/, std::string_view value) override {
    Require(value.size() <= 128 * 1024, "bounded value");
  }
  void Int(const AttributeName& /*name*/, int64_t /*value*/) override {}
  void Bool(const AttributeName& /*name*/, bool /*value*/) override {}
};

// Feeds one decoder and writes down what it says. `P` says: `using Decoder`; `Write(message, log)`, which also requires what is
// stored to be bounded; `kDescribe`; `kMaxName`, of a span.
template <typename P>
class Run {
 public:
  using Decoder = typename P::Decoder;
  using Message = typename Decoder::Message;

  explicit Run(size_t piece) : piece_(piece) {}

  std::string Of(const std::vector<Event>& events) {
    for (const Event& event : events) {
      const Direction dir = event.direction;
      switch (event.kind) {
        case Event::Kind::kBytes:
          FeedPieces(dir, event.bytes);
          break;
        case Event::Kind::kGap:
          Drop(dir);
          decoder_.OnGap(dir, event.gap, out_);
          Keep();
          Advance(Opposite(dir));
          break;
        case Event::Kind::kCallEnd: {
          const bool was_adrift = decoder_.Adrift(dir);
          const bool ended = decoder_.EndsHere(dir, out_);
          Require(ended == (was_adrift && !decoder_.Adrift(dir)), "the end of a call ends only what is adrift");
          Keep();
          break;
        }
        case Event::Kind::kClose:
          Drop(dir);
          decoder_.OnClose(dir, out_);
          Keep();
          Advance(Opposite(dir));
          break;
      }
    }
    return log_;
  }

 private:
  void FeedPieces(Direction dir, std::string_view bytes) {
    for (size_t at = 0; at < bytes.size(); at += piece_) {
      rest_[Index(dir)].append(bytes.substr(at, piece_));
      Advance(dir);
      Advance(Opposite(dir));
    }
  }

  void Advance(Direction dir) {
    for (size_t steps = 0;; ++steps) {
      std::string& rest = rest_[Index(dir)];
      Require(steps <= 3 * rest.size() + 100000, "progress");
      // A copy of exactly these bytes: the sanitizer sees a read beyond them.
      const std::vector<char> exact(rest.begin(), rest.end());
      const std::string_view bytes(exact.data(), exact.size());
      const uint64_t before = decoder_.Position(dir);
      const decoders::ParseStep step = decoder_.Decode(dir, AsBytes(bytes), out_);
      Require(step.consumed <= bytes.size(), "consumed within the input");
      Require(decoder_.Position(dir) == before + step.consumed, "position counts what was consumed");
      rest.erase(0, step.consumed);
      Keep();
      if (step.frees_other) Advance(Opposite(dir));
      if (step.status == ParseStatus::kAdvanced) {
        Require(step.consumed > 0, "an advance consumes");
        continue;
      }
      if (step.status == ParseStatus::kNeedMore) return;
      if (step.status == ParseStatus::kStop) return Drop(dir);
      Require(step.consumed == 0, "invalid consumes nothing");
      if (!Search(dir)) return;
    }
  }

  bool Search(Direction dir) {
    std::string& rest = rest_[Index(dir)];
    const std::optional<size_t> skip = decoder_.Resync(dir, AsBytes(rest));
    if (!skip) {
      Drop(dir);
      return false;
    }
    Require(*skip <= rest.size(), "skip within the input");
    rest.erase(0, *skip);
    return true;
  }

  void Drop(Direction dir) {
    std::string& rest = rest_[Index(dir)];
    if (!rest.empty()) decoder_.Skip(dir, rest.size());
    rest.clear();
  }

  void Keep() {
    for (const Message& m : out_) {
      Require(m.start <= m.end && (m.head_end == 0 || (m.start <= m.head_end && m.head_end <= m.end)), "positions in order");
      char numbers[160];
      std::snprintf(numbers, sizeof(numbers), "%d %d %llu %llu %llu %llu ", static_cast<int>(m.direction),
                    static_cast<int>(m.incomplete), static_cast<unsigned long long>(m.start),
                    static_cast<unsigned long long>(m.head_end), static_cast<unsigned long long>(m.end),
                    static_cast<unsigned long long>(m.exchange));
      log_.append(numbers).append(m.truncated ? "T" : "");
      P::Write(m, log_);
      log_ += "\n";
      if (m.incomplete != decoders::Incomplete::kAmbiguous) Tell(m);
    }
    out_.clear();
  }

  void Tell(const Message& message) {
    for (const auto side : {decoders::SpanSide::kServer, decoders::SpanSide::kClient}) {
      decoders::ExchangeContext context;
      context.side = side;
      context.peer_address = "192.0.2.1";
      BoundedSink sink;
      decoders::Description description;
      const bool is_request = message.is_request;
      P::kDescribe(is_request ? &message : nullptr, is_request ? nullptr : &message, context, sink, description);
      Require(description.name.size() <= P::kMaxName, "a name of low cardinality");
    }
  }

  size_t piece_;
  Decoder decoder_;
  std::string rest_[2];
  typename Decoder::Messages out_;
  std::string log_;
};

// One input of the fuzzer.
template <typename P>
std::vector<Event> RunAll(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  std::vector<Event> events = ReadScript(input);
  const std::string whole = Run<P>(SIZE_MAX / 2).Of(events);
  for (const size_t piece : {size_t{1}, size_t{13}, size_t{64}}) {
    Require(Run<P>(piece).Of(events) == whole, "any split equals the whole");
  }
  for (const Event& event : events) {
    decoders::GuessProtocol(AsBytes(event.bytes), {});
    decoders::GuessProtocol({}, AsBytes(event.bytes));
  }
  return events;
}

}  // namespace wirespan::fuzzing
