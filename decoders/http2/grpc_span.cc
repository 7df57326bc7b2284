#include "decoders/http2/grpc_span.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace wirespan::decoders::http2 {
namespace {

constexpr uint32_t kUnknown = 2;
constexpr uint32_t kPermissionDenied = 7;
constexpr uint32_t kResourceExhausted = 8;
constexpr uint32_t kUnimplemented = 12;
constexpr uint32_t kInternal = 13;
constexpr uint32_t kUnavailable = 14;
constexpr uint32_t kDataLoss = 15;
constexpr uint32_t kUnauthenticated = 16;

constexpr std::array<std::string_view, 17> kNames = {
    "OK",        "CANCELLED",      "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
    "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
    "ABORTED",   "OUT_OF_RANGE",   "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
    "DATA_LOSS", "UNAUTHENTICATED"};

constexpr size_t kMaxTimeoutDigits = 8;

}  // namespace

std::string_view GrpcStatusName(uint32_t code) { return kNames[code < kNames.size() ? code : kUnknown]; }

std::optional<uint32_t> ParseGrpcStatus(std::string_view text) {
  if (text.empty() || text.size() > 3) return std::nullopt;
  uint32_t code = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), code);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return code;
}

uint32_t GrpcStatusOfHttp(uint16_t status) {
  switch (status) {
    case 400:
      return kInternal;
    case 401:
      return kUnauthenticated;
    case 403:
      return kPermissionDenied;
    case 404:
      return kUnimplemented;
    case 429:
    case 502:
    case 503:
    case 504:
      return kUnavailable;
    default:
      return kUnknown;
  }
}

uint32_t GrpcStatusOfReset(uint32_t error_code) {
  switch (error_code) {  // RFC 9113 7
    case 0x7:            // REFUSED_STREAM
      return kUnavailable;
    case 0x8:  // CANCEL
      return kGrpcCancelled;
    case 0xb:  // ENHANCE_YOUR_CALM
      return kResourceExhausted;
    case 0xc:  // INADEQUATE_SECURITY
      return kPermissionDenied;
    default:
      return kInternal;
  }
}

bool IsGrpcError(uint32_t code, bool is_server) {
  if (!is_server) return code != 0;
  switch (code) {
    case kUnknown:
    case kGrpcDeadlineExceeded:
    case kUnimplemented:
    case kInternal:
    case kUnavailable:
    case kDataLoss:
      return true;
    default:
      return code >= kNames.size();  // taken for UNKNOWN
  }
}

std::optional<int64_t> ParseGrpcTimeout(std::string_view text) {
  if (text.size() < 2 || text.size() > kMaxTimeoutDigits + 1) return std::nullopt;
  int64_t unit_ns = 0;
  switch (text.back()) {
    case 'H':
      unit_ns = int64_t{3600} * 1000000000;
      break;
    case 'M':
      unit_ns = int64_t{60} * 1000000000;
      break;
    case 'S':
      unit_ns = 1000000000;
      break;
    case 'm':
      unit_ns = 1000000;
      break;
    case 'u':
      unit_ns = 1000;
      break;
    case 'n':
      unit_ns = 1;
      break;
    default:
      return std::nullopt;
  }
  text.remove_suffix(1);
  if (!std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; })) return std::nullopt;
  int64_t count = 0;
  std::from_chars(text.data(), text.data() + text.size(), count);
  if (count > INT64_MAX / unit_ns) return std::nullopt;
  return count * unit_ns;
}

std::string_view GrpcMethod(std::string_view path) {
  if (!path.starts_with('/') || path.size() > kMaxGrpcMethodBytes) return {};
  path.remove_prefix(1);
  const size_t slash = path.rfind('/');
  if (slash == std::string_view::npos || slash == 0 || slash + 1 == path.size()) return {};
  const bool is_name = std::all_of(path.begin(), path.end(), [](char c) { return c > 0x20 && c < 0x7f && c != '?' && c != '#'; });
  return is_name ? path : std::string_view{};
}

}  // namespace wirespan::decoders::http2
