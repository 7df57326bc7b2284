#include "decoders/http1/span.h"

#include <array>

#include "decoders/http_exchange.h"
#include "decoders/http_semantics.h"

namespace wirespan::decoders::http1 {
namespace {

const Message* TellerOfVersion(const Message* request, const Message* response) {
  const bool by_request = request != nullptr && request->has_start_line;
  const Message* message = by_request || response == nullptr ? request : response;
  return message != nullptr && message->has_start_line ? message : nullptr;
}

std::optional<uint64_t> BodySize(const Message* message, bool may_have_body) {
  if (message == nullptr || !message->complete() || message->body_length_unknown || !may_have_body) return std::nullopt;
  const bool has_body = message->has_content_length || message->chunked || message->body_length > 0;
  return has_body ? std::optional<uint64_t>(message->body_length) : std::nullopt;
}

Incomplete StateOf(const Message* message) { return message == nullptr ? Incomplete::kGap : message->incomplete; }

}  // namespace

void Describe(const Message* request, const Message* response, const ExchangeContext& context, AttributeSink& sink,
              Description& out) {
  HttpExchange exchange;
  if (request != nullptr) {
    exchange.method = request->method();
    exchange.target = request->target();
    exchange.target_is_authority = exchange.method == "CONNECT";
    exchange.host = request->Header("host");
  }
  if (request != nullptr && context.side == SpanSide::kServer) {
    exchange.user_agent = request->Header("user-agent");
    exchange.forwarded = {.forwarded = request->Header("forwarded"),
                          .x_forwarded_for = request->Header("x-forwarded-for"),
                          .x_forwarded_host = request->Header("x-forwarded-host"),
                          .x_forwarded_proto = request->Header("x-forwarded-proto")};
  }
  exchange.truncated = (request != nullptr && request->truncated) || (response != nullptr && response->truncated);
  exchange.status = response != nullptr ? response->status : uint16_t{0};
  exchange.missing = MissingOf(StateOf(request), StateOf(response), context.end);
  std::array<char, 3> version = {'1', '.', '0'};
  if (const Message* teller = TellerOfVersion(request, response); teller != nullptr) {
    version[2] = static_cast<char>('0' + teller->minor_version % 10);
    exchange.version = std::string_view(version.data(), version.size());
  }
  exchange.request_body = BodySize(request, true);
  exchange.response_body = BodySize(response, exchange.method != "HEAD" && exchange.status != 204 && exchange.status != 304);
  decoders::Describe(exchange, context, sink, out);
}

}  // namespace wirespan::decoders::http1
