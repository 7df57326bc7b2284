#include "decoders/http2/span.h"

#include <array>
#include <optional>

#include "decoders/http2/grpc_span.h"
#include "decoders/http_exchange.h"
#include "decoders/http_semantics.h"
#include "decoders/http_target.h"

namespace wirespan::decoders::http2 {
namespace {

constexpr std::string_view kVersion = "2";
constexpr std::string_view kStreamReset = "stream_reset";

// RFC 9113 7, as values of error.type.
constexpr std::array<std::string_view, 14> kErrorNames = {"no_error",
                                                          "protocol_error",
                                                          "internal_error",
                                                          "flow_control_error",
                                                          "settings_timeout",
                                                          "stream_closed",
                                                          "frame_size_error",
                                                          "refused_stream",
                                                          "cancel",
                                                          "compression_error",
                                                          "connect_error",
                                                          "enhance_your_calm",
                                                          "inadequate_security",
                                                          "http_1_1_required"};

std::string_view ErrorName(uint32_t code) { return code < kErrorNames.size() ? kErrorNames[code] : "unknown_error_code"; }

// A stream that was reset before its response was whole: by whom, and why.
struct Reset {
  bool by_client = false;
  uint32_t error_code = 0;
};
std::optional<Reset> ResetOf(const Message* request, const Message* response) {
  const bool is_answered = response != nullptr && response->complete() && response->end_stream;
  if (is_answered) return std::nullopt;
  if (request != nullptr && request->is_reset) return Reset{true, request->error_code};
  if (response != nullptr && response->is_reset) return Reset{false, response->error_code};
  return std::nullopt;
}

Incomplete StateOf(const Message* message) { return message == nullptr ? Incomplete::kGap : message->incomplete; }

std::optional<uint64_t> BodySize(const Message* message, bool may_have_body) {
  if (message == nullptr || !message->complete() || !message->end_stream || message->body_length_unknown || !may_have_body) {
    return std::nullopt;
  }
  const bool has_body = message->body_length > 0 || message->fields.Find("content-length") != nullptr;
  return has_body ? std::optional<uint64_t>(message->body_length) : std::nullopt;
}

bool IsTruncated(const Message* message) {
  return message != nullptr && (message->fields.truncated || message->trailers.truncated);
}

// Where no content-type is known (the connection is older than what was seen of it), the bodies tell: all of the request's is
// framed as gRPC's, and of the response's, if it has one.
bool IsGrpc(const Message* request, const Message* response) {
  const bool by_request = request != nullptr && GrpcKindOf(request->Header("content-type")) != GrpcKind::kNone;
  if (by_request || (response != nullptr && GrpcKindOf(response->Header("content-type")) != GrpcKind::kNone)) return true;
  if (request == nullptr || !request->is_grpc || request->method() != "POST" || GrpcMethod(request->path()).empty()) return false;
  return response == nullptr || response->is_grpc || response->body_length == 0;
}

HttpExchange ToExchange(const Message* request, const Message* response, const ExchangeContext& context) {
  HttpExchange exchange;
  exchange.version = kVersion;
  if (request != nullptr) {
    exchange.method = request->method();
    // With a protocol (RFC 8441) it has a path as other requests have.
    exchange.target_is_authority = exchange.method == "CONNECT" && request->protocol().empty();
    exchange.target = exchange.target_is_authority ? request->authority() : request->path();
    exchange.host = request->authority().empty() ? request->Header("host") : request->authority();  // RFC 9113 8.3.1
    exchange.scheme = request->scheme();
  }
  if (request != nullptr && context.side == SpanSide::kServer) {
    exchange.user_agent = request->Header("user-agent");
    exchange.forwarded = {.forwarded = request->Header("forwarded"),
                          .x_forwarded_for = request->Header("x-forwarded-for"),
                          .x_forwarded_host = request->Header("x-forwarded-host"),
                          .x_forwarded_proto = request->Header("x-forwarded-proto")};
  }
  exchange.truncated = IsTruncated(request) || IsTruncated(response);
  exchange.status = response != nullptr ? response->status : uint16_t{0};
  exchange.missing = MissingOf(StateOf(request), StateOf(response), context.end);
  exchange.failure = FailureOf(exchange.missing);
  exchange.request_body = BodySize(request, true);
  exchange.response_body = BodySize(response, exchange.method != "HEAD" && exchange.status != 204 && exchange.status != 304);
  if (const std::optional<Reset> reset = ResetOf(request, response); reset) {
    // A client that gives up has not failed, nor has its server.
    exchange.missing = kStreamReset;
    exchange.failure = reset->by_client && reset->error_code == 0x8 ? std::string_view{} : ErrorName(reset->error_code);
  }
  return exchange;
}

// A client whose deadline passes cancels the call, or its server does: the library says so of itself, and the wire only by the
// time. Libraries round the time-out that they send up, the C core to three digits.
bool IsDeadlineOver(const Message& request, const ExchangeContext& context) {
  constexpr int64_t kRounding = 64;  // a part of the time-out
  const std::optional<int64_t> timeout = ParseGrpcTimeout(request.Header("grpc-timeout"));
  if (!timeout || context.side != SpanSide::kClient || context.elapsed_ns == 0) return false;
  return context.elapsed_ns >= static_cast<uint64_t>(*timeout - *timeout / kRounding);
}

// The call's status: as sent, else as gRPC's libraries make it of what came instead.
std::optional<uint32_t> GrpcStatus(const Message* request, const Message* response, const ExchangeContext& context) {
  if (response != nullptr) {
    const std::optional<uint32_t> sent = ParseGrpcStatus(response->Trailer("grpc-status"));
    if (sent) return sent;
    if (response->grpc.web_status) return *response->grpc.web_status;
    // A client that gets such a head does not wait for the rest, and may reset the stream.
    if (response->status != 0 && response->status != 200) return GrpcStatusOfHttp(response->status);
  }
  if (const std::optional<Reset> reset = ResetOf(request, response); reset) {
    const uint32_t status = GrpcStatusOfReset(reset->error_code);
    if (status != kGrpcCancelled || context.side != SpanSide::kClient || request == nullptr) return status;
    const bool may_have_deadline = request->fields.has_unknown && request->Header("grpc-timeout").empty();
    if (may_have_deadline) return std::nullopt;
    return IsDeadlineOver(*request, context) ? kGrpcDeadlineExceeded : status;
  }
  return std::nullopt;
}

void GiveRpcMethod(std::string_view path, bool is_refused, AttributeSink& sink, Description& out) {
  const std::string_view method = GrpcMethod(path);
  out.name = "grpc";
  if (method.empty()) return;
  // Anyone can ask a server for anything: names are those it has, and what it does not implement may be none of them.
  if (is_refused) {
    sink.String(semconv::kRpcMethod, "_OTHER");
    sink.String(semconv::kRpcMethodOriginal, method);
    return;
  }
  out.name = method;
  sink.String(semconv::kRpcMethod, method);
}

void GiveCounts(const Message* message, const AttributeName& messages, const AttributeName& bytes, AttributeSink& sink) {
  if (message == nullptr || !message->is_grpc || !message->end_stream || !message->complete() || !message->grpc.exact) return;
  sink.Int(messages, static_cast<int64_t>(message->grpc.messages));
  sink.Int(bytes, static_cast<int64_t>(message->grpc.bytes));
}

void GiveLogicalServer(const HttpExchange& exchange, const ExchangeContext& context, AttributeSink& sink) {
  if (const std::optional<Authority> host = ParseAuthority(exchange.host); host) {
    return GiveServer(host->host, host->port, sink);
  }
  if (context.side == SpanSide::kClient) GiveServer(context.peer_address, context.peer_port, sink);
}

// The status is in the last block of the response, and may be a field that is not known there.
bool HidesStatus(const Message* response) {
  if (response == nullptr) return false;
  return response->trailers.fields.empty() ? response->fields.has_unknown : response->trailers.has_unknown;
}

void DescribeGrpc(const Message* request, const Message* response, const HttpExchange& exchange, const ExchangeContext& context,
                  AttributeSink& sink, Description& out) {
  out.Clear();
  const bool is_server = context.side == SpanSide::kServer;
  const std::optional<uint32_t> status = GrpcStatus(request, response, context);
  sink.String(semconv::kRpcSystemName, "grpc");
  GiveRpcMethod(exchange.target, is_server && status == 12U, sink, out);
  GiveLogicalServer(exchange, context, sink);
  if (status) {
    sink.String(semconv::kRpcStatusCode, GrpcStatusName(*status));
    if (IsGrpcError(*status, is_server)) out.error_type = GrpcStatusName(*status);
  } else {
    out.error_type = exchange.failure;
  }
  GiveError(sink, out);
  if (exchange.status != 0 && exchange.status != 200) sink.Int(semconv::kHttpResponseStatusCode, exchange.status);
  const std::string_view hidden =
      !status && HidesStatus(response) ? decoders::Name(ExchangeEnd::kResponseNotSeen) : std::string_view{};
  const std::string_view missing = exchange.missing.empty() ? hidden : exchange.missing;
  if (!missing.empty()) sink.String(semconv::kWirespanIncomplete, missing);
  sink.String(semconv::kNetworkProtocolVersion, kVersion);
  if (request != nullptr) {
    const std::optional<int64_t> timeout = ParseGrpcTimeout(request->Header("grpc-timeout"));
    if (timeout) sink.Int(semconv::kWirespanRpcTimeout, *timeout);
  }
  GiveCounts(request, semconv::kWirespanRpcRequestMessages, semconv::kWirespanRpcRequestBytes, sink);
  GiveCounts(response, semconv::kWirespanRpcResponseMessages, semconv::kWirespanRpcResponseBytes, sink);
  // Said to be there, never shown: it is the application's.
  const bool has_details = response != nullptr && !response->Trailer("grpc-status-details-bin").empty();
  if (has_details) sink.Bool(semconv::kWirespanRpcStatusDetails, true);
  if (exchange.truncated) sink.Bool(semconv::kWirespanTruncated, true);
}

}  // namespace

void Describe(const Message* request, const Message* response, const ExchangeContext& context, AttributeSink& sink,
              Description& out) {
  const HttpExchange exchange = ToExchange(request, response, context);
  if (IsGrpc(request, response)) return DescribeGrpc(request, response, exchange, context, sink, out);
  decoders::Describe(exchange, context, sink, out);
}

}  // namespace wirespan::decoders::http2
