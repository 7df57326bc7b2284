// The Huffman code of HPACK (RFC 7541 5.2, Appendix B). Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>

namespace wirespan::decoders::http2 {

// Decodes a whole string. Appends at most `max_kept` bytes of it to `out`; returns how long it is. nullopt: it holds the EOS
// symbol, or what follows the last symbol is not less than 8 one bits.
std::optional<size_t> DecodeHuffman(std::span<const std::byte> bytes, size_t max_kept, std::string& out);

}  // namespace wirespan::decoders::http2
