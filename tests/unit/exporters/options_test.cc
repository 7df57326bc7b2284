#include "exporters/otlp/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace wirespan::exporters::otlp {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using Map = std::map<std::string, std::string>;

struct Reading {
  ValueOr<OtlpOptions> options;
  std::vector<std::string> warnings;
};

Reading Read(const Map& environment, const Map& overrides = {}, Signal signal = Signal::kTraces, const Map& files = {}) {
  const auto look = [](const Map& map) {
    return [&map](std::string_view name) -> std::optional<std::string> {
      const auto found = map.find(std::string(name));
      return found == map.end() ? std::nullopt : std::optional(found->second);
    };
  };
  OptionSource source{look(environment), look(overrides), [&files](const std::string& path) -> ValueOr<std::string> {
                        const auto found = files.find(path);
                        if (found == files.end()) return Failure{"No such file or directory"};
                        return found->second;
                      }};
  std::vector<std::string> warnings;
  auto options = OtlpOptionsFromEnvironment(signal, source, warnings);
  return {std::move(options), std::move(warnings)};
}

TEST(OtlpOptions, DefaultsAreTheSpecifications) {
  const auto [options, warnings] = Read({});
  ASSERT_TRUE(options.ok());
  EXPECT_EQ(options->protocol, Protocol::kHttpProtobuf);
  EXPECT_EQ(options->endpoint.target, "http://localhost:4318/v1/traces");
  EXPECT_EQ(options->attempt_timeout, Milliseconds(10'000));
  EXPECT_FALSE(options->gzip);
  EXPECT_THAT(options->headers, IsEmpty());
  EXPECT_THAT(warnings, IsEmpty());
}

TEST(OtlpOptions, SignalSpecificWinsAndOverridesWinOverBoth) {
  const Map environment = {{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://general:1"},
                           {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://traces:2/x"},
                           {"OTEL_EXPORTER_OTLP_TIMEOUT", "1000"},
                           {"OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "2000"},
                           {"OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"}};
  const auto traces = Read(environment);
  ASSERT_TRUE(traces.options.ok());
  EXPECT_EQ(traces.options->endpoint.target, "http://traces:2/x");
  EXPECT_EQ(traces.options->attempt_timeout, Milliseconds(2000));
  EXPECT_TRUE(traces.options->gzip);
  const auto metrics = Read(environment, {}, Signal::kMetrics);
  EXPECT_EQ(metrics.options->endpoint.target, "http://general:1/v1/metrics");
  EXPECT_EQ(metrics.options->attempt_timeout, Milliseconds(1000));
  const auto overridden = Read(environment, {{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://flag:3"}});
  EXPECT_EQ(overridden.options->endpoint.target, "http://flag:3/v1/traces");
}

TEST(OtlpOptions, EmptyIsNotSetAndWordsHaveAnyCase) {
  const auto [options, warnings] = Read({{"OTEL_EXPORTER_OTLP_ENDPOINT", " "},
                                         {"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", ""},
                                         {"OTEL_EXPORTER_OTLP_PROTOCOL", "GRPC"},
                                         {"OTEL_EXPORTER_OTLP_COMPRESSION", "GZip"}});
  ASSERT_TRUE(options.ok());
  EXPECT_EQ(options->protocol, Protocol::kGrpc);
  EXPECT_EQ(options->endpoint.target, "localhost:4317");
  EXPECT_TRUE(options->gzip);
  EXPECT_THAT(warnings, IsEmpty());
}

TEST(OtlpOptions, WhatTheSpecificationSaysToIgnoreIsIgnoredWithAWarning) {
  const auto [options, warnings] = Read({{"OTEL_EXPORTER_OTLP_PROTOCOL", "carrier-pigeon"},
                                         {"OTEL_EXPORTER_OTLP_COMPRESSION", "lzma"},
                                         {"OTEL_EXPORTER_OTLP_TIMEOUT", "12s"},
                                         {"OTEL_EXPORTER_OTLP_INSECURE", "yes"}});
  ASSERT_TRUE(options.ok());
  EXPECT_EQ(options->protocol, Protocol::kHttpProtobuf);
  EXPECT_EQ(options->attempt_timeout, Milliseconds(10'000));
  EXPECT_EQ(warnings.size(), 4U);
  for (const char* timeout : {"-1", "0", "99999999999999999999", "1.5", "86400001"}) {
    EXPECT_EQ(Read({{"OTEL_EXPORTER_OTLP_TIMEOUT", timeout}}).warnings.size(), 1U) << timeout;
  }
}

TEST(OtlpOptions, HeadersAreDecodedAndLowercase) {
  const auto [options, warnings] =
      Read({{"OTEL_EXPORTER_OTLP_HEADERS", "Authorization=Basic%20YTpi, X-Scope = a%2Cb%3Dc ,,empty="}});
  ASSERT_TRUE(options.ok()) << options.error();
  EXPECT_THAT(options->headers, ElementsAre(Pair("authorization", "Basic YTpi"), Pair("x-scope", "a,b=c"), Pair("empty", "")));
}

TEST(OtlpOptions, BadHeadersAreErrorsThatShowNoValue) {
  for (const char* headers : {"novalue-secret", "a=%zzsecret", "a=secret%2", "bad name=secret", "=secret", "a=secret%0d%0ab"}) {
    const auto [options, warnings] = Read({{"OTEL_EXPORTER_OTLP_HEADERS", headers}});
    ASSERT_FALSE(options.ok()) << headers;
    EXPECT_THAT(options.error(), HasSubstr("OTEL_EXPORTER_OTLP_HEADERS, entry 1"));
    EXPECT_THAT(options.error(), testing::Not(HasSubstr("secret")));
  }
}

TEST(OtlpOptions, CertificatesAreReadFromFiles) {
  const Map files = {{"/ca", "-----BEGIN CERTIFICATE-----\nca"},
                     {"/crt", "-----BEGIN CERTIFICATE-----\n"},
                     {"/key", "-----BEGIN PRIVATE KEY-----\n"},
                     {"/no", "text"}};
  const Map all = {{"OTEL_EXPORTER_OTLP_CERTIFICATE", "/ca"},
                   {"OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE", "/crt"},
                   {"OTEL_EXPORTER_OTLP_CLIENT_KEY", "/key"}};
  const auto good = Read(all, {}, Signal::kTraces, files);
  ASSERT_TRUE(good.options.ok()) << good.options.error();
  EXPECT_EQ(good.options->tls.ca_pem, files.at("/ca"));
  EXPECT_EQ(good.options->tls.client_certificate_pem, files.at("/crt"));
  EXPECT_EQ(good.options->tls.client_key_pem, files.at("/key"));
  EXPECT_THAT(Read({{"OTEL_EXPORTER_OTLP_CERTIFICATE", "/none"}}).options.error(), HasSubstr("/none: No such file"));
  EXPECT_THAT(Read({{"OTEL_EXPORTER_OTLP_CERTIFICATE", "/no"}}, {}, Signal::kTraces, files).options.error(),
              HasSubstr("not PEM"));
  EXPECT_THAT(Read({{"OTEL_EXPORTER_OTLP_CLIENT_KEY", "/key"}}, {}, Signal::kTraces, files).options.error(),
              HasSubstr("go together"));
}

TEST(OtlpOptions, InsecureCountsForGrpcWithoutScheme) {
  const Map secure = {{"OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"}, {"OTEL_EXPORTER_OTLP_ENDPOINT", "c:1"}};
  EXPECT_TRUE(Read(secure).options->endpoint.tls);
  Map insecure = secure;
  insecure["OTEL_EXPORTER_OTLP_TRACES_INSECURE"] = "True";
  EXPECT_FALSE(Read(insecure).options->endpoint.tls);
}

TEST(OtlpOptions, KnowsWhetherSomebodyAskedForOtlp) {
  const auto configured = [](const Map& map, Signal signal) {
    return IsOtlpConfigured(signal, {[&map](std::string_view name) -> std::optional<std::string> {
                                       const auto found = map.find(std::string(name));
                                       return found == map.end() ? std::nullopt : std::optional(found->second);
                                     },
                                     nullptr, nullptr});
  };
  EXPECT_FALSE(configured({}, Signal::kTraces));
  EXPECT_FALSE(configured({{"OTEL_EXPORTER_OTLP_ENDPOINT", ""}}, Signal::kTraces));
  EXPECT_TRUE(configured({{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://c"}}, Signal::kTraces));
  EXPECT_TRUE(configured({{"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://c"}}, Signal::kMetrics));
  EXPECT_FALSE(configured({{"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://c"}}, Signal::kTraces));
}

}  // namespace
}  // namespace wirespan::exporters::otlp
