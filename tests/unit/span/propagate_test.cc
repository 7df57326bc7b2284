#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "agent/span/propagate_door.h"

namespace wirespan::span {
namespace {

struct Outcome {
  int exit_code;
  std::string out;
  std::string errors;
};

Outcome Propagate(std::string_view format, const std::string& input) {
  std::istringstream in(input);
  std::ostringstream out;
  std::ostringstream errors;
  const int exit_code = RunPropagate(format, in, out, errors);
  return {exit_code, out.str(), errors.str()};
}

TEST(Propagate, WritesTheAcceptedContextWithItsKeysInOrder) {
  const Outcome run = Propagate(
      "w3c",
      R"({"headers":[["TraceParent"," 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03"],["tracestate","a=1, b=\"x\\"]]})"
      "\n");
  EXPECT_EQ(run.exit_code, 0);
  EXPECT_EQ(run.out, R"({"accepted":true,"trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","parent_span_id":"00f067aa0ba902b7",)"
                     R"("flags":3,"tracestate":"a=1,b=\"x\\"})"
                     "\n");
  EXPECT_EQ(run.errors, "");
}

TEST(Propagate, WritesTheReasonOfARejectedOne) {
  const Outcome run = Propagate("w3c", "{\"headers\":[]}\n{\"headers\":[[\"traceparent\",\"junk\"]]}");
  EXPECT_EQ(run.exit_code, 0);
  EXPECT_EQ(run.out, "{\"accepted\":false,\"reason\":\"no_traceparent\"}\n{\"accepted\":false,\"reason\":\"bad_version\"}\n");
}

TEST(Propagate, AnswersAMalformedLineWithItsNumberAndGoesOn) {
  const std::vector<std::string> malformed = {"{",
                                              "[]",
                                              "{}",
                                              R"({"headers":{}})",
                                              R"({"headers":[["a"]]})",
                                              R"({"headers":[["a",1]]})",
                                              R"({"headers":[["a","b","c"]]})",
                                              "\xff",
                                              "{\"headers\":[[\"a\",\"\xff\"]]}",
                                              R"({"headers":[["a","\u0100"]]})",
                                              R"({"headers":[["a","\ud800"]]})",
                                              "null"};
  for (const std::string& line : malformed) {
    const Outcome run = Propagate("w3c", "{\"headers\":[]}\n" + line + "\n{\"headers\":[]}\n");
    EXPECT_EQ(run.exit_code, 1) << line;
    std::istringstream lines(run.out);
    std::string first;
    std::string second;
    std::string third;
    std::getline(lines, first);
    std::getline(lines, second);
    std::getline(lines, third);
    const auto answer = nlohmann::json::parse(second);
    EXPECT_EQ(answer.at("line"), 2) << line;
    EXPECT_FALSE(answer.at("error").get<std::string>().empty()) << line;
    EXPECT_EQ(first, third) << line;
  }
}

TEST(Propagate, IgnoresBlankLinesAndUnknownKeys) {
  const Outcome run = Propagate("w3c", "\n  \r\n{\"id\":7,\"headers\":[]}\r\n");
  EXPECT_EQ(run.exit_code, 0);
  EXPECT_EQ(run.out, "{\"accepted\":false,\"reason\":\"no_traceparent\"}\n");
}

TEST(Propagate, BytesOverAsciiComeOneToOne) {
  // U+00E9 is the byte e9: not allowed in a tracestate, so that it is discarded whole; and no character of two bytes is made of
  // it.
  const Outcome run = Propagate("w3c",
                                "{\"headers\":[[\"traceparent\",\"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\"],["
                                "\"tracestate\",\"a=\\u00e9\"]]}\n");
  EXPECT_EQ(nlohmann::json::parse(run.out).at("tracestate"), "");
}

TEST(Propagate, ALineWithoutEndIsBounded) {
  const Outcome run = Propagate("w3c", "{\"headers\":[[\"a\",\"" + std::string(2'000'000, 'x') + "\"]]}\n{\"headers\":[]}\n");
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_EQ(run.out, "{\"error\":\"line longer than 1 MiB\",\"line\":1}\n{\"accepted\":false,\"reason\":\"no_traceparent\"}\n");
}

TEST(Propagate, DeepNestingIsHarmless) {
  const Outcome run = Propagate("w3c", std::string(500'000, '[') + "\n");
  EXPECT_EQ(run.exit_code, 1);
}

TEST(Propagate, OtherFormatsSayWhatIsKnown) {
  EXPECT_EQ(Propagate("b3", "").exit_code, 2);
  EXPECT_EQ(Propagate("b3", "").errors, "not yet supported: b3; known: w3c\n");
  EXPECT_EQ(Propagate("w4c", "").exit_code, 2);
  EXPECT_EQ(Propagate("w4c", "").errors, "unknown format: w4c; known: w3c\n");
}

TEST(Propagate, AnOutputThatCannotBeWrittenIsAnError) {
  std::istringstream in("{\"headers\":[]}\n");
  std::ofstream out("/dev/full");
  std::ostringstream errors;
  EXPECT_EQ(RunPropagate("w3c", in, out, errors), 1);
  EXPECT_NE(errors.str(), "");
}

// Cases of other projects, where they lie beside the tree; nothing of them is part of it.
TEST(Propagate, SharedVectors) {
  const auto path = std::filesystem::path(WIRESPAN_SOURCE_DIR) / "../shared/vectors/neutral/tracecontext.jsonl";
  std::ifstream file(path);
  if (!file) GTEST_SKIP() << path << " is not here";
  std::map<std::string, int> skipped;
  int passed = 0;
  int failed = 0;
  for (std::string line; std::getline(file, line);) {
    const auto vector = nlohmann::json::parse(line);
    const std::string format = vector.at("context").at("format");
    if (format != "w3c") {
      ++skipped[format];
      continue;
    }
    const Outcome run = Propagate("w3c", nlohmann::json{{"headers", vector.at("headers")}}.dump() + "\n");
    const auto answer = nlohmann::json::parse(run.out);
    const auto& expected = vector.at("expected");
    bool same = answer.at("accepted") == expected.at("accepted");
    if (same && expected.at("accepted").get<bool>()) {
      for (const char* key : {"trace_id", "parent_span_id", "flags"}) same = same && answer.at(key) == expected.at(key);
      std::string state;
      for (const auto& member : expected.at("tracestate")) {
        if (!state.empty()) state += ',';
        state += member[0].get<std::string>() + "=" + member[1].get<std::string>();
      }
      same = same && answer.at("tracestate") == state;
    }
    EXPECT_TRUE(same) << vector.at("id") << "\n" << run.out << expected;
    ++(same ? passed : failed);
  }
  std::cout << "tracecontext vectors, format w3c: " << passed << " passed, " << failed << " failed\n";
  for (const auto& [format, count] : skipped) {
    std::cout << "  " << count << " skipped: format " << format << " is "
              << (format.ends_with("-string") ? "a test of a test suite's own class" : "not yet supported") << "\n";
  }
  EXPECT_GT(passed, 0);
}

}  // namespace
}  // namespace wirespan::span
