// Feeds an http1::Decoder as a connection does and writes down what comes out, as lines of text that tests compare:
//   message c2s 0-42 complete POST /a 1.1 body=3      (head lines follow, indented; trailers with '+'; body=? where not known)
//   error c2s 66 bad_chunk_size      resync c2s 70      stop s2c 90 upgrade
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "decoders/http1/decoder.h"

namespace wirespan::testing {

using decoders::Direction;
inline constexpr Direction kC2s = Direction::kClientToServer;
inline constexpr Direction kS2c = Direction::kServerToClient;

inline std::span<const std::byte> AsBytes(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

// Control bytes, the backslash and bytes over 0x7e as C escapes.
std::string Escape(std::string_view bytes);
std::string Render(const decoders::http1::Message& message);

class Wire {
 public:
  explicit Wire(decoders::http1::MessagePool* pool = nullptr) : decoder_(pool) {}

  void Feed(Direction dir, std::string_view bytes);
  void Gap(Direction dir, size_t size);
  void Close(Direction dir);
  // A call of the program ended with what was fed last.
  void EndCall(Direction dir);

  const std::vector<std::string>& lines() const { return lines_; }
  std::string text() const;  // the lines, each with its newline
  const std::vector<decoders::http1::Message>& messages() const { return kept_; }
  decoders::http1::Decoder& decoder() { return decoder_; }
  // Calls of Decode so far: for tests of progress.
  size_t steps() const { return steps_; }

 private:
  bool Once(Direction dir);
  void All(Direction dir);
  void Drop(Direction dir);
  void Keep();
  void Note(std::string_view kind, Direction dir, uint64_t position, std::string_view reason);

  decoders::http1::Decoder decoder_;
  std::array<std::string, 2> rest_;
  std::array<bool, 2> synced_{true, true};
  std::array<bool, 2> stopped_{};
  std::vector<decoders::http1::Message> out_;
  std::vector<decoders::http1::Message> kept_;
  std::vector<std::string> lines_;
  size_t steps_ = 0;
};

// One thing that happens on a connection.
struct Happening {
  enum class Kind : uint8_t { kBytes, kGap, kClose, kCallEnd };
  Kind kind = Kind::kBytes;
  Direction direction = kC2s;
  std::string bytes;
  size_t gap = 0;
};
using Script = std::vector<Happening>;

inline Happening Bytes(Direction dir, std::string bytes) { return {Happening::Kind::kBytes, dir, std::move(bytes), 0}; }
inline Happening GapOf(Direction dir, size_t size) { return {Happening::Kind::kGap, dir, {}, size}; }
inline Happening CloseOf(Direction dir) { return {Happening::Kind::kClose, dir, {}, 0}; }
inline Happening CallEnd(Direction dir) { return {Happening::Kind::kCallEnd, dir, {}, 0}; }

std::string RunWhole(const Script& script);
// Every chunk in pieces of `size` bytes.
std::string RunInPieces(const Script& script, size_t size);
// The chunk `index` in two pieces, the first of `at` bytes.
std::string RunSplit(const Script& script, size_t index, size_t at);
// Expects the same of every split of every chunk and of several piece sizes.
void ExpectSameAtEverySplit(const Script& script, const std::string& name);

}  // namespace wirespan::testing
