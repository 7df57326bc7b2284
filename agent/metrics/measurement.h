// Measurement: what one finished exchange adds to the histograms of durations: of RPC calls or of operations of a database where
// it is one, else of HTTP requests. Filled while the span is built, consumed at once by the same shard thread; the views live for
// that call.
#pragma once

#include <cstdint>
#include <string_view>

#include "exporters/span.h"

namespace wirespan::metrics {

// What a database operation has in place of method, scheme, version and status code.
struct DatabaseMeasurement {
  std::string_view system;  // as in db.system.name
  std::string_view name_space;
  std::string_view operation;
  std::string_view status_code;  // "WRONGTYPE"
};

struct Measurement {
  const exporters::Resource* resource = nullptr;
  exporters::SpanKind kind = exporters::SpanKind::kServer;
  uint64_t duration_ns = 0;
  std::string_view request_method;  // as in http.request.method
  std::string_view url_scheme;      // empty: absent, as for every view here
  std::string_view protocol_version;
  std::string_view error_type;
  std::string_view server_address;  // client side only
  int64_t server_port = 0;          // client side only; 0: absent
  int64_t status_code = 0;          // 0: no response
  // An RPC call's, in place of method, scheme, version and status code.
  std::string_view rpc_system;  // as in rpc.system.name; empty: it is none
  std::string_view rpc_method;
  std::string_view rpc_status_code;               // "NOT_FOUND"
  const DatabaseMeasurement* database = nullptr;  // null: it is no operation of one
};

}  // namespace wirespan::metrics
