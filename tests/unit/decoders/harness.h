// Feeds a decoder as a connection does and writes down what comes out, as lines of text that tests compare:
//   message c2s 0-42 complete POST /a 1.1 body=3      (head lines follow, indented; trailers with '+'; body=? where not known)
//   error c2s 66 bad_chunk_size      resync c2s 70      stop s2c 90 upgrade
// The words of a message are its protocol's (Rendering).
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "decoders/http1/decoder.h"
#include "decoders/registry.h"

namespace wirespan::testing {

using decoders::Direction;
inline constexpr Direction kC2s = Direction::kClientToServer;
inline constexpr Direction kS2c = Direction::kServerToClient;

inline std::span<const std::byte> AsBytes(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

std::string_view Name(Direction dir);
std::string_view Name(decoders::Incomplete incomplete);
// Control bytes, the backslash and bytes over 0x7e as C escapes.
std::string Escape(std::string_view bytes);

// One message as lines of text; specialised for each protocol's.
template <typename Message>
struct Rendering;
template <>
struct Rendering<decoders::http1::Message> {
  static std::string Of(const decoders::http1::Message& message);
};
template <typename Message>
std::string Render(const Message& message) {
  return Rendering<Message>::Of(message);
}

template <typename D>
class WireOf {
 public:
  using Decoder = D;
  using Message = typename D::Message;

  explicit WireOf(typename D::MessagePool* pool = nullptr) : decoder_(pool) {}

  void Feed(Direction dir, std::string_view bytes);
  void Gap(Direction dir, size_t size);
  void Close(Direction dir);
  // A call of the program ended with what was fed last.
  void EndCall(Direction dir);

  const std::vector<std::string>& lines() const { return lines_; }
  std::string text() const;  // the lines, each with its newline
  const std::vector<Message>& messages() const { return kept_; }
  Decoder& decoder() { return decoder_; }
  // Calls of Decode so far: for tests of progress.
  size_t steps() const { return steps_; }

 private:
  bool Once(Direction dir);
  void All(Direction dir);
  void Drop(Direction dir);
  void Keep();
  void Note(std::string_view kind, Direction dir, uint64_t position, std::string_view reason);

  Decoder decoder_;
  std::array<std::string, 2> rest_;
  std::array<bool, 2> synced_{true, true};
  std::array<bool, 2> stopped_{};
  typename D::Messages out_;
  std::vector<Message> kept_;
  std::vector<std::string> lines_;
  size_t steps_ = 0;
};
using Wire = WireOf<decoders::http1::Decoder>;

// One thing that happens on a connection.
struct Happening {
  enum class Kind : uint8_t { kBytes, kGap, kClose, kCallEnd };
  Kind kind = Kind::kBytes;
  Direction direction = kC2s;
  std::string bytes;
  size_t gap = 0;
};
using Script = std::vector<Happening>;

// Of the bytes of any call that may be that protocol's no other protocol of the list says more than that they are too short to
// tell. Calls that are another's on purpose it says itself not to be.
template <typename Protocol>
void ExpectNoOtherClaims(const Script& script, const std::string& name) {
  for (const Happening& happening : script) {
    if (happening.kind != Happening::Kind::kBytes) continue;
    if (Protocol::kLikeness(happening.direction, AsBytes(happening.bytes)) == decoders::Likeness::kNo) continue;
    decoders::ForEachProtocol([&]<typename P>(P) {
      if constexpr (!std::is_same_v<P, Protocol>) {
        EXPECT_LT(P::kLikeness(happening.direction, AsBytes(happening.bytes)), decoders::Likeness::kPossible)
            << name << ": " << P::kName << " claims a call of " << Protocol::kName;
      }
    });
  }
}

inline Happening Bytes(Direction dir, std::string bytes) { return {Happening::Kind::kBytes, dir, std::move(bytes), 0}; }
inline Happening GapOf(Direction dir, size_t size) { return {Happening::Kind::kGap, dir, {}, size}; }
inline Happening CloseOf(Direction dir) { return {Happening::Kind::kClose, dir, {}, 0}; }
inline Happening CallEnd(Direction dir) { return {Happening::Kind::kCallEnd, dir, {}, 0}; }

template <typename D>
void WireOf<D>::Feed(Direction dir, std::string_view bytes) {
  rest_[Index(dir)].append(bytes);
  All(dir);
  All(Opposite(dir));
}

template <typename D>
void WireOf<D>::All(Direction dir) {
  while (Once(dir)) {
  }
}

template <typename D>
bool WireOf<D>::Once(Direction dir) {
  std::string& rest = rest_[Index(dir)];
  bool& synced = synced_[Index(dir)];
  if (stopped_[Index(dir)]) {
    Drop(dir);
    return false;
  }
  ++steps_;
  const uint64_t before = decoder_.Position(dir);
  const decoders::ParseStep step = decoder_.Decode(dir, AsBytes(rest), out_);
  EXPECT_LE(step.consumed, rest.size());
  EXPECT_EQ(decoder_.Position(dir), before + step.consumed);
  rest.erase(0, step.consumed);
  if (!synced && step.consumed > 0) {
    Note("resync", dir, before, {});
    synced = true;
  }
  Keep();
  switch (step.status) {
    case decoders::ParseStatus::kAdvanced:
      EXPECT_GT(step.consumed, 0U);
      if (step.frees_other) All(Opposite(dir));
      return true;
    case decoders::ParseStatus::kNeedMore:
      EXPECT_EQ(step.consumed, 0U);
      return false;
    case decoders::ParseStatus::kStop:
      stopped_[Index(dir)] = true;
      Note("stop", dir, decoder_.Position(dir), step.reason);
      return true;
    case decoders::ParseStatus::kInvalid:
      break;
  }
  EXPECT_EQ(step.consumed, 0U);
  EXPECT_FALSE(decoder_.Synced(dir));
  if (synced) Note("error", dir, decoder_.Position(dir), step.reason);
  synced = false;
  if (step.frees_other) All(Opposite(dir));
  const std::optional<size_t> skip = decoder_.Resync(dir, AsBytes(rest));
  if (!skip) {
    Drop(dir);
    return false;
  }
  rest.erase(0, *skip);
  return true;
}

template <typename D>
void WireOf<D>::Gap(Direction dir, size_t size) {
  Drop(dir);
  const uint64_t before = decoder_.Position(dir);
  const bool absorbed = decoder_.OnGap(dir, size, out_);
  Keep();
  if (!absorbed && synced_[Index(dir)]) {
    Note("error", dir, before, "gap");
    synced_[Index(dir)] = false;
  }
  All(Opposite(dir));
}

template <typename D>
void WireOf<D>::Close(Direction dir) {
  Drop(dir);
  decoder_.OnClose(dir, out_);
  Keep();
  All(Opposite(dir));
}

template <typename D>
void WireOf<D>::EndCall(Direction dir) {
  const bool was_adrift = decoder_.Adrift(dir);
  const bool ended = decoder_.EndsHere(dir, out_);
  EXPECT_EQ(ended, was_adrift && !decoder_.Adrift(dir));
  Keep();
}

template <typename D>
void WireOf<D>::Drop(Direction dir) {
  std::string& rest = rest_[Index(dir)];
  if (!rest.empty()) decoder_.Skip(dir, rest.size());
  rest.clear();
}

template <typename D>
void WireOf<D>::Keep() {
  for (Message& message : out_) {
    lines_.push_back(Render(message));
    kept_.push_back(std::move(message));
  }
  out_.clear();
}

template <typename D>
void WireOf<D>::Note(std::string_view kind, Direction dir, uint64_t position, std::string_view reason) {
  std::string line(kind);
  line.append(" ").append(Name(dir)).append(" ").append(std::to_string(position));
  if (!reason.empty()) line.append(" ").append(reason);
  lines_.push_back(std::move(line));
}

template <typename D>
std::string WireOf<D>::text() const {
  std::string text;
  for (const std::string& line : lines_) text.append(line).append("\n");
  return text;
}

template <typename D, typename FeedBytes>
std::string RunScript(const Script& script, FeedBytes&& feed) {
  WireOf<D> wire;
  for (size_t i = 0; i < script.size(); ++i) {
    const Happening& happening = script[i];
    switch (happening.kind) {
      case Happening::Kind::kBytes:
        feed(wire, i, happening);
        break;
      case Happening::Kind::kGap:
        wire.Gap(happening.direction, happening.gap);
        break;
      case Happening::Kind::kClose:
        wire.Close(happening.direction);
        break;
      case Happening::Kind::kCallEnd:
        wire.EndCall(happening.direction);
        break;
    }
  }
  return wire.text();
}

// The words of what `script` decodes to: whole; with every chunk in pieces of `size` bytes; with the chunk `index` in two pieces,
// the first of `at` bytes.
template <typename D = decoders::http1::Decoder>
std::string RunWhole(const Script& script) {
  return RunScript<D>(script, [](auto& wire, size_t, const Happening& h) { wire.Feed(h.direction, h.bytes); });
}

template <typename D = decoders::http1::Decoder>
std::string RunInPieces(const Script& script, size_t size) {
  return RunScript<D>(script, [&](auto& wire, size_t, const Happening& h) {
    for (size_t at = 0; at < h.bytes.size(); at += size) wire.Feed(h.direction, std::string_view(h.bytes).substr(at, size));
  });
}

template <typename D = decoders::http1::Decoder>
std::string RunSplit(const Script& script, size_t index, size_t at) {
  return RunScript<D>(script, [&](auto& wire, size_t i, const Happening& h) {
    const size_t first = i == index ? at : h.bytes.size();
    wire.Feed(h.direction, std::string_view(h.bytes).substr(0, first));
    if (first < h.bytes.size()) wire.Feed(h.direction, std::string_view(h.bytes).substr(first));
  });
}

// Expects the same of every split of every chunk and of several piece sizes.
template <typename D = decoders::http1::Decoder>
void ExpectSameAtEverySplit(const Script& script, const std::string& name) {
  const std::string whole = RunWhole<D>(script);
  for (const size_t size : {1U, 2U, 3U, 7U, 16U, 31U, 32U, 33U, 64U}) {
    ASSERT_EQ(RunInPieces<D>(script, size), whole) << name << " in pieces of " << size;
  }
  for (size_t i = 0; i < script.size(); ++i) {
    for (size_t at = 1; at < script[i].bytes.size(); ++at) {
      ASSERT_EQ(RunSplit<D>(script, i, at), whole) << name << ": chunk " << i << " split at " << at;
    }
  }
}

}  // namespace wirespan::testing
