#include "decoders/redis/resp.h"

#include <algorithm>

namespace wirespan::decoders::redis {
namespace {

using What = RespStep::What;

constexpr uint8_t kMaxDigits = 19;

bool HasNumber(Type type) {
  return IsAggregate(type) || type == Type::kBulk || type == Type::kBulkError || type == Type::kVerbatim;
}
// RESP2 has null strings and arrays.
bool MayBeNull(Type type) { return type == Type::kBulk || type == Type::kArray; }

}  // namespace

bool IsType(char c) { return c != '\0' && std::string_view("+-:$*_#,(!=%~>|").find(c) != std::string_view::npos; }

RespStep RespScan::Take(std::string_view bytes) {
  if (bytes.empty()) return {};
  switch (phase_) {
    case Phase::kType:
      return TakeType(bytes.front());
    case Phase::kNumber:
      return TakeNumber(bytes);
    case Phase::kLine:
      return TakeLine(bytes);
    case Phase::kString:
    case Phase::kStringEnd:
      return TakeString(bytes);
  }
  return {};
}

RespStep RespScan::TakeType(char c) {
  if (!IsType(c)) return {What::kBad};
  type_ = static_cast<Type>(c);
  begun_ = true;
  // A push stands alone between replies.
  if (type_ == Type::kPush && depth_ > 0) return {What::kBad};
  value_depth_ = depth_;
  value_index_ = depth_ > 0 ? levels_[depth_ - 1U].count - levels_[depth_ - 1U].left : 0;
  negative_ = has_return_ = false;
  digits_ = 0;
  number_ = left_ = 0;
  if (HasNumber(type_)) {
    phase_ = Phase::kNumber;
    return {What::kMore, 1};
  }
  phase_ = Phase::kLine;
  return {What::kBegins, 1, false, type_};
}

RespStep RespScan::TakeNumber(std::string_view bytes) {
  for (size_t used = 0; used < bytes.size(); ++used) {
    const char c = bytes[used];
    if (has_return_) return c == '\n' ? EnterNumber(used + 1) : RespStep{What::kBad, used};
    if (c == '\r') {
      const bool is_number = digits_ > 0 && (!negative_ || (number_ == 1 && MayBeNull(type_)));
      if (!is_number) return {What::kBad, used};
      has_return_ = true;
    } else if (c == '-' && digits_ == 0 && !negative_ && MayBeNull(type_)) {
      negative_ = true;
    } else if (c >= '0' && c <= '9' && digits_ < kMaxDigits) {
      number_ = number_ * 10 + static_cast<uint64_t>(c - '0');
      ++digits_;
    } else {
      return {What::kBad, used};
    }
  }
  return {What::kMore, bytes.size()};
}

RespStep RespScan::EnterNumber(size_t used) {
  if (negative_) return {What::kBegins, used, EndValue(), Type::kNull};
  if (!IsAggregate(type_)) {
    if (number_ > kMaxBulkBytes) return {What::kBad, used - 1};
    left_ = number_;
    ended_ = 0;
    phase_ = left_ > 0 ? Phase::kString : Phase::kStringEnd;
    return {What::kBegins, used, false, type_, number_};
  }
  const uint64_t elements = type_ == Type::kMap || type_ == Type::kAttribute ? number_ * 2 : number_;
  if (number_ > kMaxElements || elements > kMaxElements || depth_ == kMaxDepth) return {What::kBad, used - 1};
  phase_ = Phase::kType;
  const bool is_attribute = type_ == Type::kAttribute;
  if (elements > 0) {
    levels_[depth_++] = {elements, elements, type_};
  } else if (!is_attribute) {
    return {What::kBegins, used, EndValue(), type_};
  }
  return {What::kBegins, used, false, type_, elements};
}

RespStep RespScan::TakeLine(std::string_view bytes) {
  if (has_return_) return bytes.front() == '\n' ? RespStep{What::kEnds, 1, EndValue(), type_} : RespStep{What::kBad};
  const size_t room = kMaxLineBytes - left_;
  const size_t end = bytes.find_first_of("\r\n");
  const std::string_view text = bytes.substr(0, std::min(end, room));
  left_ += text.size();
  has_return_ = text.size() == end && bytes[end] == '\r';
  if (text.empty() && !has_return_) return {What::kBad};
  return {What::kText, text.size() + (has_return_ ? 1 : 0), false, type_, 0, text};
}

RespStep RespScan::TakeString(std::string_view bytes) {
  if (phase_ == Phase::kString) {
    const std::string_view text = bytes.substr(0, left_);
    left_ -= text.size();
    if (left_ == 0) phase_ = Phase::kStringEnd;
    return {What::kText, text.size(), false, type_, 0, text};
  }
  if (bytes.front() != (ended_ == 0 ? '\r' : '\n')) return {What::kBad};
  if (++ended_ < 2) return {What::kMore, 1};
  return {What::kEnds, 1, EndValue(), type_};
}

bool RespScan::EndValue() {
  phase_ = Phase::kType;
  while (depth_ > 0) {
    Level& level = levels_[depth_ - 1U];
    if (--level.left > 0) return false;
    --depth_;
    if (level.type == Type::kAttribute) return false;  // the value that it describes follows
  }
  return true;
}

bool RespScan::PassString(uint64_t size) {
  const uint64_t content = phase_ == Phase::kString ? std::min(size, left_) : 0;
  left_ -= content;
  if (phase_ == Phase::kString && left_ == 0) phase_ = Phase::kStringEnd;
  size -= content;
  if (phase_ != Phase::kStringEnd) return false;
  ended_ = static_cast<uint8_t>(ended_ + std::min<uint64_t>(size, 2U - ended_));
  return ended_ == 2 && EndValue();
}

}  // namespace wirespan::decoders::redis
