// PostgreSQL cases that other projects wrote (DeepFlow), where they lie: in $WIRESPAN_VECTORS or beside the checkout. Prints how
// many passed; a difference fails.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>

#include "tests/unit/decoders/postgresql_wire.h"

namespace wirespan::testing {
namespace {

using Json = nlohmann::json;

std::string FromHex(const std::string& hex) {
  std::string bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) bytes.push_back(static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  return bytes;
}

// What the case asserts of its request and its response, as far as it is ours to say.
bool Agrees(const Json& assertion, const PostgreSqlWire& wire) {
  const std::string field = assertion[0];
  const std::string value = assertion[1];
  const auto& messages = wire.messages();
  const auto request = std::find_if(messages.begin(), messages.end(), [](const auto& m) { return m.is_request; });
  const auto reply = std::find_if(messages.begin(), messages.end(), [](const auto& m) { return !m.is_request; });
  if (request == messages.end() || reply == messages.end()) return false;
  if (field == "info.context") return value == "\"" + request->text + "\"";
  if (field == "info.result") return value == "\"" + std::string(reply->code()) + "\"";
  if (field == "info.affected_rows") return reply->tag.ends_with(" " + value);
  return true;
}

TEST(PostgreSqlVectors, ExchangesOfOthers) {
  const char* given = std::getenv("WIRESPAN_VECTORS");
  const auto folder =
      given != nullptr ? std::filesystem::path(given) : std::filesystem::path(WIRESPAN_SOURCE_DIR) / "../shared/vectors";
  std::ifstream input(folder / "neutral" / "deepflow" / "postgresql.jsonl");
  if (!input) GTEST_SKIP() << "no vectors beside the checkout";
  size_t passed = 0;
  size_t count = 0;
  for (std::string line; std::getline(input, line); ++count) {
    const Json vector = Json::parse(line);
    PostgreSqlWire wire;
    for (const auto& chunk : vector["chunks"]) wire.Feed(chunk["dir"] == "c2s" ? kC2s : kS2c, FromHex(chunk["hex"]));
    wire.Close(kS2c);
    bool same = wire.text().find("error") == std::string::npos;
    for (const Json& assertion : vector["expected"]["assert"]) same = same && Agrees(assertion, wire);
    EXPECT_TRUE(same) << vector["id"] << "\n" << wire.text() << vector["expected"];
    passed += same ? 1 : 0;
  }
  std::cout << "postgresql exchanges: " << passed << " of " << count << "\n";
}

}  // namespace
}  // namespace wirespan::testing
