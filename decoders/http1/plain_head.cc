// The fast way through a head that came whole and is plain: line ends are taken from the masks of one block after the other, the
// length of a name from the mask of the block that it begins. It accepts a subset of what start_line.cc and fields.cc accept,
// with the same result; everything else goes their way.
#include <array>
#include <bit>
#include <cstring>

#include "decoders/http1/block_scan.h"
#include "decoders/http1/head_parser.h"
#include "decoders/http_characters.h"

namespace wirespan::decoders::http1 {
namespace {

constexpr size_t kNone = std::string_view::npos;
constexpr size_t kMaxPlainFields = 64;  // kept of a plain head

// A FieldRef without its zeros.
struct PlainField {
  uint32_t name, name_length, value, value_length;
};

// "HTTP/1.x": the minor version, or 10.
uint8_t MinorVersion(const char* text) {
  if (std::memcmp(text, "HTTP/1.", 7) != 0 || !IsDigit(text[7])) return 10;
  return static_cast<uint8_t>(text[7] - '0');
}

// The length of "METHOD target HTTP/1.x\r\n", its parts put into `message`; kNone where it is not that.
template <typename Block>
size_t PlainRequestLine(std::string_view bytes, Message& message) {
  size_t at = static_cast<size_t>(std::countr_one(ScanPlainAt<Block>(bytes, 0)));
  while (at < bytes.size() && at <= kMaxMethodBytes && Is(kTokenChar, bytes[at])) ++at;
  if (at == 0 || at > kMaxMethodBytes || at >= bytes.size() || bytes[at] != ' ') return kNone;
  message.method_or_version.name_length = static_cast<uint32_t>(at);
  const size_t target = ++at;
  uint32_t ends = 0;
  for (; at < bytes.size(); at += kBlockBytes) {
    ends = ScanAt<Block::ScanTarget>(bytes, at);
    if (ends != 0) break;
  }
  if (ends == 0) return kNone;
  at += static_cast<size_t>(std::countr_zero(ends));
  if (at == target || bytes.size() - at < 11) return kNone;  // " HTTP/1.x\r\n"
  message.target_or_reason.value = static_cast<uint32_t>(target);
  message.target_or_reason.value_length = static_cast<uint32_t>(at - target);
  message.minor_version = MinorVersion(bytes.data() + at + 1);
  if (bytes[at] != ' ' || message.minor_version > 9 || bytes[at + 9] != '\r' || bytes[at + 10] != '\n') return kNone;
  return at + 11;
}

// The same of "HTTP/1.x NNN phrase\r\n".
size_t PlainStatusLine(std::string_view bytes, Message& message) {
  if (bytes.size() < 15) return kNone;  // "HTTP/1.x NNN \r\n"
  message.minor_version = MinorVersion(bytes.data());
  const bool digits = bytes[9] >= '1' && bytes[9] <= '9' && IsDigit(bytes[10]) && IsDigit(bytes[11]);
  if (message.minor_version > 9 || bytes[8] != ' ' || !digits || bytes[12] != ' ') return kNone;
  message.method_or_version.name_length = 8;
  message.status = static_cast<uint16_t>((bytes[9] - '0') * 100 + (bytes[10] - '0') * 10 + (bytes[11] - '0'));
  size_t at = 13;
  while (at < bytes.size() && (Is(kTargetChar, bytes[at]) || IsBlank(bytes[at]))) ++at;
  if (at + 1 >= bytes.size() || bytes[at] != '\r' || bytes[at + 1] != '\n') return kNone;
  message.target_or_reason.value = 13;
  message.target_or_reason.value_length = static_cast<uint32_t>(at - 13);
  return at + 2;
}

// The length of the field name at `at`, of which `known` bytes are; 0 where there is none.
size_t LongNameLength(std::string_view bytes, size_t at, size_t known) {
  size_t end = at + known;
  while (end < bytes.size() && Is(kTokenChar, bytes[end])) ++end;
  return end < bytes.size() && bytes[end] == ':' ? end - at : 0;
}
// Of a line that ends within `bytes`: what is plain ends there too.
template <typename Block>
inline size_t NameLength(std::string_view bytes, size_t at) {
  const auto known = static_cast<size_t>(std::countr_zero(~ScanPlainAt<Block>(bytes, at)));
  if (bytes[at + known] == ':' && known > 0) [[likely]]
    return known;
  return LongNameLength(bytes, at, known);
}

// The line ends of a text, from `at` on, one after the other: each block is looked at once.
template <typename Block>
class LineEnds {
 public:
  LineEnds(std::string_view bytes, size_t at) : bytes_(bytes), block_(at), low_(ScanAt<Block::ScanLow>(bytes, at)) {}

  // The position of the CR of the next CRLF; kNone where the line is not plain or not whole.
  size_t Next() {
    while (true) {
      while (low_ == 0) {
        block_ += kBlockBytes;
        if (block_ >= bytes_.size()) [[unlikely]]
          return kNone;
        low_ = ScanAt<Block::ScanLow>(bytes_, block_);
      }
      const size_t at = block_ + static_cast<size_t>(std::countr_zero(low_));
      low_ &= low_ - 1;
      if (bytes_[at] == '\r') [[likely]] {
        if (at + 1 >= bytes_.size() || bytes_[at + 1] != '\n') [[unlikely]]
          return kNone;
        SkipLf();
        return at;
      }
      if (!IsInner(bytes_[at])) return kNone;
    }
  }

 private:
  static bool IsInner(char c) { return c == '\t' || c == '\v' || c == '\f'; }
  // The LF behind a CR is not looked at any more. Where the CR was the last low byte of its block, it begins the next.
  void SkipLf() {
    if (low_ != 0) [[likely]] {
      low_ &= low_ - 1;
      return;
    }
    block_ += kBlockBytes;
    low_ = ScanAt<Block::ScanLow>(bytes_, block_) & ~1U;
  }

  std::string_view bytes_;
  size_t block_;
  uint32_t low_;
};

}  // namespace

template <typename Block>
HeadOutcome ParsePlainHead(std::string_view bytes, bool is_request, uint64_t wanted, Message& message, HeadFacts& facts,
                           size_t& length) {
  if (bytes.empty()) return HeadOutcome::kNotPlain;
  bytes = bytes.substr(0, kMaxHeadBytes);
  size_t at = is_request ? PlainRequestLine<Block>(bytes, message) : PlainStatusLine(bytes, message);
  if (at == kNone) return HeadOutcome::kNotPlain;
  if (at >= bytes.size()) return HeadOutcome::kNotPlain;
  // Beside the message, so that nothing in the loop is called or looked up again; not cleared.
  std::array<PlainField, kMaxPlainFields> kept;
  size_t kept_count = 0;
  uint64_t name_bits = 0;
  LineEnds<Block> line_ends(bytes, at);
  for (uint32_t count = 0; count <= kMaxFields; ++count) {
    const size_t end = line_ends.Next();
    if (end == kNone) return HeadOutcome::kNotPlain;
    if (end == at) {
      facts.any_crlf = true;
      facts.name_bits |= name_bits;
      for (size_t i = 0; i < kept_count; ++i) {
        message.fields.push_back({kept[i].name, kept[i].name_length, kept[i].value, kept[i].value_length});
      }
      length = at + 2;
      return HeadOutcome::kDone;
    }
    const size_t name_length = NameLength<Block>(bytes, at);
    if (name_length == 0) [[unlikely]]
      return HeadOutcome::kNotPlain;
    const uint64_t bit = NameBit(name_length, bytes[at]);
    name_bits |= bit;
    if ((bit & (wanted | kFramingBits)) != 0) {
      size_t from = at + name_length + 1;
      from += bytes[from] == ' ' ? 1U : 0U;  // nearly always, and all there is
      size_t to = end;
      if (from == to || IsBlank(bytes[from]) || IsBlank(bytes[to - 1])) [[unlikely]] {
        while (from < to && IsBlank(bytes[from])) ++from;
        while (to > from && IsBlank(bytes[to - 1])) --to;
      }
      if ((bit & kFramingBits) != 0) NoteField({bytes.data() + at, name_length}, {bytes.data() + from, to - from}, facts);
      if ((bit & wanted) != 0) {
        if (kept_count == kept.size()) return HeadOutcome::kNotPlain;
        kept[kept_count++] = {static_cast<uint32_t>(at), static_cast<uint32_t>(name_length), static_cast<uint32_t>(from),
                              static_cast<uint32_t>(to - from)};
      }
    }
    at = end + 2;
  }
  return HeadOutcome::kNotPlain;
}

template HeadOutcome ParsePlainHead<SimdBlock>(std::string_view, bool, uint64_t, Message&, HeadFacts&, size_t&);
#if defined(__SSE2__)
template HeadOutcome ParsePlainHead<ScalarBlock>(std::string_view, bool, uint64_t, Message&, HeadFacts&, size_t&);
#endif

}  // namespace wirespan::decoders::http1
