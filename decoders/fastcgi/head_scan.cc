#include "decoders/fastcgi/head_scan.h"

#include <algorithm>
#include <cstring>

#include "decoders/http_characters.h"

namespace wirespan::decoders::fastcgi {
namespace {

// Values that are worth having in part.
bool MayBeCut(Parameter parameter) {
  return parameter == Parameter::kRequestUri || parameter == Parameter::kQueryString || parameter == Parameter::kUserAgent;
}

}  // namespace

void ParameterScan::Feed(std::string_view bytes, Message& message) {
  while (!bytes.empty()) {
    if (between_pairs() && TakeWholePair(bytes, message)) continue;
    if (part_ == Part::kNameLength || part_ == Part::kValueLength) {
      TakeLengthByte(static_cast<uint8_t>(bytes.front()), message);
      bytes.remove_prefix(1);
      continue;
    }
    const size_t used = std::min<size_t>(bytes.size(), left_);
    if (part_ == Part::kName) {
      const uint32_t had = name_length_ - left_;
      if (name_length_ <= kMaxNameBytes) std::memcpy(name_.data() + had, bytes.data(), used);
    } else if (kept_left_ > 0) {
      const size_t kept = std::min<size_t>(used, kept_left_);
      message.text.append(bytes.substr(0, kept));
      kept_left_ -= static_cast<uint32_t>(kept);
    }
    left_ -= static_cast<uint32_t>(used);
    bytes.remove_prefix(used);
    if (left_ > 0) return;
    part_ == Part::kName ? EndName(message) : EndPair(message);
  }
}

// A pair with short lengths that stands at the beginning of `bytes` as a whole, as nearly all do: what the states below make of
// it, byte by byte.
bool ParameterScan::TakeWholePair(std::string_view& bytes, Message& message) {
  if (bytes.size() < 2) return false;
  const auto name_length = static_cast<uint8_t>(bytes[0]);
  const auto value_length = static_cast<uint8_t>(bytes[1]);
  const size_t size = size_t{2} + name_length + value_length;
  if (((name_length | value_length) & 0x80U) != 0 || bytes.size() < size) return false;
  if (const std::optional<Parameter> parameter = ParameterOf(bytes.substr(2, name_length))) {
    BeginValue(*parameter, value_length, message);
    message.text.append(bytes.substr(size - value_length, kept_left_));
    EndPair(message);
  }
  bytes.remove_prefix(size);
  return true;
}

// One byte, or four where the first has its highest bit set (3.4).
void ParameterScan::TakeLengthByte(uint8_t byte, Message& message) {
  uint32_t& length = part_ == Part::kNameLength ? name_length_ : value_length_;
  const bool is_long = length_bytes_ == 0 && (byte & 0x80U) != 0;
  length = length_bytes_ == 0 ? byte & 0x7fU : length << 8U | byte;
  length_bytes_ = static_cast<uint8_t>(is_long ? 3 : length_bytes_ > 0 ? length_bytes_ - 1 : 0);
  if (length_bytes_ > 0) return;
  if (part_ == Part::kNameLength) {
    part_ = Part::kValueLength;
    return;
  }
  part_ = Part::kName;
  left_ = name_length_;
  if (left_ == 0) EndName(message);
}

void ParameterScan::EndName(Message& message) {
  part_ = Part::kValue;
  left_ = value_length_;
  kept_left_ = 0;
  parameter_ = Parameter::kCount;
  std::optional<Parameter> parameter;
  if (name_length_ <= kMaxNameBytes) parameter = ParameterOf(std::string_view(name_.data(), name_length_));
  if (parameter) BeginValue(*parameter, value_length_, message);
  if (left_ == 0) EndPair(message);
}

void ParameterScan::BeginValue(Parameter parameter, uint32_t length, Message& message) {
  const size_t room = kMaxTextBytes - std::min(kMaxTextBytes, message.text.size());
  const size_t most = std::min(room, kMaxValueBytes);
  const bool fits = length <= most;
  message.truncated = message.truncated || !fits;
  const bool is_kept = fits || MayBeCut(parameter);
  parameter_ = is_kept ? parameter : Parameter::kCount;
  kept_from_ = static_cast<uint32_t>(message.text.size());
  kept_left_ = is_kept ? static_cast<uint32_t>(std::min<size_t>(length, most)) : 0;
}

void ParameterScan::EndPair(Message& message) {
  part_ = Part::kNameLength;
  name_length_ = value_length_ = 0;
  if (parameter_ == Parameter::kCount) return;
  const FieldRef field{parameter_, false, kept_from_, static_cast<uint32_t>(message.text.size()) - kept_from_};
  const auto before =
      std::find_if(message.fields.begin(), message.fields.end(), [&](const FieldRef& f) { return f.parameter == parameter_; });
  if (before == message.fields.end()) {
    message.fields.push_back(field);
    return;
  }
  before->contradicted = before->contradicted || message.Value(*before) != message.Value(field);
  message.text.resize(kept_from_);
}

size_t ResponseHeadScan::Feed(std::string_view bytes) {
  size_t used = 0;
  while (used < bytes.size() && !done_) {
    const std::string_view rest = bytes.substr(used, kMaxResponseHeadBytes + 1 - length_);
    const size_t end = rest.find('\n');
    const std::string_view piece = rest.substr(0, end);
    const size_t kept = std::min(piece.size(), line_.size() - line_length_);
    std::memcpy(line_.data() + line_length_, piece.data(), kept);
    line_length_ += static_cast<uint32_t>(kept);
    line_is_longer_ = line_is_longer_ || kept < piece.size();
    const size_t taken = end == std::string_view::npos ? piece.size() : piece.size() + 1;
    used += taken;
    length_ += taken;
    if (end != std::string_view::npos) EndLine();
    if (length_ > kMaxResponseHeadBytes) done_ = true;
  }
  return used;
}

void ResponseHeadScan::EndLine() {
  std::string_view line(line_.data(), line_length_);
  if (!line_is_longer_ && line.ends_with('\r')) line.remove_suffix(1);
  line_length_ = 0;
  if (line.empty()) {
    done_ = true;
    return;
  }
  // Servers that are told so send a status line, as in HTTP, instead of the Status field (PHP's cgi.rfc2616_headers).
  const bool is_first = !any_line_;
  any_line_ = true;
  line_is_longer_ = false;
  if (is_first && line.starts_with("HTTP/")) return ReadStatus(line.substr(std::min(line.find(' '), line.size())));
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos) {
    odd_ = odd_ || line.size() < kMaxReadLineBytes;
    return;
  }
  const std::string_view value = TrimBlanks(line.substr(colon + 1));
  if (EqualsIgnoringCase(line.substr(0, colon), "status")) ReadStatus(value);
  if (EqualsIgnoringCase(line.substr(0, colon), "location")) {
    has_location_ = true;
    location_is_local_ = value.starts_with('/');
  }
}

void ResponseHeadScan::ReadStatus(std::string_view text) {
  text = TrimBlanks(text);
  const bool is_code = text.size() >= 3 && IsDigit(text[0]) && IsDigit(text[1]) && IsDigit(text[2]) && text[0] != '0' &&
                       (text.size() == 3 || !IsDigit(text[3]));
  if (!is_code) {
    odd_ = true;
    return;
  }
  const auto status = static_cast<uint16_t>((text[0] - '0') * 100 + (text[1] - '0') * 10 + (text[2] - '0'));
  odd_ = odd_ || (has_status_ && status != status_);
  has_status_ = true;
  status_ = status;
}

uint16_t ResponseHeadScan::Status(bool is_whole) const {
  if (odd_) return 0;
  if (has_status_) return status_;
  if (!is_whole || truncated()) return 0;
  if (!has_location_) return 200;
  return location_is_local_ ? 0 : 302;
}

}  // namespace wirespan::decoders::fastcgi
