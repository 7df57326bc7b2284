#include "decoders/http2/resync.h"

#include <algorithm>
#include <array>

#include "decoders/http2/frame.h"
#include "decoders/http2/hpack_integer.h"

namespace wirespan::decoders::http2 {
namespace {

using Bytes = std::span<const std::byte>;

constexpr uint32_t kLastRequestPseudo = 7;  // static table: :authority, :method, :path, :scheme
constexpr uint32_t kLastPseudo = 14;        // :status

bool IsPseudo(uint32_t index, bool is_request) {
  return is_request ? index >= 1 && index <= kLastRequestPseudo : index > kLastRequestPseudo && index <= kLastPseudo;
}

bool SkipString(Bytes& rest) {
  uint32_t length = 0;
  if (ReadInteger(rest, 7, length) != IntegerRead::kDone || length > rest.size()) return false;
  rest = rest.subspan(length);
  return true;
}

// A header whose last bytes are not there yet: whether any bytes in their place make it plausible. The last one of the stream's
// number is always missing, and only its being zero, odd or even matters; flags of all types are below kFlagsEnd.
bool CanBecomePlausible(Bytes bytes, Direction dir, uint32_t max_frame_size) {
  constexpr unsigned kFlagsEnd = 0x40;
  if (static_cast<uint8_t>(bytes[0]) > max_frame_size >> 16U) return false;
  if (bytes.size() < 4) return true;
  std::array<std::byte, kFrameHeaderBytes> header{};
  std::copy(bytes.begin(), bytes.end(), header.begin());
  const bool has_flags = bytes.size() > 4;
  for (unsigned flags = 0; flags < (has_flags ? 1 : kFlagsEnd); ++flags) {
    if (!has_flags) header[4] = static_cast<std::byte>(flags);
    for (unsigned last = 0; last < 3; ++last) {
      header[kFrameHeaderBytes - 1] = static_cast<std::byte>(last);
      if (IsPlausible(ReadFrameHeader(header), dir, max_frame_size)) return true;
    }
  }
  return false;
}

// The block in a HEADERS frame's payload; empty: there is none.
Bytes BlockOf(const FrameHeader& header, Bytes payload) {
  const size_t padding = header.Has(kPadded) ? static_cast<uint8_t>(payload[0]) : 0;
  const size_t before = (header.Has(kPadded) ? 1U : 0U) + (header.Has(kHasPriority) ? 5U : 0U);
  if (before + padding >= payload.size()) return {};
  return payload.subspan(before, payload.size() - before - padding);
}

// What frames say beyond being plausible.
enum class Proof : uint8_t { kPossible, kImpossible, kCertain };
Proof ByHead(const FrameHeader& frame, Bytes payload, Direction dir) {
  if (frame.type != FrameType::kHeaders) return Proof::kPossible;
  const bool is_request = dir == Direction::kClientToServer;
  const Bytes block = BlockOf(frame, payload);
  if (LooksLikeHead(block, is_request)) return Proof::kCertain;
  // A request's pseudo-header fields are in no response, and the other way round (RFC 9113 8.3).
  return LooksLikeHead(block, !is_request) ? Proof::kImpossible : Proof::kPossible;
}

// The same of two behind each other.
Proof ByPair(const FrameHeader& first, Bytes payload, const FrameHeader& second, Direction dir) {
  const bool opens_block =
      first.type == FrameType::kHeaders || first.type == FrameType::kPushPromise || first.type == FrameType::kContinuation;
  const bool continues = second.type == FrameType::kContinuation;
  if (opens_block && !first.Has(kEndHeaders)) {
    return continues && second.stream_id == first.stream_id ? Proof::kCertain : Proof::kImpossible;
  }
  return continues ? Proof::kImpossible : ByHead(first, payload, dir);
}

Bytes PayloadOf(const FrameHeader& header, Bytes frame) {
  const Bytes payload = frame.subspan(kFrameHeaderBytes);
  return payload.first(std::min<size_t>(payload.size(), header.length));
}

}  // namespace

bool LooksLikeHead(Bytes block, bool is_request) {
  bool has_pseudo = false;
  bool has_field = false;
  while (!block.empty()) {
    const auto first = static_cast<uint8_t>(block[0]);
    const bool is_indexed = (first & 0x80U) != 0;
    const bool is_update = (first & 0xe0U) == 0x20;
    if (is_update && has_field) return false;
    uint32_t index = 0;
    const unsigned prefix_bits = is_indexed ? 7U : (first & 0x40U) != 0 ? 6U : is_update ? 5U : 4U;
    if (ReadInteger(block, prefix_bits, index) != IntegerRead::kDone || (is_indexed && index == 0)) return false;
    if (is_update) continue;
    has_field = true;
    has_pseudo = has_pseudo || IsPseudo(index, is_request);
    if (is_indexed) continue;
    if (index == 0 && !SkipString(block)) return false;
    if (!SkipString(block)) return false;
  }
  return has_pseudo;
}

Chain ChainAt(Bytes bytes, Direction dir, uint32_t max_frame_size) {
  FrameHeader before;
  Bytes payload;
  for (size_t at = 0, count = 1;; ++count) {
    if (at + kFrameHeaderBytes > kMaxCandidateBytes) return Chain::kBroken;
    if (at >= bytes.size()) return Chain::kOpen;
    const Bytes rest = bytes.subspan(at);
    if (rest.size() < kFrameHeaderBytes) return CanBecomePlausible(rest, dir, max_frame_size) ? Chain::kOpen : Chain::kBroken;
    const FrameHeader header = ReadFrameHeader(rest);
    if (!IsPlausible(header, dir, max_frame_size)) return Chain::kBroken;
    if (count == 1 && header.type == FrameType::kContinuation) return Chain::kBroken;
    if (count > 1) {
      const Proof proof = ByPair(before, payload, header, dir);
      if (proof == Proof::kImpossible) return Chain::kBroken;
      if (proof == Proof::kCertain || count == kChainFrames) return Chain::kBelieved;
    }
    before = header;
    payload = PayloadOf(header, rest);
    at += kFrameHeaderBytes + header.length;
  }
}

bool AreWholeFrames(Bytes bytes, uint64_t unseen, Direction dir, uint32_t max_frame_size) {
  FrameHeader before;
  Bytes payload;
  for (bool is_first = true; bytes.size() >= kFrameHeaderBytes; is_first = false) {
    const FrameHeader header = ReadFrameHeader(bytes);
    if (!IsPlausible(header, dir, max_frame_size)) return false;
    const bool fits =
        is_first ? header.type != FrameType::kContinuation : ByPair(before, payload, header, dir) != Proof::kImpossible;
    if (!fits) return false;
    before = header;
    payload = PayloadOf(header, bytes);
    bytes = bytes.subspan(kFrameHeaderBytes + payload.size());
    if (!bytes.empty()) continue;
    // A head of which part is not there may be any.
    const bool is_whole = payload.size() == header.length;
    return header.length - payload.size() == unseen && (!is_whole || ByHead(header, payload, dir) != Proof::kImpossible);
  }
  return false;
}

FrameSearch FindFrames(Bytes bytes, Direction dir, uint32_t max_frame_size) {
  for (size_t at = 0; at < bytes.size(); ++at) {
    const Chain chain = ChainAt(bytes.subspan(at), dir, max_frame_size);
    if (chain != Chain::kBroken) return {chain, at};
  }
  return {};
}

}  // namespace wirespan::decoders::http2
