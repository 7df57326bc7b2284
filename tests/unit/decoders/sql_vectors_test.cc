// SQL cases of OpenTelemetry (its semantic conventions and its Java instrumentation), where they lie: in $WIRESPAN_VECTORS or
// beside the checkout; and the `sql` door. Prints how many passed; a difference fails. Cases of other styles (Datadog, Percona,
// pg_stat_statements) want other texts by intent.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "agent/cli/sql_door.h"

namespace wirespan::testing {
namespace {

using Json = nlohmann::json;

std::vector<Json> RunDoor(const std::string& dialect, const std::string& lines, int exit_code) {
  std::istringstream input(lines);
  std::ostringstream output;
  std::ostringstream errors;
  EXPECT_EQ(cli::RunSql(dialect, input, output, errors), exit_code) << errors.str();
  std::vector<Json> answers;
  std::istringstream answered(output.str());
  for (std::string line; std::getline(answered, line);) answers.push_back(Json::parse(line));
  return answers;
}

TEST(SqlVectors, TextsAndSummariesAreThoseOfOpenTelemetry) {
  const char* given = std::getenv("WIRESPAN_VECTORS");
  const auto folder =
      given != nullptr ? std::filesystem::path(given) : std::filesystem::path(WIRESPAN_SOURCE_DIR) / "../shared/vectors";
  std::ifstream file(folder / "neutral" / "sql.jsonl");
  if (!file) GTEST_SKIP() << "no vectors beside the checkout";
  size_t passed = 0;
  size_t count = 0;
  for (std::string line; std::getline(file, line);) {
    const Json vector = Json::parse(line);
    if (vector["context"]["style"] != "otel") continue;
    ++count;
    const Json& expected = vector["expected"];
    const std::vector<Json> answers = RunDoor("generic", Json{{"sql", vector["input"]}}.dump() + "\n", 0);
    ASSERT_EQ(answers.size(), 1U);
    Json summary = expected.contains("args") ? expected["args"][0] : expected["summary"];
    if (summary.is_null()) summary = "";
    const bool has_text = expected.contains("text") && expected["text"].is_string();
    const bool same = answers[0]["summary"] == summary && (!has_text || answers[0]["text"] == expected["text"]);
    EXPECT_TRUE(same) << vector["id"] << "\n" << vector["input"] << "\n" << answers[0] << "\n" << expected;
    passed += same ? 1 : 0;
  }
  std::cout << "sql.jsonl, style otel: " << passed << " of " << count << "\n";
}

TEST(SqlDoor, AnswersEachLine) {
  const std::vector<Json> answers = RunDoor(
      "postgresql", "{\"sql\":\"SELECT * FROM \\\"a\\\" WHERE b = 'c'\"}\n\nnonsense\n{\"text\":1}\n[]\n{\"sql\":\"\"}\n", 1);
  ASSERT_EQ(answers.size(), 5U);
  EXPECT_EQ(answers[0], (Json{{"text", "SELECT * FROM \"a\" WHERE b = ?"}, {"summary", "SELECT \"a\""}, {"truncated", false}}));
  EXPECT_EQ(answers[1], (Json{{"error", "not JSON"}, {"line", 3}}));
  EXPECT_EQ(answers[2], (Json{{"error", "no string \"sql\""}, {"line", 4}}));
  EXPECT_EQ(answers[3], (Json{{"error", "not a JSON object"}, {"line", 5}}));
  EXPECT_EQ(answers[4], (Json{{"text", ""}, {"summary", ""}, {"truncated", false}}));
}

TEST(SqlDoor, UnknownDialectsAreNamedWithTheKnownOnes) {
  std::istringstream input;
  std::ostringstream output;
  std::ostringstream errors;
  EXPECT_EQ(cli::RunSql("basic", input, output, errors), 2);
  EXPECT_EQ(
      errors.str(),
      "wirespan sql: unknown dialect 'basic'; known: postgresql, mysql, mssql, sqlite, oracle, cassandra, clickhouse, generic\n");
}

}  // namespace
}  // namespace wirespan::testing
