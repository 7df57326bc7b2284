// DecodeSession: one connection of the decode door: chunks in, output lines out. Owned by RunDecode, one thread. Nothing depends
// on how the bytes of a direction are split over chunks.
#pragma once

#include <array>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/cli/decode_json.h"
#include "decoders/decoder.h"
#include "decoders/description.h"
#include "decoders/guess.h"
#include "decoders/registry.h"

namespace wirespan::cli {

using decoders::Direction;

// Where output lines go.
class LineSink {
 public:
  virtual ~LineSink() = default;
  virtual void Write(const Json& line) = 0;
};

class Session {
 public:
  virtual ~Session() = default;
  virtual void Bytes(Direction dir, std::string_view bytes, uint64_t time_us) = 0;
  virtual void Gap(Direction dir, uint64_t size, uint64_t time_us) = 0;
  virtual void Close(Direction dir, uint64_t time_us) = 0;
  // Of bytes whose direction the input does not name, after some of direction `last`; nullopt: it takes more of them to tell.
  virtual std::optional<Direction> DirectionOf(std::string_view bytes, Direction last) const = 0;
};

// When the bytes of one direction came.
class TimeMarks {
 public:
  void Add(uint64_t position, uint64_t time_us);
  uint64_t At(uint64_t position) const;
  void ForgetBefore(uint64_t position);  // keeps the mark that holds `position`

 private:
  struct Mark {
    uint64_t position;
    uint64_t time_us;
  };
  std::deque<Mark> marks_;
};

// What was seen of a stream that is not over.
template <typename Seen>
struct StreamParts {
  std::optional<Seen> request;
  std::optional<Seen> response;
  bool request_over = false;
  bool response_over = false;
};

// Attributes as a JSON object.
class JsonAttributes final : public decoders::AttributeSink {
 public:
  void String(const AttributeName& name, std::string_view value) override { object[std::string(name.text)] = ToText(value); }
  void Int(const AttributeName& name, int64_t value) override { object[std::string(name.text)] = value; }
  void Bool(const AttributeName& name, bool value) override { object[std::string(name.text)] = value; }
  Json object = Json::object();
};

template <typename Protocol>
class DecodeSession final : public Session {
 public:
  DecodeSession(bool server_side, LineSink& sink) : server_side_(server_side), sink_(sink) {}

  void Bytes(Direction dir, std::string_view bytes, uint64_t time_us) override;
  void Gap(Direction dir, uint64_t size, uint64_t time_us) override;
  void Close(Direction dir, uint64_t time_us) override;
  std::optional<Direction> DirectionOf(std::string_view bytes, Direction last) const override;

 private:
  using Message = typename Protocol::Decoder::Message;
  static constexpr bool kIsByStream = Protocol::kPairing == decoders::Pairing::kByStream;
  static constexpr bool kAnswersNothing = Protocol::kPairing == decoders::Pairing::kNone;  // each message is told by itself
  using ExchangeEnd = decoders::ExchangeEnd;

  struct Half {
    std::string rest;       // bytes the decoder did not consume yet
    uint64_t received = 0;  // position after the last byte or gap
    TimeMarks times;
    bool was_synced = true;
    bool has_stopped = false;
    bool is_closed = false;
  };
  struct Seen {
    Message message;
    uint64_t start_us = 0;
    uint64_t end_us = 0;
  };

  // 0 too where none of the protocol's messages answers another.
  static uint64_t ExchangeOf(const Seen& seen) {
    if constexpr (requires { seen.message.exchange; }) return seen.message.exchange;
    return 0;
  }
  std::string KindOf(const decoders::Description& description) const {
    if (description.flow == decoders::SpanFlow::kByEnd) return server_side_ ? "server" : "client";
    return description.flow == decoders::SpanFlow::kSent ? "producer" : "consumer";
  }
  Half& half(Direction dir) { return halves_[decoders::Index(dir)]; }
  bool IsAdrift(Direction dir) const;
  std::optional<Direction> InProgress() const;
  static decoders::Likeness LikenessOf(Direction dir, std::string_view bytes);
  void Run(Direction dir);
  void RunAll(Direction dir);
  bool RunOnce(Direction dir);
  bool Search(Direction dir);
  void DropRest(Direction dir);
  void TakeMessages();
  void TakePart(Seen seen);  // of a stream
  void GiveUpStreams();
  void TakeRequest(Seen seen);
  void TakeResponse(Seen seen);
  void GiveUpBefore(uint64_t exchange);
  void WriteError(Direction dir, std::string_view reason);
  void WriteMessage(const Message& message);
  void WriteExchange(const Seen& request, const Seen* response, ExchangeEnd end);

  bool server_side_;
  LineSink& sink_;
  typename Protocol::Decoder decoder_;
  std::array<Half, 2> halves_;
  typename Protocol::Decoder::Messages messages_;
  std::deque<Seen> requests_;                      // complete, not answered, oldest first
  std::deque<Seen> responses_;                     // that came before their request was whole
  std::map<uint32_t, StreamParts<Seen>> streams_;  // by id, of protocols that pair so
  uint64_t now_us_ = 0;
  bool lost_bytes_ = false;  // an answer may have gone by unseen
};

inline std::string_view Name(Direction dir) { return dir == Direction::kClientToServer ? "c2s" : "s2c"; }
inline std::span<const std::byte> AsBytes(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

template <typename Protocol>
void DecodeSession<Protocol>::Bytes(Direction dir, std::string_view bytes, uint64_t time_us) {
  Half& h = half(dir);
  now_us_ = time_us;
  if (h.is_closed || bytes.empty()) return;
  h.times.Add(h.received, time_us);
  h.received += bytes.size();
  h.rest.append(bytes);
  Run(dir);
}

// Decodes all that can be: what one direction says may stop the other too.
template <typename Protocol>
void DecodeSession<Protocol>::Run(Direction dir) {
  RunAll(dir);
  RunAll(decoders::Opposite(dir));
}

template <typename Protocol>
void DecodeSession<Protocol>::RunAll(Direction dir) {
  while (RunOnce(dir)) {
  }
}

// True: something changed, and there may be more to do.
template <typename Protocol>
bool DecodeSession<Protocol>::RunOnce(Direction dir) {
  Half& h = half(dir);
  if (h.has_stopped || h.is_closed) {
    if (!h.rest.empty()) DropRest(dir);
    return false;
  }
  const uint64_t before = decoder_.Position(dir);
  const decoders::ParseStep step = decoder_.Decode(dir, AsBytes(h.rest), messages_);
  h.rest.erase(0, step.consumed);
  if (!h.was_synced && step.consumed > 0) {  // a lost direction consumes nothing before it has found a start
    sink_.Write({{"type", "resync"}, {"dir", Name(dir)}, {"pos", before}});
    h.was_synced = true;
  }
  TakeMessages();
  h.times.ForgetBefore(decoder_.OpenStart(dir).value_or(decoder_.Position(dir)));
  switch (step.status) {
    case decoders::ParseStatus::kAdvanced:
      if (step.frees_other) RunAll(decoders::Opposite(dir));
      return true;
    case decoders::ParseStatus::kNeedMore:
      return false;
    case decoders::ParseStatus::kStop:
      h.has_stopped = true;
      sink_.Write({{"type", "stop"}, {"dir", Name(dir)}, {"pos", decoder_.Position(dir)}, {"reason", step.reason}});
      return true;
    case decoders::ParseStatus::kInvalid:
      break;
  }
  if (h.was_synced) WriteError(dir, step.reason);
  if (step.frees_other) RunAll(decoders::Opposite(dir));
  return Search(dir);
}

// True: a start may have been found; Decode will say.
template <typename Protocol>
bool DecodeSession<Protocol>::Search(Direction dir) {
  Half& h = half(dir);
  const std::optional<size_t> skip = decoder_.Resync(dir, AsBytes(h.rest));
  if (!skip) {
    DropRest(dir);
    return false;
  }
  h.rest.erase(0, *skip);
  return true;
}

template <typename Protocol>
void DecodeSession<Protocol>::DropRest(Direction dir) {
  Half& h = half(dir);
  decoder_.Skip(dir, h.rest.size());
  h.rest.clear();
}

template <typename Protocol>
void DecodeSession<Protocol>::WriteError(Direction dir, std::string_view reason) {
  sink_.Write({{"type", "error"}, {"dir", Name(dir)}, {"pos", decoder_.Position(dir)}, {"reason", reason}});
  half(dir).was_synced = false;
  lost_bytes_ = true;
}

template <typename Protocol>
void DecodeSession<Protocol>::Gap(Direction dir, uint64_t size, uint64_t time_us) {
  Half& h = half(dir);
  now_us_ = time_us;
  if (h.is_closed || size == 0) return;
  h.times.Add(h.received, time_us);
  if (!h.rest.empty()) DropRest(dir);
  const uint64_t before = decoder_.Position(dir);
  const bool absorbed = decoder_.OnGap(dir, size, messages_);
  h.received = decoder_.Position(dir);
  TakeMessages();
  if (!absorbed && h.was_synced) {
    sink_.Write({{"type", "error"}, {"dir", Name(dir)}, {"pos", before}, {"reason", "gap"}});
    h.was_synced = false;
    lost_bytes_ = true;
  }
  Run(decoders::Opposite(dir));
}

template <typename Protocol>
void DecodeSession<Protocol>::Close(Direction dir, uint64_t time_us) {
  Half& h = half(dir);
  now_us_ = time_us;
  if (h.is_closed) return;
  if (!h.rest.empty()) DropRest(dir);
  decoder_.OnClose(dir, messages_);
  TakeMessages();
  h.is_closed = true;
  RunAll(decoders::Opposite(dir));
  // No answer comes any more.
  if (dir == Direction::kServerToClient || half(decoders::Opposite(dir)).is_closed) {
    if constexpr (kIsByStream) {
      GiveUpStreams();
    } else {
      GiveUpBefore(UINT64_MAX);
    }
  }
}

// A message whose own bytes do not tell where it ends (http1::Decoder::Adrift).
template <typename Protocol>
bool DecodeSession<Protocol>::IsAdrift(Direction dir) const {
  if constexpr (requires { decoder_.Adrift(dir); }) return decoder_.Adrift(dir);
  return false;
}

// The direction whose message, or what may become one, goes on: the only one, or the only one that is not adrift.
template <typename Protocol>
std::optional<Direction> DecodeSession<Protocol>::InProgress() const {
  for (const bool may_be_adrift : {false, true}) {
    const auto goes_on = [&](Direction dir) {
      const bool is_candidate = !decoder_.Synced(dir) && !halves_[decoders::Index(dir)].rest.empty();
      return is_candidate || (decoder_.OpenStart(dir).has_value() && (may_be_adrift || !IsAdrift(dir)));
    };
    const bool request = goes_on(Direction::kClientToServer);
    const bool response = goes_on(Direction::kServerToClient);
    if (request != response) return request ? Direction::kClientToServer : Direction::kServerToClient;
    if (request) break;
  }
  return std::nullopt;
}

template <typename Protocol>
decoders::Likeness DecodeSession<Protocol>::LikenessOf(Direction dir, std::string_view bytes) {
  using decoders::Likeness;
  const Likeness likeness = Protocol::kLikeness(dir, AsBytes(bytes));
  return likeness == Likeness::kTooShort && bytes.size() > decoders::kMaxGuessBytes ? Likeness::kNo : likeness;
}

template <typename Protocol>
std::optional<Direction> DecodeSession<Protocol>::DirectionOf(std::string_view bytes, Direction last) const {
  using decoders::Likeness;
  const std::optional<Direction> in_progress = InProgress();
  if (in_progress && !IsAdrift(*in_progress)) return in_progress;
  if (in_progress) {  // only a whole start line of the other direction proves that this is no more of it
    if (bytes.starts_with('\r') || bytes.starts_with('\n')) return in_progress;  // line ends go with what they end
    const Direction other = decoders::Opposite(*in_progress);
    const Likeness likeness = LikenessOf(other, bytes);
    if (likeness == Likeness::kNo) return in_progress;
    if (likeness == Likeness::kCertain) return other;
    return bytes.size() > decoders::kMaxGuessBytes ? in_progress : std::nullopt;
  }
  const Likeness client = LikenessOf(Direction::kClientToServer, bytes);
  const Likeness server = LikenessOf(Direction::kServerToClient, bytes);
  if (client != server) return server > client ? Direction::kServerToClient : Direction::kClientToServer;
  return client == Likeness::kTooShort ? std::nullopt : std::optional(last);
}

template <typename Protocol>
void DecodeSession<Protocol>::TakeMessages() {
  for (Message& message : messages_) {
    WriteMessage(message);
    const TimeMarks& times = half(message.direction).times;
    const uint64_t last = message.end > message.start ? message.end - 1 : message.end;
    Seen seen{{}, times.At(message.start), times.At(last)};
    seen.message = std::move(message);
    if constexpr (kIsByStream) {
      TakePart(std::move(seen));
    } else if constexpr (kAnswersNothing) {
      WriteExchange(seen, nullptr, ExchangeEnd::kComplete);
    } else if (IsRequest(seen.message)) {
      TakeRequest(std::move(seen));
    } else if (IsFinal(seen.message)) {
      TakeResponse(std::move(seen));
    }
  }
  messages_.clear();
}

template <typename Protocol>
void DecodeSession<Protocol>::TakePart(Seen seen) {
  using Kind = decltype(Message::kind);
  const Message& message = seen.message;
  const Kind kind = message.kind;
  if (kind == Kind::kInterim || kind == Kind::kGoAway) return;
  const uint32_t id = kind == Kind::kPushPromise ? message.promised_id : message.stream_id;
  StreamParts<Seen>& stream = streams_[id];
  const bool is_closed = message.incomplete == decoders::Incomplete::kClosed;  // by the reset, or the close, that comes next
  const bool is_request = message.is_request;
  const bool is_head = IsRequest(message) || IsFinal(message);
  const bool is_over = message.end_stream || kind == Kind::kPushPromise || kind == Kind::kEnd;
  (is_request ? stream.request_over : stream.response_over) |= is_over;
  if (kind == Kind::kReset) stream.request_over = stream.response_over = true;
  std::optional<Seen>& part = is_request ? stream.request : stream.response;
  if (part && !is_head) {
    part->message.Absorb(seen.message);
    part->end_us = seen.end_us;
  } else if (is_head || !is_request) {
    part = std::move(seen);
  }
  if (!stream.request_over || !stream.response_over || is_closed) return;
  if (stream.request) WriteExchange(*stream.request, stream.response ? &*stream.response : nullptr, ExchangeEnd::kComplete);
  streams_.erase(id);
}

// The streams that are open will not end.
template <typename Protocol>
void DecodeSession<Protocol>::GiveUpStreams() {
  for (const auto& [id, stream] : streams_) {
    if (!stream.request) continue;
    const ExchangeEnd unanswered = lost_bytes_ ? ExchangeEnd::kResponseNotSeen : ExchangeEnd::kNoResponse;
    WriteExchange(*stream.request, stream.response ? &*stream.response : nullptr,
                  stream.response ? ExchangeEnd::kComplete : unanswered);
  }
  streams_.clear();
}

template <typename Protocol>
void DecodeSession<Protocol>::TakeRequest(Seen seen) {
  using decoders::Incomplete;
  if (ExchangeOf(seen) == 0) {  // its head was cut: no answer can be counted off to it
    const bool gap = seen.message.incomplete == Incomplete::kGap;
    return WriteExchange(seen, nullptr, gap ? ExchangeEnd::kRequestNotSeen : ExchangeEnd::kNoResponse);
  }
  while (!responses_.empty() && ExchangeOf(responses_.front()) < ExchangeOf(seen)) responses_.pop_front();
  requests_.push_back(std::move(seen));
  if (responses_.empty()) return;
  Seen response = std::move(responses_.front());
  responses_.pop_front();
  TakeResponse(std::move(response));
}

template <typename Protocol>
void DecodeSession<Protocol>::TakeResponse(Seen seen) {
  const uint64_t exchange = ExchangeOf(seen);
  if (exchange == 0) return;  // its request was not seen: there is nothing to pair
  GiveUpBefore(exchange);
  if (requests_.empty() || ExchangeOf(requests_.front()) != exchange) {
    responses_.push_back(std::move(seen));
    return;
  }
  const Seen request = std::move(requests_.front());
  requests_.pop_front();
  WriteExchange(request, &seen, ExchangeEnd::kComplete);
}

template <typename Protocol>
void DecodeSession<Protocol>::GiveUpBefore(uint64_t exchange) {
  while (!requests_.empty() && ExchangeOf(requests_.front()) < exchange) {
    WriteExchange(requests_.front(), nullptr, lost_bytes_ ? ExchangeEnd::kResponseNotSeen : ExchangeEnd::kNoResponse);
    requests_.pop_front();
  }
}

template <typename Protocol>
void DecodeSession<Protocol>::WriteMessage(const Message& message) {
  sink_.Write({{"type", "message"},
               {"dir", Name(message.direction)},
               {"start", message.start},
               {"end", message.end},
               {"complete", message.complete()},
               {"fields", FieldsOf(message)}});
}

template <typename Protocol>
void DecodeSession<Protocol>::WriteExchange(const Seen& request, const Seen* response, ExchangeEnd end) {
  using decoders::Incomplete;
  const bool ambiguous = request.message.incomplete == Incomplete::kAmbiguous ||
                         (response != nullptr && response->message.incomplete == Incomplete::kAmbiguous);
  if (ambiguous) return;  // no span is made of what two readers could read differently
  decoders::ExchangeContext context;
  context.side = server_side_ ? decoders::SpanSide::kServer : decoders::SpanSide::kClient;
  context.end = end;
  decoders::Description description;
  JsonAttributes attributes;
  Protocol::kDescribe(&request.message, response != nullptr ? &response->message : nullptr, context, attributes, description);
  sink_.Write({{"type", "exchange"},
               {"span",
                {{"name", ToText(description.name)},
                 {"kind", KindOf(description)},
                 {"status", description.status == decoders::SpanStatus::kError ? "error" : "unset"},
                 {"start_us", request.start_us},
                 {"end_us", response != nullptr ? response->end_us
                            : kAnswersNothing   ? request.end_us
                                                : now_us_},
                 {"attributes", attributes.object}}}});
}

}  // namespace wirespan::cli
