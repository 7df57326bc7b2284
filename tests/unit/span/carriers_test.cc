#include "agent/span/carriers.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "decoders/fastcgi/message.h"
#include "decoders/http1/message.h"
#include "decoders/http2/message.h"

namespace wirespan::span {
namespace {

using trace::Carrier;
using trace::Sampling;

constexpr std::string_view kTraceId = "4bf92f3577b34da6a3ce929d0e0e4736";
constexpr std::string_view kParentId = "00f067aa0ba902b7";
const std::string kGood = "00-" + std::string(kTraceId) + "-" + std::string(kParentId) + "-01";

using Fields = std::vector<std::pair<std::string, std::string>>;

// "carrier trace-id parent-id flags [defer|debug]", or the reason.
std::string Told(ContextReject reject, const trace::IncomingContext& context) {
  if (reject != ContextReject::kNone) return std::string(Name(reject));
  std::string text = std::string(Name(context.carrier)) + " " + exporters::ToHex(context.trace_id) + " " +
                     exporters::ToHex(context.parent_span_id) + " " + std::to_string(context.flags);
  if (context.sampling == Sampling::kDefer) text += " defer";
  if (context.sampling == Sampling::kDebug) text += " debug";
  return text;
}

std::string Read(const Fields& fields) {
  CarrierReader reader;
  reader.Reset();
  for (const auto& [name, value] : fields) reader.Add(name, value);
  trace::IncomingContext context;
  context.trace_state = "left over";
  const ContextReject reject = reader.Finish(context);
  EXPECT_EQ(context.trace_state.find("left over"), std::string::npos);
  EXPECT_EQ(exporters::IsZero(context.trace_id), reject != ContextReject::kNone);
  EXPECT_EQ(exporters::IsZero(context.parent_span_id), reject != ContextReject::kNone);
  return Told(reject, context);
}

const std::string kIds = std::string(kTraceId) + " " + std::string(kParentId);
const std::string kShortIds = "0000000000000000a3ce929d0e0e4736 00f067aa0ba902b7";

struct Case {
  Fields fields;
  std::string told;
};
void Expect(const std::vector<Case>& cases) {
  for (const Case& test : cases) {
    std::string shown;
    for (const auto& [name, value] : test.fields) shown += name + ": " + value + "\n";
    EXPECT_EQ(Read(test.fields), test.told) << shown;
  }
}

TEST(B3, OneFieldSaysIdsAndSampling) {
  const std::string ids = std::string(kTraceId) + "-" + std::string(kParentId);
  Expect({{{{"b3", ids}}, "b3 " + kIds + " 0 defer"},
          {{{"B3", " " + ids + "-1 "}}, "b3 " + kIds + " 1"},
          {{{"b3", ids + "-0"}}, "b3 " + kIds + " 0"},
          {{{"b3", ids + "-d"}}, "b3 " + kIds + " 1 debug"},
          {{{"b3", ids + "-1-05e3ac9a4f6e3b90"}}, "b3 " + kIds + " 1"},
          {{{"b3", "a3ce929d0e0e4736-00f067aa0ba902b7-1"}}, "b3 " + kShortIds + " 1"},
          {{{"b3", "0"}}, "no_trace_id"},
          {{{"b3", "d"}}, "no_trace_id"},
          {{{"b3", ""}}, "no_trace_id"},
          {{{"b3", std::string(kTraceId)}}, "no_parent_id"},
          {{{"b3", ids + "-"}}, "bad_sampling"},
          {{{"b3", ids + "-1-"}}, "bad_form"},
          {{{"b3", ids + "-1-05e3ac9a4f6e3b90-1"}}, "bad_form"},
          {{{"b3", "A3CE929D0E0E4736-00f067aa0ba902b7-1"}}, "bad_trace_id"},
          {{{"b3", "0000000000000000-00f067aa0ba902b7-1"}}, "bad_trace_id"},
          {{{"b3", std::string(kTraceId) + "-0000000000000000-1"}}, "bad_parent_id"}});
}

TEST(B3, SeveralFieldsSayTheSame) {
  const Fields ids = {{"X-B3-TraceId", std::string(kTraceId)}, {"X-B3-SpanId", std::string(kParentId)}};
  const auto with = [&ids](std::string name, std::string value) {
    Fields fields = ids;
    fields.insert(fields.begin(), {std::move(name), std::move(value)});
    return fields;
  };
  Expect({{ids, "b3 " + kIds + " 0 defer"},
          {with("x-b3-sampled", "true"), "b3 " + kIds + " 1"},
          {with("x-b3-sampled", "0"), "b3 " + kIds + " 0"},
          {with("x-b3-sampled", "yes"), "bad_sampling"},
          {with("x-b3-flags", "1"), "b3 " + kIds + " 1 debug"},
          {with("x-b3-flags", "0"), "b3 " + kIds + " 0 defer"},
          {with("x-b3-parentspanid", "05e3ac9a4f6e3b90"), "b3 " + kIds + " 0 defer"},
          {with("x-b3-parentspanid", "no"), "bad_form"},
          {{{"x-b3-sampled", "1"}}, "no_trace_id"},
          {{{"x-b3-traceid", std::string(kTraceId)}}, "no_parent_id"},
          {{{"x-b3-traceid", std::string(kTraceId)}, {"x-b3-spanid", "cd"}}, "bad_parent_id"}});
}

TEST(B3, TheSingleFieldGoesBeforeTheSeveralAndAnInvalidOneDoesNotHideThem) {
  Fields fields = {{"b3", std::string(kTraceId) + "-" + std::string(kParentId) + "-1"},
                   {"x-b3-traceid", "00000000000000010000000000000002"},
                   {"x-b3-spanid", "0000000000000003"}};
  EXPECT_EQ(Read(fields), "b3 " + kIds + " 1");
  fields[0].second = "junk";
  EXPECT_EQ(Read(fields), "b3 00000000000000010000000000000002 0000000000000003 0 defer");
  fields[1].second = "junk";
  EXPECT_EQ(Read(fields), "bad_trace_id");
}

TEST(Jaeger, IdsAreFilledUpOnTheLeftAndTheColonMayBeEscaped) {
  Expect({{{{"uber-trace-id", "4bf92f3577b34da6a3ce929d0e0e4736:00f067aa0ba902b7:0:1"}}, "jaeger " + kIds + " 1"},
          {{{"Uber-Trace-Id", "4bf92f3577b34da6a3ce929d0e0e4736%3Af067aa0ba902b7%3a0%3A0"}}, "jaeger " + kIds + " 0"},
          {{{"uber-trace-id", "a3ce929d0e0e4736:f067aa0ba902b7:12:3"}}, "jaeger " + kShortIds + " 1 debug"},
          {{{"uber-trace-id", "A3CE929D0E0E4736:F067AA0BA902B7:0:9"}}, "jaeger " + kShortIds + " 1"},
          {{{"uber-trace-id", "a3ce929d0e0e4736:f067aa0ba902b7:0:2"}}, "jaeger " + kShortIds + " 0"},  // debug needs sampled
          {{{"uber-trace-id", "0:f067aa0ba902b7:0:1"}}, "bad_trace_id"},
          {{{"uber-trace-id", "1:0:0:1"}}, "bad_parent_id"},
          {{{"uber-trace-id", "1:2:0"}}, "bad_form"},
          {{{"uber-trace-id", "1:2:0:1:1"}}, "bad_form"},
          {{{"uber-trace-id", "1:2:0:"}}, "bad_flags"},
          {{{"uber-trace-id", "1:2:0:001"}}, "bad_flags"},
          {{{"uber-trace-id", "1:2:0:g"}}, "bad_flags"},
          {{{"uber-trace-id", "00000000000000000000000000000000a:2:0:1"}}, "bad_trace_id"},
          {{{"uber-trace-id", std::string(200, ':')}}, "bad_length"},
          {{{"uber-trace-id", ""}}, "bad_form"},
          {{{"uber-trace-id", "%3"}}, "bad_form"}});
}

TEST(Xray, TheRootIsTheTraceAndNeedsAParent) {
  const std::string root = "Root=1-4bf92f35-77b34da6a3ce929d0e0e4736";
  Expect({{{{"X-Amzn-Trace-Id", root + ";Parent=00f067aa0ba902b7;Sampled=1"}}, "xray " + kIds + " 1"},
          {{{"x-amzn-trace-id",
             "Self=1-67891233-abcdef012345678912345678; sampled=0 ;Parent = 00f067aa0ba902b7;Lineage=a:1|b;" + root}},
           "xray " + kIds + " 0"},
          {{{"x-amzn-trace-id", root + ";Parent=00f067aa0ba902b7;Sampled=?"}}, "xray " + kIds + " 0 defer"},
          {{{"x-amzn-trace-id", root + ";Parent=00f067aa0ba902b7"}}, "xray " + kIds + " 0 defer"},
          {{{"x-amzn-trace-id", root}}, "no_parent_id"},
          {{{"x-amzn-trace-id", "Parent=00f067aa0ba902b7"}}, "no_trace_id"},
          {{{"x-amzn-trace-id", root + ";Root=1-00000000-000000000000000000000001;Parent=00f067aa0ba902b7;Parent="}},
           "xray " + kIds + " 0 defer"},
          {{{"x-amzn-trace-id", "Root=;" + root + ";Parent=00f067aa0ba902b7"}}, "no_trace_id"},
          {{{"x-amzn-trace-id", root + ";Parent=00f067aa0ba902b7;Sampled=2"}}, "bad_sampling"},
          {{{"x-amzn-trace-id", root + ";Parent=00f067aa0ba902b7;Sampled=true"}}, "bad_sampling"},
          {{{"x-amzn-trace-id", root + ";Parent=00f067aa0ba902"}}, "bad_parent_id"},
          {{{"x-amzn-trace-id", "Root=2-4bf92f35-77b34da6a3ce929d0e0e4736;Parent=00f067aa0ba902b7"}}, "bad_trace_id"},
          {{{"x-amzn-trace-id", "Root=1-00000000-000000000000000000000000;Parent=00f067aa0ba902b7"}}, "bad_trace_id"},
          {{{"x-amzn-trace-id", "Root=1-4bf92f35;Parent=00f067aa0ba902b7"}}, "bad_trace_id"}});
}

TEST(Datadog, DecimalNumbersAndTheUpperHalfOfTheTraceIdInATag) {
  // 0xa3ce929d0e0e4736, 0x00f067aa0ba902b7
  const Fields ids = {{"x-datadog-trace-id", "11803532876627986230"}, {"X-Datadog-Parent-Id", "67667974448284343"}};
  const auto with = [&ids](Fields more) {
    more.insert(more.end(), ids.begin(), ids.end());
    return more;
  };
  Expect({{ids, "datadog " + kShortIds + " 0 defer"},
          {with({{"x-datadog-sampling-priority", "2"}}), "datadog " + kShortIds + " 1"},
          {with({{"x-datadog-sampling-priority", "-1"}}), "datadog " + kShortIds + " 0"},
          {with({{"x-datadog-sampling-priority", "x"}}), "bad_sampling"},
          {with({{"x-datadog-tags", "_dd.p.dm=-1,_dd.p.tid=4bf92f3577b34da6"}}), "datadog " + kIds + " 0 defer"},
          {with({{"x-datadog-tags", "_dd.p.tid=4BF92F3577B34DA6"}}), "datadog " + kShortIds + " 0 defer"},
          {with({{"x-datadog-tags", "_dd.p.tid=4bf9"}}), "datadog " + kShortIds + " 0 defer"},
          {with({{"x-datadog-tags", "_dd.p.tid=4bf92f3577b34da6"}, {"x-datadog-tags", "_dd.p.tid=1bf92f3577b34da6"}}),
           "datadog " + kIds + " 0 defer"},
          {with({{"x-datadog-tags", "_dd.p.tid=4bf92f3577b34da6,_dd.p.tid=1bf92f3577b34da6"}}), "datadog " + kIds + " 0 defer"},
          {with({{"x-datadog-tags", "_dd.p.tid=4bf92f3577b34da6" + std::string(kMaxCarrierValueBytes, ' ') + ","}}), "not_seen"},
          {{{"x-datadog-trace-id", "1"}}, "no_parent_id"},
          {{{"x-datadog-trace-id", "1"}, {"x-datadog-parent-id", "0"}, {"x-datadog-origin", "synthetics"}}, "no_parent_id"},
          {{{"x-datadog-parent-id", "1"}}, "no_trace_id"},
          {{{"x-datadog-trace-id", "0"}, {"x-datadog-parent-id", "1"}}, "bad_trace_id"},
          {{{"x-datadog-trace-id", "18446744073709551616"}, {"x-datadog-parent-id", "1"}}, "bad_trace_id"},
          {{{"x-datadog-trace-id", "-1"}, {"x-datadog-parent-id", "1"}}, "bad_trace_id"},
          {{{"x-datadog-trace-id", "1"}, {"x-datadog-parent-id", "0x1"}}, "bad_parent_id"}});
}

TEST(OtTrace, LikeB3WithOtherNames) {
  const Fields ids = {{"ot-tracer-traceid", "a3ce929d0e0e4736"}, {"ot-tracer-spanid", std::string(kParentId)}};
  Fields sampled = ids;
  sampled.emplace_back("ot-tracer-sampled", "true");
  Fields doubtful = ids;
  doubtful.emplace_back("ot-tracer-sampled", "maybe");
  Expect({{ids, "ottrace " + kShortIds + " 0 defer"}, {sampled, "ottrace " + kShortIds + " 1"}, {doubtful, "bad_sampling"}});
}

TEST(CarrierReader, TheFirstValidOneOfTheListCounts) {
  Fields fields = {{"ot-tracer-traceid", "0000000000000006"},
                   {"ot-tracer-spanid", "0000000000000001"},
                   {"x-amzn-trace-id", "Root=1-00000000-000000000000000000000005;Parent=0000000000000001"},
                   {"uber-trace-id", "4:1:0:1"},
                   {"x-datadog-trace-id", "3"},
                   {"x-datadog-parent-id", "1"},
                   {"b3", "0000000000000002-0000000000000001-1"},
                   {"traceparent", "00-00000000000000000000000000000001-0000000000000001-01"},
                   {"tracestate", "a=1"}};
  const std::vector<std::pair<size_t, std::string>> order = {{7, "w3c"},    {6, "b3"},   {4, "datadog"},
                                                             {3, "jaeger"}, {2, "xray"}, {0, "ottrace"}};
  int number = 1;
  for (const auto& [at, carrier] : order) {
    EXPECT_EQ(Read(fields).substr(0, carrier.size() + 33),
              carrier + " 0000000000000000000000000000000" + std::to_string(number++));
    fields[at].second = "junk";
  }
  EXPECT_EQ(Read(fields), "bad_version");  // the reason of the first that is there
}

TEST(CarrierReader, OfAFieldThatComesTwiceTheFirstCounts) {
  const std::vector<Fields> carriers = {
      {{"b3", "0000000000000002-0000000000000001-1"}},
      {{"x-b3-traceid", "0000000000000002"}, {"x-b3-spanid", "0000000000000001"}, {"x-b3-sampled", "1"}},
      {{"x-datadog-trace-id", "2"}, {"x-datadog-parent-id", "1"}, {"x-datadog-sampling-priority", "1"}},
      {{"uber-trace-id", "2:1:0:1"}},
      {{"x-amzn-trace-id", "Root=1-00000000-000000000000000000000002;Parent=0000000000000001;Sampled=1"}},
      {{"ot-tracer-traceid", "0000000000000002"}, {"ot-tracer-spanid", "0000000000000001"}, {"ot-tracer-sampled", "1"}}};
  for (const Fields& fields : carriers) {
    const std::string once = Read(fields);
    EXPECT_TRUE(once.find(" 00000000000000000000000000000002 0000000000000001 1") != std::string::npos) << once;
    for (const auto& [name, value] : fields) {
      Fields good_first = fields;
      good_first.emplace_back(name, "junk");
      EXPECT_EQ(Read(good_first), once) << name;
      Fields bad_first = fields;
      bad_first.insert(bad_first.begin(), {name, "junk"});
      EXPECT_NE(Read(bad_first), once) << name;
    }
  }
}

TEST(CarrierReader, ResetForgetsTheRequestBefore) {
  CarrierReader reader;
  trace::IncomingContext context;
  for (const Fields& fields :
       {Fields{{"traceparent", kGood}, {"tracestate", "a=1"}}, Fields{{"uber-trace-id", "1:2:0:3"}}, Fields{}}) {
    reader.Reset();
    for (const auto& [name, value] : fields) reader.Add(name, value);
    EXPECT_EQ(reader.Finish(context) == ContextReject::kNone, !fields.empty());
    EXPECT_EQ(context.trace_state.empty(), fields.size() != 2);
    EXPECT_EQ(context.sampling == Sampling::kDebug, fields.size() == 1);
  }
}

TEST(CarrierReader, LooksOnlyAtNamesOfTheirLengthAndFirstLetter) {
  for (const std::string_view name : kCarrierFieldNames) EXPECT_TRUE(CarrierReader::MayCarry(name)) << name;
  EXPECT_TRUE(CarrierReader::MayCarry("Traceparent"));
  EXPECT_TRUE(CarrierReader::MayCarry("TRACESTATE"));
  for (const std::string_view name : {"",
                                      "host",
                                      "user-agent",
                                      "accept",
                                      "accept-encoding",
                                      "accept-language",
                                      "connection",
                                      "content-length",
                                      "content-type",
                                      "cookie",
                                      "referer",
                                      "cache-control",
                                      "pragma",
                                      "authorization",
                                      "origin",
                                      "sec-fetch-mode",
                                      "upgrade-insecure-requests",
                                      ":method",
                                      ":path",
                                      ":authority",
                                      "te",
                                      "grpc-timeout",
                                      "an-even-longer-name-than-every-one-of-them"}) {
    EXPECT_FALSE(CarrierReader::MayCarry(name)) << name;
  }
}

TEST(CarrierReader, CurlsFieldsAreNotLookedAtInHttp1) {
  decoders::http1::Message message;
  message.name_bits = 0;
  for (const std::string_view name : {"host", "user-agent", "accept"}) message.name_bits |= decoders::http1::NameBit(name);
  for (const std::string_view name : kLeadingFieldNames) EXPECT_FALSE(message.MayHave(name)) << name;
}

// Half of a Datadog trace id is in another field, which HPACK's lost table or a cut head may have taken.
TEST(CarrierReader, WhatWasNotSeenIsNotGuessed) {
  decoders::http2::Message message;
  message.fields.Add("x-datadog-trace-id", "1", {});
  message.fields.Add("x-datadog-parent-id", "2", {});
  CarrierReader reader;
  trace::IncomingContext context;
  EXPECT_EQ(ParseTraceContext(message, reader, context), ContextReject::kNone);
  message.fields.Add("", "", {.name_known = false, .value_known = false});
  EXPECT_EQ(ParseTraceContext(message, reader, context), ContextReject::kNotSeen);
  message.fields.Clear();
  message.fields.Add("uber-trace-id", "", {.value_known = false});
  EXPECT_EQ(ParseTraceContext(message, reader, context), ContextReject::kNotSeen);
  message.fields.Clear();
  message.incomplete = decoders::Incomplete::kGap;  // the block's beginning alone, whose fields are whole
  message.fields.Add("uber-trace-id", "1:2:0:1", {});
  EXPECT_EQ(ParseTraceContext(message, reader, context), ContextReject::kNone);
}

TEST(CarrierReader, ReadsAnHttpMessageBeyondItsFirstKilobyteAndNotItsTrailers) {
  decoders::http1::Message message;
  const auto add = [](std::string& text, std::vector<decoders::http1::FieldRef>& fields, std::string_view name,
                      std::string_view value) {
    decoders::http1::FieldRef field;
    field.name = static_cast<uint32_t>(text.size());
    field.name_length = static_cast<uint32_t>(name.size());
    text += name;
    field.value = static_cast<uint32_t>(text.size());
    field.value_length = static_cast<uint32_t>(value.size());
    text += value;
    fields.push_back(field);
  };
  add(message.head, message.fields, "Cookie", std::string(3000, 'c'));
  add(message.trailer, message.trailers, "traceparent", kGood);
  CarrierReader reader;
  trace::IncomingContext context;
  EXPECT_EQ(ParseTraceContext(message, reader, context), ContextReject::kNoContext);
  add(message.head, message.fields, "Traceparent", kGood);
  EXPECT_EQ(ParseTraceContext(message, reader, context), ContextReject::kNone);
  EXPECT_EQ(exporters::ToHex(context.trace_id), kTraceId);
}

TEST(CarrierReader, ReadsTheParametersOfAFastCgiRequest) {
  using decoders::fastcgi::Parameter;
  decoders::fastcgi::Message message;
  const auto add = [&message](Parameter parameter, std::string_view value) {
    const auto at = static_cast<uint32_t>(message.text.size());
    message.text += value;
    message.fields.push_back({parameter, false, at, static_cast<uint32_t>(value.size())});
  };
  add(Parameter::kRequestMethod, "GET");
  add(Parameter::kTracestate, "a=1");
  CarrierReader reader;
  trace::IncomingContext context;
  EXPECT_EQ(ParseTraceContext(message, reader, context), ContextReject::kNoTraceparent);
  add(Parameter::kTraceparent, kGood);
  EXPECT_EQ(ParseTraceContext(message, reader, context), ContextReject::kNone);
  EXPECT_EQ(exporters::ToHex(context.trace_id), kTraceId);
  EXPECT_EQ(context.trace_state, "a=1");
  message.fields.back().contradicted = true;
  EXPECT_NE(ParseTraceContext(message, reader, context), ContextReject::kNone);
}

}  // namespace
}  // namespace wirespan::span
