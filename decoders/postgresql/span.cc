#include "decoders/postgresql/span.h"

#include "decoders/db_exchange.h"

namespace wirespan::decoders::postgresql {
namespace {

constexpr std::string_view kPrepare = "PREPARE";

// What the protocol itself calls it, where no text does.
std::string_view OperationOf(const Message& request) {
  switch (request.kind) {
    case RequestKind::kExecute:
      return request.unknown_statement ? "EXECUTE" : "";
    case RequestKind::kPrepare:
      return kPrepare;
    case RequestKind::kFunction:
      return "FUNCTION CALL";
    default:
      return {};
  }
}

// An SQLSTATE of the classes 00 and 01 is no error.
bool IsError(std::string_view code) { return code.size() == 5 && !code.starts_with("00") && !code.starts_with("01"); }

}  // namespace

void Describe(const Message* request, const Message* response, const ExchangeContext& context, AttributeSink& sink,
              Description& out) {
  DbExchange exchange;
  exchange.system = "postgresql";
  exchange.request = request != nullptr ? request->incomplete : Incomplete::kGap;
  exchange.response = response != nullptr ? response->incomplete : Incomplete::kGap;
  char summary[kMaxSummaryBytes + 1];
  if (request != nullptr) {
    exchange.name_space = request->database;
    exchange.text = request->text;
    exchange.summary = request->summary;
    exchange.operation = OperationOf(*request);
    exchange.truncated = request->truncated;
    // A preparation is not told apart by its text from what executes it.
    if (request->kind == RequestKind::kPrepare) {
      size_t size = kPrepare.copy(summary, kPrepare.size());
      const bool fits = !request->summary.empty() && size + 1 + request->summary.size() <= kMaxSummaryBytes;
      if (fits) summary[size++] = ' ';
      if (fits) size += request->summary.copy(summary + size, kMaxSummaryBytes - size);
      exchange.summary = {summary, size};
    }
  }
  if (response != nullptr) {
    exchange.status_code = response->code();
    exchange.failed = IsError(response->code());
    if (response->skipped) exchange.failure = "pipeline_aborted";
  }
  decoders::Describe(exchange, context, sink, out);
  if (request != nullptr && request->unknown_statement) {
    sink.String(semconv::kWirespanUnknownStatement,
                request->statement.empty() ? "(unnamed)" : std::string_view(request->statement));
  }
}

}  // namespace wirespan::decoders::postgresql
