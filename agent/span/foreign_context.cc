#include "agent/span/foreign_context.h"

#include <array>
#include <charconv>
#include <cstdint>
#include <optional>
#include <span>

#include "decoders/http_characters.h"

namespace wirespan::span {
namespace {

using decoders::EqualsIgnoringCase;
using decoders::TrimBlanks;
using trace::Sampling;

constexpr uint8_t kSampled = 0x01;
enum class Digits : uint8_t { kLower, kAny };

std::optional<uint8_t> Digit(char c, Digits digits) {
  if (!decoders::Is(decoders::kHexChar, c) || (digits == Digits::kLower && c != decoders::ToLower(c))) return std::nullopt;
  return decoders::HexValue(c);
}

// At most as many digits as `out` has room for, to its right; false: another character, more, none, or zero.
bool ReadId(std::string_view text, Digits digits, std::span<uint8_t> out) {
  if (text.empty() || text.size() > 2 * out.size()) return false;
  std::fill(out.begin(), out.end(), uint8_t{0});
  bool any = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const std::optional<uint8_t> digit = Digit(text[text.size() - 1 - i], digits);
    if (!digit) return false;
    any = any || *digit != 0;
    uint8_t& byte = out[out.size() - 1 - i / 2];
    byte = static_cast<uint8_t>(byte | (i % 2 == 0 ? *digit : *digit << 4U));
  }
  return any;
}

bool IsTraceIdLength(size_t length) { return length == 32 || length == 16; }

// B3 and OT: a trace id of 32 or 16 digits and a span id of 16.
ContextReject ReadIds(std::string_view trace_id, std::string_view span_id, trace::IncomingContext& out) {
  if (trace_id.empty()) return ContextReject::kNoTraceId;
  if (!IsTraceIdLength(trace_id.size()) || !ReadId(trace_id, Digits::kLower, out.trace_id)) return ContextReject::kBadTraceId;
  if (span_id.empty()) return ContextReject::kNoParentId;
  if (span_id.size() != 16 || !ReadId(span_id, Digits::kLower, out.parent_span_id)) return ContextReject::kBadParentId;
  return ContextReject::kNone;
}

// "1", "0", or in words; nothing: the receiver decides. False: something else.
bool ReadSampled(std::string_view text, trace::IncomingContext& out) {
  out.flags = text == "1" || EqualsIgnoringCase(text, "true") ? kSampled : uint8_t{0};
  out.sampling = text.empty() ? Sampling::kDefer : Sampling::kSaid;
  return out.flags != 0 || text.empty() || text == "0" || EqualsIgnoringCase(text, "false");
}

void SetDebug(trace::IncomingContext& out) {
  out.flags = kSampled;
  out.sampling = Sampling::kDebug;
}

// A parent's parent is not used, but what is no id makes the whole doubtful. Zero and nothing are "none".
bool IsGrandparent(std::string_view text) {
  exporters::SpanId id{};
  return text.size() == 16 && (ReadId(text, Digits::kLower, id) || text.find_first_not_of('0') == std::string_view::npos);
}

// What stands before the next `separator`; `rest` becomes what stands behind it, nullopt where there was none.
std::string_view NextPart(std::optional<std::string_view>& rest, char separator) {
  const size_t end = rest->find(separator);
  const std::string_view part = rest->substr(0, end);
  rest = end == std::string_view::npos ? std::nullopt : std::optional(rest->substr(end + 1));
  return part;
}

std::optional<uint64_t> ReadDecimal(std::string_view text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value == 0) return std::nullopt;
  return value;
}

void PutBigEndian(uint64_t value, std::span<uint8_t> out) {
  for (size_t i = out.size(); i-- > 0; value >>= 8U) out[i] = static_cast<uint8_t>(value);
}

}  // namespace

ContextReject ReadB3Single(std::string_view text, trace::IncomingContext& out) {
  if (text == "0" || text == "1" || text == "d") return ContextReject::kNoTraceId;
  std::optional<std::string_view> rest = text;
  const std::string_view trace_id = NextPart(rest, '-');
  const std::string_view span_id = rest ? NextPart(rest, '-') : std::string_view{};
  if (const ContextReject reject = ReadIds(trace_id, span_id, out); reject != ContextReject::kNone) return reject;
  const bool says_sampling = rest.has_value();
  const std::string_view sampling = rest ? NextPart(rest, '-') : std::string_view{};
  if (says_sampling && sampling != "0" && sampling != "1" && sampling != "d") return ContextReject::kBadSampling;
  if (rest && !IsGrandparent(*rest)) return ContextReject::kBadForm;
  ReadSampled(sampling == "d" ? "1" : sampling, out);
  if (sampling == "d") SetDebug(out);
  return ContextReject::kNone;
}

ContextReject ReadB3Multi(const B3Fields& fields, trace::IncomingContext& out) {
  if (const ContextReject reject = ReadIds(fields.trace_id, fields.span_id, out); reject != ContextReject::kNone) return reject;
  if (!fields.parent_span_id.empty() && !IsGrandparent(fields.parent_span_id)) return ContextReject::kBadForm;
  if (!ReadSampled(fields.sampled, out)) return ContextReject::kBadSampling;
  if (fields.flags == "1") SetDebug(out);
  return ContextReject::kNone;
}

ContextReject ReadJaeger(std::string_view text, trace::IncomingContext& out) {
  std::array<char, 80> plain{};  // 32, 16, 16 and 2 digits and three colons, and some more that make it invalid
  size_t length = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (length == plain.size()) return ContextReject::kBadLength;
    const bool is_colon = text[i] == '%' && EqualsIgnoringCase(text.substr(i, 3), "%3a");
    plain[length++] = is_colon ? ':' : text[i];
    if (is_colon) i += 2;
  }
  std::array<std::string_view, 4> parts;
  std::optional<std::string_view> rest = std::string_view(plain.data(), length);
  for (std::string_view& part : parts) {
    if (!rest) return ContextReject::kBadForm;
    part = NextPart(rest, ':');
  }
  if (rest) return ContextReject::kBadForm;
  if (!ReadId(parts[0], Digits::kAny, out.trace_id)) return ContextReject::kBadTraceId;
  if (!ReadId(parts[1], Digits::kAny, out.parent_span_id)) return ContextReject::kBadParentId;
  unsigned flags = 0;  // 1: sampled, 2: debug
  const auto [end, error] = std::from_chars(parts[3].data(), parts[3].data() + parts[3].size(), flags, 16);
  if (error != std::errc{} || end != parts[3].data() + parts[3].size() || parts[3].size() > 2) return ContextReject::kBadFlags;
  out.flags = flags & 1U;
  out.sampling = Sampling::kSaid;
  if ((flags & 3U) == 3U) SetDebug(out);
  return ContextReject::kNone;
}

ContextReject ReadXray(std::string_view text, trace::IncomingContext& out) {
  std::string_view root;
  std::string_view parent;
  std::string_view sampled;
  for (std::optional<std::string_view> rest = text; rest;) {
    const std::string_view pair = TrimBlanks(NextPart(rest, ';'));
    const size_t equals = pair.find('=');
    if (equals == std::string_view::npos) continue;
    const std::string_view key = TrimBlanks(pair.substr(0, equals));
    const auto is_key = [&](std::string_view name) { return EqualsIgnoringCase(key, name); };
    std::string_view* part = is_key("root") ? &root : is_key("parent") ? &parent : is_key("sampled") ? &sampled : nullptr;
    if (part == nullptr) continue;
    if (part->data() == nullptr) *part = TrimBlanks(pair.substr(equals + 1));  // the first counts
  }
  if (root.empty()) return ContextReject::kNoTraceId;
  const bool formed = root.size() == 35 && root.starts_with("1-") && root[10] == '-';
  if (!formed) return ContextReject::kBadTraceId;
  std::array<char, 32> digits{};
  root.substr(2, 8).copy(digits.data(), 8);
  root.substr(11).copy(digits.data() + 8, 24);
  if (!ReadId({digits.data(), digits.size()}, Digits::kAny, out.trace_id)) return ContextReject::kBadTraceId;
  if (parent.empty()) return ContextReject::kNoParentId;
  if (parent.size() != 16 || !ReadId(parent, Digits::kAny, out.parent_span_id)) return ContextReject::kBadParentId;
  if (sampled.size() > 1 || !ReadSampled(sampled == "?" ? std::string_view{} : sampled, out)) return ContextReject::kBadSampling;
  return ContextReject::kNone;
}

ContextReject ReadDatadog(const DatadogFields& fields, trace::IncomingContext& out) {
  constexpr std::string_view kUpperHalf = "_dd.p.tid=";
  if (fields.trace_id.empty()) return ContextReject::kNoTraceId;
  const std::optional<uint64_t> trace_id = ReadDecimal(fields.trace_id);
  if (!trace_id) return ContextReject::kBadTraceId;
  if (fields.parent_id.empty() || fields.parent_id == "0") return ContextReject::kNoParentId;
  const std::optional<uint64_t> parent_id = ReadDecimal(fields.parent_id);
  if (!parent_id) return ContextReject::kBadParentId;
  out.trace_id = {};
  PutBigEndian(*trace_id, std::span(out.trace_id).last(8));
  PutBigEndian(*parent_id, out.parent_span_id);
  for (std::optional<std::string_view> rest = fields.tags; rest;) {
    const std::string_view tag = TrimBlanks(NextPart(rest, ','));
    if (!tag.starts_with(kUpperHalf)) continue;
    const std::string_view digits = tag.substr(kUpperHalf.size());
    exporters::SpanId upper{};
    if (digits.size() == 16 && ReadId(digits, Digits::kLower, upper)) std::copy(upper.begin(), upper.end(), out.trace_id.begin());
    break;  // the first counts
  }
  out.sampling = fields.priority.empty() ? Sampling::kDefer : Sampling::kSaid;
  int priority = 0;
  const char* end = fields.priority.data() + fields.priority.size();
  const auto [at, error] = std::from_chars(fields.priority.data(), end, priority);
  if (!fields.priority.empty() && (error != std::errc{} || at != end)) return ContextReject::kBadSampling;
  out.flags = priority > 0 ? kSampled : uint8_t{0};
  return ContextReject::kNone;
}

ContextReject ReadOtTrace(std::string_view trace_id, std::string_view span_id, std::string_view sampled,
                          trace::IncomingContext& out) {
  if (const ContextReject reject = ReadIds(trace_id, span_id, out); reject != ContextReject::kNone) return reject;
  return ReadSampled(sampled, out) ? ContextReject::kNone : ContextReject::kBadSampling;
}

}  // namespace wirespan::span
