#include "exporters/otlp/endpoint.h"

#include <gtest/gtest.h>

namespace wirespan::exporters::otlp {
namespace {

struct Case {
  Signal signal;
  Protocol protocol;
  std::string_view base;
  std::string_view specific;
  bool insecure;
  std::string_view target;  // empty: an error
  bool tls;
  std::string_view error = {};  // a part of it
};

constexpr auto kT = Signal::kTraces;
constexpr auto kM = Signal::kMetrics;
constexpr auto kH = Protocol::kHttpProtobuf;
constexpr auto kJ = Protocol::kHttpJson;
constexpr auto kG = Protocol::kGrpc;

const Case kCases[] = {
    // defaults
    {kT, kH, "", "", false, "http://localhost:4318/v1/traces", false},
    {kM, kJ, "", "", false, "http://localhost:4318/v1/metrics", false},
    {kT, kG, "", "", false, "localhost:4317", false},
    // the base gets the signal's path
    {kT, kH, "http://c:4318", "", false, "http://c:4318/v1/traces", false},
    {kM, kH, "http://c:4318/", "", false, "http://c:4318/v1/metrics", false},
    {kT, kH, "http://c:4318/my", "", false, "http://c:4318/my/v1/traces", false},
    {kT, kJ, "http://c:4318/my/", "", false, "http://c:4318/my/v1/traces", false},
    {kT, kH, "https://c", "", false, "https://c/v1/traces", true},
    {kT, kH, "HTTPS://Host.Example/x", "", false, "https://Host.Example/x/v1/traces", true},
    {kT, kH, "http://[::1]:4318", "", false, "http://[::1]:4318/v1/traces", false},
    {kT, kH, "http://127.0.0.1:1", "", true, "http://127.0.0.1:1/v1/traces", false},
    // the signal's own is used as it is
    {kT, kH, "http://base:1", "http://c:4318", false, "http://c:4318/", false},
    {kT, kH, "", "http://c:4318/v1/traces", false, "http://c:4318/v1/traces", false},
    {kM, kH, "", "https://c/otlp", false, "https://c/otlp", true},
    // gRPC
    {kT, kG, "http://c:4317", "", false, "c:4317", false},
    {kT, kG, "http://c:4317/", "", false, "c:4317", false},
    {kT, kG, "https://c:4317", "", true, "c:4317", true},  // the scheme wins over INSECURE
    {kT, kG, "https://c", "", false, "c:443", true},
    {kT, kG, "http://c", "", false, "c:80", false},
    {kT, kG, "c:5000", "", false, "c:5000", true},
    {kT, kG, "c:5000", "", true, "c:5000", false},
    {kT, kG, "c", "", true, "c:4317", false},
    {kM, kG, "http://x", "http://[2001:db8::1]:99", false, "[2001:db8::1]:99", false},
    {kT, kG, "unix:/run/otel.sock", "", false, "unix:/run/otel.sock", false},
    {kT, kG, "unix:///run/otel.sock", "", false, "unix:/run/otel.sock", false},
    // errors
    {kT, kH, "c:4318", "", false, "", false, "needs a scheme"},
    {kT, kH, "localhost", "", false, "", false, "needs a scheme"},
    {kT, kH, "ftp://c", "", false, "", false, "scheme is not http or https"},
    {kT, kG, "tcp://c:1", "", false, "", false, "scheme is not http, https or unix"},
    {kT, kH, "http://", "", false, "", false, "no host"},
    {kT, kH, "http://:4318", "", false, "", false, "no host"},
    {kT, kH, "http://c:0", "", false, "", false, "port"},
    {kT, kH, "http://c:65536", "", false, "", false, "port"},
    {kT, kH, "http://c:", "", false, "", false, "port"},
    {kT, kH, "http://c:43x8", "", false, "", false, "port"},
    {kT, kH, "http://::1:4318", "", false, "", false, "port"},
    {kT, kH, "http://a b", "", false, "", false, "space"},
    {kT, kH, "http://a\nb", "", false, "", false, "space or control"},
    {kT, kH, "http://c/?x=1", "", false, "", false, "query"},
    {kT, kH, "http://me:secret@c", "", false, "", false, "OTEL_EXPORTER_OTLP_HEADERS"},
    {kT, kH, "http://a$b", "", false, "", false, "host"},
    {kT, kG, "http://c:1/path", "", false, "", false, "no path"},
    {kT, kG, "unix:relative", "", false, "", false, "absolute"},
};

TEST(ResolveEndpoint, FollowsTheSpecification) {
  for (const Case& c : kCases) {
    SCOPED_TRACE(std::string(Name(c.protocol)) + " base=" + std::string(c.base) + " specific=" + std::string(c.specific));
    const auto endpoint = ResolveEndpoint({c.signal, c.protocol, c.base, c.specific, c.insecure});
    ASSERT_EQ(endpoint.ok(), !c.target.empty()) << (endpoint.ok() ? endpoint->target : endpoint.error());
    if (endpoint.ok()) {
      EXPECT_EQ(endpoint->target, c.target);
      EXPECT_EQ(endpoint->tls, c.tls);
    } else {
      EXPECT_NE(endpoint.error().find(c.error), std::string::npos) << endpoint.error();
      EXPECT_NE(endpoint.error().find("OTEL_EXPORTER_OTLP_ENDPOINT"), std::string::npos) << endpoint.error();
      EXPECT_EQ(endpoint.error().find("secret"), std::string::npos) << endpoint.error();
      EXPECT_EQ(endpoint.error().find('\n'), std::string::npos);
    }
  }
}

TEST(ResolveEndpoint, NamesTheVariableThatWasWrong) {
  const auto endpoint = ResolveEndpoint({kM, kH, "http://good", "bad", false});
  ASSERT_FALSE(endpoint.ok());
  EXPECT_NE(endpoint.error().find("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT=bad"), std::string::npos) << endpoint.error();
}

}  // namespace
}  // namespace wirespan::exporters::otlp
