// The hand-made trace encoders against the generated classes: what they parse is what was put in, field by field.
#include "exporters/otlp/encoder.h"

#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>

#include "decoders/semantic_conventions.h"
#include "opentelemetry/proto/collector/trace/v1/trace_service.pb.h"
#include "tests/unit/exporters/expected_span.h"
#include "tests/unit/exporters/otlp_json.h"
#include "tests/unit/exporters/span_maker.h"

namespace wirespan::exporters::otlp {
namespace {

using Request = opentelemetry::proto::collector::trace::v1::ExportTraceServiceRequest;
using ProtoSpan = opentelemetry::proto::trace::v1::Span;

Scope TestScope() { return {"wirespan", "1.2.3", std::string(kSchemaUrl)}; }

// The batch's spans by resource id, in the batch's order.
std::map<uint64_t, std::vector<const Span*>> ByResource(const SpanBatch& batch) {
  std::map<uint64_t, std::vector<const Span*>> out;
  for (size_t i = 0; i < batch.size; ++i)
    out[batch.spans[i].resource ? batch.spans[i].resource->id : 0].push_back(&batch.spans[i]);
  return out;
}

void ExpectScope(const opentelemetry::proto::trace::v1::ScopeSpans& scope) {
  EXPECT_EQ(scope.scope().name(), "wirespan");
  EXPECT_EQ(scope.scope().version(), "1.2.3");
  EXPECT_EQ(scope.schema_url(), kSchemaUrl);
}

// Checks that `requests` together hold exactly the spans of `batch`.
void ExpectHolds(const std::vector<Request>& requests, const SpanBatch& batch) {
  auto expected = ByResource(batch);
  std::map<uint64_t, size_t> done;
  for (const Request& request : requests) {
    for (const auto& group : request.resource_spans()) {
      ASSERT_EQ(group.scope_spans_size(), 1);
      ASSERT_GT(group.scope_spans(0).spans_size(), 0);
      EXPECT_EQ(group.schema_url(), kSchemaUrl);
      ExpectScope(group.scope_spans(0));
      uint64_t id = 0;  // process.pid is the resource's id + 100, see MakeResource
      for (const auto& attribute : group.resource().attributes()) {
        if (attribute.key() == "process.pid") id = static_cast<uint64_t>(attribute.value().int_value()) - 100;
      }
      EXPECT_EQ(group.resource().attributes_size(), id == 0 ? 0 : 2);
      for (const auto& span : group.scope_spans(0).spans()) {
        const auto& wanted = expected[id];
        ASSERT_LT(done[id], wanted.size());
        const ProtoSpan reference = ExpectedSpan(*wanted[done[id]++]);
        ASSERT_TRUE(google::protobuf::util::MessageDifferencer::Equals(span, reference)) << span.DebugString() << "\nwanted\n"
                                                                                         << reference.DebugString();
      }
    }
  }
  for (const auto& [id, spans] : expected) EXPECT_EQ(done[id], spans.size()) << id;
}

std::vector<std::string> EncodeAll(TraceEncoder& encoder, const SpanBatch& batch, size_t max_bytes,
                                   uint64_t* oversized = nullptr) {
  std::vector<std::string> bodies;
  encoder.Begin(batch);
  uint64_t items = 0;
  uint64_t too_large = 0;
  for (bool last = false; !last;) {
    std::string body;
    const auto result = encoder.Next(max_bytes, body);
    last = result.last;
    items += result.items;
    too_large += result.oversized;
    if (result.items == 0) continue;
    EXPECT_LE(body.size(), max_bytes);
    bodies.push_back(std::move(body));
  }
  EXPECT_EQ(items + too_large, batch.size);
  if (oversized != nullptr) *oversized = too_large;
  if (oversized == nullptr) {
    EXPECT_EQ(too_large, 0U);
  }
  return bodies;
}

std::vector<Request> ParseAll(const std::vector<std::string>& bodies) {
  std::vector<Request> out(bodies.size());
  for (size_t i = 0; i < bodies.size(); ++i) EXPECT_TRUE(out[i].ParseFromString(bodies[i]));
  return out;
}

TEST(ProtobufTraceEncoder, RandomBatchesEqualTheGeneratedClasses) {
  SpanMaker maker(11);
  const auto encoder = NewProtobufTraceEncoder(TestScope());
  for (int round = 0; round < 60; ++round) {
    SpanBatch batch;
    maker.Fill(batch, maker.Below(40));
    ExpectHolds(ParseAll(EncodeAll(*encoder, batch, kMaxRequestBytes)), batch);
  }
}

TEST(ProtobufTraceEncoder, IsCanonical) {
  SpanMaker maker(12);
  SpanBatch batch;
  maker.Fill(batch, 1);
  for (int round = 0; round < 200; ++round) {
    maker.Fill(batch, 1);
    const auto encoder = NewProtobufTraceEncoder(TestScope());
    const auto bodies = EncodeAll(*encoder, batch, kMaxRequestBytes);
    ASSERT_EQ(bodies.size(), 1U);
    Request request;
    ASSERT_TRUE(request.ParseFromString(bodies[0]));
    EXPECT_EQ(request.ByteSizeLong(), bodies[0].size());  // no padded lengths, no default values
  }
}

TEST(ProtobufTraceEncoder, SplitsAtTheLimitAndLosesNothing) {
  SpanMaker maker(13);
  const auto encoder = NewProtobufTraceEncoder(TestScope());
  SpanBatch batch;
  maker.Fill(batch, 200);
  size_t most = 0;
  for (const size_t limit : {20'000U, 30'000U, 40'000U}) {
    const auto bodies = EncodeAll(*encoder, batch, limit);
    EXPECT_GT(bodies.size(), 1U);
    ExpectHolds(ParseAll(bodies), batch);
    for (const auto& body : bodies) most = std::max(most, body.size());
  }
  EXPECT_GT(most, 15'000U);  // bodies are filled, not cut at every resource
}

TEST(TraceEncoders, ASpanLargerThanTheLimitIsLeftOutAndCounted) {
  for (const bool json : {false, true}) {
    const auto encoder = json ? NewJsonTraceEncoder(TestScope()) : NewProtobufTraceEncoder(TestScope());
    SpanBatch batch;
    const auto first = MakeResource(1, "one");
    const auto second = MakeResource(2, "two");
    AddSpan(batch, 1, 1, 0, first);
    AddSpan(batch, 1, 2, 0, second).attributes.String("big", std::string(4000, 'x'));
    AddSpan(batch, 1, 3, 0, second);  // after one that was left out: must not slip under the resource before it
    uint64_t oversized = 0;
    const auto bodies = EncodeAll(*encoder, batch, 2000, &oversized);
    EXPECT_EQ(oversized, 1U);
    SpanBatch kept;
    AddSpan(kept, 1, 1, 0, first);
    AddSpan(kept, 1, 3, 0, second);
    std::vector<Request> requests;
    for (const auto& body : bodies) requests.push_back(json ? ParseTracesJson(body) : ParseAll({body})[0]);
    ExpectHolds(requests, kept);
  }
}

TEST(TraceEncoders, AnEmptyBatchIsNoRequest) {
  const SpanBatch batch;
  for (const auto& encoder : {NewProtobufTraceEncoder(TestScope()), NewJsonTraceEncoder(TestScope())}) {
    encoder->Begin(batch);
    std::string body;
    const auto result = encoder->Next(1000, body);
    EXPECT_EQ(result.items, 0U);
    EXPECT_TRUE(result.last);
  }
}

TEST(JsonTraceEncoder, RandomBatchesEqualTheGeneratedClasses) {
  SpanMaker maker(14);
  const auto encoder = NewJsonTraceEncoder(TestScope());
  for (int round = 0; round < 60; ++round) {
    SpanBatch batch;
    maker.Fill(batch, 1 + maker.Below(30));
    for (const size_t limit : {kMaxRequestBytes, size_t{60'000}}) {
      std::vector<Request> requests;
      for (const auto& body : EncodeAll(*encoder, batch, limit)) requests.push_back(ParseTracesJson(body));
      ExpectHolds(requests, batch);
    }
  }
}

TEST(JsonTraceEncoder, HasTheProtocolsOwnForms) {
  SpanBatch batch;
  Span& span = AddSpan(batch, 0xabcdef, 0x12, 0x34, MakeResource(1, "shop"));
  span.attributes.Int("n", int64_t{1} << 60);
  const auto encoder = NewJsonTraceEncoder(TestScope());
  const auto json = nlohmann::json::parse(EncodeAll(*encoder, batch, kMaxRequestBytes)[0]);
  const auto& out = json["resourceSpans"][0]["scopeSpans"][0]["spans"][0];
  EXPECT_EQ(out["traceId"], "00000000000000000000000000abcdef");
  EXPECT_EQ(out["spanId"], "0000000000000012");
  EXPECT_EQ(out["parentSpanId"], "0000000000000034");
  EXPECT_EQ(out["kind"], 2);
  EXPECT_EQ(out["endTimeUnixNano"], "1700000000002500000");
  EXPECT_EQ(out["attributes"][0]["value"]["intValue"], "1152921504606846976");
}

TEST(Names, EncoderAndSemanticConventionsAgree) { EXPECT_EQ(kSchemaUrl, semconv::kSchemaUrl); }

}  // namespace
}  // namespace wirespan::exporters::otlp
