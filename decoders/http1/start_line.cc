// The start line: RFC 9112 3 (request-line) and 4 (status-line). Exactly one SP between the parts: readers differ about more.
#include <tuple>
#include <utility>

#include "decoders/http1/head_parser.h"
#include "decoders/http_characters.h"

namespace wirespan::decoders::http1 {
namespace {

constexpr std::string_view kVersionPrefix = "HTTP/1.";

// The number of leading bytes that may be part of a target.
size_t TargetRun(std::string_view bytes) {
  size_t i = 0;
  while (i < bytes.size() && Is(kTargetChar, bytes[i])) ++i;
  return i;
}

bool IsPhraseByte(uint8_t byte) { return byte == '\t' || (byte >= 0x20 && byte != 0x7f); }

}  // namespace

void StartLineScan::Begin(bool is_request) {
  *this = StartLineScan{};
  is_request_ = is_request;
  part_ = is_request ? Part::kMethod : Part::kVersion;
}

bool StartLineScan::TakeLineEnd(uint8_t byte) {
  if (byte == '\r') return part_ = Part::kLf, true;
  if (byte != '\n') return false;
  bare_lf_ = true;
  part_ = Part::kEnd;
  return true;
}

bool StartLineScan::TakeByte(uint8_t byte) {
  const char c = static_cast<char>(byte);
  switch (part_) {
    case Part::kMethod:
      if (c == ' ' && method_length_ > 0) return part_ = Part::kTarget, part_start_ = offset_ + 1, true;
      if (!Is(kTokenChar, c) || method_length_ == kMaxMethodBytes) return Fail("bad_method");
      return ++method_length_, true;
    case Part::kTarget:  // a run of target bytes was taken before
      if (c != ' ' || offset_ == part_start_) return Fail("bad_target");
      part_length_ = offset_ - part_start_, has_part_ = true;
      return part_ = Part::kVersion, true;
    case Part::kVersion:
      if (c != kVersionPrefix[matched_]) return Fail("bad_version");
      if (++matched_ == kVersionPrefix.size()) part_ = Part::kMinor;
      return true;
    case Part::kMinor:
      if (!IsDigit(c)) return Fail("bad_version");
      minor_ = static_cast<uint8_t>(c - '0'), matched_ = 0;
      return part_ = Part::kAfterVersion, true;
    case Part::kAfterVersion:
      if (!is_request_) return c == ' ' ? (part_ = Part::kStatus, true) : Fail("bad_version");
      return TakeLineEnd(byte) || Fail("bad_version");
    case Part::kStatus:
      if (!IsDigit(c) || (matched_ == 0 && c == '0')) return Fail("bad_status");
      status_ = static_cast<uint16_t>(status_ * 10 + (c - '0'));
      if (++matched_ == 3) part_ = Part::kAfterStatus;
      return true;
    case Part::kAfterStatus:  // the SP before an empty reason phrase is left out by some servers
      part_start_ = offset_ + 1;
      if (c == ' ') return part_ = Part::kPhrase, true;
      has_part_ = true;
      part_start_ = offset_;
      return TakeLineEnd(byte) || Fail("bad_status");
    case Part::kPhrase:
      if (IsPhraseByte(byte)) return true;
      part_length_ = offset_ - part_start_, has_part_ = true;
      return TakeLineEnd(byte) || Fail("bad_reason_phrase");
    case Part::kLf:
      return c == '\n' ? (part_ = Part::kEnd, true) : Fail("bare_cr_in_start_line");
    case Part::kEnd:
      break;
  }
  return false;
}

StartLineScan::Outcome StartLineScan::Feed(std::string_view bytes, size_t& used) {
  used = 0;
  while (used < bytes.size()) {
    if (part_ == Part::kTarget) {
      const size_t run = TargetRun(bytes.substr(used));
      used += run, offset_ += run;
      if (used == bytes.size()) break;
    }
    if (!TakeByte(static_cast<uint8_t>(bytes[used]))) return Outcome::kBad;
    ++used, ++offset_;
    if (part_ == Part::kEnd) return Outcome::kDone;
  }
  return Outcome::kMore;
}

void StartLineScan::Fill(Message& message) const {
  const size_t stored = message.head.size();
  const auto clip = [&](uint64_t start, uint64_t length) {
    const uint64_t from = start < stored ? start : stored;
    const uint64_t room = stored - from;
    return std::pair<uint32_t, uint32_t>(static_cast<uint32_t>(from), static_cast<uint32_t>(length < room ? length : room));
  };
  if (part_ > Part::kMinor) message.minor_version = minor_;
  FieldRef& part = message.target_or_reason;
  if (has_part_) std::tie(part.value, part.value_length) = clip(part_start_, part_length_);
  if (is_request_) {
    if (part_ > Part::kMethod) message.method_or_version.name_length = method_length_;
    return;
  }
  if (part_ > Part::kAfterVersion) message.method_or_version.name_length = kVersionPrefix.size() + 1;
  if (part_ > Part::kStatus) message.status = status_;
}

}  // namespace wirespan::decoders::http1
