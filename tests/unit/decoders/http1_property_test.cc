// Properties of http1::Decoder over generated connections, valid and not.
#include "tests/unit/decoders/properties.h"

namespace wirespan::testing {
namespace {

class Generator : public Chance {
 public:
  using Chance::Chance;

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

struct Http1Conversations {
  using Decoder = decoders::http1::Decoder;
  using Generator = testing::Generator;
  static constexpr std::string_view kHostile = std::string_view("\r\n\0 :;,\tHGx0\xff", 13);
  static Script Conversation(uint32_t seed) { return testing::Conversation(seed); }
  static std::string Beginning(Generator& /*generator*/, Direction dir) {
    return dir == kC2s ? "GET / HTTP/1.1\r\n" : "HTTP/1.1 200 OK\r\n";
  }
};
using Http1 = Properties<Http1Conversations>;

TEST(Http1Properties, AnySplitEqualsTheWhole) { Http1::AnySplitEqualsTheWhole(120); }
TEST(Http1Properties, NoPrefixOfValidInputIsInvalid) { Http1::NoPrefixOfValidInputIsInvalid(12); }
TEST(Http1Properties, AppendedGarbageNeverChangesEarlierMessages) { Http1::AppendedGarbageNeverChangesEarlierMessages(200); }
TEST(Http1Properties, DamagedInputIsTotalAndIndependentOfSplits) { Http1::DamagedInputIsTotalAndIndependentOfSplits(300); }
TEST(Http1Properties, RandomBytesNeitherCrashNorLoop) { Http1::RandomBytesNeitherCrashNorLoop(300); }
TEST(Http1Properties, SearchingForAStartIsLinear) {
  Http1::SearchingForAStartIsLinear({"GET /", "GET GET ", "GET /a HTTP/1.", "HTTP/1.1 200 ", "G", "UNLOC", "PO"}, 1);
}

}  // namespace
}  // namespace wirespan::testing
