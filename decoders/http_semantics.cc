#include "decoders/http_semantics.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace wirespan::decoders {
namespace {

constexpr std::array<std::string_view, 10> kKnownMethods = {"GET",   "POST",    "PUT",   "HEAD",  "DELETE",
                                                            "PATCH", "OPTIONS", "TRACE", "QUERY", "CONNECT"};
constexpr std::string_view kOtherMethod = "_OTHER";
constexpr size_t kMaxFoldedBytes = 1024;

// Whether what is missing is a failure of the exchange, and not of the watching.
bool IsFailure(std::string_view missing) {
  return missing == Name(ExchangeEnd::kNoResponse) || missing == Name(ExchangeEnd::kConnectionReset) ||
         missing == Name(ExchangeEnd::kResponseCut) || missing == Name(ExchangeEnd::kProcessExited);
}

}  // namespace

void GiveMethod(std::string_view method, AttributeSink& sink, Description& out) {
  const bool is_known = std::find(kKnownMethods.begin(), kKnownMethods.end(), method) != kKnownMethods.end();
  out.name = is_known ? method : "HTTP";
  if (method.empty()) return;
  sink.String(semconv::kHttpRequestMethod, is_known ? method : kOtherMethod);
  if (!is_known) sink.String(semconv::kHttpRequestMethodOriginal, method);
}

void GiveServer(std::string_view address, uint16_t port, AttributeSink& sink) {
  if (address.empty()) return;
  sink.String(semconv::kServerAddress, address);
  if (port != 0) sink.Int(semconv::kServerPort, port);
}

void GiveUserAgent(std::string_view value, AttributeSink& sink) {
  if (value.empty()) return;
  const bool is_folded = value.find('\n') != std::string_view::npos || value.find('\r') != std::string_view::npos;
  if (!is_folded) return sink.String(semconv::kUserAgentOriginal, value);
  BoundedText unfolded;
  for (const char c : value.substr(0, kMaxFoldedBytes)) unfolded.Append(c == '\r' || c == '\n' ? ' ' : c);
  sink.String(semconv::kUserAgentOriginal, unfolded.view());
}

bool GiveQuery(const Target& target, const ExchangeContext& context, AttributeSink& sink) {
  if (!target.has_query) return false;
  BoundedText query;
  AppendRedactedQuery(target.query, context.keep_query_values, query);
  sink.String(semconv::kUrlQuery, query.view());
  return query.cut();
}

std::string_view MissingOf(Incomplete request, Incomplete response, ExchangeEnd end) {
  if (end != ExchangeEnd::kComplete) return Name(end);
  if (request == Incomplete::kGap) return Name(ExchangeEnd::kRequestNotSeen);
  if (response == Incomplete::kGap) return Name(ExchangeEnd::kResponseNotSeen);
  if (response == Incomplete::kClosed) return Name(ExchangeEnd::kResponseCut);
  return request == Incomplete::kClosed ? "request_cut" : "";
}

void GiveOutcome(uint16_t status, std::string_view failure, std::string_view missing, SpanSide side, AttributeSink& sink,
                 Description& out) {
  const uint16_t first_error = side == SpanSide::kServer ? 500 : 400;
  if (status != 0) sink.Int(semconv::kHttpResponseStatusCode, status);
  if (!failure.empty()) {
    out.error_type = failure;
  } else if (status >= first_error) {
    std::array<char, 5> digits;
    const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), status);
    out.error_type.assign(digits.data(), end);
  } else if (IsFailure(missing)) {
    out.error_type = missing;
  }
  if (!out.error_type.empty()) {
    out.status = SpanStatus::kError;
    sink.String(semconv::kErrorType, out.error_type);
  }
  if (!missing.empty()) sink.String(semconv::kWirespanIncomplete, missing);
}

}  // namespace wirespan::decoders
