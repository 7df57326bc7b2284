// HPACK and HTTP/2 cases that other projects wrote (http2jp's hpack-test-case, hyper's hpack, nghttp2's corpora, OBI), where they
// lie: in $WIRESPAN_VECTORS or beside the checkout. Prints how many passed.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>

#include "agent/cli/decode_json.h"
#include "decoders/http2/guess.h"
#include "decoders/http2/hpack.h"
#include "tests/unit/decoders/http2_harness.h"

namespace wirespan::testing::h2 {
namespace {

using Json = nlohmann::json;
using decoders::http2::FieldList;
using decoders::http2::HpackDecoder;

std::string FromHex(const std::string& hex) {
  std::string bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) bytes.push_back(static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  return bytes;
}

std::filesystem::path PathOf(const std::string& name) {
  const char* given = std::getenv("WIRESPAN_VECTORS");
  const auto folder =
      given != nullptr ? std::filesystem::path(given) : std::filesystem::path(WIRESPAN_SOURCE_DIR) / "../shared/vectors";
  return folder / "neutral" / name;
}

// Each line of a file through `check`, which says what is wrong or nothing.
template <typename Check>
void ForEachCase(const std::string& name, Check&& check) {
  std::ifstream input(PathOf(name));
  if (!input) GTEST_SKIP() << "the shared vectors are not there: " << PathOf(name);
  size_t passed = 0;
  size_t failed = 0;
  std::string line;
  while (std::getline(input, line)) {
    const Json json = Json::parse(line);
    const std::string wrong = check(json);
    EXPECT_EQ(wrong, "") << json["id"];
    ++(wrong.empty() ? passed : failed);
  }
  std::cout << name << ": " << passed << " passed, " << failed << " failed\n";
  EXPECT_GT(passed, 0U);
}

std::string CheckBlocks(const Json& json) {
  HpackDecoder decoder;
  size_t limit = decoders::http2::kDefaultTableSize;
  for (size_t i = 0; i < json["chunks"].size(); ++i) {
    const Json& chunk = json["chunks"][i];
    const Json& expected = json["expected"]["blocks"][i];
    if (chunk.contains("header_table_size") && chunk["header_table_size"].is_number()) {
      limit = chunk["header_table_size"];
      decoder.SetLimit(static_cast<uint32_t>(limit));
    }
    FieldList list;
    const std::string_view error = decoder.Decode(AsBytes(FromHex(chunk["hex"])), false, list);
    const bool is_error = expected.is_object();
    if (is_error != !error.empty()) return "block " + std::to_string(i) + ": " + (is_error ? "no error" : std::string(error));
    if (is_error) continue;
    if (list.fields.size() != expected.size()) return "number of fields of block " + std::to_string(i);
    for (size_t f = 0; f < list.fields.size(); ++f) {
      const std::string_view value = list.Value(list.fields[f]);
      if (cli::BytesToText(list.Name(list.fields[f])) != expected[f][0])
        return "name " + std::to_string(f) + " of block " + std::to_string(i);
      const bool same = cli::BytesToText(value) == expected[f][1] || value == expected[f][1].get<std::string>();
      if (!same) return "value " + std::to_string(f) + " of block " + std::to_string(i) + ": " + Escape(value);
    }
  }
  return "";
}

TEST(Http2SharedVectors, HeaderBlocks) { ForEachCase("hpack.jsonl", CheckBlocks); }

TEST(Http2SharedVectors, SingleBlocks) { ForEachCase("hpack_unit.jsonl", CheckBlocks); }

// No expected values: neither a crash nor a difference between pieces.
TEST(Http2SharedVectors, RecordedConnections) {
  ForEachCase("http2_corpus.jsonl", [](const Json& json) -> std::string {
    Script script;
    for (const Json& chunk : json["chunks"]) script.push_back(Bytes(chunk["dir"] == "s2c" ? kS2c : kC2s, FromHex(chunk["hex"])));
    const std::string whole = RunWhole(script, Start::kBeginning);
    for (const size_t size : {size_t{1}, size_t{10}, size_t{100}}) {
      if (RunInPieces(script, size, Start::kBeginning) != whole) return "pieces of " + std::to_string(size);
    }
    return "";
  });
}

// OBI's question is whether a captured prefix is HTTP/2; ours wants a second frame behind a head: what it takes for HTTP/2 is
// never refused, and what it refuses at the first look is never believed.
TEST(Http2SharedVectors, FirstBytesOfOlderConnections) {
  ForEachCase("obi/http2.jsonl", [](const Json& json) -> std::string {
    const std::string id = json["id"];
    if (id.find("isHTTP2TestCases") == std::string::npos) return "";
    std::string bytes = FromHex(json["chunks"][0]["hex"]);
    const Json& length = json["expected"]["inputLen"];
    // Where it is none, it is a header and two bytes.
    bytes.resize(std::min<size_t>(bytes.size(), length.is_number() ? length.get<size_t>() : 11));
    const auto likeness = decoders::http2::LikenessOf(kC2s, AsBytes(bytes));
    const bool refused = likeness == decoders::Likeness::kNo;
    if (json["expected"]["expected"] == true && refused) return "refused";
    if (json["expected"]["expectedQuick"] == false && likeness >= decoders::Likeness::kPossible) return "believed";
    return "";
  });
}

}  // namespace
}  // namespace wirespan::testing::h2
