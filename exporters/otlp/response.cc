#include "exporters/otlp/response.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "exporters/utf8.h"
#include "exporters/wire.h"

namespace wirespan::exporters::otlp {
namespace {

constexpr int64_t kMaxDelaySeconds = 1'000'000'000;

// google.protobuf.Duration{int64 seconds = 1; int32 nanos = 2}
std::optional<Milliseconds> ParseDuration(std::string_view message) {
  int64_t seconds = 0;
  int64_t nanos = 0;
  wire::Fields fields(message);
  while (fields.Next()) {
    if (fields.Is(1, wire::kVarint)) seconds = static_cast<int64_t>(fields.value());
    if (fields.Is(2, wire::kVarint)) nanos = static_cast<int64_t>(fields.value());
  }
  if (!fields.ok() || seconds < 0 || nanos < 0 || nanos >= 1'000'000'000) return std::nullopt;
  return Milliseconds(std::min(seconds, kMaxDelaySeconds) * 1000 + (nanos + 999'999) / 1'000'000);
}

// google.protobuf.Any{type_url = 1; value = 2} that holds a RetryInfo{Duration retry_delay = 1}
std::optional<Milliseconds> ParseRetryInfo(std::string_view any) {
  std::string_view type;
  std::string_view value;
  wire::Fields fields(any);
  while (fields.Next()) {
    if (fields.Is(1, wire::kBytes)) type = fields.bytes();
    if (fields.Is(2, wire::kBytes)) value = fields.bytes();
  }
  if (!fields.ok() || !type.ends_with("/google.rpc.RetryInfo")) return std::nullopt;
  wire::Fields info(value);
  std::optional<Milliseconds> delay;
  while (info.Next()) {
    if (info.Is(1, wire::kBytes)) delay = ParseDuration(info.bytes());
  }
  return delay;
}

// The JSON form of a Duration: "1.500s".
std::optional<Milliseconds> ParseDurationText(std::string_view text) {
  if (!text.ends_with('s') || text.size() < 2 || text.size() > 24) return std::nullopt;
  text.remove_suffix(1);
  int64_t whole = 0;
  int64_t nanos = 0;
  int64_t digit_worth = 0;  // of the next digit, in nanoseconds, once the point was read
  bool point = false;
  for (const char c : text) {
    if (c == '.' && !point) {
      point = true;
      digit_worth = 100'000'000;
    } else if (c < '0' || c > '9') {
      return std::nullopt;
    } else if (!point) {
      whole = std::min(kMaxDelaySeconds, whole * 10 + (c - '0'));
    } else {
      nanos += (c - '0') * digit_worth;
      digit_worth /= 10;
    }
  }
  return Milliseconds(whole * 1000 + (nanos + 999'999) / 1'000'000);
}

using Json = nlohmann::json;

Json Parse(std::string_view text) { return Json::parse(text, nullptr, /*allow_exceptions=*/false); }

std::string TextOf(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? OneLine(found->get_ref<const std::string&>()) : std::string();
}

// A 64-bit integer is a number or a decimal string.
std::optional<int64_t> IntegerOf(const Json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end()) return std::nullopt;
  if (found->is_number_unsigned()) {
    return static_cast<int64_t>(std::min<uint64_t>(found->get<uint64_t>(), std::numeric_limits<int64_t>::max()));
  }
  if (found->is_number_integer()) return found->get<int64_t>();
  if (!found->is_string()) return std::nullopt;
  const auto& text = found->get_ref<const std::string&>();
  if (text.empty() || text.size() > 18 || !std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; })) {
    return std::nullopt;
  }
  int64_t value = 0;
  for (const char c : text) value = value * 10 + (c - '0');
  return value;
}

}  // namespace

std::string OneLine(std::string_view text) {
  constexpr size_t kMaxBytes = 300;
  std::string clean;
  AppendUtf8(text.substr(0, 4 * kMaxBytes), kMaxBytes, clean);
  std::string out;
  for (size_t i = 0; i < clean.size();) {
    const Utf8Char next = NextUtf8(std::string_view(clean).substr(i));
    const bool control =
        next.value < 0x20 || (next.value >= 0x7f && next.value < 0xa0) || next.value == 0x2028 || next.value == 0x2029;
    out.append(control ? std::string_view(" ") : std::string_view(clean).substr(i, next.bytes));
    i += next.bytes;
  }
  return out;
}

ExportResponse ParseExportResponse(std::string_view protobuf) {
  constexpr uint32_t kPartialSuccess = 1, kRejected = 1, kErrorMessage = 2;
  ExportResponse out;
  wire::Fields fields(protobuf);
  while (fields.Next()) {
    if (!fields.Is(kPartialSuccess, wire::kBytes)) continue;
    wire::Fields partial(fields.bytes());
    while (partial.Next()) {
      if (partial.Is(kRejected, wire::kVarint)) out.rejected = std::max<int64_t>(0, static_cast<int64_t>(partial.value()));
      if (partial.Is(kErrorMessage, wire::kBytes)) out.message = OneLine(partial.bytes());
    }
    out.valid = out.valid && partial.ok();
  }
  out.valid = out.valid && fields.ok();
  return out;
}

ExportResponse ParseExportResponseJson(std::string_view text) {
  ExportResponse out;
  if (text.find_first_not_of(" \t\r\n") == std::string_view::npos) return out;
  const Json body = Parse(text);
  out.valid = body.is_object();
  if (!out.valid) return out;
  const auto partial = body.find("partialSuccess");
  if (partial == body.end() || !partial->is_object()) return out;
  for (const char* key : {"rejectedSpans", "rejectedDataPoints"}) {
    if (const auto rejected = IntegerOf(*partial, key)) out.rejected = std::max<int64_t>(0, *rejected);
  }
  out.message = TextOf(*partial, "errorMessage");
  return out;
}

RpcStatus ParseRpcStatus(std::string_view protobuf) {
  constexpr uint32_t kMessage = 2, kDetails = 3;
  RpcStatus out;
  wire::Fields fields(protobuf);
  while (fields.Next()) {
    if (fields.Is(kMessage, wire::kBytes)) out.message = OneLine(fields.bytes());
    if (fields.Is(kDetails, wire::kBytes)) {
      if (const auto delay = ParseRetryInfo(fields.bytes())) out.retry_delay = delay;
    }
  }
  if (!fields.ok()) return {};
  return out;
}

RpcStatus ParseRpcStatusJson(std::string_view text) {
  RpcStatus out;
  const Json body = Parse(text);
  if (!body.is_object()) return out;
  out.message = TextOf(body, "message");
  const auto details = body.find("details");
  if (details == body.end() || !details->is_array()) return out;
  for (const Json& detail : *details) {
    if (!detail.is_object() || !TextOf(detail, "@type").ends_with("/google.rpc.RetryInfo")) continue;
    out.retry_delay = ParseDurationText(TextOf(detail, "retryDelay"));
  }
  return out;
}

}  // namespace wirespan::exporters::otlp
