#include "decoders/db_exchange.h"

#include <charconv>

#include "decoders/http_semantics.h"

namespace wirespan::decoders {
namespace {

void Give(const AttributeName& name, std::string_view value, AttributeSink& sink) {
  if (!value.empty()) sink.String(name, value);
}

// The server is this end of a server's connection, the other end of a client's.
std::string_view ServerAddress(const ExchangeContext& context) {
  return context.side == SpanSide::kServer ? context.local_address : context.peer_address;
}
uint16_t ServerPort(const ExchangeContext& context) {
  return context.side == SpanSide::kServer ? context.local_port : context.peer_port;
}

void AppendServer(const ExchangeContext& context, std::string& name) {
  const std::string_view address = ServerAddress(context);
  if (address.empty()) return;
  name.append(name.empty() ? "" : " ").append(address);
  if (ServerPort(context) == 0) return;
  char digits[8];
  const auto end = std::to_chars(digits, digits + sizeof(digits), ServerPort(context)).ptr;
  name.append(":").append(digits, end);
}

// The summary; else the operation and what it works on; else what there is.
void GiveName(const DbExchange& exchange, const ExchangeContext& context, std::string& name) {
  name.assign(exchange.summary);
  if (!name.empty()) return;
  name.assign(exchange.operation);
  const std::string_view space = exchange.namespace_names ? exchange.name_space : std::string_view{};
  const std::string_view target = exchange.procedure.empty() ? space : exchange.procedure;
  if (!target.empty()) {
    name.append(name.empty() ? "" : " ").append(target);
  } else {
    AppendServer(context, name);
  }
  if (name.empty()) name.assign(exchange.system);
}

}  // namespace

void Describe(const DbExchange& exchange, const ExchangeContext& context, AttributeSink& sink, Description& out) {
  out.Clear();
  GiveName(exchange, context, out.name);
  sink.String(semconv::kDbSystemName, exchange.system);
  Give(semconv::kDbNamespace, exchange.name_space, sink);
  Give(semconv::kDbOperationName, exchange.operation, sink);
  Give(semconv::kDbQuerySummary, exchange.summary, sink);
  Give(semconv::kDbQueryText, exchange.text, sink);
  Give(semconv::kDbStoredProcedureName, exchange.procedure, sink);
  if (exchange.batch_size && *exchange.batch_size != 1) sink.Int(semconv::kDbOperationBatchSize, *exchange.batch_size);
  Give(semconv::kDbResponseStatusCode, exchange.status_code, sink);
  GiveServer(ServerAddress(context), ServerPort(context), sink);
  if (context.side == SpanSide::kServer) Give(semconv::kClientAddress, context.peer_address, sink);
  const std::string_view missing = MissingOf(exchange.request, exchange.response, context.end);
  const std::string_view failure = exchange.failure.empty() ? FailureOf(missing) : exchange.failure;
  out.error_type = exchange.failed ? exchange.status_code : failure;
  GiveError(sink, out);
  Give(semconv::kWirespanIncomplete, missing, sink);
  if (exchange.truncated) sink.Bool(semconv::kWirespanTruncated, true);
}

}  // namespace wirespan::decoders
