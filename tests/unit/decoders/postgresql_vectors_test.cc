// PostgreSQL cases that other projects wrote (DeepFlow), where they lie: in $WIRESPAN_VECTORS or beside the checkout. Prints how
// many passed; a difference fails.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>

#include "tests/unit/decoders/capture.h"
#include "tests/unit/decoders/postgresql_wire.h"

namespace wirespan::testing {
namespace {

using Json = nlohmann::json;

std::filesystem::path Vectors() {
  const char* given = std::getenv("WIRESPAN_VECTORS");
  return given != nullptr ? std::filesystem::path(given) : std::filesystem::path(WIRESPAN_SOURCE_DIR) / "../shared/vectors";
}

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
  std::ifstream input(Vectors() / "neutral" / "deepflow" / "postgresql.jsonl");
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

// What a rule of Suricata asks for of one transaction is what one exchange says.
bool IsThere(const Json& match, const std::vector<Script>& scripts) {
  const auto wanted = [&](const char* key) { return match.contains(key) ? match[key].get<std::string>() : std::string(); };
  decoders::sql::Sanitized sanitized;
  decoders::sql::Sanitize(wanted("pgsql.request.simple_query"), decoders::sql::Dialect::kPostgresql, sanitized);
  for (const Script& script : scripts) {
    PostgreSqlWire wire;
    for (const Happening& happening : script) wire.Feed(happening.direction, happening.bytes);
    for (const auto& reply : wire.messages()) {
      if (reply.is_request || (reply.exchange == 0 && !reply.one_way)) continue;
      bool same = reply.tag == wanted("pgsql.response.command_completed") || !match.contains("pgsql.response.command_completed");
      same = same && (reply.code() == wanted("pgsql.response.code") || !match.contains("pgsql.response.code"));
      for (const auto& request : wire.messages()) {
        if (request.is_request && request.exchange == reply.exchange && !reply.one_way)
          same = same && (sanitized.text.empty() || request.text == sanitized.text);
      }
      if (same) return true;
    }
  }
  return false;
}

TEST(PostgreSqlVectors, CapturesOfOthers) {
  std::ifstream input(Vectors() / "neutral" / "replay" / "suricata_postgresql.jsonl");
  if (!input) GTEST_SKIP() << "no vectors beside the checkout";
  size_t passed = 0;
  size_t count = 0;
  for (std::string line; std::getline(input, line);) {
    const Json vector = Json::parse(line);
    const std::vector<Script> scripts = ReadCapture(Vectors() / std::string(vector["pcap"]), 5432);
    EXPECT_FALSE(scripts.empty()) << vector["id"];
    for (const Json& filter : vector["expected"]["eve_filters"]) {
      const Json& match = filter["match"];
      const bool is_ours = match.contains("pgsql.request.simple_query") || match.contains("pgsql.response.command_completed") ||
                           match.contains("pgsql.response.code");
      if (!is_ours) continue;
      ++count;
      const bool same = IsThere(match, scripts);
      EXPECT_TRUE(same) << vector["id"] << "\n" << match;
      passed += same ? 1 : 0;
    }
  }
  std::cout << "postgresql transactions of captures: " << passed << " of " << count << "\n";
}

}  // namespace
}  // namespace wirespan::testing
