#include "decoders/fastcgi/resync.h"

#include <algorithm>

#include "decoders/fastcgi/record.h"
#include "decoders/http_characters.h"

namespace wirespan::decoders::fastcgi {
namespace {

constexpr size_t kNameBytes = 4;  // of the first header field of a response, seen to believe it

bool FitsBegin(size_t at, uint8_t byte) {
  constexpr uint8_t kLastRole = 3;
  if (at == 0) return byte == 0;
  if (at == 1) return byte >= 1 && byte <= kLastRole;
  return at != 2 || byte <= kKeepConnection;  // the rest is reserved
}

}  // namespace

StartMatch MatchStart(std::string_view bytes, Direction dir) {
  const RecordType wanted = dir == Direction::kClientToServer ? RecordType::kBeginRequest : RecordType::kStdout;
  HeaderScan scan;
  for (const char c : bytes.substr(0, kHeaderBytes)) {
    if (!scan.Take(static_cast<uint8_t>(c), dir)) return StartMatch::kNo;
    if (scan.size() == 2 && scan.type() != wanted) return StartMatch::kNo;
  }
  if (!scan.done()) return StartMatch::kMore;
  const std::string_view content = bytes.substr(kHeaderBytes);
  const size_t needed = wanted == RecordType::kBeginRequest ? kBodyBytes : kNameBytes;
  if (scan.header().content_length < needed) return StartMatch::kNo;
  for (size_t i = 0; i < std::min(content.size(), needed); ++i) {
    const bool fits = wanted == RecordType::kBeginRequest ? FitsBegin(i, static_cast<uint8_t>(content[i]))
                                                          : IsAlpha(content[i]) || (i > 0 && Is(kTokenChar, content[i]));
    if (!fits) return StartMatch::kNo;
  }
  return content.size() >= needed ? StartMatch::kYes : StartMatch::kMore;
}

}  // namespace wirespan::decoders::fastcgi
