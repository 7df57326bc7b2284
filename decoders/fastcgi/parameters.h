// The parameters of a FastCGI request that are kept: CGI/1.1 meta-variables (RFC 3875 4.1) and header fields (4.1.18) that a span
// is made of. All others, those that hold credentials among them (HTTP_AUTHORIZATION, HTTP_COOKIE, PHP_AUTH_PW), are passed over
// unread. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace wirespan::decoders::fastcgi {

enum class Parameter : uint8_t {
  kContentLength,
  kDocumentUri,
  kHttps,
  kPathInfo,
  kQueryString,
  kRemoteAddr,
  kRequestMethod,
  kRequestScheme,
  kRequestUri,
  kScriptName,
  kServerAddr,
  kServerName,
  kServerPort,
  // Header fields
  kForwarded,
  kHost,
  kUserAgent,
  kXForwardedFor,
  kXForwardedHost,
  kXForwardedProto,
  // and those that carry trace context
  kB3,
  kTraceparent,
  kTracestate,
  kUberTraceId,
  kXAmznTraceId,
  kXB3Flags,
  kXB3ParentSpanId,
  kXB3Sampled,
  kXB3SpanId,
  kXB3TraceId,
  kXDatadogParentId,
  kXDatadogSamplingPriority,
  kXDatadogTags,
  kXDatadogTraceId,
  kCount,
};
inline constexpr size_t kParameterCount = static_cast<size_t>(Parameter::kCount);
inline constexpr size_t kMaxNameBytes = 40;  // no name that is kept is longer

// The name on the wire, "HTTP_X_B3_TRACEID".
std::string_view WireName(Parameter parameter);
// What it is called where it is used: of a header field its name in lower case, "x-b3-traceid"; else the name on the wire.
std::string_view Name(Parameter parameter);
// nullopt: none that is kept.
std::optional<Parameter> ParameterOf(std::string_view wire_name);

}  // namespace wirespan::decoders::fastcgi
