#include "agent/span/context.h"

#include <algorithm>
#include <array>
#include <optional>

namespace wirespan::span {
namespace {

constexpr size_t kTraceparentBytes = 55;
// What 32 of the longest members need, with room for the white space around them; more is no tracestate that anybody may keep.
constexpr size_t kMaxJoinedBytes = size_t{64} * 1024;

bool IsOws(char c) { return c == ' ' || c == '\t'; }

std::string_view Trim(std::string_view text) {
  while (!text.empty() && IsOws(text.front())) text.remove_prefix(1);
  while (!text.empty() && IsOws(text.back())) text.remove_suffix(1);
  return text;
}

bool EqualsIgnoringCase(std::string_view text, std::string_view lower_case) {
  if (text.size() != lower_case.size()) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if ((c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c) != lower_case[i]) return false;
  }
  return true;
}

// Lower-case digits only: upper-case ones make a traceparent invalid (trace-context 3.2.2).
int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

bool ReadHex(std::string_view text, std::span<uint8_t> out) {
  for (size_t i = 0; i < out.size(); ++i) {
    const int high = HexDigit(text[2 * i]);
    const int low = HexDigit(text[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    out[i] = static_cast<uint8_t>(high * 16 + low);
  }
  return true;
}

// tracestate key: [a-z0-9][a-z0-9_\-*/@]{0,255} (level 2: no rules for tenants)
bool IsKey(std::string_view key) {
  if (key.empty() || key.size() > kMaxTraceStateKeyBytes) return false;
  const auto is_alphanumeric = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  if (!is_alphanumeric(key.front())) return false;
  return std::all_of(key.begin(), key.end(),
                     [&](char c) { return is_alphanumeric(c) || c == '_' || c == '-' || c == '*' || c == '/' || c == '@'; });
}

// tracestate value: 1 to 256 of 0x20-0x7e without ',' and '=', not ending in a space (trimmed before).
bool IsValue(std::string_view value) {
  if (value.empty() || value.size() > kMaxTraceStateValueBytes) return false;
  return std::all_of(value.begin(), value.end(), [](char c) { return c >= 0x20 && c <= 0x7e && c != ',' && c != '='; });
}

// An obs-fold (CRLF before white space, RFC 9112 5.2) counts as white space; any other CR or LF stays and makes the value
// invalid.
void AppendUnfolded(std::string_view value, std::string& out) {
  if (value.find('\n') == std::string_view::npos) {
    out += value;
    return;
  }
  for (size_t i = 0; i < value.size(); ++i) {
    size_t next = i;
    if (value[next] == '\r' && next + 1 < value.size() && value[next + 1] == '\n') ++next;
    const bool fold = value[next] == '\n' && next + 1 < value.size() && IsOws(value[next + 1]);
    out.push_back(fold ? ' ' : value[i]);
    if (fold) i = next;
  }
}

// A member that is no more than white space is allowed and means nothing.
struct Member {
  std::string_view key;
  std::string_view value;
};

std::optional<Member> ReadMember(std::string_view text) {
  const size_t equals = text.find('=');
  if (equals == std::string_view::npos) return std::nullopt;
  const Member member{text.substr(0, equals), text.substr(equals + 1)};
  if (!IsKey(member.key) || !IsValue(member.value)) return std::nullopt;
  return member;
}

}  // namespace

std::string_view Name(ContextReject reject) {
  switch (reject) {
    case ContextReject::kNone:
      return "accepted";
    case ContextReject::kNoTraceparent:
      return "no_traceparent";
    case ContextReject::kSeveralTraceparents:
      return "several_traceparents";
    case ContextReject::kBadVersion:
      return "bad_version";
    case ContextReject::kBadLength:
      return "bad_length";
    case ContextReject::kBadTraceId:
      return "bad_trace_id";
    case ContextReject::kBadParentId:
      return "bad_parent_id";
    case ContextReject::kBadFlags:
      return "bad_flags";
    case ContextReject::kNoContext:
      return "no_context";
    case ContextReject::kNoTraceId:
      return "no_trace_id";
    case ContextReject::kNoParentId:
      return "no_parent_id";
    case ContextReject::kBadForm:
      return "bad_form";
    case ContextReject::kBadSampling:
      return "bad_sampling";
    case ContextReject::kNotSeen:
      return "not_seen";
  }
  return "";
}

void TraceContextReader::Reset() {
  traceparent_.clear();
  trace_state_.clear();
  traceparent_count_ = 0;
  has_trace_state_ = false;
  trace_state_too_long_ = false;
  fate_ = TraceStateFate::kAbsent;
}

void TraceContextReader::Keep(std::string_view name, std::string_view value) {
  if (name.size() == 11 && EqualsIgnoringCase(name, "traceparent")) {
    if (++traceparent_count_ == 1) AppendUnfolded(value, traceparent_);
  } else if (name.size() == 10 && EqualsIgnoringCase(name, "tracestate")) {
    if (trace_state_.size() + value.size() >= kMaxJoinedBytes) {
      trace_state_too_long_ = true;
      return;
    }
    if (has_trace_state_) trace_state_.push_back(',');
    has_trace_state_ = true;
    AppendUnfolded(value, trace_state_);
  }
}

ContextReject TraceContextReader::ParseTraceparent(trace::IncomingContext& out) const {
  if (traceparent_count_ == 0) return ContextReject::kNoTraceparent;
  if (traceparent_count_ > 1) return ContextReject::kSeveralTraceparents;
  const std::string_view text = Trim(traceparent_);
  std::array<uint8_t, 1> version{};
  if (text.size() < 3 || !ReadHex(text, version) || version[0] == 0xff || text[2] != '-') return ContextReject::kBadVersion;
  if (text.size() < kTraceparentBytes) return ContextReject::kBadLength;
  if (text.size() > kTraceparentBytes && (version[0] == 0 || text[kTraceparentBytes] != '-')) return ContextReject::kBadLength;
  if (!ReadHex(text.substr(3, 32), out.trace_id) || text[35] != '-' || exporters::IsZero(out.trace_id)) {
    return ContextReject::kBadTraceId;
  }
  if (!ReadHex(text.substr(36, 16), out.parent_span_id) || text[52] != '-' || exporters::IsZero(out.parent_span_id)) {
    return ContextReject::kBadParentId;
  }
  std::array<uint8_t, 1> flags{};
  if (!ReadHex(text.substr(53, 2), flags)) return ContextReject::kBadFlags;
  out.flags = flags[0];
  return ContextReject::kNone;
}

bool TraceContextReader::JoinTraceState(std::string& out) const {
  std::array<std::string_view, kMaxTraceStateMembers> keys;
  size_t members = 0;  // with the repeated ones: the limit is on what was sent
  size_t kept = 0;
  std::string_view rest = trace_state_;
  for (bool more = true; more;) {
    const size_t comma = rest.find(',');
    more = comma != std::string_view::npos;
    const std::string_view text = Trim(rest.substr(0, comma));
    if (more) rest.remove_prefix(comma + 1);
    if (text.empty()) continue;
    const std::optional<Member> member = ReadMember(text);
    if (!member || ++members > kMaxTraceStateMembers) return false;
    const auto known = std::find(keys.begin(), keys.begin() + static_cast<std::ptrdiff_t>(kept), member->key);
    if (known != keys.begin() + static_cast<std::ptrdiff_t>(kept)) continue;
    keys[kept++] = member->key;
    if (!out.empty()) out.push_back(',');
    out += text;
  }
  return true;
}

ContextReject TraceContextReader::Finish(trace::IncomingContext& out) {
  out.trace_id = {};
  out.parent_span_id = {};
  out.flags = 0;
  out.trace_state.clear();
  out.carrier = trace::Carrier::kW3c;
  out.sampling = trace::Sampling::kSaid;
  const ContextReject reject = ParseTraceparent(out);
  const bool has_state = has_trace_state_ || trace_state_too_long_;
  fate_ = has_state ? TraceStateFate::kDiscarded : TraceStateFate::kAbsent;
  if (reject != ContextReject::kNone) {
    out.trace_id = {};
    out.parent_span_id = {};
    return reject;
  }
  if (!has_state) return reject;
  if (!trace_state_too_long_ && JoinTraceState(out.trace_state)) {
    fate_ = TraceStateFate::kKept;
  } else {
    out.trace_state.clear();
  }
  return reject;
}

ContextReject ParseTraceContext(std::span<const HeaderField> fields, trace::IncomingContext& out) {
  TraceContextReader reader;
  for (const HeaderField& field : fields) reader.Add(field.name, field.value);
  return reader.Finish(out);
}

}  // namespace wirespan::span
