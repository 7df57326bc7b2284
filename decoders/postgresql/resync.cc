#include "decoders/postgresql/resync.h"

#include "decoders/postgresql/frame.h"

namespace wirespan::decoders::postgresql {
namespace {

constexpr uint32_t kMaxPlausible = uint32_t{1} << 24U;

bool IsText(char c) { return (c >= ' ' && c < 0x7f) || (c >= '\t' && c <= '\r'); }
bool IsUpper(char c) { return c >= 'A' && c <= 'Z'; }

// Whether the first byte behind the header may follow it.
bool MayFollow(char type, uint32_t length, char next, Direction dir) {
  if (dir == Direction::kClientToServer) return type == 'Q' ? IsText(next) : next == '\0' || IsText(next);
  switch (type) {
    case 'T':
      return next == '\0';  // of two bytes, a number of columns below 256
    case 'C':
      return length < 4 + 64 && IsUpper(next);
    case 'E':
      return next == 'S';  // the severity comes first
    default:
      return true;
  }
}

bool IsStart(char type, uint32_t length, Direction dir) {
  if (dir == Direction::kClientToServer) return type == 'Q' || type == 'P' ? length > 5 : type == 'B' && length > 9;
  if (type == '1' || type == '2') return true;
  return (type == 'T' || type == 'C' || type == 'E') && length > 5;
}

}  // namespace

StartMatch MatchStart(std::string_view bytes, Direction dir) {
  if (bytes.empty()) return StartMatch::kMore;
  const std::string_view types = dir == Direction::kClientToServer ? "QPB" : "TCE12";
  if (types.find(bytes.front()) == std::string_view::npos) return StartMatch::kNo;
  if (bytes.size() > 1 && bytes[1] != '\0') return StartMatch::kNo;
  if (bytes.size() < kHeaderBytes) return StartMatch::kMore;
  const uint32_t length = ReadUint32(bytes.substr(1));
  if (length > kMaxPlausible || !IsFrame(bytes.front(), length, dir) || !IsStart(bytes.front(), length, dir))
    return StartMatch::kNo;
  if (length == 4) return StartMatch::kYes;
  if (bytes.size() == kHeaderBytes) return StartMatch::kMore;
  return MayFollow(bytes.front(), length, bytes[kHeaderBytes], dir) ? StartMatch::kYes : StartMatch::kNo;
}

}  // namespace wirespan::decoders::postgresql
