#include "exporters/otlp/response.h"

#include <google/protobuf/any.pb.h>
#include <google/protobuf/duration.pb.h>
#include <gtest/gtest.h>

#include <random>

#include "exporters/wire.h"
#include "opentelemetry/proto/collector/metrics/v1/metrics_service.pb.h"
#include "opentelemetry/proto/collector/trace/v1/trace_service.pb.h"

namespace wirespan::exporters::otlp {
namespace {

std::string Field(uint32_t number, std::string_view content) {
  std::string out(content.size() + 12, '\0');
  out.resize(static_cast<size_t>(wire::PutField(out.data(), number, content) - out.data()));
  return out;
}

// A google.rpc.Status (its classes are in no package here) around details that protobuf's own types build.
std::string StatusWithRetryInfo(int64_t seconds, int32_t nanos, const std::string& message) {
  google::protobuf::Duration delay;
  delay.set_seconds(seconds);
  delay.set_nanos(nanos);
  google::protobuf::Any other;
  other.set_type_url("type.googleapis.com/google.rpc.DebugInfo");
  other.set_value("\xff\xff");
  google::protobuf::Any info;
  info.set_type_url("type.googleapis.com/google.rpc.RetryInfo");
  info.set_value(Field(1, delay.SerializeAsString()));
  return "\x08\x0e" + Field(2, message) + Field(3, other.SerializeAsString()) + Field(3, info.SerializeAsString());
}

TEST(ExportResponse, ProtobufPartialSuccessOfBothSignals) {
  opentelemetry::proto::collector::trace::v1::ExportTraceServiceResponse traces;
  EXPECT_TRUE(ParseExportResponse(traces.SerializeAsString()).valid);
  EXPECT_EQ(ParseExportResponse(traces.SerializeAsString()).rejected, 0);
  traces.mutable_partial_success()->set_rejected_spans(12);
  traces.mutable_partial_success()->set_error_message("too old\n[fake log line]");
  const auto parsed = ParseExportResponse(traces.SerializeAsString());
  EXPECT_TRUE(parsed.valid);
  EXPECT_EQ(parsed.rejected, 12);
  EXPECT_EQ(parsed.message, "too old [fake log line]");
  opentelemetry::proto::collector::metrics::v1::ExportMetricsServiceResponse metrics;
  metrics.mutable_partial_success()->set_rejected_data_points(3);
  EXPECT_EQ(ParseExportResponse(metrics.SerializeAsString()).rejected, 3);
  traces.mutable_partial_success()->set_rejected_spans(-5);
  EXPECT_EQ(ParseExportResponse(traces.SerializeAsString()).rejected, 0);
  EXPECT_FALSE(ParseExportResponse("<html>").valid);
}

TEST(ExportResponse, JsonPartialSuccess) {
  EXPECT_TRUE(ParseExportResponseJson("").valid);
  EXPECT_TRUE(ParseExportResponseJson("{}").valid);
  const auto text = ParseExportResponseJson(R"({"partialSuccess":{"rejectedSpans":"7","errorMessage":"no"},"unknown":1})");
  EXPECT_EQ(text.rejected, 7);
  EXPECT_EQ(text.message, "no");
  EXPECT_EQ(ParseExportResponseJson(R"({"partialSuccess":{"rejectedDataPoints":8}})").rejected, 8);
  EXPECT_EQ(ParseExportResponseJson(R"({"partialSuccess":{"rejectedSpans":-8}})").rejected, 0);
  EXPECT_EQ(ParseExportResponseJson(R"({"partialSuccess":{"rejectedSpans":"x"}})").rejected, 0);
  EXPECT_EQ(ParseExportResponseJson(R"({"partialSuccess":[1]})").rejected, 0);
  EXPECT_FALSE(ParseExportResponseJson("<html>").valid);
  EXPECT_FALSE(ParseExportResponseJson("[]").valid);
  EXPECT_FALSE(ParseExportResponseJson(std::string(100'000, '[')).valid);
}

TEST(RpcStatus, RetryInfoIsFoundAmongTheDetails) {
  const RpcStatus status = ParseRpcStatus(StatusWithRetryInfo(2, 500'000'001, "slow down"));
  EXPECT_EQ(status.message, "slow down");
  EXPECT_EQ(status.retry_delay, Milliseconds(2501));  // never sooner than asked
  EXPECT_EQ(ParseRpcStatus(StatusWithRetryInfo(-1, 0, "")).retry_delay, std::nullopt);
  EXPECT_EQ(ParseRpcStatus(StatusWithRetryInfo(INT64_MAX, 0, "")).retry_delay, Milliseconds(1'000'000'000'000));
  EXPECT_EQ(ParseRpcStatus("\x08\x0e").retry_delay, std::nullopt);
  EXPECT_EQ(ParseRpcStatus("\x12\x7f").message, "");
}

TEST(RpcStatus, Json) {
  const RpcStatus status = ParseRpcStatusJson(
      R"({"code":8,"message":"later","details":[1,{"@type":"x"},{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"1.5s"}]})");
  EXPECT_EQ(status.message, "later");
  EXPECT_EQ(status.retry_delay, Milliseconds(1500));
  const auto delay = [](const std::string& text) {
    return ParseRpcStatusJson(R"({"details":[{"@type":"a/google.rpc.RetryInfo","retryDelay":")" + text + R"("}]})").retry_delay;
  };
  EXPECT_EQ(delay("3s"), Milliseconds(3000));
  EXPECT_EQ(delay("0.000000001s"), Milliseconds(1));  // never sooner than asked
  EXPECT_EQ(delay("1.123456789999s"), Milliseconds(1124));
  EXPECT_EQ(delay("1..2s"), std::nullopt);
  EXPECT_EQ(delay("-3s"), std::nullopt);
  EXPECT_EQ(delay("3"), std::nullopt);
  EXPECT_EQ(delay("s"), std::nullopt);
  EXPECT_EQ(ParseRpcStatusJson("nonsense").message, "");
}

TEST(Responses, EveryPrefixAndRandomBytesAreSurvived) {
  const std::string whole = StatusWithRetryInfo(1, 2, "message");
  for (size_t size = 0; size <= whole.size(); ++size) ParseRpcStatus(std::string_view(whole).substr(0, size));
  std::mt19937_64 random(9);
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes = whole;
    for (int change = 0; change < 3; ++change) bytes[random() % bytes.size()] = static_cast<char>(random());
    ParseRpcStatus(bytes);
    ParseExportResponse(bytes);
    ParseRpcStatusJson(bytes);
    ParseExportResponseJson(bytes);
  }
}

TEST(OneLine, CannotForgeALine) {
  EXPECT_EQ(OneLine("a\r\nb\x1b[31m\xc2\x85z\xe2\x80\xa8!"), "a  b [31m z !");
  EXPECT_EQ(OneLine("\xff"), "\uFFFD");
  EXPECT_LE(OneLine(std::string(100'000, 'x')).size(), 300U);
}

}  // namespace
}  // namespace wirespan::exporters::otlp
