// Properties of http1::Decoder over generated connections, valid and not. The generator is seeded: a failure names its seed.
#include <gtest/gtest.h>

#include <random>

#include "tests/unit/decoders/harness.h"

namespace wirespan::testing {
namespace {

using decoders::ParseStatus;
using decoders::ParseStep;
using decoders::http1::Decoder;
using decoders::http1::Message;

class Generator {
 public:
  explicit Generator(uint32_t seed) : random_(seed) {}

  size_t Below(size_t bound) { return std::uniform_int_distribution<size_t>(0, bound - 1)(random_); }
  bool OneIn(size_t n) { return Below(n) == 0; }
  std::string Word(size_t longest) {
    constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    std::string word;
    for (size_t n = Below(longest) + 1; n > 0; --n) word += kLetters[Below(kLetters.size())];
    return word;
  }
  std::string Bytes(size_t size) {
    std::string bytes;
    for (; size > 0; --size) bytes += static_cast<char>(Below(256));
    return bytes;
  }
  std::string Fields() {
    std::string fields;
    for (size_t n = Below(12); n > 0; --n) {
      std::string value = Word(60);
      if (OneIn(8)) value += "\t\xc3\xbc " + Word(10);
      if (OneIn(15)) value += "\r\n \t" + Word(9);
      fields += "X" + Word(OneIn(6) ? 45 : 14) + ":" + (OneIn(3) ? "" : " ") + value + (OneIn(5) ? "  " : "") + "\r\n";
    }
    return fields;
  }
  std::string Body(std::string& fields) {
    const size_t size = OneIn(3) ? 0 : Below(300);
    const std::string body = Bytes(size);
    if (OneIn(2)) {
      fields += "Content-Length: " + std::to_string(size) + "\r\n";
      return body;
    }
    fields += OneIn(4) ? "Transfer-Encoding: gzip, chunked\r\n" : "transfer-encoding:chunked\r\n";
    std::string chunked;
    for (size_t at = 0; at < size;) {
      const size_t length = std::min(size - at, Below(90) + 1);
      char digits[20];
      std::snprintf(digits, sizeof(digits), OneIn(2) ? "%zx" : "%04zX", length);
      chunked += digits + std::string(OneIn(5) ? ";e=\"" + Word(5) + "\"" : "") + "\r\n" + body.substr(at, length) + "\r\n";
      at += length;
    }
    return chunked + "0\r\n" + (OneIn(4) ? "T-" + Word(5) + ": " + Word(9) + "\r\n" : "") + "\r\n";
  }
  // A request with the response to it.
  void Exchange(std::string& request, std::string& response) {
    constexpr std::array<std::string_view, 6> kMethods = {"GET", "POST", "HEAD", "PUT", "DELETE", "M-SEARCH"};
    const std::string_view method = kMethods[Below(kMethods.size())];
    std::string fields = Fields();
    std::string body;
    if (OneIn(2)) body = Body(fields);
    if (OneIn(6)) request += "\r\n";
    request += std::string(method) + " /" + Word(OneIn(5) ? 120 : 12) + " HTTP/1.1\r\n" + fields + "\r\n" + body;
    if (OneIn(6)) response += "HTTP/1.1 100 Continue\r\n\r\n";
    fields = Fields();
    body = Body(fields);
    const bool bodyless = method == "HEAD" || OneIn(8);
    const std::string status = method != "HEAD" && bodyless ? "304 Not Modified" : "200 " + (OneIn(5) ? "" : Word(9));
    response += "HTTP/1.1 " + status + "\r\n" + fields + "\r\n" + (bodyless ? "" : body);
  }

 private:
  std::mt19937 random_;
};

Script Conversation(uint32_t seed) {
  Generator generator(seed);
  Script script;
  for (size_t turn = generator.Below(3) + 1; turn > 0; --turn) {
    std::string requests;
    std::string responses;
    for (size_t n = generator.OneIn(3) ? 3 : 1; n > 0; --n) generator.Exchange(requests, responses);
    script.push_back(Bytes(kC2s, requests));
    script.push_back(Bytes(kS2c, responses));
  }
  return script;
}

TEST(Http1Properties, AnySplitEqualsTheWhole) {
  for (uint32_t seed = 0; seed < 120; ++seed) {
    const Script script = Conversation(seed);
    const std::string whole = RunWhole(script);
    EXPECT_EQ(whole.find("error"), std::string::npos) << "seed " << seed << "\n" << whole;
    Generator cuts(seed + 1000000);
    for (const size_t size : {size_t{1}, size_t{5}, cuts.Below(200) + 1}) ASSERT_EQ(RunInPieces(script, size), whole) << seed;
    for (int i = 0; i < 20; ++i) {
      const size_t chunk = cuts.Below(script.size());
      ASSERT_EQ(RunSplit(script, chunk, cuts.Below(script[chunk].bytes.size())), whole) << seed;
    }
  }
}

TEST(Http1Properties, NoPrefixOfValidInputIsInvalid) {
  for (uint32_t seed = 0; seed < 12; ++seed) {
    const Script script = Conversation(seed);
    const std::string& requests = script[0].bytes;
    for (size_t size = 0; size <= requests.size(); ++size) {
      Wire wire;
      wire.Feed(kC2s, std::string_view(requests).substr(0, size));
      ASSERT_EQ(wire.text().find("error"), std::string::npos) << "seed " << seed << " prefix " << size;
    }
  }
}

TEST(Http1Properties, AppendedGarbageNeverChangesEarlierMessages) {
  for (uint32_t seed = 0; seed < 200; ++seed) {
    Script script = Conversation(seed);
    const std::string before = RunWhole(script);
    Generator generator(seed + 77);
    script.push_back(Bytes(generator.OneIn(2) ? kC2s : kS2c, generator.Bytes(generator.Below(400) + 1)));
    const std::string after = RunWhole(script);
    ASSERT_EQ(after.substr(0, before.size()), before) << "seed " << seed;
  }
}

// Damaged conversations: whatever comes out, it is the same at every split, and the decoder always moves on.
TEST(Http1Properties, DamagedInputIsTotalAndIndependentOfSplits) {
  for (uint32_t seed = 0; seed < 300; ++seed) {
    Script script = Conversation(seed);
    Generator generator(seed + 4242);
    for (size_t n = generator.Below(4) + 1; n > 0; --n) {
      std::string& bytes = script[generator.Below(script.size())].bytes;
      const size_t at = generator.Below(bytes.size());
      constexpr std::string_view kHostile = "\r\n\0 :;,\tHGx0\xff";
      switch (generator.Below(3)) {
        case 0:
          bytes[at] = kHostile[generator.Below(kHostile.size())];
          break;
        case 1:
          bytes.erase(at, generator.Below(30));
          break;
        default:
          bytes.insert(at, generator.Bytes(generator.Below(10) + 1));
          break;
      }
    }
    if (generator.OneIn(2)) {
      const auto at = static_cast<std::ptrdiff_t>(generator.Below(script.size()));
      script.insert(script.begin() + at, GapOf(generator.OneIn(2) ? kC2s : kS2c, generator.Below(300) + 1));
    }
    const std::string whole = RunWhole(script);
    for (const size_t size : {size_t{1}, size_t{3}, generator.Below(100) + 1}) {
      ASSERT_EQ(RunInPieces(script, size), whole) << "seed " << seed << " pieces of " << size;
    }
  }
}

TEST(Http1Properties, RandomBytesNeitherCrashNorLoop) {
  for (uint32_t seed = 0; seed < 300; ++seed) {
    Generator generator(seed);
    Wire wire;
    size_t fed = 0;
    for (int i = 0; i < 30; ++i) {
      const Direction dir = generator.OneIn(2) ? kC2s : kS2c;
      std::string bytes = generator.Bytes(generator.Below(200));
      if (generator.OneIn(3)) bytes = "GET / HTTP/1.1\r\n" + bytes;
      if (generator.OneIn(3)) bytes = "HTTP/1.1 200 OK\r\n" + bytes;
      fed += bytes.size();
      wire.Feed(dir, bytes);
      if (generator.OneIn(9)) wire.Gap(dir, generator.Below(1000));
      if (generator.OneIn(30)) wire.Close(dir);
    }
    // Each step consumes something, or is the last of its Feed, or begins a search that moves on.
    EXPECT_LE(wire.steps(), 3 * fed + 200) << seed;
  }
}

// What a hostile peer can make the search for a start cost: the steps stay proportional to the bytes.
TEST(Http1Properties, SearchingForAStartIsLinear) {
  for (const std::string_view pattern : {"GET /", "GET GET ", "GET /a HTTP/1.", "HTTP/1.1 200 ", "G", "UNLOC", "PO"}) {
    for (const Direction dir : {kC2s, kS2c}) {
      Wire wire;
      wire.Gap(dir, 1);
      std::string bytes;
      while (bytes.size() < 40000) bytes += pattern;
      for (size_t at = 0; at < bytes.size(); at += 100) wire.Feed(dir, std::string_view(bytes).substr(at, 100));
      EXPECT_LE(wire.steps(), bytes.size()) << pattern;
    }
  }
}

}  // namespace
}  // namespace wirespan::testing
