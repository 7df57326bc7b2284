#include "decoders/http2/hpack.h"

#include <algorithm>

#include "decoders/http2/hpack_integer.h"
#include "decoders/http2/huffman.h"

namespace wirespan::decoders::http2 {
namespace {

using Bytes = std::span<const std::byte>;

uint8_t At(Bytes bytes, size_t i) { return static_cast<uint8_t>(bytes[i]); }

}  // namespace

std::string_view HpackDecoder::Decode(Bytes block, bool is_cut, FieldList& out) {
  began_ = false;
  reason_ = {};
  Outcome outcome = Outcome::kDone;
  while (!block.empty() && outcome == Outcome::kDone) outcome = Step(block, out);
  if (outcome == Outcome::kShort && !is_cut) {
    outcome = Outcome::kBad;
    reason_ = "hpack_block_too_short";
  }
  if (outcome == Outcome::kBad) {
    table_.Lose(false);
    return reason_;
  }
  if (is_cut) table_.Lose(began_);
  return {};
}

HpackDecoder::Outcome HpackDecoder::Step(Bytes& rest, FieldList& out) {
  const uint8_t first = At(rest, 0);
  if ((first & 0xe0U) == 0x20) return SizeUpdate(rest);
  Outcome outcome = Outcome::kDone;
  if ((first & 0x80U) != 0) {
    outcome = Indexed(rest, out);
  } else {
    outcome = LiteralField(rest, (first & 0x40U) != 0 ? 6 : 4, out);
  }
  if (outcome == Outcome::kDone) began_ = true;
  return outcome;
}

HpackDecoder::Outcome HpackDecoder::Indexed(Bytes& rest, FieldList& out) {
  uint32_t index = 0;
  switch (ReadInteger(rest, 7, index)) {
    case IntegerRead::kShort:
      return Outcome::kShort;
    case IntegerRead::kBad:
      reason_ = "hpack_integer_too_large";
      return Outcome::kBad;
    case IntegerRead::kDone:
      break;
  }
  HpackTable::Entry entry;
  if (table_.Find(index, entry) == HpackTable::Lookup::kInvalid) {
    reason_ = "hpack_bad_index";
    return Outcome::kBad;
  }
  out.Add(entry.name, entry.value,
          {.name_known = entry.name_known, .value_known = entry.value_known, .truncated = entry.truncated});
  return Outcome::kDone;
}

HpackDecoder::Outcome HpackDecoder::LiteralField(Bytes& rest, unsigned prefix_bits, FieldList& out) {
  const bool is_inserted = prefix_bits == 6;
  const bool is_sensitive = !is_inserted && (At(rest, 0) & 0x10U) != 0;
  Bytes at = rest;
  uint32_t index = 0;
  const IntegerRead read = ReadInteger(at, prefix_bits, index);
  if (read == IntegerRead::kShort) return Outcome::kShort;
  Literal name;
  if (read == IntegerRead::kBad) {
    reason_ = "hpack_integer_too_large";
    return Outcome::kBad;
  }
  if (index == 0) {
    const Outcome outcome = ReadString(at, kMaxNameBytes, name_, name);
    if (outcome != Outcome::kDone) return outcome;
  } else {
    HpackTable::Entry entry;
    if (table_.Find(index, entry) == HpackTable::Lookup::kInvalid) {
      reason_ = "hpack_bad_index";
      return Outcome::kBad;
    }
    name_.assign(entry.name);  // the insertion may evict or move the entry (4.4)
    name = {.text = name_, .size = entry.name_size, .known = entry.name_known, .truncated = entry.name.size() < entry.name_size};
  }
  Literal value;
  const Outcome outcome = ReadString(at, kMaxValueBytes, value_, value);
  if (outcome != Outcome::kDone) return outcome;
  rest = at;
  out.Add(name.text, value.text,
          {.name_known = name.known, .sensitive = is_sensitive, .truncated = name.truncated || value.truncated});
  if (is_inserted) table_.Insert(name.text, name.size, name.known, value.text, value.size);
  return Outcome::kDone;
}

HpackDecoder::Outcome HpackDecoder::SizeUpdate(Bytes& rest) {
  uint32_t size = 0;
  switch (ReadInteger(rest, 5, size)) {
    case IntegerRead::kShort:
      return Outcome::kShort;
    case IntegerRead::kBad:
      reason_ = "hpack_integer_too_large";
      return Outcome::kBad;
    case IntegerRead::kDone:
      break;
  }
  if (began_) {
    reason_ = "hpack_late_size_update";
    return Outcome::kBad;
  }
  if (table_.SetMaxSize(size)) return Outcome::kDone;
  reason_ = "hpack_size_beyond_limit";
  return Outcome::kBad;
}

HpackDecoder::Outcome HpackDecoder::ReadString(Bytes& rest, size_t max_kept, std::string& scratch, Literal& out) {
  if (rest.empty()) return Outcome::kShort;
  const bool is_huffman = (At(rest, 0) & 0x80U) != 0;
  Bytes at = rest;
  uint32_t length = 0;
  const IntegerRead read = ReadInteger(at, 7, length);
  if (read == IntegerRead::kShort) return Outcome::kShort;
  if (read == IntegerRead::kBad) {
    reason_ = "hpack_integer_too_large";
    return Outcome::kBad;
  }
  if (length > at.size()) return Outcome::kShort;
  const Bytes text = at.first(length);
  rest = at.subspan(length);
  if (!is_huffman) {
    const size_t kept = std::min<size_t>(length, max_kept);
    out = {.text = {reinterpret_cast<const char*>(text.data()), kept}, .size = length, .known = true, .truncated = kept < length};
    return Outcome::kDone;
  }
  scratch.clear();
  const std::optional<size_t> size = DecodeHuffman(text, max_kept, scratch);
  if (!size) {
    reason_ = "hpack_bad_huffman";
    return Outcome::kBad;
  }
  out = {.text = scratch, .size = *size, .known = true, .truncated = scratch.size() < *size};
  return Outcome::kDone;
}

}  // namespace wirespan::decoders::http2
