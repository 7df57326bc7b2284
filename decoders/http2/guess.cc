#include "decoders/http2/guess.h"

#include <algorithm>

#include "decoders/http2/frame.h"
#include "decoders/http2/resync.h"

namespace wirespan::decoders::http2 {
namespace {

using Bytes = std::span<const std::byte>;

// "PRI * HTTP/2.0" and the line ends behind it: no other protocol has a version 2.0 there.
constexpr size_t kCertainPreface = 18;
constexpr uint32_t kMaxFirstSettings = 6 * 32;  // bytes

constexpr uint32_t kLastKnownSetting = 9;
uint32_t SettingOf(Bytes entry) { return ReadUint32(entry) >> 16U; }
bool IsPossibleSetting(Bytes entry) {
  const uint32_t value = ReadUint32(entry.subspan(2));
  switch (SettingOf(entry)) {  // RFC 9113 6.5.2, RFC 8441 3, RFC 9218 2.1
    case 0:
    case 7:
      return false;
    case 2:
    case 8:
    case 9:
      return value <= 1;
    case 4:
      return value <= kMaxStreamId;
    case 5:
      return value >= kDefaultMaxFrameSize && value <= kMaxFrameSize;
    default:
      return true;  // also what is beyond those: gRPC's C core has a 0xfe03
  }
}

Likeness OfPreface(Bytes bytes) {
  const size_t size = std::min(bytes.size(), kClientPreface.size());
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), size);
  if (text != kClientPreface.substr(0, size)) return Likeness::kNo;
  return size >= kCertainPreface ? Likeness::kCertain : Likeness::kTooShort;
}

// A server's preface (RFC 9113 3.4): kNo where the first frame is not that. One that is empty, or begins with a
// setting that nobody knows, has only its nine bytes to say so.
Likeness OfFirstSettings(Bytes bytes) {
  const FrameHeader header = ReadFrameHeader(bytes);
  const bool is_settings = header.type == FrameType::kSettings && header.flags == 0 && header.length <= kMaxFirstSettings;
  if (!is_settings || !IsPlausible(header, Direction::kServerToClient, kDefaultMaxFrameSize)) return Likeness::kNo;
  constexpr size_t kFirstSettingEnd = kFrameHeaderBytes + 6;
  const bool is_unknown = bytes.size() >= kFirstSettingEnd && SettingOf(bytes.subspan(kFrameHeaderBytes)) > kLastKnownSetting;
  if (header.length == 0 || is_unknown) {
    return ChainAt(bytes, Direction::kServerToClient, kDefaultMaxFrameSize) == Chain::kBroken ? Likeness::kNo
                                                                                              : Likeness::kPossible;
  }
  bytes = bytes.subspan(kFrameHeaderBytes);
  const bool is_whole = bytes.size() >= header.length;
  bytes = bytes.first(std::min<size_t>(bytes.size(), header.length));
  for (; bytes.size() >= 6; bytes = bytes.subspan(6)) {
    if (!IsPossibleSetting(bytes)) return Likeness::kNo;
  }
  return is_whole ? Likeness::kCertain : Likeness::kTooShort;
}

// One whole head and no more: what a call of a program brings that asks once in a while.
bool IsOneHead(Direction dir, Bytes bytes) {
  if (bytes.size() <= kFrameHeaderBytes) return false;
  const FrameHeader header = ReadFrameHeader(bytes);
  const bool is_head = header.type == FrameType::kHeaders && header.Has(kEndHeaders);
  const size_t prefix = header.Has(kHasPriority) ? 5 : 0;
  if (!is_head || header.Has(kPadded)) return false;
  if (bytes.size() != kFrameHeaderBytes + header.length || header.length <= prefix) return false;
  return LooksLikeHead(bytes.subspan(kFrameHeaderBytes + prefix), dir == Direction::kClientToServer);
}

}  // namespace

Likeness LikenessOf(Direction dir, Bytes bytes) {
  if (bytes.empty()) return Likeness::kTooShort;
  if (dir == Direction::kClientToServer) {
    const Likeness preface = OfPreface(bytes);
    if (preface != Likeness::kNo) return preface;
  } else if (bytes.size() >= kFrameHeaderBytes) {
    const Likeness settings = OfFirstSettings(bytes);
    if (settings != Likeness::kNo) return settings;
  }
  switch (ChainAt(bytes, dir, kDefaultMaxFrameSize)) {
    case Chain::kBroken:
      return Likeness::kNo;
    case Chain::kOpen:
      return IsOneHead(dir, bytes) ? Likeness::kPossible : Likeness::kTooShort;
    case Chain::kBelieved:
      return Likeness::kPossible;
  }
  return Likeness::kNo;
}

}  // namespace wirespan::decoders::http2
