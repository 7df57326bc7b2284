// Properties of fastcgi::Decoder over generated connections, valid and not. The generator is seeded: a failure names its seed.
#include <gtest/gtest.h>

#include <random>

#include "tests/unit/decoders/fastcgi_records.h"

namespace wirespan::testing {
namespace {

using decoders::fastcgi::Decoder;

class Generator {
 public:
  explicit Generator(uint32_t seed) : random_(seed) {}

  bool asks_values = true;  // management records stand between requests

  size_t Below(size_t bound) { return std::uniform_int_distribution<size_t>(0, bound - 1)(random_); }
  bool OneIn(size_t n) { return Below(n) == 0; }
  std::string Bytes(size_t size) {
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

 private:
  std::mt19937 random_;
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

TEST(FastCgiProperties, AnySplitEqualsTheWhole) {
  for (uint32_t seed = 0; seed < 120; ++seed) {
    const Script script = Conversation(seed);
    const std::string whole = RunWhole<Decoder>(script);
    EXPECT_EQ(whole.find("error"), std::string::npos) << "seed " << seed << "\n" << whole;
    EXPECT_EQ(whole.find("stop"), std::string::npos) << "seed " << seed << "\n" << whole;
    Generator cuts(seed + 1000000);
    for (const size_t size : {size_t{1}, size_t{5}, cuts.Below(200) + 1})
      ASSERT_EQ(RunInPieces<Decoder>(script, size), whole) << seed;
    for (int i = 0; i < 20; ++i) {
      const size_t chunk = cuts.Below(script.size());
      ASSERT_EQ(RunSplit<Decoder>(script, chunk, cuts.Below(script[chunk].bytes.size())), whole) << seed;
    }
  }
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

TEST(FastCgiProperties, NoPrefixOfValidInputIsInvalid) {
  for (uint32_t seed = 0; seed < 12; ++seed) {
    const Script script = Conversation(seed);
    const std::string& requests = script[0].bytes;
    for (size_t size = 0; size <= requests.size(); ++size) {
      FastCgiWire wire;
      wire.Feed(kC2s, std::string_view(requests).substr(0, size));
      ASSERT_EQ(wire.text().find("error"), std::string::npos) << "seed " << seed << " prefix " << size;
    }
  }
}

TEST(FastCgiProperties, AppendedGarbageNeverChangesEarlierMessages) {
  for (uint32_t seed = 0; seed < 200; ++seed) {
    Script script = Conversation(seed);
    const std::string before = RunWhole<Decoder>(script);
    Generator generator(seed + 77);
    script.push_back(Bytes(generator.OneIn(2) ? kC2s : kS2c, generator.Bytes(generator.Below(400) + 1)));
    const std::string after = RunWhole<Decoder>(script);
    ASSERT_EQ(after.substr(0, before.size()), before) << "seed " << seed;
  }
}

// Damaged conversations: whatever comes out, it is the same at every split, and the decoder always moves on.
TEST(FastCgiProperties, DamagedInputIsTotalAndIndependentOfSplits) {
  for (uint32_t seed = 0; seed < 400; ++seed) {
    Script script = Conversation(seed);
    Generator generator(seed + 4242);
    for (size_t n = generator.Below(4) + 1; n > 0; --n) {
      std::string& bytes = script[generator.Below(script.size())].bytes;
      const size_t at = generator.Below(bytes.size());
      switch (generator.Below(3)) {
        case 0:
          bytes[at] = static_cast<char>(generator.Below(12));
          break;
        case 1:
          bytes.erase(at, generator.Below(30));
          break;
        default:
          bytes.insert(at, generator.Bytes(generator.Below(10) + 1));
          break;
      }
    }
    for (size_t n = generator.Below(3); n > 0; --n) {
      const auto at = static_cast<std::ptrdiff_t>(generator.Below(script.size()));
      const Direction dir = generator.OneIn(2) ? kC2s : kS2c;
      script.insert(script.begin() + at, generator.OneIn(3) ? CallEnd(dir) : GapOf(dir, generator.Below(600) + 1));
    }
    const std::string whole = RunWhole<Decoder>(script);
    for (const size_t size : {size_t{1}, size_t{3}, generator.Below(100) + 1}) {
      ASSERT_EQ(RunInPieces<Decoder>(script, size), whole) << "seed " << seed << " pieces of " << size;
    }
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

TEST(FastCgiProperties, RandomBytesNeitherCrashNorLoop) {
  for (uint32_t seed = 0; seed < 300; ++seed) {
    Generator generator(seed);
    FastCgiWire wire;
    size_t fed = 0;
    for (int i = 0; i < 30; ++i) {
      const Direction dir = generator.OneIn(2) ? kC2s : kS2c;
      std::string bytes = generator.Bytes(generator.Below(200));
      if (generator.OneIn(3)) bytes = BeginRequest(static_cast<int>(generator.Below(3)) + 1) + bytes;
      if (generator.OneIn(3)) bytes = Stdout(static_cast<int>(generator.Below(3)) + 1, bytes) + EndRequest(1);
      fed += bytes.size();
      wire.Feed(dir, bytes);
      if (generator.OneIn(9)) wire.Gap(dir, generator.Below(1000));
      if (generator.OneIn(9)) wire.EndCall(dir);
      if (generator.OneIn(30)) wire.Close(dir);
    }
    // Each step consumes something, or is the last of its Feed, or begins a search that moves on.
    EXPECT_LE(wire.steps(), 3 * fed + 200) << seed;
  }
}

// What a hostile peer can make the search for a start cost: the steps stay proportional to the bytes.
TEST(FastCgiProperties, SearchingForAStartIsLinear) {
  for (const std::string& pattern :
       {std::string("\x01"), std::string("\x01\x01"), BeginRequest(1).substr(0, 15), Stdout(1, "Head").substr(0, 11)}) {
    for (const Direction dir : {kC2s, kS2c}) {
      FastCgiWire wire;
      wire.Gap(dir, 1);
      std::string bytes;
      while (bytes.size() < 40000) bytes += pattern;
      for (size_t at = 0; at < bytes.size(); at += 100) wire.Feed(dir, std::string_view(bytes).substr(at, 100));
      EXPECT_LE(wire.steps(), 3 * bytes.size());
    }
  }
}

}  // namespace
}  // namespace wirespan::testing
