#include "agent/span/context.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

namespace wirespan::span {
namespace {

constexpr std::string_view kTraceId = "4bf92f3577b34da6a3ce929d0e0e4736";
constexpr std::string_view kParentId = "00f067aa0ba902b7";
const std::string kGood = "00-" + std::string(kTraceId) + "-" + std::string(kParentId) + "-01";

struct Read {
  ContextReject reject;
  trace::IncomingContext context;
  TraceStateFate fate;
};

Read ReadFields(const std::vector<std::pair<std::string, std::string>>& fields) {
  TraceContextReader reader;
  reader.Reset();
  for (const auto& [name, value] : fields) reader.Add(name, value);
  Read read{};
  read.context.trace_state = "left over";
  read.reject = reader.Finish(read.context);
  read.fate = reader.trace_state_fate();
  return read;
}

ContextReject RejectOf(const std::string& traceparent) { return ReadFields({{"traceparent", traceparent}}).reject; }

// The trace state that remains of these fields beside a good traceparent; "!" where the traceparent suffered.
std::string StateOf(const std::vector<std::string>& states) {
  std::vector<std::pair<std::string, std::string>> fields = {{"traceparent", kGood}};
  for (const std::string& state : states) fields.emplace_back("tracestate", state);
  const Read read = ReadFields(fields);
  return read.reject == ContextReject::kNone ? read.context.trace_state : "!";
}

TEST(Traceparent, GivesIdsAndFlags) {
  const Read read = ReadFields({{"host", "a"}, {"traceparent", kGood}, {"accept", "*/*"}});
  EXPECT_EQ(read.reject, ContextReject::kNone);
  EXPECT_EQ(exporters::ToHex(read.context.trace_id), kTraceId);
  EXPECT_EQ(exporters::ToHex(read.context.parent_span_id), kParentId);
  EXPECT_EQ(read.context.flags, 1);
  EXPECT_EQ(read.context.trace_state, "");
  EXPECT_EQ(read.fate, TraceStateFate::kAbsent);
}

TEST(Traceparent, AnyCaseOfTheNameCountsAndNoOtherSpelling) {
  for (const char* name : {"traceparent", "TraceParent", "TrAcEpArEnT", "TRACEPARENT"}) {
    EXPECT_EQ(ReadFields({{name, kGood}}).reject, ContextReject::kNone) << name;
  }
  for (const char* name : {"trace-parent", "trace.parent", "traceparent ", "xtraceparent", "traceparen"}) {
    EXPECT_EQ(ReadFields({{name, kGood}}).reject, ContextReject::kNoTraceparent) << name;
  }
}

TEST(Traceparent, SurroundingWhiteSpaceAndFoldsDoNotCount) {
  for (const char* space : {" ", "\t", " \t \t", "\r\n ", "\n\t"}) {
    EXPECT_EQ(RejectOf(space + kGood), ContextReject::kNone);
    EXPECT_EQ(RejectOf(kGood + " "), ContextReject::kNone);
    EXPECT_EQ(RejectOf(space + kGood + "\t "), ContextReject::kNone);
  }
  EXPECT_EQ(RejectOf(kGood + "\r\n"), ContextReject::kBadLength);  // no fold: nothing follows it
  EXPECT_EQ(RejectOf(kGood.substr(0, 20) + " " + kGood.substr(20)), ContextReject::kBadLength);
}

TEST(Traceparent, EveryFlagByteIsKept) {
  for (int flags = 0; flags < 256; ++flags) {
    char text[3];
    std::snprintf(text, sizeof text, "%02x", static_cast<unsigned>(flags));
    const Read read = ReadFields({{"traceparent", kGood.substr(0, 53) + text}});
    EXPECT_EQ(read.reject, ContextReject::kNone);
    EXPECT_EQ(read.context.flags, flags);
  }
}

TEST(Traceparent, Versions) {
  const std::string rest = kGood.substr(2);
  EXPECT_EQ(RejectOf("cc" + rest), ContextReject::kNone);
  EXPECT_EQ(RejectOf("01" + rest), ContextReject::kNone);
  EXPECT_EQ(RejectOf("fe" + rest + "-what-the-future-will-be-like"), ContextReject::kNone);
  EXPECT_EQ(RejectOf("cc" + rest + "-"), ContextReject::kNone);
  EXPECT_EQ(RejectOf("cc" + rest + ".what-the-future-will-be-like"), ContextReject::kBadLength);
  EXPECT_EQ(RejectOf("cc" + rest.substr(0, 52)), ContextReject::kBadLength);
  EXPECT_EQ(RejectOf("00" + rest + "-what"), ContextReject::kBadLength);
  EXPECT_EQ(RejectOf("00" + rest + "."), ContextReject::kBadLength);
  EXPECT_EQ(RejectOf("00" + rest.substr(0, 52)), ContextReject::kBadLength);
  for (const char* version : {"ff", ".0", "0.", "000", "0000", "0", "", "CC", "-0", "0-"}) {
    EXPECT_EQ(RejectOf(version + rest), ContextReject::kBadVersion) << version;
  }
  EXPECT_EQ(RejectOf(""), ContextReject::kBadVersion);
}

TEST(Traceparent, EachWrongPartHasItsName) {
  EXPECT_EQ(RejectOf("00-00000000000000000000000000000000-00f067aa0ba902b7-01"), ContextReject::kBadTraceId);
  EXPECT_EQ(RejectOf("00-4BF92F3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"), ContextReject::kBadTraceId);
  EXPECT_EQ(RejectOf("00-4bf92f3577b34da6a3ce929d0e0e473.-00f067aa0ba902b7-01"), ContextReject::kBadTraceId);
  EXPECT_EQ(RejectOf("00-4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7-01"), ContextReject::kBadTraceId);
  EXPECT_EQ(RejectOf("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01"), ContextReject::kBadParentId);
  EXPECT_EQ(RejectOf("00-4bf92f3577b34da6a3ce929d0e0e4736-00F067aa0ba902b7-01"), ContextReject::kBadParentId);
  EXPECT_EQ(RejectOf("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7_01"), ContextReject::kBadParentId);
  EXPECT_EQ(RejectOf("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0."), ContextReject::kBadFlags);
  EXPECT_EQ(RejectOf("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-.1"), ContextReject::kBadFlags);
  EXPECT_EQ(RejectOf("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1"), ContextReject::kBadLength);
  EXPECT_EQ(RejectOf("00-4bf92f3577b34da6a3ce929d0e0e47361-00f067aa0ba902b7-01"), ContextReject::kBadLength);
}

TEST(Traceparent, OfTwoNeitherCounts) {
  EXPECT_EQ(ReadFields({{"traceparent", kGood}, {"TraceParent", kGood}}).reject, ContextReject::kSeveralTraceparents);
  EXPECT_EQ(ReadFields({{"traceparent", "junk"}, {"traceparent", kGood}}).reject, ContextReject::kSeveralTraceparents);
}

TEST(Traceparent, ARejectedOneLeavesNothingBehind) {
  const Read read = ReadFields({{"traceparent", kGood + "."}, {"tracestate", "foo=1"}});
  EXPECT_TRUE(exporters::IsZero(read.context.trace_id));
  EXPECT_TRUE(exporters::IsZero(read.context.parent_span_id));
  EXPECT_EQ(read.context.flags, 0);
  EXPECT_EQ(read.context.trace_state, "");
  EXPECT_EQ(read.fate, TraceStateFate::kDiscarded);
}

TEST(Tracestate, IsJoinedInOrderWithoutWhiteSpaceAroundMembers) {
  EXPECT_EQ(StateOf({"foo=1"}), "foo=1");
  EXPECT_EQ(StateOf({"foo=1 \t , \t bar=2, \t baz=3"}), "foo=1,bar=2,baz=3");
  EXPECT_EQ(StateOf({"foo=1,bar=2", "rojo=1,congo=2", "baz=3"}), "foo=1,bar=2,rojo=1,congo=2,baz=3");
  EXPECT_EQ(StateOf({"foo=1,\r\n bar=2"}), "foo=1,bar=2");
  EXPECT_EQ(StateOf({"foo=  a b"}), "foo=  a b");
}

TEST(Tracestate, EmptyMembersAndFieldsMeanNothing) {
  EXPECT_EQ(StateOf({""}), "");
  EXPECT_EQ(StateOf({"", "foo=1"}), "foo=1");
  EXPECT_EQ(StateOf({"foo=1", ""}), "foo=1");
  EXPECT_EQ(StateOf({",,foo=1, ,\t,bar=2,"}), "foo=1,bar=2");
  EXPECT_EQ(ReadFields({{"traceparent", kGood}, {"tracestate", ""}}).fate, TraceStateFate::kKept);
}

TEST(Tracestate, TheFirstOfTwoMembersOfOneKeyIsKept) {
  EXPECT_EQ(StateOf({"foo=1,foo=1"}), "foo=1");
  EXPECT_EQ(StateOf({"foo=1,bar=3,foo=2"}), "foo=1,bar=3");
  EXPECT_EQ(StateOf({"foo=1", "foo=2,bar=3"}), "foo=1,bar=3");
}

TEST(Tracestate, EveryAllowedCharacterSurvives) {
  std::string value;
  for (char c = 0x20; c <= 0x7e; ++c) {
    if (c != ',' && c != '=') value.push_back(c);
  }
  value.erase(0, 1);  // not a leading space here: the member's own value keeps it, see the spaces above
  const std::string key = "abcdefghijklmnopqrstuvwxyz0123456789_-*/@";
  EXPECT_EQ(StateOf({key + "=" + value}), key + "=" + value);
  EXPECT_EQ(StateOf({"0@a=1"}), "0@a=1");
}

TEST(Tracestate, TenantRulesOfLevelOneAreGone) {
  for (const char* state : {"foo@=1", "foo@@bar=1", "foo@bar@baz=1"}) EXPECT_EQ(StateOf({state}), state);
  EXPECT_EQ(StateOf({"@foo=1,bar=2"}), "");
}

TEST(Tracestate, AnInvalidMemberDiscardsAllOfItAndNothingElse) {
  for (const char* state : {"foo =1", "FOO=1", "foo.bar=1", "foo=bar=baz", "foo=,bar=3", "foo", "=1", "_foo=1", "foo=a\x7f",
                            "foo=a\x1f", "foo=\xc3\xa9", "foo=1\n", "foo= "}) {
    EXPECT_EQ(StateOf({std::string("bar=2,") + state}), "") << state;
    EXPECT_EQ(ReadFields({{"traceparent", kGood}, {"tracestate", state}}).fate, TraceStateFate::kDiscarded) << state;
  }
}

TEST(Tracestate, LengthLimitsOfKeysAndValues) {
  const std::string longest(256, 'z');
  EXPECT_EQ(StateOf({"foo=1", longest + "=1"}), "foo=1," + longest + "=1");
  EXPECT_EQ(StateOf({"foo=1", longest + "z=1"}), "");
  EXPECT_EQ(StateOf({"foo=" + longest}), "foo=" + longest);
  EXPECT_EQ(StateOf({"foo=" + longest + "z"}), "");
}

TEST(Tracestate, ThirtyTwoMembersAreTheLimit) {
  std::string state;
  for (int i = 1; i <= 32; ++i) {
    if (!state.empty()) state += ',';
    state += "bar" + std::to_string(i) + "=" + std::to_string(i);
  }
  EXPECT_EQ(StateOf({state}), state);
  EXPECT_EQ(StateOf({state, "bar33=33"}), "");
  EXPECT_EQ(StateOf({state, "bar1=again"}), "");  // the limit is on what is sent
  EXPECT_EQ(StateOf({state + ",,,"}), state);
}

TEST(Tracestate, AHugeOneIsDiscardedAndBounded) {
  const std::string commas(200'000, ',');
  EXPECT_EQ(StateOf({commas, "foo=1"}), "");
  EXPECT_EQ(StateOf({std::string(60'000, ','), "foo=1"}), "foo=1");
}

TEST(TraceContextReader, ResetForgetsTheRequestBefore) {
  TraceContextReader reader;
  reader.Add("traceparent", kGood);
  reader.Add("tracestate", "foo=1");
  trace::IncomingContext context;
  EXPECT_EQ(reader.Finish(context), ContextReject::kNone);
  EXPECT_EQ(context.trace_state, "foo=1");
  reader.Reset();
  EXPECT_EQ(reader.Finish(context), ContextReject::kNoTraceparent);
  EXPECT_EQ(context.trace_state, "");
  reader.Reset();
  reader.Add("traceparent", kGood);
  EXPECT_EQ(reader.Finish(context), ContextReject::kNone);
  EXPECT_EQ(context.trace_state, "");
}

TEST(TraceContextReader, AListOfFields) {
  const std::vector<HeaderField> fields = {{"traceparent", kGood}, {"tracestate", "a=1"}};
  trace::IncomingContext context;
  EXPECT_EQ(ParseTraceContext(fields, context), ContextReject::kNone);
  EXPECT_EQ(context.trace_state, "a=1");
}

TEST(ContextReject, EveryReasonHasItsOwnName) {
  std::set<std::string_view> names;
  for (size_t i = 0; i < kContextRejectCount; ++i) names.insert(Name(static_cast<ContextReject>(i)));
  EXPECT_EQ(names.size(), kContextRejectCount);
  EXPECT_FALSE(names.contains(""));
}

}  // namespace
}  // namespace wirespan::span
