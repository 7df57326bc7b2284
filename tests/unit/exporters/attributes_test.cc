#include "exporters/attributes.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "opentelemetry/proto/trace/v1/trace.pb.h"
#include "tests/unit/exporters/span_maker.h"

namespace wirespan::exporters {
namespace {

using ProtoSpan = opentelemetry::proto::trace::v1::Span;

TEST(AttributeList, GeneratedClassesReadWhatWasWritten) {
  AttributeList list;
  list.String("s", "value");
  list.String("empty", "");
  list.Int("i", -1);
  list.Int("max", std::numeric_limits<int64_t>::max());
  list.Int("min", std::numeric_limits<int64_t>::min());
  list.Double("d", 0.25);
  list.Bool("yes", true);
  list.Bool("no", false);
  ProtoSpan span;
  ASSERT_TRUE(span.ParseFromString(std::string(list.wire())));
  ASSERT_EQ(span.attributes_size(), 8);
  EXPECT_EQ(span.attributes(0).key(), "s");
  EXPECT_EQ(span.attributes(0).value().string_value(), "value");
  EXPECT_TRUE(span.attributes(1).value().has_string_value());
  EXPECT_EQ(span.attributes(2).value().int_value(), -1);
  EXPECT_EQ(span.attributes(3).value().int_value(), std::numeric_limits<int64_t>::max());
  EXPECT_EQ(span.attributes(4).value().int_value(), std::numeric_limits<int64_t>::min());
  EXPECT_EQ(span.attributes(5).value().double_value(), 0.25);
  EXPECT_TRUE(span.attributes(6).value().bool_value());
  EXPECT_TRUE(span.attributes(7).value().has_bool_value());
  EXPECT_FALSE(span.attributes(7).value().bool_value());
  EXPECT_EQ(list.count(), 8U);
  EXPECT_EQ(span.SerializeAsString(), list.wire());  // the canonical form
}

TEST(AttributeList, ReaderAgreesWithGeneratedClassesOnRandomLists) {
  SpanMaker maker(7);
  size_t seen = 0;
  for (int round = 0; round < 3000; ++round) {
    AttributeList list;
    maker.Attributes(list);
    ProtoSpan span;
    ASSERT_TRUE(span.ParseFromString(std::string(list.wire())));
    ASSERT_EQ(span.SerializeAsString(), list.wire());
    ASSERT_EQ(static_cast<uint32_t>(span.attributes_size()), list.count());
    AttributeList::Reader reader(list);
    for (const auto& expected : span.attributes()) {
      AttributeView view;
      ASSERT_TRUE(reader.Next(view));
      ++seen;
      EXPECT_EQ(view.key, expected.key());
      switch (view.type) {
        case AttributeView::Type::kString:
          EXPECT_EQ(view.string_value, expected.value().string_value());
          break;
        case AttributeView::Type::kInt:
          EXPECT_EQ(view.int_value, expected.value().int_value());
          break;
        case AttributeView::Type::kDouble:
          EXPECT_EQ(view.double_value, expected.value().double_value());
          break;
        case AttributeView::Type::kBool:
          EXPECT_EQ(view.bool_value, expected.value().bool_value());
          break;
      }
    }
    AttributeView view;
    ASSERT_FALSE(reader.Next(view));
  }
  EXPECT_GT(seen, 10'000U);
}

TEST(AttributeList, LongValuesAreCutBetweenCharactersAndCounted) {
  AttributeList list;
  std::string value(kMaxAttributeValueBytes - 1, 'x');
  value += "€uro";  // the sign would end 2 bytes past the limit
  list.String("k", value);
  const auto found = list.Find("k");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->string_value, std::string(kMaxAttributeValueBytes - 1, 'x'));
  EXPECT_EQ(list.dropped_bytes(), 6U);
}

TEST(AttributeList, KeysAndValuesBecomeValidUtf8) {
  AttributeList list;
  list.String("k\xff", "v\xc3(");
  list.Int(std::string(1000, 'k'), 1);
  ProtoSpan span;
  ASSERT_TRUE(span.ParseFromString(std::string(list.wire())));  // proto3 strings: parsing fails on bad UTF-8
  EXPECT_EQ(span.attributes(0).key(), "k\uFFFD");
  EXPECT_EQ(span.attributes(0).value().string_value(), "v\uFFFD(");
  EXPECT_EQ(span.attributes(1).key().size(), 256U);
  EXPECT_EQ(list.dropped_bytes(), 0U);
}

// Around the sizes where a length no longer takes one byte, and where a value is not what it was.
TEST(AttributeList, AConstantKeyGivesTheSameBytesAsAnyKey) {
  static constexpr KeyFrame kRoute("http.route"), kCount("count");
  const ConstantKey route{"http.route", kRoute.bytes.data()}, number{"count", kCount.bytes.data()};
  for (const std::string_view filler : {"x", "\xc3\xa9", "\xff"}) {
    for (size_t count = 0; count < 140; ++count) {
      std::string value;
      for (size_t i = 0; i < count; ++i) value += filler;
      AttributeList constant, any;
      const std::string_view kept = constant.String(route, value);
      ASSERT_EQ(kept, constant.Find("http.route")->string_value);
      any.String("http.route", value);
      constant.Int(number, static_cast<int64_t>(count) - 70);
      any.Int("count", static_cast<int64_t>(count) - 70);
      ASSERT_EQ(constant.wire(), any.wire());
      ASSERT_EQ(constant.count(), any.count());
      ASSERT_EQ(constant.dropped_bytes(), any.dropped_bytes());
      opentelemetry::proto::trace::v1::Span span;
      ASSERT_TRUE(span.ParseFromString(std::string(constant.wire())));
      ASSERT_EQ(span.SerializeAsString(), constant.wire());
    }
  }
}

TEST(AttributeList, CopiesAndMovesAreLists) {
  AttributeList first;
  first.String("a", std::string(200, 'v'));
  AttributeList copy = first;
  EXPECT_EQ(copy.wire(), first.wire());
  const std::string bytes(first.wire());
  AttributeList moved = std::move(first);
  EXPECT_EQ(moved.wire(), bytes);
  copy.Int("b", 2);
  EXPECT_NE(copy.wire(), moved.wire());
  moved = copy;
  EXPECT_EQ(moved.wire(), copy.wire());
}

TEST(AttributeList, FindTakesTheFirstAndAppendKeepsTheOrder) {
  AttributeList first;
  first.Int("a", 1);
  AttributeList second;
  second.Int("a", 2);
  second.String("b", std::string(5000, 'x'));
  first.Append(second);
  EXPECT_EQ(first.count(), 3U);
  EXPECT_EQ(first.Find("a")->int_value, 1);
  EXPECT_EQ(first.dropped_bytes(), 5000 - kMaxAttributeValueBytes);
  EXPECT_FALSE(first.Find("c"));
  first.Clear();
  EXPECT_TRUE(first.wire().empty());
  EXPECT_EQ(first.count(), 0U);
}

TEST(Names, EveryEvidenceAndConfidenceButNoneHasAName) {
  for (int evidence = 0; evidence <= static_cast<int>(LinkEvidence::kInjected); ++evidence) {
    EXPECT_EQ(Name(static_cast<LinkEvidence>(evidence)).empty(), evidence == 0);
  }
  EXPECT_EQ(Name(LinkConfidence::kNone), "");
  EXPECT_EQ(Name(LinkConfidence::kProbable), "probable");
  EXPECT_EQ(Name(LinkConfidence::kExact), "exact");
  EXPECT_EQ(Name(LinkEvidence::kSameConnection), "same-connection");
}

TEST(Span, ClearForgetsEveryField) {
  SpanMaker maker(3);
  Span span;
  for (int round = 0; round < 50; ++round) {
    maker.Fill(span);
    span.Clear();
    const Span fresh;
    ASSERT_EQ(span.trace_id, fresh.trace_id);
    ASSERT_EQ(span.span_id, fresh.span_id);
    ASSERT_EQ(span.parent_span_id, fresh.parent_span_id);
    ASSERT_EQ(span.flags, 0U);
    ASSERT_EQ(span.kind, fresh.kind);
    ASSERT_EQ(span.status, fresh.status);
    ASSERT_EQ(span.link_evidence, fresh.link_evidence);
    ASSERT_EQ(span.link_confidence, fresh.link_confidence);
    ASSERT_EQ(span.start_unix_ns + span.end_unix_ns, 0U);
    ASSERT_TRUE(span.name.empty() && span.trace_state.empty() && span.status_message.empty());
    ASSERT_EQ(span.attributes.count(), 0U);
    ASSERT_FALSE(span.resource);
  }
}

}  // namespace
}  // namespace wirespan::exporters
