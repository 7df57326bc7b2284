// Properties of fastcgi::Decoder over generated connections, valid and not.
#include "tests/unit/decoders/fastcgi_records.h"
#include "tests/unit/decoders/properties.h"

namespace wirespan::testing {
namespace {

class Generator : public Chance {
 public:
  using Chance::Chance;

  bool asks_values = true;  // management records stand between requests

  std::string Bytes(size_t size) override {
    std::string bytes;
    for (; size > 0; --size) bytes += static_cast<char>(OneIn(4) ? Below(12) : Below(256));
    return bytes;
  }
  // A stream as records of one type, cut anywhere, with any padding.
  std::string Stream(int type, int id, std::string_view content) {
    std::string records;
    while (!content.empty()) {
      const size_t size = std::min(content.size(), Below(OneIn(3) ? 12 : 400) + 1);
      records += RecordOf(type, id, content.substr(0, size), static_cast<int>(Below(OneIn(2) ? 8 : 256)));
      content.remove_prefix(size);
    }
    return records;
  }
  std::string Parameters(size_t body) {
    constexpr std::array<std::string_view, 8> kNames = {"REQUEST_URI", "HTTP_HOST", "HTTP_COOKIE", "QUERY_STRING",
                                                        "X",           "",          "SERVER_NAME", "HTTP_TRACESTATE"};
    std::string content = Pair("REQUEST_METHOD", OneIn(2) ? "GET" : "POST", OneIn(3));
    if (body > 0 || OneIn(2)) content += Pair("CONTENT_LENGTH", body > 0 ? std::to_string(body) : "", OneIn(3));
    for (size_t n = Below(12); n > 0; --n)
      content += Pair(kNames[Below(kNames.size())], Bytes(Below(OneIn(6) ? 500 : 40)), OneIn(5));
    return content;
  }
  // A request, and the response to it.
  void Exchange(int id, std::string& request, std::string& response) {
    const size_t body = OneIn(2) ? 0 : Below(900) + 1;
    request += BeginRequest(id, static_cast<int>(Below(3)) + 1, OneIn(2) ? 1 : 0);
    request += Stream(4, id, Parameters(body)) + RecordOf(4, id, "");
    request += Stream(5, id, Bytes(body)) + RecordOf(5, id, "");
    if (asks_values && OneIn(5)) request += RecordOf(9, 0, PairsOf({{"FCGI_MAX_REQS", ""}}));
    std::string content = OneIn(2) ? "Status: " + std::to_string(200 + Below(400)) + "\r\n" : "";
    content += std::string("Content-type: text/html") + (OneIn(3) ? "\n\n" : "\r\n\r\n") + Bytes(Below(900));
    if (OneIn(4)) response += Stream(7, id, Bytes(Below(200)));
    response += Stream(6, id, content);
    if (OneIn(2)) response += RecordOf(6, id, "");
    response += EndRequest(id, static_cast<unsigned>(Below(3)), OneIn(9) ? 2 : 0);
  }
};

Script Conversation(uint32_t seed) {
  Generator generator(seed);
  Script script;
  for (size_t turn = generator.Below(4) + 1; turn > 0; --turn) {
    std::string requests;
    std::string responses;
    const size_t count = generator.OneIn(4) ? 3 : 1;
    for (size_t id = 1; id <= count; ++id) generator.Exchange(static_cast<int>(id), requests, responses);
    script.push_back(Bytes(kC2s, requests));
    script.push_back(Bytes(kS2c, responses));
  }
  return script;
}

struct FastCgiConversations {
  using Decoder = decoders::fastcgi::Decoder;
  using Generator = testing::Generator;
  static constexpr std::string_view kHostile = std::string_view("\0\1\2\3\4\5\6\7\10\11\12\13", 12);
  static Script Conversation(uint32_t seed) { return testing::Conversation(seed); }
  static std::string Beginning(Generator& generator, Direction dir) {
    const int id = static_cast<int>(generator.Below(3)) + 1;
    if (dir == kC2s) return BeginRequest(id);
    return generator.OneIn(2) ? EndRequest(1) : Stdout(id, generator.Bytes(generator.Below(200))) + EndRequest(1);
  }
};
using FastCgi = Properties<FastCgiConversations>;

TEST(FastCgiProperties, AnySplitEqualsTheWhole) { FastCgi::AnySplitEqualsTheWhole(120); }
TEST(FastCgiProperties, NoPrefixOfValidInputIsInvalid) { FastCgi::NoPrefixOfValidInputIsInvalid(12); }
TEST(FastCgiProperties, AppendedGarbageNeverChangesEarlierMessages) { FastCgi::AppendedGarbageNeverChangesEarlierMessages(200); }
TEST(FastCgiProperties, DamagedInputIsTotalAndIndependentOfSplits) { FastCgi::DamagedInputIsTotalAndIndependentOfSplits(400); }
TEST(FastCgiProperties, RandomBytesNeitherCrashNorLoop) { FastCgi::RandomBytesNeitherCrashNorLoop(300); }
TEST(FastCgiProperties, SearchingForAStartIsLinear) {
  FastCgi::SearchingForAStartIsLinear(
      {std::string("\x01"), std::string("\x01\x01"), BeginRequest(1).substr(0, 15), Stdout(1, "Head").substr(0, 11)}, 3);
}

// Every exchange has its request and its response, numbered alike, whatever is in their bodies.
TEST(FastCgiProperties, EveryRequestHasItsResponse) {
  for (uint32_t seed = 0; seed < 120; ++seed) {
    FastCgiWire wire;
    for (const Happening& happening : Conversation(seed)) wire.Feed(happening.direction, happening.bytes);
    uint64_t requests = 0;
    uint64_t responses = 0;
    for (const auto& message : wire.messages()) {
      EXPECT_EQ(message.exchange, message.is_request ? ++requests : ++responses) << seed;
      EXPECT_TRUE(message.complete()) << seed;
      if (message.is_request && message.has_content_length) {
        EXPECT_EQ(message.body_length, message.content_length) << seed;
      }
    }
    EXPECT_GT(requests, 0U);
    EXPECT_EQ(requests, responses) << seed;
  }
}

// One exchange at a time, of which the end of each direction's turn is not seen but for its last 16 bytes: every message is
// there, in order, and each response answers its request.
TEST(FastCgiProperties, WhatABudgetCutsOffCostsNoExchange) {
  for (uint32_t seed = 0; seed < 300; ++seed) {
    Generator generator(seed + 9);
    generator.asks_values = false;
    FastCgiWire wire;
    const size_t count = generator.Below(4) + 1;
    for (size_t i = 0; i < count; ++i) {
      std::string turns[2];
      generator.Exchange(1, turns[0], turns[1]);
      for (const Direction dir : {kC2s, kS2c}) {
        const std::string_view bytes = turns[Index(dir)];
        const size_t budget = 24 + generator.Below(1000);
        const size_t copied = std::min(budget, bytes.size());
        const size_t tail = std::min<size_t>(16, bytes.size() - copied);
        wire.Feed(dir, bytes.substr(0, copied));
        if (bytes.size() > copied + tail) wire.Gap(dir, bytes.size() - copied - tail);
        wire.Feed(dir, bytes.substr(bytes.size() - tail));
        wire.EndCall(dir);
      }
    }
    wire.Close(kC2s);
    wire.Close(kS2c);
    uint64_t requests = 0;
    uint64_t responses = 0;
    for (const auto& message : wire.messages()) {
      if (message.exchange != 0) {
        EXPECT_EQ(message.exchange, message.is_request ? ++requests : ++responses) << seed;
      }
      EXPECT_NE(message.incomplete, decoders::Incomplete::kAmbiguous) << seed;
    }
    EXPECT_EQ(requests, responses) << seed << "\n" << wire.text();
    EXPECT_GE(requests, 1U) << seed << "\n" << wire.text();
  }
}

}  // namespace
}  // namespace wirespan::testing
