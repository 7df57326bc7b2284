// http2::Decoder: bytes that were not seen, or not looked at, and the end of a direction.
#include <algorithm>

#include "decoders/http2/decoder.h"

namespace wirespan::decoders::http2 {

bool Decoder::OnGap(Direction dir, size_t size, std::vector<Message>& out) {
  if (size == 0) return true;
  Side& s = side(dir);
  uint64_t beyond = size;
  if (s.state == State::kPayload) {
    const auto inside = static_cast<uint32_t>(std::min<uint64_t>(size, s.left));
    TakeGap(s, inside, out);
    beyond -= inside;
    if (beyond == 0) return s.state != State::kLost;
  }
  if (s.state == State::kCandidate) s.state = State::kLost;
  if (s.state != State::kLost && s.state != State::kPoisoned) Lose(s, "gap", out);
  MoveOver(s, beyond, out);
  return false;
}

// False: the position overflowed. No stream is that long: what claims so is not to be believed further.
bool Decoder::MoveOver(Side& s, uint64_t size, std::vector<Message>& out) {
  if (s.position < kMaxPosition && size < kMaxPosition - s.position) {
    s.position += size;
    return true;
  }
  Lose(s, "position_overflow", out);
  s.position = kMaxPosition;
  s.state = State::kPoisoned;
  return false;
}

// `size` bytes of the payload, at most what is left of it.
void Decoder::TakeGap(Side& s, uint32_t size, std::vector<Message>& out) {
  const uint32_t in_prefix = std::min<uint32_t>(s.prefix, size);
  if (in_prefix > 0) CutPrefix(s, in_prefix);
  s.left -= size;
  s.position += size;
  // Behind the prefix: what is left of it, the content, the padding.
  const uint32_t content_left = s.left + size - in_prefix - s.padding;
  const uint32_t hidden = std::min(size - in_prefix, content_left);
  s.padding -= size - in_prefix - hidden;
  if (hidden > 0) s.cut = true;
  HalfStream* half = s.frame.type == FrameType::kData ? s.streams.Find(s.frame.stream_id) : nullptr;
  if (half != nullptr) {
    half->body_length += hidden;
    half->last_end = s.position;
    half->grpc.Gap(hidden);
    if (s.padding_unknown) {
      half->body_exact = false;
      half->grpc.Lose();
    }
  }
  if (s.in_block && (hidden > 0 || s.padding_unknown)) s.block_cut = true;
  if (s.left == 0) EndFrame(s, out);
}

void Decoder::CutPrefix(Side& s, uint32_t hidden) {
  const uint32_t behind_prefix = s.left - s.prefix;
  s.prefix_cut = true;
  s.prefix = static_cast<uint8_t>(s.prefix - hidden);
  if (!s.frame.Has(kPadded)) return;
  // Where the pad length was seen, and can be one, the content's end is known.
  if (s.gathered_count > 0 && static_cast<uint8_t>(s.gathered[0]) <= behind_prefix) {
    s.padding = static_cast<uint8_t>(s.gathered[0]);
  } else {
    s.padding_unknown = true;
  }
}

void Decoder::Skip(Direction dir, size_t size) {
  Side& s = side(dir);
  if (s.state == State::kCandidate) s.state = State::kLost;
  if (size == 0 || s.state == State::kPoisoned) return;
  std::vector<Message> none;  // there are bytes to skip only in a direction that is lost: no block is open
  OnGap(dir, size, none);
}

void Decoder::OnClose(Direction dir, std::vector<Message>& out) {
  Side& s = side(dir);
  CutBlock(s, Incomplete::kClosed, out);
  s.streams.Ids(scratch_ids_);
  for (const uint32_t id : scratch_ids_) CloseHalf(s, id, out);
  if (s.state == State::kPoisoned) return;
  Forget(s, other(s), "closed");
}

}  // namespace wirespan::decoders::http2
