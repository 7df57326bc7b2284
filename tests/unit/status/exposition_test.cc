#include "agent/status/exposition.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <memory>
#include <string>

namespace wirespan::status {
namespace {

using exporters::Metric;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

TEST(MetricNames, FollowTheCompatibilitySpecification) {
  EXPECT_EQ(MetricNameOf("http.server.request.duration", "s"), "http_server_request_duration_seconds");
  EXPECT_EQ(MetricNameOf("process.cpu.time", "s"), "process_cpu_time_seconds");
  EXPECT_EQ(MetricNameOf("system.memory.usage", "By"), "system_memory_usage_bytes");
  EXPECT_EQ(MetricNameOf("http.server.active_requests", "{request}"), "http_server_active_requests");
  EXPECT_EQ(MetricNameOf("x.captured_bytes", "By"), "x_captured_bytes");
  EXPECT_EQ(MetricNameOf("a..b--c__d", ""), "a_b_c_d");
  EXPECT_EQ(MetricNameOf("2xx", ""), "_2xx");
  EXPECT_EQ(MetricNameOf("", ""), "_");
  EXPECT_EQ(MetricNameOf("r\xc3\xa9sum\xc3\xa9:x", "1"), "r_sum_:x");
}

TEST(UnitNames, WordsRatesAndWhatIsCounted) {
  EXPECT_EQ(UnitName("ms"), "milliseconds");
  EXPECT_EQ(UnitName("By/s"), "bytes_per_second");
  EXPECT_EQ(UnitName("{packet}/s"), "per_second");
  EXPECT_EQ(UnitName("By/{packet}"), "bytes");
  EXPECT_EQ(UnitName("{span}"), "");
  EXPECT_EQ(UnitName("1"), "");
  EXPECT_EQ(UnitName("furlong"), "furlong");
  EXPECT_EQ(UnitName("{never closed"), "_never_closed");
}

TEST(LabelNames, AreLettersDigitsAndUnderscores) {
  EXPECT_EQ(LabelName("http.request.method"), "http_request_method");
  EXPECT_EQ(LabelName("0a:b"), "_0a_b");
  EXPECT_EQ(LabelName(""), "_");
}

TEST(LabelValues, EscapeBackslashQuoteAndLineEndOnly) {
  std::string out;
  AppendLabelValue("a\\b\"c\nd\te\xc3\xa9", out);
  EXPECT_EQ(out, "a\\\\b\\\"c\\nd\te\xc3\xa9");
}

TEST(Accept, DecidesTheFormat) {
  EXPECT_EQ(Negotiate(""), Format::kText);
  EXPECT_EQ(Negotiate("*/*"), Format::kText);
  EXPECT_EQ(Negotiate("text/html, */*;q=0.8"), Format::kText);
  // Prometheus 2.42
  EXPECT_EQ(Negotiate("application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
                      "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"),
            Format::kOpenMetrics);
  EXPECT_EQ(Negotiate("text/plain;version=0.0.4;q=0.6,application/openmetrics-text;q=0.5"), Format::kText);
  EXPECT_EQ(Negotiate("application/openmetrics-text;q=0"), Format::kText);
  EXPECT_EQ(Negotiate(" application/openmetrics-text ; q=0.3"), Format::kOpenMetrics);
  EXPECT_EQ(Negotiate("application/openmetrics-text;q=nan"), Format::kText);
  EXPECT_EQ(Negotiate("application/openmetrics-text;q=-1,,;;q=,"), Format::kText);
  EXPECT_EQ(Negotiate(std::string(10'000, ',')), Format::kText);
}

Family Counter(double value, std::vector<std::pair<std::string, std::string>> labels = {}) {
  return {"wirespan.losses", "{event}", "What \"was\" lost\nby \\reason", MetricType::kCounter, {{std::move(labels), value}}};
}

TEST(Text, CounterHasTotalInItsNameEverywhere) {
  Snapshot snapshot;
  snapshot.own.push_back(Counter(1'000'000, {{"reason", "ring_full"}}));
  EXPECT_EQ(Expose(snapshot, Format::kText),
            "# TYPE wirespan_losses_total counter\n"
            "# HELP wirespan_losses_total What \"was\" lost\\nby \\\\reason\n"
            "wirespan_losses_total{reason=\"ring_full\"} 1000000\n");
}

TEST(OpenMetrics, CounterFamilyHasNoTotalAndTheTextEnds) {
  Snapshot snapshot;
  snapshot.own.push_back(Counter(1'000'000));
  EXPECT_EQ(Expose(snapshot, Format::kOpenMetrics),
            "# TYPE wirespan_losses counter\n"
            "# HELP wirespan_losses What \\\"was\\\" lost\\nby \\\\reason\n"
            "wirespan_losses_total 1000000\n"
            "# EOF\n");
  EXPECT_EQ(Expose(Snapshot{}, Format::kOpenMetrics), "# EOF\n");
  EXPECT_EQ(Expose(Snapshot{}, Format::kText), "");
}

TEST(Text, GaugeWithUnitAndNumbersOfEveryKind) {
  const double infinity = std::numeric_limits<double>::infinity();
  Family family{"process.memory.usage", "By", "", MetricType::kGauge, {}};
  for (const double value : {0.0, -3.0, 0.25, 9007199254740991.0, 1e300, infinity, -infinity, std::nan("")}) {
    family.samples.push_back({{}, value});
  }
  Snapshot snapshot;
  snapshot.own.push_back(family);
  EXPECT_EQ(Expose(snapshot, Format::kText),
            "# TYPE process_memory_usage_bytes gauge\n# HELP process_memory_usage_bytes \n"
            "process_memory_usage_bytes 0\nprocess_memory_usage_bytes -3\nprocess_memory_usage_bytes 0.25\n"
            "process_memory_usage_bytes 9007199254740991\nprocess_memory_usage_bytes 1e+300\nprocess_memory_usage_bytes +Inf\n"
            "process_memory_usage_bytes -Inf\nprocess_memory_usage_bytes NaN\n");
  EXPECT_THAT(Expose(snapshot, Format::kOpenMetrics), HasSubstr("# UNIT process_memory_usage_bytes bytes\n"));
}

TEST(Text, KeysThatBecomeEqualJoinTheirValues) {
  Snapshot snapshot;
  snapshot.own.push_back(Counter(1, {{"a-b", "second"}, {"a.b", "third"}, {"a b", "first"}}));
  EXPECT_THAT(Expose(snapshot, Format::kText), HasSubstr("{a_b=\"first;second;third\"} 1\n"));
}

std::shared_ptr<exporters::Resource> Service(const std::string& name, const std::string& instance,
                                             const std::string& space = "") {
  auto resource = std::make_shared<exporters::Resource>();
  resource->service_name = name;
  resource->attributes.String("service.name", name);
  if (!space.empty()) resource->attributes.String("service.namespace", space);
  if (!instance.empty()) resource->attributes.String("service.instance.id", instance);
  resource->attributes.String("host.name", "h");
  resource->attributes.Int("process.pid", 7);
  return resource;
}

Metric Duration(std::string route, std::vector<uint64_t> counts) {
  Metric metric;
  metric.name = "http.server.request.duration";
  metric.description = "Duration of HTTP server requests.";
  metric.unit = "s";
  metric.type = Metric::Type::kHistogram;
  metric.bounds = {0.005, 1, 2.5};
  exporters::HistogramPoint point;
  point.attributes.String("http.request.method", "GET");
  point.attributes.String("url.path", route);
  point.attributes.Int("http.response.status_code", 200);
  point.sum = 1.5;
  for (const uint64_t count : counts) point.count += count;
  point.bucket_counts = std::move(counts);
  metric.histograms.push_back(std::move(point));
  return metric;
}

TEST(Text, HistogramIsCumulativeAndNamesItsService) {
  Snapshot snapshot;
  snapshot.scope_name = "wirespan";
  snapshot.scope_version = "9";
  snapshot.measured.resources.push_back({Service("shop", "i1", "prod"), {Duration("/", {2, 0, 1, 4})}});
  const std::string labels =
      "http_request_method=\"GET\",http_response_status_code=\"200\",instance=\"i1\",job=\"prod/shop\","
      "otel_scope_name=\"wirespan\",otel_scope_version=\"9\",url_path=\"/\"";
  const std::string name = "http_server_request_duration_seconds";
  EXPECT_EQ(Expose(snapshot, Format::kText),
            "# TYPE target_info gauge\n# HELP target_info The service instances whose requests are measured\n"
            "target_info{host_name=\"h\",instance=\"i1\",job=\"prod/shop\",process_pid=\"7\"} 1\n"
            "# TYPE " +
                name + " histogram\n# HELP " + name + " Duration of HTTP server requests.\n" + name + "_bucket{" + labels +
                ",le=\"0.005\"} 2\n" + name + "_bucket{" + labels + ",le=\"1\"} 2\n" + name + "_bucket{" + labels +
                ",le=\"2.5\"} 3\n" + name + "_bucket{" + labels + ",le=\"+Inf\"} 7\n" + name + "_sum{" + labels + "} 1.5\n" +
                name + "_count{" + labels + "} 7\n");
}

TEST(OpenMetrics, BoundsAreFloatsAndTheTargetIsAnInfo) {
  Snapshot snapshot;
  snapshot.measured.resources.push_back({Service("shop", "i1"), {Duration("/", {2, 0, 1, 4})}});
  const std::string text = Expose(snapshot, Format::kOpenMetrics);
  EXPECT_THAT(text, HasSubstr("# TYPE target info\n"));
  EXPECT_THAT(text, HasSubstr("target_info{"));
  EXPECT_THAT(text, HasSubstr("le=\"1.0\""));
  EXPECT_THAT(text, HasSubstr("le=\"2.5\""));
  EXPECT_THAT(text, HasSubstr("# UNIT http_server_request_duration_seconds seconds\n"));
  EXPECT_THAT(text, EndsWith("\n# EOF\n"));
}

TEST(Text, SeveralServicesShareOneHeaderAndHaveATargetEach) {
  Snapshot snapshot;
  for (const char* instance : {"i1", "i2", "i1"}) {
    snapshot.measured.resources.push_back({Service("shop", instance), {Duration(instance, {1, 0, 0, 0})}});
  }
  const std::string text = Expose(snapshot, Format::kText);
  const auto count = [&text](std::string_view what) {
    size_t found = 0;
    for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++found;
    return found;
  };
  EXPECT_EQ(count("# TYPE http_server_request_duration_seconds"), 1U);
  EXPECT_EQ(count("target_info{"), 2U);  // the same job and instance twice would be the same series twice
  EXPECT_EQ(count("_count{"), 3U);
}

TEST(Text, HostileAttributesStayInsideTheirQuotes) {
  Snapshot snapshot;
  snapshot.measured.resources.push_back({Service("a\"} 1\n# EOF\n", "\\"), {Duration("\"\n\\", {1, 0, 0, 0})}});
  const std::string text = Expose(snapshot, Format::kText);
  EXPECT_THAT(text, HasSubstr(R"(job="a\"} 1\n# EOF\n")"));
  EXPECT_THAT(text, HasSubstr(R"(instance="\\")"));
  EXPECT_THAT(text, HasSubstr(R"(url_path="\"\n\\")"));
  EXPECT_THAT(text, Not(HasSubstr("\n# EOF")));
}

TEST(Text, DeltaHistogramsAreLeftOut) {
  Snapshot snapshot;
  Metric metric = Duration("/", {1, 0, 0, 0});
  metric.temporality = exporters::Temporality::kDelta;
  snapshot.measured.resources.push_back({Service("shop", "i"), {metric}});
  EXPECT_THAT(Expose(snapshot, Format::kText), Not(HasSubstr("_bucket")));
}

}  // namespace
}  // namespace wirespan::status
