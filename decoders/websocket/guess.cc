#include "decoders/websocket/guess.h"

#include <algorithm>

#include "decoders/websocket/frame.h"

namespace wirespan::decoders::websocket {
namespace {

constexpr size_t kLookedAtText = 256;  // bytes of one message

// RFC 3629; a sequence that the end cuts is none to blame.
bool IsUtf8(std::span<const uint8_t> text) {
  for (size_t at = 0; at < text.size();) {
    const uint8_t first = text[at++];
    if (first < 0x80) continue;
    if (first < 0xc2 || first > 0xf4) return false;
    const size_t following = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
    for (size_t i = 0; i < following && at < text.size(); ++i, ++at) {
      if ((text[at] & 0xc0U) != 0x80U) return false;
    }
  }
  return true;
}

bool IsText(const FrameHeader& header, std::span<const std::byte> payload) {
  std::array<uint8_t, kLookedAtText> text{};
  const size_t size = std::min(payload.size(), text.size());
  for (size_t i = 0; i < size; ++i) {
    text[i] = static_cast<uint8_t>(static_cast<uint8_t>(payload[i]) ^ (header.masked ? header.mask[i % 4] : uint8_t{0}));
  }
  return IsUtf8(std::span(text).first(size));
}

// How a frame lies in the bytes.
enum class Fit : uint8_t { kNo, kHeaderCut, kPayloadCut, kWhole };

Fit ReadFrame(Direction dir, std::span<const std::byte> bytes, uint64_t size, HeaderScan& scan) {
  scan.Clear();
  for (const std::byte byte : bytes) {
    if (!scan.Take(static_cast<uint8_t>(byte)).empty()) return Fit::kNo;
    if (scan.size() == 2 && scan.header().masked != (dir == Direction::kClientToServer)) return Fit::kNo;
    if (scan.is_done()) break;
  }
  if (!scan.is_done()) return Fit::kHeaderCut;
  const FrameHeader& header = scan.header();
  if (header.opcode == Opcode::kText && !header.compressed &&
      !IsText(header, bytes.subspan(scan.size()).first(std::min<uint64_t>(header.length, bytes.size() - scan.size()))))
    return Fit::kNo;
  return header.length <= size - scan.size() ? Fit::kWhole : Fit::kPayloadCut;
}

}  // namespace

Likeness LikenessOf(Direction dir, std::span<const std::byte> bytes) {
  HeaderScan scan;
  bool begins_message = false;
  while (!bytes.empty()) {
    const Fit fit = ReadFrame(dir, bytes, bytes.size(), scan);
    if (fit == Fit::kNo) return Likeness::kNo;
    if (fit != Fit::kWhole) return Likeness::kTooShort;
    begins_message = begins_message || scan.header().opcode != Opcode::kContinuation;
    bytes = bytes.subspan(scan.size() + static_cast<size_t>(scan.header().length));
  }
  return begins_message && dir == Direction::kClientToServer ? Likeness::kPossible : Likeness::kTooShort;
}

bool BeginsWithFrame(Direction dir, std::span<const std::byte> bytes, uint64_t size) {
  HeaderScan scan;
  bytes = bytes.first(static_cast<size_t>(std::min<uint64_t>(size, bytes.size())));
  for (bool is_first = true; size > 0; is_first = false) {
    const Fit fit = ReadFrame(dir, bytes, size, scan);
    if (fit == Fit::kNo) return false;
    if (fit == Fit::kHeaderCut) return !is_first && bytes.size() < size;  // the rest of the call was not copied
    const uint64_t frame = scan.size() + scan.header().length;
    if (fit == Fit::kPayloadCut) return scan.header().length > kMaxControlBytes;
    size -= frame;
    bytes = bytes.subspan(static_cast<size_t>(std::min<uint64_t>(frame, bytes.size())));
    if (bytes.empty() && size > 0) return true;  // what follows was not copied
  }
  return true;
}

}  // namespace wirespan::decoders::websocket
