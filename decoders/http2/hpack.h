// HpackDecoder: header blocks of one direction of one connection to fields (RFC 7541), in the order in which they were sent.
// Owned by a decoder; the connection's thread. Total and bounded: a block costs at most kMaxTextBytes of output, and integers end
// at 32 bits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "decoders/http2/field_list.h"
#include "decoders/http2/hpack_table.h"

namespace wirespan::decoders::http2 {

class HpackDecoder {
 public:
  // Appends the fields of a block to `out`. `is_cut`: only its beginning was seen; what was decoded of it is right, and the table
  // loses what the rest may have changed. Returns why the block is none (RFC 7541: a decoding error), a constant in snake_case,
  // or empty. After an error the table is unknown. A missing size update after a smaller limit (4.2) is not taken for an error:
  // nothing that is decoded depends on it.
  std::string_view Decode(std::span<const std::byte> block, bool is_cut, FieldList& out);

  // Blocks may have been missed: from the beginning of the connection, or since.
  void Lose() { table_.Lose(false); }
  // HpackTable::SetLimit.
  void SetLimit(std::optional<uint32_t> limit) { table_.SetLimit(limit); }
  const HpackTable& table() const { return table_; }

 private:
  enum class Outcome : uint8_t { kDone, kShort, kBad };
  struct Literal {          // a string of a field
    std::string_view text;  // what is kept of it
    size_t size = 0;        // as sent
    bool known = true;
    bool truncated = false;
  };

  Outcome Step(std::span<const std::byte>& rest, FieldList& out);
  Outcome Indexed(std::span<const std::byte>& rest, FieldList& out);
  Outcome LiteralField(std::span<const std::byte>& rest, unsigned prefix_bits, FieldList& out);
  Outcome SizeUpdate(std::span<const std::byte>& rest);
  Outcome ReadString(std::span<const std::byte>& rest, size_t max_kept, std::string& scratch, Literal& out);

  HpackTable table_;
  std::string name_;    // scratch of one field
  std::string value_;   // the same
  bool began_ = false;  // a field of the block was seen: no size update may follow (4.2)
  std::string_view reason_{};
};

}  // namespace wirespan::decoders::http2
