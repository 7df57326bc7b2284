#include "decoders/http_semantics.h"

#include <array>
#include <charconv>

namespace wirespan::decoders {
namespace {

// Those of RFC 9110, PATCH and QUERY.
bool IsKnownMethod(std::string_view method) {
  switch (method.size()) {
    case 3:
      return method == "GET" || method == "PUT";
    case 4:
      return method == "POST" || method == "HEAD";
    case 5:
      return method == "PATCH" || method == "TRACE" || method == "QUERY";
    case 6:
      return method == "DELETE";
    case 7:
      return method == "OPTIONS" || method == "CONNECT";
    default:
      return false;
  }
}

constexpr std::string_view kOtherMethod = "_OTHER";
constexpr size_t kMaxFoldedBytes = 1024;

}  // namespace

void GiveMethod(std::string_view method, AttributeSink& sink, Description& out) {
  const bool is_known = IsKnownMethod(method);
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

std::string_view FailureOf(std::string_view missing) {
  if (missing.empty()) return {};
  const bool fails = missing == Name(ExchangeEnd::kNoResponse) || missing == Name(ExchangeEnd::kConnectionReset) ||
                     missing == Name(ExchangeEnd::kResponseCut) || missing == Name(ExchangeEnd::kProcessExited) ||
                     missing == Name(ExchangeEnd::kNotProcessed);
  return fails ? missing : std::string_view{};
}

void GiveError(AttributeSink& sink, Description& out) {
  if (out.error_type.empty()) return;
  out.status = SpanStatus::kError;
  sink.String(semconv::kErrorType, out.error_type);
}

void GiveOutcome(uint16_t status, std::string_view failure, std::string_view missing, SpanSide side, AttributeSink& sink,
                 Description& out) {
  if (status != 0) sink.Int(semconv::kHttpResponseStatusCode, status);
  if (!failure.empty()) {
    out.error_type = failure;
  } else if (IsErrorStatus(status, side)) {
    std::array<char, 5> digits;
    const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), status);
    out.error_type.assign(digits.data(), end);
  } else {
    out.error_type = FailureOf(missing);
  }
  GiveError(sink, out);
  if (!missing.empty()) sink.String(semconv::kWirespanIncomplete, missing);
}

}  // namespace wirespan::decoders
