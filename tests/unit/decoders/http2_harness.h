// Makes HTTP/2 bytes by hand, feeds an http2::Decoder as a connection does, and writes down what comes out, as lines of text that
// tests compare:
//   request_head c2s 1 24-43 end_stream        (fields follow, indented: "name: value"; "?" where not known, "!" in front of
//     :method: GET                              a sensitive one, "~" behind a truncated one)
//   end s2c 1 60-74 end_stream body=5           (body=N? where it counts only part; grpc=messages/bytes, "+" where there may be
//   more) reset c2s 3 90-103 error=8                  goaway s2c 0 5-22 last=7 error=0 error c2s 66 bad_padding resync c2s 70
#pragma once

#include <array>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "decoders/http2/decoder.h"
#include "tests/unit/decoders/harness.h"

namespace wirespan::testing::h2 {

using decoders::http2::FrameType;
using decoders::http2::Message;
using decoders::http2::MessageKind;

// Frames (RFC 9113 4.1).
std::string FrameHead(FrameType type, uint8_t flags, uint32_t stream, size_t length);
std::string Frame(FrameType type, uint8_t flags, uint32_t stream, std::string_view payload = {});
std::string Uint32(uint32_t value);
std::string Setting(uint16_t id, uint32_t value);
inline std::string Preface() { return std::string(decoders::http2::kClientPreface); }
// Preface and empty SETTINGS of the client; empty SETTINGS of the server.
std::string ClientStart();
std::string ServerStart();

// Representations of header fields (RFC 7541 6), without Huffman coding.
std::string Integer(unsigned prefix_bits, uint8_t pattern, uint32_t value);
std::string Indexed(uint32_t index);
std::string SizeUpdate(uint32_t size);
enum class Indexing : uint8_t { kInsert = 0x40, kNone = 0x00, kNever = 0x10 };
std::string Literal(std::string_view name, std::string_view value, Indexing indexing = Indexing::kNone);
std::string LiteralOf(uint32_t name_index, std::string_view value, Indexing indexing = Indexing::kNone);
// GET / of scheme http; status 200.
std::string GetBlock();
std::string OkBlock();

std::string Render(const Message& message);

enum class Start : uint8_t { kBeginning, kMiddle, kUpgraded };

class Wire {
 public:
  explicit Wire(Start start = Start::kBeginning, std::string_view upgrade_settings = {},
                decoders::http2::MessagePool* pool = nullptr);

  void Feed(Direction dir, std::string_view bytes);
  // The same of all bytes of one call.
  void FeedCall(Direction dir, std::string_view call);
  void Gap(Direction dir, size_t size);
  void Close(Direction dir);

  std::string text() const { return text_; }
  const std::vector<Message>& messages() const { return kept_; }
  // The messages of that kind.
  std::vector<const Message*> Of(MessageKind kind) const;
  decoders::http2::Decoder& decoder() { return decoder_; }
  uint64_t Position(Direction dir) const { return decoder_.Position(dir) + rest_[Index(dir)].size(); }  // of all that was given
  size_t steps() const { return steps_; }  // calls of Decode so far: for tests of progress

 private:
  bool Once(Direction dir);
  void Drop(Direction dir);
  void Keep();
  void Note(std::string_view kind, Direction dir, uint64_t position, std::string_view reason);

  decoders::http2::Decoder decoder_;
  std::array<std::string, 2> rest_;
  std::array<bool, 2> synced_{true, true};
  std::vector<Message> out_;
  std::vector<Message> kept_;
  std::string text_;
  size_t steps_ = 0;
};

std::string RunWhole(const Script& script, Start start = Start::kBeginning);
std::string RunInPieces(const Script& script, size_t size, Start start = Start::kBeginning);
// Expects the same of every split of every chunk and of several piece sizes.
void ExpectSameAtEverySplit(const Script& script, const std::string& name, Start start = Start::kBeginning);

}  // namespace wirespan::testing::h2
