// Replays tests/golden/http2/*.md: what each connection's bytes must decode to, whole and at every split.
//
// A case is a heading, a ```wire block and a ```messages block. The wire block may begin with `start middle` or `start upgraded`.
// Its other lines: `gap DIR N`, `close DIR`, or DIR (`c2s`, `s2c`) and
//   start                                the client's preface and empty SETTINGS; the server's empty SETTINGS
//   TYPE STREAM [FLAG...] [length=N] [PAYLOAD...]     a frame; `length` where the payload given is not all of it
//   bytes PAYLOAD...                                  no frame
// FLAG: END_STREAM, END_HEADERS, PADDED, PRIORITY, ACK. A payload is made of these words: hex digits; "text" (no spaces); :N an
// indexed field; +name=value, -name=value, !name=value a literal that is inserted, not inserted, never indexed; a name #N is that
// of an entry; ^N a size update; N/M the setting N of value M; @N four bytes. Consecutive lines of one direction are one chunk. A
// messages block holds the lines of tests/unit/decoders/http2_harness.h.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <sstream>

#include "tests/unit/decoders/http2_harness.h"

namespace wirespan::testing::h2 {
namespace {

struct GoldenCase {
  std::string name;
  Start start = Start::kBeginning;
  Script script;
  std::string expected;
};

const std::map<std::string, FrameType> kTypes = {{"DATA", FrameType::kData},
                                                 {"HEADERS", FrameType::kHeaders},
                                                 {"PRIORITY", FrameType::kPriority},
                                                 {"RST_STREAM", FrameType::kRstStream},
                                                 {"SETTINGS", FrameType::kSettings},
                                                 {"PUSH_PROMISE", FrameType::kPushPromise},
                                                 {"PING", FrameType::kPing},
                                                 {"GOAWAY", FrameType::kGoAway},
                                                 {"WINDOW_UPDATE", FrameType::kWindowUpdate},
                                                 {"CONTINUATION", FrameType::kContinuation},
                                                 {"UNKNOWN", static_cast<FrameType>(0xee)}};
const std::map<std::string, uint8_t> kFlags = {
    {"END_STREAM", 1}, {"ACK", 1}, {"END_HEADERS", 4}, {"PADDED", 8}, {"PRIORITY", 0x20}};

uint32_t Number(std::string_view text) { return static_cast<uint32_t>(std::stoul(std::string(text))); }

std::string FieldWord(std::string_view word, Indexing indexing) {
  const size_t equals = word.find('=');
  const std::string_view name = word.substr(0, equals);
  const std::string_view value = word.substr(equals + 1);
  return name.starts_with('#') ? LiteralOf(Number(name.substr(1)), value, indexing) : Literal(name, value, indexing);
}

std::string PayloadWord(const std::string& word) {
  const std::string_view rest = std::string_view(word).substr(1);
  switch (word[0]) {
    case '"':
      return word.substr(1, word.size() - 2);
    case ':':
      return Indexed(Number(rest));
    case '+':
      return FieldWord(rest, Indexing::kInsert);
    case '-':
      return FieldWord(rest, Indexing::kNone);
    case '!':
      return FieldWord(rest, Indexing::kNever);
    case '^':
      return SizeUpdate(Number(rest));
    case '@':
      return Uint32(Number(rest));
    default:
      break;
  }
  if (const size_t slash = word.find('/'); slash != std::string::npos) {
    return Setting(static_cast<uint16_t>(Number(word.substr(0, slash))), Number(word.substr(slash + 1)));
  }
  std::string bytes;
  for (size_t i = 0; i + 1 < word.size(); i += 2) bytes += static_cast<char>(std::stoi(word.substr(i, 2), nullptr, 16));
  return bytes;
}

std::string ReadFrame(const std::string& type, std::istringstream& words) {
  std::string word;
  std::string payload;
  if (type == "bytes") {
    while (words >> word) payload += PayloadWord(word);
    return payload;
  }
  EXPECT_TRUE(kTypes.contains(type)) << type;
  uint32_t stream = 0;
  words >> stream;
  uint8_t flags = 0;
  std::optional<size_t> length;
  while (words >> word) {
    if (kFlags.contains(word)) {
      flags = static_cast<uint8_t>(flags | kFlags.at(word));
    } else if (word.starts_with("length=")) {
      length = Number(word.substr(7));
    } else {
      payload += PayloadWord(word);
    }
  }
  return FrameHead(kTypes.at(type), flags, stream, length.value_or(payload.size())) + payload;
}

void ReadWireLine(const std::string& line, GoldenCase& golden) {
  std::istringstream words(line);
  std::string word;
  std::string next;
  words >> word >> next;
  if (word == "start") {
    golden.start = next == "middle" ? Start::kMiddle : Start::kUpgraded;
    return;
  }
  const Direction dir = (word == "gap" || word == "close" ? next : word) == "c2s" ? kC2s : kS2c;
  if (word == "close") return golden.script.push_back(CloseOf(dir));
  if (word == "gap") {
    size_t size = 0;
    words >> size;
    return golden.script.push_back(GapOf(dir, size));
  }
  EXPECT_TRUE(word == "c2s" || word == "s2c") << line;
  const std::string bytes = next == "start" ? (dir == kC2s ? ClientStart() : ServerStart()) : ReadFrame(next, words);
  const bool continues =
      !golden.script.empty() && golden.script.back().kind == Happening::Kind::kBytes && golden.script.back().direction == dir;
  if (continues) {
    golden.script.back().bytes += bytes;
  } else {
    golden.script.push_back(Bytes(dir, bytes));
  }
}

std::vector<GoldenCase> ReadCases(const std::filesystem::path& path) {
  std::vector<GoldenCase> cases;
  std::ifstream input(path);
  std::string line;
  std::string block;
  while (std::getline(input, line)) {
    if (line.starts_with("```")) {
      block = block.empty() ? line.substr(3) : "";
    } else if (block == "wire") {
      ReadWireLine(line, cases.back());
    } else if (block == "messages") {
      cases.back().expected += line + "\n";
    } else if (line.starts_with("## ")) {
      cases.push_back({path.stem().string() + ": " + line.substr(3), Start::kBeginning, {}, ""});
    }
  }
  return cases;
}

TEST(Http2Golden, EveryCaseDecodesToItsMessagesWholeAndAtEverySplit) {
  size_t files = 0;
  size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(WIRESPAN_SOURCE_DIR "/tests/golden/http2")) {
    if (entry.path().extension() != ".md") continue;
    ++files;
    for (const GoldenCase& golden : ReadCases(entry.path())) {
      ++count;
      ASSERT_FALSE(golden.script.empty()) << golden.name;
      ExpectNoOtherClaims<decoders::Http2>(golden.script, golden.name);
      EXPECT_EQ(RunWhole(golden.script, golden.start), golden.expected) << golden.name;
      ExpectSameAtEverySplit(golden.script, golden.name, golden.start);
    }
  }
  EXPECT_GE(files, 6U);
  EXPECT_GE(count, 26U);
  std::cout << files << " golden files, " << count << " cases\n";
}

}  // namespace
}  // namespace wirespan::testing::h2
