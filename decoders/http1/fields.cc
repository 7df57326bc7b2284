// Field lines and framing: RFC 9112 5 and 6. What two readers could read differently is named in HeadFacts::doubt.
#include <algorithm>
#include <array>
#include <cstring>

#include "decoders/http1/head_parser.h"
#include "decoders/http_characters.h"

namespace wirespan::decoders::http1 {
namespace {

constexpr std::string_view kContentLength = "content-length";
constexpr std::string_view kTransferEncoding = "transfer-encoding";
constexpr std::string_view kUpgrade = "upgrade";
constexpr std::string_view kHttp2InClearText = "h2c";
constexpr std::string_view kChunked = "chunked";

void Doubt(HeadFacts& facts, std::string_view reason) {
  if (facts.doubt.empty()) facts.doubt = reason;
}

// Whether a reader that drops odd bytes (white space, controls, punctuation) could take the name for a framing field's.
bool LooksLikeFraming(std::string_view name) {
  std::array<char, kTransferEncoding.size()> letters{};
  size_t count = 0;
  for (const char c : name) {
    if (!IsAlpha(c)) continue;
    if (count == letters.size()) return false;
    letters[count++] = ToLower(c);
  }
  const std::string_view kept(letters.data(), count);
  return kept == "contentlength" || kept == "transferencoding";
}

// Calls `visit` with each comma-separated element, blanks trimmed.
template <typename Visit>
void ForEachElement(std::string_view list, Visit&& visit) {
  while (true) {
    const size_t comma = list.find(',');
    visit(TrimBlanks(list.substr(0, comma)));
    if (comma == std::string_view::npos) return;
    list.remove_prefix(comma + 1);
  }
}

void NoteContentLength(std::string_view value, HeadFacts& facts) {
  ForEachElement(value, [&](std::string_view element) {
    uint64_t length = 0;
    bool valid = !element.empty();
    for (const char c : element) {
      valid = valid && IsDigit(c) && length <= kMaxBodyBytes / 16;
      if (!valid) break;
      length = length * 10 + static_cast<uint64_t>(c - '0');
    }
    if (!valid) return Doubt(facts, "bad_content_length");
    if (facts.has_content_length && facts.content_length != length) Doubt(facts, "differing_content_lengths");
    facts.has_content_length = true;
    facts.content_length = length;
  });
  facts.has_content_length = true;
}

bool ContainsChunked(std::string_view text) {
  for (size_t i = 0; i + kChunked.size() <= text.size(); ++i) {
    if (EqualsIgnoringCase(text.substr(i, kChunked.size()), kChunked)) return true;
  }
  return false;
}

void NoteTransferEncoding(std::string_view value, HeadFacts& facts) {
  facts.has_transfer_encoding = true;
  ForEachElement(value, [&](std::string_view coding) {
    if (coding.empty() || facts.names_chunked) Doubt(facts, coding.empty() ? "empty_transfer_encoding" : "chunked_not_last");
    facts.ends_chunked = EqualsIgnoringCase(coding, kChunked);
    facts.names_chunked = facts.names_chunked || facts.ends_chunked;
    if (!facts.ends_chunked && ContainsChunked(coding)) Doubt(facts, "bad_transfer_encoding");
  });
}

// Whether a token is `lower`, without regard to case: by words, with the case bit set. Exact for names of letters and '-': no
// other byte of a token becomes one of them.
template <typename Word>
bool SameWord(const char* text, const char* lower) {
  Word left;
  Word right;
  std::memcpy(&left, text, sizeof(Word));
  std::memcpy(&right, lower, sizeof(Word));
  return (left | static_cast<Word>(0x2020202020202020U)) == right;
}
template <typename Word>
bool IsField(std::string_view token, std::string_view lower) {
  if (token.size() != lower.size()) return false;
  for (size_t at = 0; at + sizeof(Word) < lower.size(); at += sizeof(Word)) {
    if (!SameWord<Word>(token.data() + at, lower.data() + at)) return false;
  }
  const size_t last = lower.size() - sizeof(Word);
  return SameWord<Word>(token.data() + last, lower.data() + last);
}

// obs-fold (RFC 9112 5.2): the line continues the value of the field before it.
void ReadContinuation(std::string_view line, uint32_t offset, bool is_trailer, HeadFacts& facts, std::vector<FieldRef>& fields) {
  const std::string_view content = TrimBlanks(line);
  if (!facts.any_line) facts.malformed = true;
  if (!is_trailer && (facts.last_is_framing || LooksLikeFraming(content.substr(0, content.find(':'))))) {
    Doubt(facts, "folded_framing_field");
  }
  if (!facts.last_is_stored || content.empty()) return;
  const auto from = offset + static_cast<uint32_t>(content.data() - line.data());
  FieldRef& last = fields.back();
  if (last.value_length == 0) last.value = from;
  last.value_length = from + static_cast<uint32_t>(content.size()) - last.value;
}

void StoreField(std::string_view line, std::string_view name, std::string_view value, uint32_t offset,
                std::vector<FieldRef>& fields) {
  fields.push_back({offset, static_cast<uint32_t>(name.size()), offset + static_cast<uint32_t>(value.data() - line.data()),
                    static_cast<uint32_t>(value.size())});
}

}  // namespace

bool NoteField(std::string_view name, std::string_view value, HeadFacts& facts) {
  switch (name.size()) {
    case kContentLength.size():
      if (!IsField<uint64_t>(name, kContentLength)) return false;
      NoteContentLength(value, facts);
      return true;
    case kTransferEncoding.size():
      if (!IsField<uint64_t>(name, kTransferEncoding)) return false;
      NoteTransferEncoding(value, facts);
      return true;
    case kUpgrade.size():
      if (IsField<uint32_t>(name, kUpgrade)) {
        facts.names_h2c = !facts.has_upgrade && EqualsIgnoringCase(value, kHttp2InClearText);
        facts.has_upgrade = true;
      }
      return false;
    default:
      return false;
  }
}

void ReadFieldLine(const FieldLine& line, HeadFacts& facts, std::vector<FieldRef>& fields, bool& truncated) {
  const std::string_view text = line.text;
  facts.torn = facts.torn || text.find('\0') != std::string_view::npos || text.find('\r') != std::string_view::npos;
  if (IsBlank(text.front())) return ReadContinuation(text, line.offset, line.is_trailer, facts, fields);
  facts.any_line = true;
  facts.last_is_framing = facts.last_is_stored = false;
  const size_t colon = text.find(':');
  const std::string_view name = text.substr(0, colon);
  if (colon == std::string_view::npos || !IsToken(name)) {
    facts.malformed = true;
    if (!line.is_trailer && LooksLikeFraming(name)) Doubt(facts, "bad_framing_field_name");
    return;
  }
  const std::string_view value = TrimBlanks(text.substr(colon + 1));
  if (!line.is_trailer) {
    facts.last_is_framing = NoteField(name, value, facts);
    if (facts.last_is_framing && line.cut) Doubt(facts, "overlong_framing_field");
  }
  if (!line.store) return;
  if (facts.stored == kMaxFields) {
    truncated = true;
    return;
  }
  ++facts.stored;
  const uint64_t bit = NameBit(name);
  facts.name_bits |= bit;
  if ((bit & line.wanted) == 0) return;
  StoreField(text, name, value, line.offset, fields);
  facts.last_is_stored = true;
}

Framing FramingOf(const Message& message, HeadFacts& facts) {
  const bool has_framing = facts.has_content_length || facts.has_transfer_encoding;
  if (facts.any_crlf && facts.any_bare_lf && has_framing) Doubt(facts, "mixed_line_ends");
  if (facts.has_transfer_encoding && facts.has_content_length) Doubt(facts, "content_length_with_transfer_encoding");
  if (facts.has_transfer_encoding && message.minor_version == 0) Doubt(facts, "transfer_encoding_in_http_1_0");
  if (message.is_request) {
    if (facts.has_transfer_encoding && !facts.ends_chunked) Doubt(facts, "transfer_encoding_not_chunked");
    // RFC 9110 9.3.6: a CONNECT request has no content.
    if (message.method() == "CONNECT" && (facts.has_transfer_encoding || facts.content_length != 0))
      Doubt(facts, "connect_with_body");
  }
  if (!facts.doubt.empty()) return Framing::kAmbiguous;
  if (facts.has_transfer_encoding) return facts.ends_chunked ? Framing::kChunked : Framing::kClose;
  if (facts.has_content_length) return facts.content_length == 0 ? Framing::kNone : Framing::kLength;
  return message.is_request ? Framing::kNone : Framing::kClose;
}

}  // namespace wirespan::decoders::http1
