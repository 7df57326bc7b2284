// The fast way through a head against its oracles: the SSE2 block against the loop, and the whole against the resumable way.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <bit>
#include <memory>
#include <random>

#include "decoders/http1/block_scan.h"
#include "tests/unit/decoders/harness.h"

namespace wirespan::testing {
namespace {

namespace http1 = decoders::http1;

// All of a mask of plain bytes that means something.
int UpToOther(uint32_t plain) { return std::countr_one(plain); }

TEST(Http1PlainHead, BlockMasksEqualTheLoopForEveryByteInEveryPlace) {
  std::mt19937 random(1);
  for (size_t place = 0; place < http1::kBlockBytes; ++place) {
    for (int byte = 0; byte < 256; ++byte) {
      char block[http1::kBlockBytes];
      for (char& c : block) c = static_cast<char>(random());
      block[place] = static_cast<char>(byte);
      ASSERT_EQ(UpToOther(http1::SimdBlock::ScanPlain(block)), UpToOther(http1::ScalarBlock::ScanPlain(block))) << byte;
      ASSERT_EQ(http1::SimdBlock::ScanLow(block), http1::ScalarBlock::ScanLow(block)) << byte;
      ASSERT_EQ(http1::SimdBlock::ScanTarget(block), http1::ScalarBlock::ScanTarget(block)) << byte;
    }
  }
}

// Of a text of any length, read at any place, the masks are the loop's of what is there, and hold no bit beyond.
TEST(Http1PlainHead, MasksAtTheEndOfATextAreOfItsBytesAlone) {
  std::mt19937 random(5);
  for (size_t size = 1; size < 3 * http1::kBlockBytes; ++size) {
    std::string text(size, '\0');
    for (char& c : text) c = "\r\n:a-Z \x00\xff"[random() % 9];
    const std::unique_ptr<char[]> exact(new char[size]);  // that nothing beyond is read is for the sanitizer to see
    std::copy(text.begin(), text.end(), exact.get());
    for (size_t at = 0; at < size; ++at) {
      const size_t rest = std::min(size - at, http1::kBlockBytes);
      std::string block = text.substr(at, rest);
      block.resize(http1::kBlockBytes, '.');
      const std::string_view whole(exact.get(), size);
      const int plain = UpToOther(http1::ScalarBlock::ScanPlain(block.data()));
      ASSERT_EQ(UpToOther(http1::ScanPlainAt<http1::SimdBlock>(whole, at)), plain) << size << " " << at;
      const uint32_t ends = http1::ScalarBlock::ScanTarget(block.data());
      ASSERT_EQ(http1::ScanAt<http1::SimdBlock::ScanTarget>(whole, at), ends) << size << " " << at;
    }
  }
}

struct Parsed {
  http1::HeadOutcome outcome;
  size_t length = 0;
  http1::Message message;
  http1::HeadFacts facts;
};

template <typename Block>
Parsed Parse(std::string_view bytes, bool is_request) {
  Parsed parsed{};
  parsed.message.is_request = is_request;
  parsed.outcome =
      http1::ParsePlainHead<Block>(bytes, is_request, http1::kAllFields, parsed.message, parsed.facts, parsed.length);
  if (parsed.outcome == http1::HeadOutcome::kDone) parsed.message.head.assign(bytes.substr(0, parsed.length));
  return parsed;
}

std::string RandomHead(std::mt19937& random) {
  const auto below = [&](size_t bound) { return std::uniform_int_distribution<size_t>(0, bound - 1)(random); };
  std::string head = below(2) == 0 ? "GET /" + std::string(below(60), 'p') + " HTTP/1.1\r\n" : "HTTP/1.0 200 OK\r\n";
  for (size_t n = below(6); n > 0; --n) {
    head += std::string(below(70) + 1, 'n') + ":" + std::string(below(3), ' ') + std::string(below(80), 'v') + "\r\n";
  }
  head += "\r\nbody";
  constexpr std::string_view kOdd = "\r\n\t\v :;,\0\x1b\x7f\xff(Aa-";
  for (size_t n = below(3); n > 0; --n) head[below(head.size())] = kOdd[below(kOdd.size())];
  return head;
}

// Both ways of each head must agree; where the plain way takes it, so must the resumable way, with the same message.
TEST(Http1PlainHead, AgreesWithItsOraclesOnRandomHeads) {
  std::mt19937 random(7);
  size_t taken = 0;
  for (int i = 0; i < 6000; ++i) {
    const std::string head = RandomHead(random);
    const bool is_request = head[0] == 'G';
    const Parsed simd = Parse<http1::SimdBlock>(head, is_request);
    const Parsed loop = Parse<http1::ScalarBlock>(head, is_request);
    ASSERT_EQ(simd.outcome, loop.outcome) << Escape(head);
    if (simd.outcome != http1::HeadOutcome::kDone) continue;
    ++taken;
    ASSERT_EQ(simd.length, loop.length);
    ASSERT_EQ(Render(simd.message), Render(loop.message));
    const Script script = {Bytes(is_request ? kC2s : kS2c, head.substr(0, simd.length))};
    ASSERT_EQ(RunInPieces(script, 1), RunWhole(script)) << Escape(head);
  }
  EXPECT_GT(taken, 600U);  // the generator must not have become useless
}

// Whichever way a head was read, no field of it is denied, and most absent ones are.
TEST(Http1PlainHead, EveryFieldThatIsThereMayBeThere) {
  std::mt19937 random(11);
  size_t fields = 0, denied = 0;
  for (int i = 0; i < 2000; ++i) {
    const std::string head = RandomHead(random);
    const size_t piece = i % 2 == 0 ? head.size() : 7;
    Wire wire;
    for (size_t at = 0; at < head.size(); at += piece) wire.Feed(head[0] == 'G' ? kC2s : kS2c, head.substr(at, piece));
    wire.Close(head[0] == 'G' ? kC2s : kS2c);
    for (const http1::Message& message : wire.messages()) {
      for (const http1::FieldRef& field : message.fields) {
        std::string name(message.Name(field));
        for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
        ASSERT_TRUE(message.MayHave(name)) << Escape(head);
        ASSERT_GE(message.HeaderCount(name), 1U) << Escape(head);
        ++fields;
      }
      denied += message.MayHave("x-forwarded-for") ? 0U : 1U;
    }
  }
  EXPECT_GT(fields, 1000U);
  EXPECT_GT(denied, 500U);
}

constexpr std::array<std::string_view, 8> kNamesOfSpans = {
    "host", "user-agent", "forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "traceparent", "tracestate"};

// Names in any case, twice perhaps, folded perhaps, among others.
std::string RandomRequestOfManyFields(std::mt19937& random) {
  const auto below = [&](size_t bound) { return std::uniform_int_distribution<size_t>(0, bound - 1)(random); };
  std::string head = "GET /a HTTP/1.1\r\n";
  for (size_t n = below(12); n > 0; --n) {
    std::string name(below(2) == 0 ? kNamesOfSpans[below(kNamesOfSpans.size())] : std::string_view("accept-encoding"));
    if (below(5) == 0) name.assign(1 + below(20), "ahuxft-"[below(7)]);
    for (char& c : name) c = below(3) == 0 && c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    head.append(name).append(": v").append(std::to_string(below(1000)));
    head += below(9) == 0 ? "\r\n more\r\n" : "\r\n";
  }
  return head + "\r\n";
}

// A decoder that keeps only what spans are made of says of those fields what one says that keeps all, however the head is cut.
TEST(Http1PlainHead, FieldsOfSpansAreTheSameWhetherOrNotTheOthersAreKept) {
  std::mt19937 random(13);
  size_t said = 0, left_out = 0;
  for (int i = 0; i < 1500; ++i) {
    const std::string head = RandomRequestOfManyFields(random);
    Wire all;
    all.Feed(kC2s, head);
    ASSERT_EQ(all.messages().size(), 1U);
    const http1::Message& whole = all.messages()[0];
    for (const size_t piece : {head.size(), size_t{1}, size_t{9}}) {
      Wire some;
      some.decoder().KeepFieldsOfSpans(0);
      for (size_t at = 0; at < head.size(); at += piece) some.Feed(kC2s, head.substr(at, piece));
      ASSERT_EQ(some.messages().size(), 1U);
      const http1::Message& message = some.messages()[0];
      for (const std::string_view name : kNamesOfSpans) {
        ASSERT_EQ(message.Header(name), whole.Header(name)) << Escape(head);
        ASSERT_EQ(message.HeaderCount(name), whole.HeaderCount(name)) << Escape(head);
        said += whole.HeaderCount(name);
      }
      ASSERT_LE(message.fields.size(), whole.fields.size());
      left_out += whole.fields.size() - message.fields.size();
      ASSERT_EQ(message.truncated, whole.truncated);
      ASSERT_EQ(message.incomplete, whole.incomplete);
      ASSERT_EQ(message.head, whole.head);
    }
  }
  EXPECT_GT(said, 1000U);
  EXPECT_GT(left_out, 1000U);
}

// Fields that are not kept count towards the limit all the same.
TEST(Http1PlainHead, TooManyFieldsAreTooManyWhetherOrNotTheyAreKept) {
  for (const size_t count : {http1::kMaxFields, http1::kMaxFields + 1}) {
    std::string head = "GET / HTTP/1.1\r\nHost: a\r\n";
    for (size_t i = 1; i < count; ++i) head += "accept-encoding: b\r\n";
    head += "\r\n";
    Wire wire;
    wire.decoder().KeepFieldsOfSpans(0);
    wire.Feed(kC2s, head);
    ASSERT_EQ(wire.messages().size(), 1U);
    EXPECT_EQ(wire.messages()[0].truncated, count > http1::kMaxFields);
  }
}

}  // namespace
}  // namespace wirespan::testing
