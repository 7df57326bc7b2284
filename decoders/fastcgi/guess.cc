#include "decoders/fastcgi/guess.h"

#include "decoders/fastcgi/record.h"
#include "decoders/fastcgi/resync.h"

namespace wirespan::decoders::fastcgi {
namespace {

// The header that the bytes begin with; nullopt: they cannot be one. `scan` says how much of it is there.
bool ScanHeader(std::string_view bytes, Direction dir, HeaderScan& scan) {
  for (const char c : bytes.substr(0, kHeaderBytes)) {
    if (!scan.Take(static_cast<uint8_t>(c), dir)) return false;
  }
  return true;
}

bool IsEmptyStdin(const RecordHeader& header) {
  return header.type == RecordType::kStdin && header.content_length == 0 && header.padding == 0;
}

}  // namespace

Likeness LikenessOf(Direction dir, std::span<const std::byte> bytes) {
  std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  text = text.substr(0, kMaxGuessBytes);
  while (true) {
    HeaderScan scan;
    if (!ScanHeader(text, dir, scan)) return Likeness::kNo;
    if (!scan.done()) return Likeness::kTooShort;
    if (!IsEmptyStdin(scan.header())) break;
    text.remove_prefix(kHeaderBytes);
  }
  if (MatchStart(text, dir) == StartMatch::kYes) return Likeness::kCertain;
  HeaderScan scan;
  ScanHeader(text, dir, scan);
  const RecordHeader header = scan.header();
  if (header.type == RecordType::kGetValues || header.type == RecordType::kGetValuesResult) return Likeness::kPossible;
  if (dir == Direction::kServerToClient) return IsManagement(header.type) ? Likeness::kNo : Likeness::kPossible;
  return MatchStart(text, dir) == StartMatch::kMore ? Likeness::kPossible : Likeness::kNo;
}

}  // namespace wirespan::decoders::fastcgi
