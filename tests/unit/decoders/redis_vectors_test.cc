// Redis cases that other projects wrote (OpenTelemetry's Java instrumentation, DeepFlow, Pixie), where they lie: in
// $WIRESPAN_VECTORS or beside the checkout. Prints how many passed; a difference fails.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>

#include "tests/unit/decoders/capture.h"
#include "tests/unit/decoders/redis_wire.h"

namespace wirespan::testing {
namespace {

using Json = nlohmann::json;

std::filesystem::path Vectors() {
  const char* given = std::getenv("WIRESPAN_VECTORS");
  return given != nullptr ? std::filesystem::path(given) : std::filesystem::path(WIRESPAN_SOURCE_DIR) / "../shared/vectors";
}

std::vector<Json> ReadLines(const std::string& name) {
  std::ifstream input(Vectors() / "neutral" / name);
  std::vector<Json> lines;
  for (std::string line; std::getline(input, line);) lines.push_back(Json::parse(line));
  return lines;
}

std::string FromHex(const std::string& hex) {
  std::string bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) bytes.push_back(static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  return bytes;
}

TEST(RedisVectors, CommandsAreMaskedAsOpenTelemetryMasksThem) {
  const std::vector<Json> lines = ReadLines("redis_statement.jsonl");
  if (lines.empty()) GTEST_SKIP() << "no vectors beside the checkout";
  size_t passed = 0;
  for (const Json& line : lines) {
    std::vector<std::string> words = {line["input"]["command"]};
    for (const auto& word : line["input"]["args"]) words.push_back(word);
    RedisWire wire;
    wire.Feed(kC2s, RedisCommand(words));
    ASSERT_EQ(wire.messages().size(), 1U) << line["id"];
    const bool same = wire.messages()[0].text == line["expected"]["text"];
    EXPECT_TRUE(same) << line["id"] << ": " << wire.messages()[0].text << " and not " << line["expected"]["text"];
    passed += same ? 1 : 0;
  }
  std::cout << "redis statements: " << passed << " of " << lines.size() << "\n";
}

TEST(RedisVectors, ExchangesOfOthers) {
  size_t passed = 0;
  size_t count = 0;
  for (const char* file : {"deepflow/redis.jsonl", "pixie/redis.jsonl"}) {
    for (const Json& line : ReadLines(file)) {
      if (!line.contains("chunks")) continue;  // a capture
      ++count;
      RedisWire wire;
      size_t messages = 0;
      for (const auto& chunk : line["chunks"]) {
        const std::string bytes = FromHex(chunk["hex"]);
        const std::string dir = chunk["dir"];
        const bool is_request = dir == "c2s";
        wire.Feed(is_request ? kC2s : kS2c, bytes);  // what names no direction is a value, in either
        ++messages;
      }
      const bool same = wire.messages().size() == messages && wire.text().find("error") == std::string::npos;
      EXPECT_TRUE(same) << line["id"] << "\n" << wire.text();
      passed += same ? 1 : 0;
    }
  }
  if (count == 0) GTEST_SKIP() << "no vectors beside the checkout";
  std::cout << "redis exchanges: " << passed << " of " << count << "\n";
}

TEST(RedisVectors, CapturesOfOthers) {
  size_t passed = 0;
  size_t count = 0;
  for (const Json& line : ReadLines("deepflow/redis.jsonl")) {
    ++count;
    size_t answered = 0;
    size_t failed = 0;
    for (const Script& script : ReadCapture(Vectors() / std::string(line["pcap"]), 6379)) {
      RedisWire wire;
      for (const Happening& happening : script) wire.Feed(happening.direction, happening.bytes);
      wire.Close(kS2c);  // one of them ends inside its last reply
      EXPECT_EQ(wire.text().find("error"), std::string::npos) << line["id"] << "\n" << wire.text();
      for (const auto& message : wire.messages()) {
        answered += !message.is_request && message.exchange != 0 ? 1 : 0;
        failed += message.is_error() ? 1 : 0;
      }
    }
    const Json& expected = line["expected"]["red"];
    const bool same = answered == expected["request_count"] && failed == expected["err_server_count"];
    EXPECT_TRUE(same) << line["id"] << ": " << answered << " exchanges, " << failed << " errors, expected " << expected;
    passed += same ? 1 : 0;
  }
  if (count == 0) GTEST_SKIP() << "no vectors beside the checkout";
  std::cout << "redis captures: " << passed << " of " << count << "\n";
}

}  // namespace
}  // namespace wirespan::testing
