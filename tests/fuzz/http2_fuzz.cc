// http2::Decoder on hostile input. The input is a script (see ReadScript); it is run whole and in pieces, which must give the
// same messages and errors, within bounds.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "decoders/http2/decoder.h"
#include "decoders/http2/guess.h"
#include "decoders/http2/span.h"

namespace wirespan {
namespace {

using decoders::Direction;
using decoders::ParseStatus;
using decoders::http2::Decoder;
using decoders::http2::Message;

void Require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "violated: %s\n", what);
  std::abort();
}

std::span<const std::byte> AsBytes(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

struct Event {
  enum class Kind : uint8_t { kBytes, kGap, kClose };
  Kind kind = Kind::kBytes;
  Direction direction = Direction::kClientToServer;
  std::string bytes;
  size_t gap = 0;
};

struct Script {
  uint8_t start = 0;  // 1: in the middle; 2: upgraded; else at the beginning
  std::vector<Event> events;
};

class Input {
 public:
  explicit Input(std::string_view bytes) : bytes_(bytes) {}
  bool Empty() const { return bytes_.empty(); }
  uint8_t Next() {
    if (bytes_.empty()) return 0;
    const auto byte = static_cast<uint8_t>(bytes_[0]);
    bytes_.remove_prefix(1);
    return byte;
  }
  std::string_view Take(size_t size) {
    const std::string_view taken = bytes_.substr(0, size);
    bytes_.remove_prefix(taken.size());
    return taken;
  }

 private:
  std::string_view bytes_;
};

// The first byte says how the connection starts (bit 2: its prefaces are there). Then operations, each in one byte: bit 0 the
// direction, bits 1 to 3 what: 0 to 3 a frame of type, flags, stream, length (a byte each) and its payload; 4 and 5 bytes as they
// are, behind their number; 6 a gap of the next byte's size, or 2^(that % 64) where bit 4 is set; 7 a close.
Script ReadScript(std::string_view bytes) {
  Input input(bytes);
  Script script;
  const uint8_t first = input.Next();
  script.start = first % 4;
  if ((first & 4U) != 0) {
    const std::string settings("\0\0\0\4\0\0\0\0\0", 9);
    script.events.push_back(
        {.direction = Direction::kClientToServer, .bytes = std::string(decoders::http2::kClientPreface) + settings});
    script.events.push_back({.direction = Direction::kServerToClient, .bytes = settings});
  }
  while (!input.Empty()) {
    const uint8_t op = input.Next();
    Event event;
    event.direction = (op & 1U) != 0 ? Direction::kServerToClient : Direction::kClientToServer;
    const unsigned what = (op >> 1U) & 7U;
    if (what < 4) {
      const uint8_t type = input.Next();
      const uint8_t flags = input.Next();
      const uint8_t stream = input.Next();
      const uint8_t length = input.Next();
      event.bytes = {'\0', '\0', static_cast<char>(length),     static_cast<char>(type % 18), static_cast<char>(flags), '\0',
                     '\0', '\0', static_cast<char>(stream % 16)};
      event.bytes += input.Take(length);
    } else if (what < 6) {
      event.bytes = input.Take(input.Next());
    } else if (what == 6) {
      event.kind = Event::Kind::kGap;
      const uint8_t size = input.Next();
      event.gap = (op & 16U) != 0 ? size_t{1} << (size % 64U) : size;
    } else {
      event.kind = Event::Kind::kClose;
    }
    script.events.push_back(std::move(event));
  }
  return script;
}

class BoundedSink final : public decoders::AttributeSink {
 public:
  void String(const AttributeName& /*name*/, std::string_view value) override {
    Require(value.size() <= 128 * 1024, "bounded value");
  }
  void Int(const AttributeName& /*name*/, int64_t /*value*/) override {}
  void Bool(const AttributeName& /*name*/, bool /*value*/) override {}
};

// Feeds one decoder and writes down what it says.
class Run {
 public:
  Run(size_t piece, uint8_t start) : piece_(piece) {
    if (start == 1) decoder_.StartInMiddle();
    if (start == 2) decoder_.StartUpgraded("AAEAACAA");
  }

  std::string Of(const std::vector<Event>& events) {
    for (const Event& event : events) {
      if (event.kind == Event::Kind::kBytes) FeedPieces(event.direction, event.bytes);
      if (event.kind == Event::Kind::kBytes) continue;
      Drop(event.direction);
      if (event.kind == Event::Kind::kGap) decoder_.OnGap(event.direction, event.gap, out_);
      if (event.kind == Event::Kind::kClose) decoder_.OnClose(event.direction, out_);
      Keep();
    }
    return log_;
  }

 private:
  void FeedPieces(Direction dir, std::string_view bytes) {
    std::string& rest = rest_[Index(dir)];
    const std::vector<char> exact(bytes.begin(), bytes.end());  // as below
    if (decoder_.ResyncAtCall(dir, rest.size(), AsBytes(std::string_view(exact.data(), exact.size())), 0)) {
      Require(decoder_.Synced(dir) && !bytes.empty(), "a call that is believed is decoded");
      rest.clear();
    }
    for (size_t at = 0; at < bytes.size(); at += piece_) {
      rest_[Index(dir)].append(bytes.substr(at, piece_));
      Advance(dir);
    }
  }

  void Advance(Direction dir) {
    for (size_t steps = 0;; ++steps) {
      std::string& rest = rest_[Index(dir)];
      Require(steps <= 3 * rest.size() + 100000, "progress");
      const std::vector<char> exact(rest.begin(), rest.end());  // the sanitizer sees a read beyond them
      const std::string_view bytes(exact.data(), exact.size());
      const uint64_t before = decoder_.Position(dir);
      const decoders::ParseStep step = decoder_.Decode(dir, AsBytes(bytes), out_);
      Require(step.consumed <= bytes.size(), "consumed within the input");
      Require(decoder_.Position(dir) == before + step.consumed, "position counts what was consumed");
      rest.erase(0, step.consumed);
      Keep();
      if (step.status == ParseStatus::kAdvanced) {
        Require(step.consumed > 0, "an advance consumes");
        continue;
      }
      Require(step.consumed == 0, "what does not advance consumes nothing");
      if (step.status == ParseStatus::kNeedMore) {
        Require(rest.size() <= decoders::http2::kMaxCandidateBytes, "the caller keeps a bounded number of bytes");
        return;
      }
      Require(step.status == ParseStatus::kInvalid && !decoder_.Synced(dir), "invalid is lost");
      const std::optional<size_t> skip = decoder_.Resync(dir, AsBytes(rest));
      if (!skip) return Drop(dir);
      Require(*skip <= rest.size(), "skip within the input");
      rest.erase(0, *skip);
    }
  }

  void Drop(Direction dir) {
    std::string& rest = rest_[Index(dir)];
    if (!rest.empty()) decoder_.Skip(dir, rest.size());
    rest.clear();
  }

  void Keep() {
    for (Message& m : out_) {
      Require(m.start <= m.end && (m.head_end == 0 || m.head_end == m.end), "positions in order");
      Require(m.fields.text.size() <= decoders::http2::kMaxTextBytes && m.fields.fields.size() <= decoders::http2::kMaxFields,
              "stored fields bounded");
      Require(m.kind == decoders::http2::MessageKind::kGoAway || m.stream_id != 0, "a stream's message names it");
      for (const uint64_t number : {uint64_t{static_cast<uint8_t>(m.kind)}, uint64_t{Index(m.direction)}, uint64_t{m.end_stream},
                                    uint64_t{m.body_length_unknown}, uint64_t{static_cast<uint8_t>(m.incomplete)},
                                    uint64_t{m.status}, uint64_t{m.stream_id}, uint64_t{m.promised_id},
                                    uint64_t{m.last_stream_id}, uint64_t{m.error_code}, m.start, m.head_end, m.end, m.body_length,
                                    m.grpc.messages, m.grpc.bytes, uint64_t{m.grpc.exact}, uint64_t{m.fields.truncated}}) {
        log_.append(std::to_string(number)).append(" ");
      }
      for (const auto& field : m.fields.fields) {
        log_.append("\n").append(field.name_known ? m.fields.Name(field) : "?").append(":");
        log_.append(field.value_known ? m.fields.Value(field) : "?");
      }
      log_ += "\n";
      Tell(m);
    }
    out_.clear();
  }

  // As a session does: the head of the last stream of each direction, with what followed.
  void Tell(Message& message) {
    using decoders::http2::MessageKind;
    if (message.incomplete == decoders::Incomplete::kAmbiguous || message.kind == MessageKind::kGoAway) return;
    Message& head = heads_[message.is_request ? 0 : 1];
    if (message.kind == MessageKind::kRequestHead || message.kind == MessageKind::kResponseHead) {
      head = message;
    } else if (head.stream_id == message.stream_id && message.kind != MessageKind::kInterim) {
      head.Absorb(message);
    }
    for (const auto side : {decoders::SpanSide::kServer, decoders::SpanSide::kClient}) {
      decoders::ExchangeContext context;
      context.side = side;
      context.peer_address = "192.0.2.1";
      BoundedSink sink;
      decoders::Description description;
      decoders::http2::Describe(heads_[0].stream_id != 0 ? &heads_[0] : nullptr, heads_[1].stream_id != 0 ? &heads_[1] : nullptr,
                                context, sink, description);
      Require(description.name.size() <= 256, "a bounded name");
    }
  }

  size_t piece_;
  Decoder decoder_;
  std::string rest_[2];
  Message heads_[2];
  std::vector<Message> out_;
  std::string log_;
};

}  // namespace
}  // namespace wirespan

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace wirespan;
  const Script script = ReadScript({reinterpret_cast<const char*>(data), size});
  const std::string whole = Run(SIZE_MAX / 2, script.start).Of(script.events);
  for (const size_t piece : {size_t{1}, size_t{13}, size_t{64}}) {
    Require(Run(piece, script.start).Of(script.events) == whole, "any split equals the whole");
  }
  for (const Event& event : script.events) decoders::http2::LikenessOf(event.direction, AsBytes(event.bytes));
  return 0;
}
