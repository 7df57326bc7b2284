#include "agent/span/baggage.h"

#include <gtest/gtest.h>

namespace wirespan::span {
namespace {

// "key=value;property;property=value, ..." as it was understood.
std::string Shown(const BaggageReader& reader) {
  std::string text;
  for (const BaggageEntry& entry : reader.entries()) {
    if (!text.empty()) text += ", ";
    text += entry.key + "=" + entry.value;
    for (const auto& [key, value] : entry.properties) text += ";" + key + (value ? "=" + *value : "");
  }
  return text;
}
std::string Read(std::string_view value) {
  BaggageReader reader;
  reader.Add("Baggage", value);
  return Shown(reader);
}

TEST(Baggage, MembersValuesAndProperties) {
  EXPECT_EQ(Read("a=1"), "a=1");
  EXPECT_EQ(Read(" a \t=\t1 ; p ; q = 2 , b= 3"), "a=1;p;q=2, b=3");
  EXPECT_EQ(Read("a=b=c"), "a=b=c");
  EXPECT_EQ(Read("a=,b=1"), "a=, b=1");
  EXPECT_EQ(Read(",,a=1,,"), "a=1");
  EXPECT_EQ(Read("a=1,a=2"), "a=1, a=2");
}

TEST(Baggage, ValuesArePercentDecodedAndAlwaysUtf8) {
  EXPECT_EQ(Read("a=%20%2C%3b%C3%A9"), "a= ,;\xc3\xa9");
  EXPECT_EQ(Read("a=%C3x"), "a=\xef\xbf\xbdx");
  EXPECT_EQ(Read("a=%4"), "a=%4");
  EXPECT_EQ(Read("%41=1"), "%41=1");  // a key stays as it is
}

TEST(Baggage, AMalformedMemberIsLeftOutAndCounted) {
  BaggageReader reader;
  reader.Add("baggage", "a,b=1,c c=2,d=\xc3\xa9,e=\"x\",=1,f=1;,g=2");
  EXPECT_EQ(Shown(reader), "b=1, g=2");
  EXPECT_EQ(reader.left_out(), 6U);
}

TEST(Baggage, SeveralFieldsAreOneListWithinTheLimits) {
  BaggageReader reader;
  for (int i = 0; i < 70; ++i) reader.Add("baggage", "k" + std::to_string(i) + "=1");
  EXPECT_EQ(reader.entries().size(), kMaxBaggageEntries);
  EXPECT_EQ(reader.left_out(), 6U);
  reader.Reset();
  reader.Add("baggage", "a=" + std::string(kMaxBaggageBytes - 2, 'x'));
  EXPECT_EQ(reader.entries().size(), 1U);
  reader.Add("baggage", "b=1");
  EXPECT_EQ(reader.entries().size(), 1U);
  EXPECT_EQ(reader.left_out(), 1U);
  reader.Reset();
  EXPECT_FALSE(reader.any_field());
}

TEST(Baggage, JaegersFieldsCount) {
  BaggageReader reader;
  reader.Add("uberctx-user-id", "a%20b");
  reader.Add("UberCtx-B", "2");
  reader.Add("uberctx-", "2");
  reader.Add("uber-trace-id", "1:2:0:1");
  EXPECT_EQ(Shown(reader), "user-id=a b, B=2");
  EXPECT_EQ(reader.left_out(), 1U);
}

}  // namespace
}  // namespace wirespan::span
