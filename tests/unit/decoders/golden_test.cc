// Replays tests/golden/PROTOCOL/*.md: what each connection's bytes must decode to, whole and at every split.
//
// A case is a heading, a ```wire block and a ```messages block. Lines of a wire block: `c2s TEXT` or `s2c TEXT` (consecutive
// lines of one direction are one chunk; \r \n \t \\ and \xNN are escapes, line ends are written out), `repeat DIR N TEXT`, `gap
// DIR N`, `end DIR` (a call of the program ended here), `close DIR`, `hex DIR DIGITS`; for FastCGI `begin ID ROLE FLAGS`, `params
// ID NAME=VALUE...`, `empty-params ID`, `stdin ID TEXT`, `stdout ID TEXT`, `stderr ID TEXT`, `end-request ID APPLICATION
// PROTOCOL` (tests/unit/decoders/fastcgi_records.h; TEXT may be left out); for Redis `command WORD...`;
// for PostgreSQL `query SQL`, `parse NAME SQL`, `bind PORTAL NAME [VALUE...]`, `execute PORTAL`, `sync`, `frame DIR TYPE TEXT`,
// `startup NAME VALUE...`, `rows N`, `complete TAG`, `error CODE`, `notice CODE`, `ready` (`-`: an empty name). A messages block
// holds the lines of tests/unit/decoders/harness.h.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>

#include "tests/unit/decoders/fastcgi_records.h"
#include "tests/unit/decoders/harness.h"
#include "tests/unit/decoders/postgresql_wire.h"
#include "tests/unit/decoders/redis_wire.h"
#include "tests/unit/decoders/websocket_wire.h"

namespace wirespan::testing {
namespace {

struct GoldenCase {
  std::string name;
  Script script;
  std::string expected;
  int line = 0;
};

std::string Unescape(std::string_view text) {
  std::string bytes;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      bytes += text[i];
      continue;
    }
    switch (text[++i]) {
      case 'r':
        bytes += '\r';
        break;
      case 'n':
        bytes += '\n';
        break;
      case 't':
        bytes += '\t';
        break;
      case 'x':
        bytes += static_cast<char>(std::stoi(std::string(text.substr(i + 1, 2)), nullptr, 16));
        i += 2;
        break;
      default:
        bytes += text[i];
    }
  }
  return bytes;
}

void AddBytes(Script& script, Direction dir, std::string bytes) {
  const bool continues = !script.empty() && script.back().kind == Happening::Kind::kBytes && script.back().direction == dir;
  if (continues) {
    script.back().bytes += bytes;
  } else {
    script.push_back(Bytes(dir, std::move(bytes)));
  }
}

// One record of a FastCGI connection; nullopt: the line says something else.
std::optional<Happening> ReadRecordLine(const std::string& line) {
  std::istringstream words(line);
  std::string word;
  int id = 0;
  int first = 0;
  int second = 0;
  words >> word >> id;
  const auto text = [&] {
    const size_t at = line.find(' ', word.size() + 1);
    return at == std::string::npos ? std::string() : Unescape(std::string_view(line).substr(at + 1));
  };
  if (word == "begin" && words >> first >> second) return Bytes(kC2s, BeginRequest(id, first, second));
  if (word == "end-request" && words >> first >> second) return Bytes(kS2c, EndRequest(id, static_cast<unsigned>(first), second));
  if (word == "empty-params") return Bytes(kC2s, RecordOf(4, id, ""));
  if (word == "stdin") return Bytes(kC2s, Stdin(id, text()));
  if (word == "stdout") return Bytes(kS2c, Stdout(id, text()));
  if (word == "stderr") return Bytes(kS2c, RecordOf(7, id, text()));
  if (word != "params") return std::nullopt;
  std::string content;
  for (std::string pair; words >> pair;) {
    const size_t equals = pair.find('=');
    content += Pair(pair.substr(0, equals), Unescape(std::string_view(pair).substr(equals + 1)));
  }
  return Bytes(kC2s, RecordOf(4, id, content));
}

// A command of Redis; nullopt: the line says something else.
std::optional<Happening> ReadCommandLine(const std::string& line) {
  std::istringstream words(line);
  std::string word;
  if (!(words >> word) || word != "command") return std::nullopt;
  std::vector<std::string> command;
  while (words >> word) command.push_back(Unescape(word));
  return Bytes(kC2s, RedisCommand(command));
}

// A frame of PostgreSQL; nullopt: the line says something else.
std::optional<Happening> ReadPgLine(const std::string& line) {
  std::istringstream words(line);
  std::string word;
  words >> word;
  const auto rest = [&] {
    std::string text;
    std::getline(words >> std::ws, text);
    return Unescape(text);
  };
  const auto name = [&] {
    std::string text;
    words >> text;
    return text == "-" ? std::string() : Unescape(text);
  };
  if (word == "query") return Bytes(kC2s, PgQuery(rest()));
  if (word == "sync") return Bytes(kC2s, PgSync());
  if (word == "execute") return Bytes(kC2s, PgExecute(name()));
  if (word == "complete") return Bytes(kS2c, PgComplete(rest()));
  if (word == "error") return Bytes(kS2c, PgError(rest()));
  if (word == "notice") return Bytes(kS2c, PgError(rest(), 'N'));
  if (word == "ready") return Bytes(kS2c, PgReady());
  if (word == "ssl") return Bytes(kC2s, PgSslRequest());
  if (word == "parse") {
    const std::string statement = name();
    return Bytes(kC2s, PgParse(statement, rest()));
  }
  if (word == "bind") {
    const std::string portal = name();
    const std::string statement = name();
    std::vector<std::string> values;
    while (words >> word) values.push_back(Unescape(word));
    return Bytes(kC2s, PgBind(portal, statement, values));
  }
  if (word == "describe") {
    const std::string what = name();
    return Bytes(kC2s, PgDescribe(what[0], name()));
  }
  if (word == "startup") {
    std::vector<std::pair<std::string, std::string>> parameters;
    for (std::string value; words >> word >> value;) parameters.emplace_back(word, value);
    return Bytes(kC2s, PgStartup(parameters));
  }
  if (word == "rows") {
    size_t count = 0;
    words >> count;
    std::string bytes = PgRowDescription({"a", "b"});
    for (size_t i = 0; i < count; ++i) bytes += PgRow({"secret", "Z"});
    return Bytes(kS2c, bytes);
  }
  if (word != "frame") return std::nullopt;
  const std::string dir = name();
  const std::string type = name();
  return Bytes(dir == "c2s" ? kC2s : kS2c, PgFrame(type[0], rest()));
}

void ReadWireLine(const std::string& line, Script& script) {
  if (const std::optional<Happening> frame = ReadPgLine(line)) return AddBytes(script, frame->direction, frame->bytes);
  if (const std::optional<Happening> command = ReadCommandLine(line)) return AddBytes(script, command->direction, command->bytes);
  if (const std::optional<Happening> record = ReadRecordLine(line)) return AddBytes(script, record->direction, record->bytes);
  std::istringstream words(line);
  std::string word;
  std::string name;
  words >> word;
  const auto direction = [&](std::string_view text) {
    EXPECT_TRUE(text == "c2s" || text == "s2c") << line;
    return text == "c2s" ? kC2s : kS2c;
  };
  if (word == "gap" || word == "close" || word == "end" || word == "repeat") {
    size_t count = 0;
    words >> name;
    if (word == "gap" || word == "repeat") words >> count;
    if (word == "gap") script.push_back(GapOf(direction(name), count));
    if (word == "close") script.push_back(CloseOf(direction(name)));
    if (word == "end") script.push_back(CallEnd(direction(name)));
    if (word != "repeat") return;
    std::string text;
    words >> text;
    std::string bytes;
    for (; count > 0; --count) bytes += Unescape(text);
    return AddBytes(script, direction(name), bytes);
  }
  if (word == "hex") {
    std::string digits;
    words >> name >> digits;
    std::string bytes;
    for (size_t at = 0; at + 1 < digits.size(); at += 2) bytes += static_cast<char>(std::stoi(digits.substr(at, 2), nullptr, 16));
    return AddBytes(script, direction(name), bytes);
  }
  AddBytes(script, direction(word), line.size() > 4 ? Unescape(std::string_view(line).substr(4)) : "");
}

std::vector<GoldenCase> ReadCases(const std::filesystem::path& path) {
  std::vector<GoldenCase> cases;
  std::ifstream input(path);
  std::string line;
  std::string block;
  for (int number = 1; std::getline(input, line); ++number) {
    if (line.starts_with("```")) {
      block = block.empty() ? line.substr(3) : "";
    } else if (block == "wire") {
      ReadWireLine(line, cases.back().script);
    } else if (block == "messages") {
      cases.back().expected += line + "\n";
    } else if (line.starts_with("## ")) {
      cases.push_back({path.stem().string() + ": " + line.substr(3), {}, "", number});
    }
  }
  return cases;
}

// At least so many files and cases, all of them whole and at every split, and no other protocol's.
template <typename Protocol>
void ExpectGolden(size_t least_files, size_t least_cases) {
  using Decoder = typename Protocol::Decoder;
  const std::string protocol(Protocol::kName);
  size_t files = 0;
  size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(WIRESPAN_SOURCE_DIR "/tests/golden/" + protocol)) {
    if (entry.path().extension() != ".md") continue;
    ++files;
    for (const GoldenCase& golden : ReadCases(entry.path())) {
      ++count;
      ASSERT_FALSE(golden.script.empty()) << golden.name;
      ExpectNoOtherClaims<Protocol>(golden.script, golden.name);
      EXPECT_EQ(RunWhole<Decoder>(golden.script), golden.expected) << golden.name << " (line " << golden.line << ")";
      size_t bytes = 0;
      for (const Happening& happening : golden.script) bytes += happening.bytes.size();
      if (bytes < 4000) {
        ExpectSameAtEverySplit<Decoder>(golden.script, golden.name);
      } else {  // too long for every split: pieces of some sizes
        for (const size_t size : {size_t{1}, size_t{7}, size_t{1460}, size_t{4096}}) {
          ASSERT_EQ(RunInPieces<Decoder>(golden.script, size), golden.expected) << golden.name << " in pieces of " << size;
        }
      }
    }
  }
  EXPECT_GE(files, least_files);
  EXPECT_GE(count, least_cases);
  std::cout << protocol << ": " << files << " golden files, " << count << " cases\n";
}

TEST(Http1Golden, EveryCaseDecodesToItsMessagesWholeAndAtEverySplit) { ExpectGolden<decoders::Http1>(8, 64); }

TEST(FastCgiGolden, EveryCaseDecodesToItsMessagesWholeAndAtEverySplit) { ExpectGolden<decoders::FastCgi>(6, 56); }

TEST(RedisGolden, EveryCaseDecodesToItsMessagesWholeAndAtEverySplit) { ExpectGolden<decoders::Redis>(5, 40); }

TEST(WebSocketGolden, EveryCaseDecodesToItsMessagesWholeAndAtEverySplit) { ExpectGolden<decoders::WebSocket>(2, 17); }

TEST(PostgreSqlGolden, EveryCaseDecodesToItsMessagesWholeAndAtEverySplit) { ExpectGolden<decoders::PostgreSql>(5, 40); }

}  // namespace
}  // namespace wirespan::testing
