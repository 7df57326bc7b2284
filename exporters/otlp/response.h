// What a server answers: Export*ServiceResponse and google.rpc.Status, in both forms. The bytes come from outside: parsing is
// total and bounded, and a message taken from it is one clean line. Pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "exporters/otlp/retry_policy.h"

namespace wirespan::exporters::otlp {

struct ExportResponse {
  bool valid = true;     // false: the body is no such response
  int64_t rejected = 0;  // partial_success.rejected_spans / rejected_data_points; never negative
  std::string message;   // partial_success.error_message
};
ExportResponse ParseExportResponse(std::string_view protobuf);
ExportResponse ParseExportResponseJson(std::string_view text);

struct RpcStatus {
  std::string message;
  std::optional<Milliseconds> retry_delay;  // of a google.rpc.RetryInfo among the details
};
RpcStatus ParseRpcStatus(std::string_view protobuf);
RpcStatus ParseRpcStatusJson(std::string_view text);

// At most 300 bytes of `text`, with nothing in it that could end or forge a line of a log.
std::string OneLine(std::string_view text);

}  // namespace wirespan::exporters::otlp
