#include "decoders/postgresql/guess.h"

#include <algorithm>

#include "decoders/postgresql/frame.h"
#include "decoders/postgresql/resync.h"

namespace wirespan::decoders::postgresql {
namespace {

// A frame without a type: a request for encryption or cancellation, or a startup whose first parameter's name begins behind it.
Likeness OfUntyped(std::string_view text) {
  if (text.size() >= 4 && (ReadUint32(text) < 8 || ReadUint32(text) > kMaxStartupBytes)) return Likeness::kNo;
  if (text.size() >= 2 && text[1] != '\0') return Likeness::kNo;
  if (text.size() < 8) return Likeness::kTooShort;
  const uint32_t length = ReadUint32(text);
  const uint32_t code = ReadUint32(text.substr(4));
  if (code == kSslRequest || code == kGssRequest) return length == 8 ? Likeness::kCertain : Likeness::kNo;
  if (code == kCancelRequest) return length >= 16 && length <= 8 + 4 + 256 ? Likeness::kCertain : Likeness::kNo;
  if (code >> 16U != kProtocolMajor || (code & 0xffffU) > 99) return Likeness::kNo;
  if (text.size() == 8) return Likeness::kTooShort;
  return text[8] >= 'a' && text[8] <= 'z' ? Likeness::kCertain : Likeness::kNo;
}

// Frames that follow each other: whole ones, and the beginning of one more.
Likeness OfChain(std::string_view text, Direction dir) {
  size_t whole = 0;
  while (text.size() >= kHeaderBytes) {
    const uint32_t length = ReadUint32(text.substr(1));
    if (!IsFrame(text.front(), length, dir)) return Likeness::kNo;
    if (length + 1 > text.size()) return whole > 0 ? Likeness::kPossible : Likeness::kTooShort;
    ++whole;
    text.remove_prefix(length + 1);
  }
  return whole > 0 ? Likeness::kPossible : Likeness::kTooShort;
}

}  // namespace

Likeness LikenessOf(Direction dir, std::span<const std::byte> bytes) {
  std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  text = text.substr(0, kMaxGuessBytes);
  if (text.empty()) return Likeness::kTooShort;
  if (dir == Direction::kClientToServer && text.front() == '\0') return OfUntyped(text);
  // One byte of a server may answer a request for encryption.
  const bool is_answer = dir == Direction::kServerToClient && text.size() == 1 && (text[0] == 'N' || text[0] == 'S');
  if (is_answer) return Likeness::kTooShort;
  if (text.size() < kHeaderBytes) {
    const bool is_plausible = IsType(text.front(), dir) && (text.size() < 2 || static_cast<uint8_t>(text[1]) < 0x40);
    return is_plausible ? Likeness::kTooShort : Likeness::kNo;
  }
  // A request that is longer than what is there: a text shows at its beginning.
  if (MatchStart(text, dir) == StartMatch::kYes && text.size() > 16) return Likeness::kPossible;
  return OfChain(text, dir);
}

}  // namespace wirespan::decoders::postgresql
