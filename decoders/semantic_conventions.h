// The one list of OpenTelemetry names the project emits, of attributes and of the metrics of traced programs
// (semantic-conventions 1.44.0; `wirespan.*` are our own and listed in docs/attributes.md). An attribute's name is a type of its
// own so that no string literal can take its place.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace wirespan {

// What of an exchange metrics are kept by, beside the span.
enum class Measured : uint8_t {
  kNo,
  kMethod,
  kScheme,
  kVersion,
  kErrorType,
  kServerAddress,
  kServerPort,
  kStatusCode,
  kRpcSystem,
  kDbSystem,
  kOperation,  // of a call or a database
  kOutcome,    // likewise
  kNamespace,
  kIncomplete
};

inline constexpr size_t kMeasuredCount = static_cast<size_t>(Measured::kIncomplete) + 1;

struct AttributeName {
  static constexpr size_t kFrameBytes = 48;
  static constexpr size_t kMaxTextBytes = kFrameBytes - 6;

  // Longer names do not compile.
  constexpr AttributeName(std::string_view name, Measured what = Measured::kNo) : text(name), measured(what) {
    frame = {0x4a, 0, 0x0a, static_cast<char>(name.size())};
    for (size_t i = 0; i < name.size(); ++i) frame[4 + i] = name[i];
    frame.at(4 + name.size()) = 0x12;
    frame.at(5 + name.size()) = 0;
  }
  constexpr bool operator==(const AttributeName& other) const { return text == other.text; }

  std::string_view text;
  Measured measured = Measured::kNo;
  // How an attribute of that name begins in OTLP (exporters::ConstantKey says more): what an exporter copies without a look.
  std::array<char, kFrameBytes> frame{};
};

namespace semconv {

inline constexpr std::string_view kSchemaUrl = "https://opentelemetry.io/schemas/1.44.0";

// HTTP (docs/http/http-spans.md, stable)
inline constexpr AttributeName kHttpRequestMethod{"http.request.method", Measured::kMethod};
inline constexpr AttributeName kHttpRequestMethodOriginal{"http.request.method_original"};
inline constexpr AttributeName kHttpResponseStatusCode{"http.response.status_code", Measured::kStatusCode};
inline constexpr AttributeName kHttpRequestBodySize{"http.request.body.size"};
inline constexpr AttributeName kHttpResponseBodySize{"http.response.body.size"};
inline constexpr AttributeName kUrlFull{"url.full"};
inline constexpr AttributeName kUrlPath{"url.path"};
inline constexpr AttributeName kUrlQuery{"url.query"};
inline constexpr AttributeName kUrlScheme{"url.scheme", Measured::kScheme};
inline constexpr AttributeName kUserAgentOriginal{"user_agent.original"};
// RPC (docs/rpc/rpc-spans.md, docs/rpc/grpc.md, release candidate)
inline constexpr AttributeName kRpcSystemName{"rpc.system.name", Measured::kRpcSystem};
inline constexpr AttributeName kRpcMethod{"rpc.method", Measured::kOperation};
inline constexpr AttributeName kRpcMethodOriginal{"rpc.method_original"};
inline constexpr AttributeName kRpcStatusCode{"rpc.status_code", Measured::kOutcome};
// Databases (docs/db/database-spans.md, stable)
inline constexpr AttributeName kDbSystemName{"db.system.name", Measured::kDbSystem};
inline constexpr AttributeName kDbNamespace{"db.namespace", Measured::kNamespace};
inline constexpr AttributeName kDbOperationName{"db.operation.name", Measured::kOperation};
inline constexpr AttributeName kDbOperationBatchSize{"db.operation.batch.size"};
inline constexpr AttributeName kDbQuerySummary{"db.query.summary"};
inline constexpr AttributeName kDbQueryText{"db.query.text"};
inline constexpr AttributeName kDbStoredProcedureName{"db.stored_procedure.name"};
inline constexpr AttributeName kDbResponseStatusCode{"db.response.status_code", Measured::kOutcome};
// General
inline constexpr AttributeName kErrorType{"error.type", Measured::kErrorType};
inline constexpr AttributeName kServerAddress{"server.address", Measured::kServerAddress};
inline constexpr AttributeName kServerPort{"server.port", Measured::kServerPort};
inline constexpr AttributeName kClientAddress{"client.address"};
inline constexpr AttributeName kNetworkPeerAddress{"network.peer.address"};
inline constexpr AttributeName kNetworkPeerPort{"network.peer.port"};
inline constexpr AttributeName kNetworkLocalAddress{"network.local.address"};
inline constexpr AttributeName kNetworkLocalPort{"network.local.port"};
inline constexpr AttributeName kNetworkTransport{"network.transport"};
inline constexpr AttributeName kNetworkType{"network.type"};
inline constexpr AttributeName kNetworkProtocolName{"network.protocol.name"};
inline constexpr AttributeName kNetworkProtocolVersion{"network.protocol.version", Measured::kVersion};
inline constexpr AttributeName kThreadId{"thread.id"};
// Ours
inline constexpr AttributeName kWirespanFastcgiRole{"wirespan.fastcgi.role"};
inline constexpr AttributeName kWirespanUnknownStatement{"wirespan.unknown_statement"};
inline constexpr AttributeName kWirespanTimeToFirstByte{"wirespan.time_to_first_byte_ns"};
inline constexpr AttributeName kWirespanOnCpu{"wirespan.on_cpu_ns"};
inline constexpr AttributeName kWirespanRunDelay{"wirespan.run_delay_ns"};
inline constexpr AttributeName kWirespanRetransmits{"wirespan.retransmits"};
inline constexpr AttributeName kWirespanSmoothedRtt{"wirespan.srtt_us"};
inline constexpr AttributeName kWirespanQueueWait{"wirespan.receive_queue_wait_ms"};
inline constexpr AttributeName kWirespanIncomplete{"wirespan.incomplete", Measured::kIncomplete};
inline constexpr AttributeName kWirespanTruncated{"wirespan.truncated"};
inline constexpr AttributeName kWirespanRpcRequestMessages{"wirespan.rpc.request.messages"};
inline constexpr AttributeName kWirespanRpcRequestBytes{"wirespan.rpc.request.bytes"};
inline constexpr AttributeName kWirespanRpcResponseMessages{"wirespan.rpc.response.messages"};
inline constexpr AttributeName kWirespanRpcResponseBytes{"wirespan.rpc.response.bytes"};
inline constexpr AttributeName kWirespanRpcTimeout{"wirespan.rpc.timeout_ns"};
inline constexpr AttributeName kWirespanRpcStatusDetails{"wirespan.rpc.status_details"};
inline constexpr AttributeName kWirespanWebSocketClientText{"wirespan.websocket.client.text"};
inline constexpr AttributeName kWirespanWebSocketClientBinary{"wirespan.websocket.client.binary"};
inline constexpr AttributeName kWirespanWebSocketClientPing{"wirespan.websocket.client.ping"};
inline constexpr AttributeName kWirespanWebSocketClientPong{"wirespan.websocket.client.pong"};
inline constexpr AttributeName kWirespanWebSocketClientCompressed{"wirespan.websocket.client.compressed"};
inline constexpr AttributeName kWirespanWebSocketClientBytes{"wirespan.websocket.client.bytes"};
inline constexpr AttributeName kWirespanWebSocketServerText{"wirespan.websocket.server.text"};
inline constexpr AttributeName kWirespanWebSocketServerBinary{"wirespan.websocket.server.binary"};
inline constexpr AttributeName kWirespanWebSocketServerPing{"wirespan.websocket.server.ping"};
inline constexpr AttributeName kWirespanWebSocketServerPong{"wirespan.websocket.server.pong"};
inline constexpr AttributeName kWirespanWebSocketServerCompressed{"wirespan.websocket.server.compressed"};
inline constexpr AttributeName kWirespanWebSocketServerBytes{"wirespan.websocket.server.bytes"};
inline constexpr AttributeName kWirespanWebSocketCloseCode{"wirespan.websocket.close_code"};
inline constexpr AttributeName kWirespanWebSocketClosedBy{"wirespan.websocket.closed_by"};
inline constexpr AttributeName kWirespanWebSocketSubprotocol{"wirespan.websocket.subprotocol"};
inline constexpr AttributeName kWirespanWebSocketCompression{"wirespan.websocket.compression"};
inline constexpr AttributeName kWirespanWebSocketProtocolErrors{"wirespan.websocket.protocol_errors"};
inline constexpr AttributeName kWirespanWebSocketUncountedBytes{"wirespan.websocket.uncounted_bytes"};
inline constexpr AttributeName kWirespanWebSocketMessageBytes{"wirespan.websocket.message.bytes"};
inline constexpr AttributeName kWirespanWebSocketMessageFrames{"wirespan.websocket.message.frames"};
inline constexpr AttributeName kWirespanLinkEvidence{"wirespan.link.evidence"};
inline constexpr AttributeName kWirespanLinkConfidence{"wirespan.link.confidence"};
inline constexpr AttributeName kWirespanLinkCarrier{"wirespan.link.carrier"};
inline constexpr AttributeName kWirespanUnlinkedReason{"wirespan.unlinked.reason"};

// Metrics, all histograms in seconds (docs/http/http-metrics.md, docs/rpc/rpc-metrics.md, docs/db/database-metrics.md)
inline constexpr std::string_view kHttpServerRequestDuration = "http.server.request.duration";
inline constexpr std::string_view kHttpClientRequestDuration = "http.client.request.duration";
inline constexpr std::string_view kRpcServerCallDuration = "rpc.server.call.duration";
inline constexpr std::string_view kRpcClientCallDuration = "rpc.client.call.duration";
inline constexpr std::string_view kDbClientOperationDuration = "db.client.operation.duration";
inline constexpr AttributeName kOtelMetricOverflow{"otel.metric.overflow"};

}  // namespace semconv
}  // namespace wirespan
