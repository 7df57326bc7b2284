#include "decoders/redis/span.h"

#include <charconv>
#include <string>

#include "decoders/db_exchange.h"

namespace wirespan::decoders::redis {
namespace {

constexpr size_t kMaxOperationBytes = 6 + kMaxNameBytes;  // "MULTI " before it

// What EXEC executes is one operation: of one command, or of several.
std::string_view OperationOf(const Message& request, char (&buffer)[kMaxOperationBytes]) {
  if (!request.is_transaction) return request.name;
  constexpr std::string_view kMulti = "MULTI ";
  if (request.batch_name.empty()) return kMulti.substr(0, kMulti.size() - 1);
  size_t size = kMulti.copy(buffer, kMulti.size());
  size += request.batch_name.copy(buffer + size, kMaxNameBytes);
  return {buffer, size};
}

}  // namespace

void Describe(const Message* request, const Message* response, const ExchangeContext& context, AttributeSink& sink,
              Description& out) {
  DbExchange exchange;
  exchange.system = "redis";
  exchange.namespace_names = false;
  char operation[kMaxOperationBytes];
  char database[12];
  exchange.request = request != nullptr ? request->incomplete : Incomplete::kGap;
  exchange.response = response != nullptr ? response->incomplete : Incomplete::kGap;
  if (request != nullptr) {
    exchange.operation = OperationOf(*request, operation);
    exchange.text = request->text;
    exchange.procedure = request->procedure;
    exchange.truncated = request->truncated;
    if (request->is_transaction) exchange.batch_size = request->batch_size;
    if (request->has_database) {
      const auto end = std::to_chars(database, database + sizeof(database), request->database).ptr;
      exchange.name_space = {database, static_cast<size_t>(end - database)};
    }
  }
  if (response != nullptr && response->is_error()) {
    exchange.status_code = response->name;
    exchange.failed = true;
  }
  decoders::Describe(exchange, context, sink, out);
}

}  // namespace wirespan::decoders::redis
