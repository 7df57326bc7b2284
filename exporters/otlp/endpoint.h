// Where OTLP goes: the URL rules of the OpenTelemetry exporter specification (protocol/exporter.md, "Endpoint URLs for
// OTLP/HTTP"). Pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "exporters/outcome.h"

namespace wirespan::exporters::otlp {

enum class Signal : uint8_t { kTraces, kMetrics };
enum class Protocol : uint8_t { kGrpc, kHttpProtobuf, kHttpJson };

std::string_view Name(Protocol protocol);  // "grpc", "http/protobuf", "http/json"

struct Endpoint {
  std::string target;  // gRPC: "host:port" or "unix:/path"; HTTP: the whole URL that is posted to
  bool tls = false;
  bool operator==(const Endpoint&) const = default;
};

struct EndpointInputs {
  Signal signal = Signal::kTraces;
  Protocol protocol = Protocol::kHttpProtobuf;
  std::string_view base;      // OTEL_EXPORTER_OTLP_ENDPOINT; empty: not set
  std::string_view specific;  // OTEL_EXPORTER_OTLP_{TRACES,METRICS}_ENDPOINT; wins, and is used as it is
  bool insecure = false;      // gRPC only, and only where the endpoint has no scheme
};

// The error names the variable, the value (never a password in it) and what is wrong with it.
ValueOr<Endpoint> ResolveEndpoint(const EndpointInputs& inputs);

}  // namespace wirespan::exporters::otlp
