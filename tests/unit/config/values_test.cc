#include "agent/config/values.h"

#include <gtest/gtest.h>

namespace wirespan::config {
namespace {

using std::chrono::milliseconds;

TEST(Duration, UnitsAndSums) {
  EXPECT_EQ(*ParseDuration("250ms"), milliseconds(250));
  EXPECT_EQ(*ParseDuration("30s"), milliseconds(30'000));
  EXPECT_EQ(*ParseDuration("5m"), milliseconds(300'000));
  EXPECT_EQ(*ParseDuration("2h"), milliseconds(7'200'000));
  EXPECT_EQ(*ParseDuration("1m30s"), milliseconds(90'000));
  EXPECT_EQ(*ParseDuration("1.5s"), milliseconds(1'500));
  EXPECT_EQ(*ParseDuration("0.25m"), milliseconds(15'000));
  EXPECT_EQ(*ParseDuration("1.23456789s"), milliseconds(1'234));
  EXPECT_EQ(*ParseDuration("8784h"), milliseconds(8784LL * 3'600'000));
}

TEST(Duration, WhatIsNone) {
  for (const char* text : {"",
                           "30",
                           "s",
                           "0s",
                           "0ms",
                           "-1s",
                           "+1s",
                           "1 s",
                           "1s ",
                           "1d",
                           "1S",
                           "1.s",
                           ".5s",
                           "1e3s",
                           "9000h",
                           "99999999999999999999s",
                           "8784h1ms",
                           "1ss",
                           "1,5s",
                           "0x1s",
                           "5000000h5000000h"}) {
    const auto parsed = ParseDuration(text);
    EXPECT_FALSE(parsed.ok()) << text;
    if (parsed.ok()) continue;
    EXPECT_NE(parsed.error().message().find("30s"), std::string::npos) << "the message shows how it is written";
  }
}

TEST(Duration, BareMillisecondsOnlyWhereTheyAreMeant) {
  EXPECT_EQ(*ParseDuration("10000", BareNumber::kIsMilliseconds), milliseconds(10'000));
  EXPECT_EQ(*ParseDuration("10s", BareNumber::kIsMilliseconds), milliseconds(10'000));
  EXPECT_EQ(*ParseDuration("250ms", BareNumber::kIsMilliseconds), milliseconds(250));
  EXPECT_FALSE(ParseDuration("0", BareNumber::kIsMilliseconds).ok());
  EXPECT_FALSE(ParseDuration("99999999999999", BareNumber::kIsMilliseconds).ok());
}

TEST(Bytes, UnitsAndBounds) {
  constexpr uint64_t kMost = 1ULL << 40U;
  EXPECT_EQ(*ParseBytes("4096", 1, kMost), 4096U);
  EXPECT_EQ(*ParseBytes("4096B", 1, kMost), 4096U);
  EXPECT_EQ(*ParseBytes("64KiB", 1, kMost), 65536U);
  EXPECT_EQ(*ParseBytes("16MiB", 1, kMost), 16U << 20U);
  EXPECT_EQ(*ParseBytes("2GiB", 1, kMost), 2ULL << 30U);
  EXPECT_EQ(*ParseBytes("10kB", 1, kMost), 10'000U);
  EXPECT_EQ(*ParseBytes("10MB", 1, kMost), 10'000'000U);
  EXPECT_EQ(*ParseBytes("1GB", 1, kMost), 1'000'000'000U);
  EXPECT_FALSE(ParseBytes("1023", 1024, 4096).ok());
  EXPECT_TRUE(ParseBytes("1KiB", 1024, 4096).ok());
  EXPECT_TRUE(ParseBytes("4KiB", 1024, 4096).ok());
  EXPECT_FALSE(ParseBytes("4097", 1024, 4096).ok());
  for (const char* text :
       {"", "KiB", "1K", "1k", "1kib", "1 KiB", "-1", "1.5MiB", "99999999999999999999", "18446744073709551615GiB", "1TiB"}) {
    EXPECT_FALSE(ParseBytes(text, 1, UINT64_MAX).ok()) << text;
  }
}

TEST(Count, Bounds) {
  EXPECT_EQ(*ParseCount("0", 0, 5), 0U);
  EXPECT_EQ(*ParseCount("5", 0, 5), 5U);
  EXPECT_EQ(*ParseCount("007", 1, 9), 7U);
  for (const char* text : {"6", "-1", "+1", "1x", "x", "", " 1", "1 ", "1.0", "99999999999999999999"})
    EXPECT_FALSE(ParseCount(text, 0, 5).ok()) << text;
  EXPECT_EQ(ParseCount("6", 0, 5).error().message(), "'6' is not a number from 0 to 5");
}

TEST(Words, AnyCaseAndTheListInTheMessage) {
  EXPECT_EQ(*ParseWord("GRPC", {"grpc", "http/json"}), "grpc");
  EXPECT_EQ(ParseWord("x", {"grpc", "http/json"}).error().message(), "'x' is not one of grpc, http/json");
  EXPECT_TRUE(*ParseBool("True"));
  EXPECT_FALSE(*ParseBool("FALSE"));
  for (const char* text : {"", "1", "0", "yes", "no", "on", "truee"}) EXPECT_FALSE(ParseBool(text).ok()) << text;
}

TEST(Text, BoundedAndWithoutControlCharacters) {
  EXPECT_EQ(*ParseText("a b=\xc3\xa9"), "a b=\xc3\xa9");
  EXPECT_FALSE(ParseText("").ok());
  EXPECT_FALSE(ParseText("a\nb").ok());
  EXPECT_FALSE(ParseText(std::string_view("a\0b", 3)).ok());
  EXPECT_FALSE(ParseText(std::string(65'537, 'a')).ok());
  EXPECT_EQ(ParseText("a\nb").error().message(), "'a?b' has a control character");
}

TEST(List, EmptyPartsMeanNothing) {
  EXPECT_EQ(SplitList(" a , b,,c\t,"), (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_TRUE(SplitList(" , ,").empty());
}

TEST(ListenAddress, HostAndPort) {
  EXPECT_EQ(*ParseListenAddress("127.0.0.1:9464"), (status::ListenAddress{"127.0.0.1", 9464}));
  EXPECT_EQ(*ParseListenAddress("localhost:0"), (status::ListenAddress{"localhost", 0}));
  EXPECT_EQ(*ParseListenAddress("[::1]:65535"), (status::ListenAddress{"::1", 65535}));
  EXPECT_EQ(*ParseListenAddress("[::]:1"), (status::ListenAddress{"::", 1}));
  for (const char* text :
       {"", ":", ":1", "a", "a:", "a:x", "a:-1", "a:65536", "::1:80", "[::1]", "[]:1", "[a:1", "a b:1", "a\n:1", "[[a]]:1"}) {
    const auto parsed = ParseListenAddress(text);
    ASSERT_FALSE(parsed.ok()) << text;
    EXPECT_NE(parsed.error().message().find("is not HOST:PORT"), std::string::npos) << text;
  }
  EXPECT_FALSE(ParseListenAddress(std::string(300, 'a') + ":1").ok());
}

}  // namespace
}  // namespace wirespan::config
