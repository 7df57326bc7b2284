// Reading OTLP/JSON with protobuf's own parser. The two differ in one thing: OTLP writes ids in hex where protobuf has base64.
#pragma once

#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "opentelemetry/proto/collector/trace/v1/trace_service.pb.h"

namespace wirespan::exporters {

inline std::string Base64OfHex(const std::string& hex) {
  static constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  std::string out;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t group = 0;
    for (size_t j = 0; j < 3; ++j) group = group << 8 | (i + j < bytes.size() ? static_cast<uint8_t>(bytes[i + j]) : 0U);
    for (size_t j = 0; j < 4; ++j) out += i + j <= bytes.size() ? kAlphabet[group >> (18 - 6 * j) & 63] : '=';
  }
  return out;
}

inline opentelemetry::proto::collector::trace::v1::ExportTraceServiceRequest ParseTracesJson(const std::string& text) {
  auto json = nlohmann::json::parse(text);
  for (auto& group : json["resourceSpans"]) {
    for (auto& scope : group["scopeSpans"]) {
      for (auto& span : scope["spans"]) {
        EXPECT_TRUE(span["kind"].is_number_integer());
        EXPECT_TRUE(span["startTimeUnixNano"].is_string());
        for (const char* key : {"traceId", "spanId", "parentSpanId"}) {
          if (span.contains(key)) span[key] = Base64OfHex(span[key]);
        }
      }
    }
  }
  opentelemetry::proto::collector::trace::v1::ExportTraceServiceRequest out;
  const auto status = google::protobuf::util::JsonStringToMessage(json.dump(), &out);
  EXPECT_TRUE(status.ok()) << status.ToString();
  for (auto& group : *out.mutable_resource_spans()) {
    for (auto& scope : *group.mutable_scope_spans()) {
      for (auto& span : *scope.mutable_spans()) {
        // "status":{} makes the message present where the generated classes would leave it out: the same by the protocol.
        if (span.has_status() && span.status().code() == 0 && span.status().message().empty()) span.clear_status();
      }
    }
  }
  return out;
}

}  // namespace wirespan::exporters
