// gRPC's words on the wire: status, timeout, method (gRPC over HTTP/2). Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "decoders/http2/message.h"

namespace wirespan::decoders::http2 {

inline constexpr size_t kMaxGrpcMethodBytes = 256;

inline constexpr uint32_t kGrpcCancelled = 1;
inline constexpr uint32_t kGrpcDeadlineExceeded = 4;

// The name of a status, "OK" to "UNAUTHENTICATED"; "UNKNOWN" beyond 16, as gRPC's libraries take it.
std::string_view GrpcStatusName(uint32_t code);
// The value of a grpc-status field; nullopt: not a number of up to three digits.
std::optional<uint32_t> ParseGrpcStatus(std::string_view text);
// What gRPC takes an HTTP status (other than 200) without a grpc-status for (doc/http-grpc-status-mapping.md), and an error code
// of RST_STREAM (PROTOCOL-HTTP2.md, "Errors").
uint32_t GrpcStatusOfHttp(uint16_t status);
uint32_t GrpcStatusOfReset(uint32_t error_code);
// Whether a status is an error of the span at that end (docs/rpc/grpc.md).
bool IsGrpcError(uint32_t code, bool is_server);

// A grpc-timeout: up to eight digits and a unit, in ns; nullopt: none, or beyond 2^63 ns.
std::optional<int64_t> ParseGrpcTimeout(std::string_view text);
// "/package.Service/Method" without its slash; empty: not of that form, or longer than kMaxGrpcMethodBytes.
std::string_view GrpcMethod(std::string_view path);

}  // namespace wirespan::decoders::http2
