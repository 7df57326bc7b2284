#include "decoders/http2/decoder.h"

#include <algorithm>

namespace wirespan::decoders::http2 {

static_assert(decoders::Decoder<Decoder>);

namespace {

using Bytes = std::span<const std::byte>;

ParseStep Advanced(size_t consumed) { return {ParseStatus::kAdvanced, consumed, {}}; }

bool IsBlock(FrameType type) {
  return type == FrameType::kHeaders || type == FrameType::kPushPromise || type == FrameType::kContinuation;
}

// Bytes of a payload before its content: pad length, priority, promised stream (RFC 9113 6.1, 6.2, 6.6).
uint8_t PrefixLength(const FrameHeader& frame) {
  const bool is_promise = frame.type == FrameType::kPushPromise;
  if (frame.type != FrameType::kData && frame.type != FrameType::kHeaders && !is_promise) return 0;
  const int priority = frame.type == FrameType::kHeaders && frame.Has(kHasPriority) ? 5 : 0;
  return static_cast<uint8_t>((frame.Has(kPadded) ? 1 : 0) + priority + (is_promise ? 4 : 0));
}

}  // namespace

Decoder::Decoder(MessagePool* pool) : pool_(pool) {
  Side& server = side(Direction::kServerToClient);
  server.is_server = true;
  server.state = State::kFirstHeader;
}

void Decoder::StartInMiddle() {
  Forget(sides_[0], sides_[1], "middle");
  Forget(sides_[1], sides_[0], "middle");
}

ParseStep Decoder::Decode(Direction dir, Bytes bytes, std::vector<Message>& out) {
  Side& s = side(dir);
  size_t used = 0;
  while (used < bytes.size()) {
    const Bytes rest = bytes.subspan(used);
    switch (s.state) {
      case State::kPreface:
        used += InPreface(s, rest, out);
        break;
      case State::kFirstHeader:
      case State::kHeader:
        used += InHeader(s, rest, out);
        break;
      case State::kPayload:
        used += InPayload(s, rest, out);
        break;
      case State::kCandidate: {
        const Chain chain = ChainAt(rest, dir, MaxFrameSize(s));
        if (chain == Chain::kOpen) return {ParseStatus::kNeedMore, 0, {}};
        s.state = chain == Chain::kBelieved ? State::kHeader : State::kLost;
        s.gathered_count = 0;
        break;
      }
      case State::kLost:
      case State::kPoisoned:
        return used > 0 ? Advanced(used) : ParseStep{ParseStatus::kInvalid, 0, s.reason};
    }
  }
  return used > 0 ? Advanced(used) : ParseStep{};
}

size_t Decoder::InPreface(Side& s, Bytes bytes, std::vector<Message>& out) {
  size_t used = 0;
  while (used < bytes.size() && s.gathered_count < kClientPreface.size()) {
    if (static_cast<char>(bytes[used]) != kClientPreface[s.gathered_count]) break;
    ++used;
    ++s.gathered_count;
  }
  s.position += used;
  if (s.gathered_count == kClientPreface.size()) {
    s.state = State::kFirstHeader;
    s.gathered_count = 0;
  } else if (used < bytes.size()) {
    Lose(s, "bad_preface", out);
  }
  return used;
}

size_t Decoder::InHeader(Side& s, Bytes bytes, std::vector<Message>& out) {
  if (s.gathered_count == 0) s.frame_start = s.position;
  const size_t used = std::min(bytes.size(), kFrameHeaderBytes - s.gathered_count);
  std::copy_n(bytes.begin(), used, s.gathered.begin() + s.gathered_count);
  s.gathered_count = static_cast<uint8_t>(s.gathered_count + used);
  s.position += used;
  if (s.gathered_count == kFrameHeaderBytes) BeginFrame(s, out);
  return used;
}

uint32_t Decoder::MaxFrameSize(const Side& s) const {
  const Settings& receiver = other(s).settings;
  const bool searching = s.state == State::kLost || s.state == State::kCandidate;
  // In a frame whose place is known, its own length is believed where the limit is not known.
  return (receiver.seen && !receiver.lost) || searching ? receiver.max_frame_size : kMaxFrameSize;
}

std::string_view Decoder::Objection(const Side& s) const {
  const FrameHeader& frame = s.frame;
  if (s.state == State::kFirstHeader && (frame.type != FrameType::kSettings || frame.Has(kAck))) return "no_settings";
  const bool continues = frame.type == FrameType::kContinuation;
  if (s.in_block && (!continues || frame.stream_id != s.block_stream)) return "no_continuation";
  if (!s.in_block && continues) return "stray_continuation";
  return FrameObjection(frame, DirectionOf(s), MaxFrameSize(s));
}

void Decoder::BeginFrame(Side& s, std::vector<Message>& out) {
  s.frame = ReadFrameHeader(s.gathered);
  s.gathered_count = 0;
  const std::string_view objection = Objection(s);
  if (!objection.empty()) return Lose(s, objection, out);
  s.left = s.frame.length;
  s.padding = 0;
  s.prefix = PrefixLength(s.frame);
  s.cut = s.prefix_cut = s.padding_unknown = false;
  if (s.frame.type == FrameType::kHeaders || s.frame.type == FrameType::kPushPromise) {
    s.in_block = true;
    s.block_start = s.frame_start;
    s.block_stream = s.frame.stream_id;
    s.block_ends_stream = s.frame.EndsStream();
    s.block_is_promise = s.frame.type == FrameType::kPushPromise;
    s.block_cut = false;
    s.promised_id = 0;
    s.block.clear();
  }
  s.state = State::kPayload;
  if (s.left == 0) EndFrame(s, out);
}

size_t Decoder::InPayload(Side& s, Bytes bytes, std::vector<Message>& out) {
  const Bytes piece = bytes.first(std::min<size_t>(bytes.size(), s.left));
  Bytes rest = piece;
  if (s.prefix > 0) TakePrefix(s, rest, out);
  if (s.state == State::kPayload && !rest.empty()) TakeContent(s, rest, out);
  if (s.state == State::kPayload) {
    // What is left of the piece is padding.
    s.left -= static_cast<uint32_t>(rest.size());
    s.position += rest.size();
    s.padding -= static_cast<uint32_t>(rest.size());
    rest = {};
    if (s.left == 0) EndFrame(s, out);
  }
  return piece.size() - rest.size();
}

void Decoder::TakePrefix(Side& s, Bytes& bytes, std::vector<Message>& out) {
  const size_t used = std::min<size_t>(s.prefix, bytes.size());
  std::copy_n(bytes.begin(), used, s.gathered.begin() + s.gathered_count);
  s.gathered_count = static_cast<uint8_t>(s.gathered_count + used);
  s.prefix = static_cast<uint8_t>(s.prefix - used);
  s.left -= static_cast<uint32_t>(used);
  s.position += used;
  bytes = bytes.subspan(used);
  if (s.prefix > 0) return;
  s.gathered_count = 0;
  if (s.prefix_cut) return;
  if (s.frame.Has(kPadded)) s.padding = static_cast<uint8_t>(s.gathered[0]);
  if (s.frame.type == FrameType::kPushPromise) {
    s.promised_id = ReadUint32(Bytes(s.gathered).subspan(s.frame.Has(kPadded) ? 1 : 0)) & kMaxStreamId;
  }
  if (s.padding > s.left) Lose(s, "bad_padding", out);
}

void Decoder::TakeContent(Side& s, Bytes& bytes, std::vector<Message>& out) {
  const Bytes content = bytes.first(std::min<size_t>(bytes.size(), s.left - s.padding));
  bytes = bytes.subspan(content.size());
  s.left -= static_cast<uint32_t>(content.size());
  s.position += content.size();
  if (content.empty()) return;
  if (IsBlock(s.frame.type)) return TakeBlock(s, content, out);
  switch (s.frame.type) {
    case FrameType::kData:
      return TakeData(s, content);
    case FrameType::kSettings:
      return TakeSettings(s, content);
    case FrameType::kRstStream:
    case FrameType::kGoAway: {
      if (s.cut) return;
      const size_t kept = std::min<size_t>(content.size(), 8U - s.gathered_count);
      std::copy_n(content.begin(), kept, s.gathered.begin() + s.gathered_count);
      s.gathered_count = static_cast<uint8_t>(s.gathered_count + kept);
      return;
    }
    default:
      return;
  }
}

void Decoder::EndFrame(Side& s, std::vector<Message>& out) {
  s.state = State::kHeader;
  switch (s.frame.type) {
    case FrameType::kData:
      EndData(s, out);
      break;
    case FrameType::kSettings:
      EndSettings(s);
      break;
    case FrameType::kRstStream:
      EndReset(s, out);
      break;
    case FrameType::kGoAway:
      EndGoAway(s, out);
      break;
    case FrameType::kHeaders:
    case FrameType::kPushPromise:
    case FrameType::kContinuation:
      if (s.in_block && s.frame.Has(kEndHeaders)) {
        EndBlock(s, std::as_bytes(std::span(s.block)), s.frame_end(), s.block_cut ? Incomplete::kGap : Incomplete::kNo, out);
      }
      break;
    default:
      break;
  }
  s.gathered_count = 0;
}

void Decoder::Lose(Side& s, std::string_view reason, std::vector<Message>& out) {
  CutBlock(s, Incomplete::kGap, out);
  Forget(s, other(s), reason);
}

void Decoder::Forget(Side& s, Side& opposite, std::string_view reason) {
  s.state = State::kLost;
  s.reason = reason;
  s.in_block = false;
  s.gathered_count = 0;
  s.highest_id = 0;
  ++s.losses;
  // SETTINGS of this end, and acknowledgements of the other's, may have passed: neither direction's limit is known.
  s.settings.lost = opposite.settings.lost = true;
  s.hpack.SetLimit(std::nullopt);
  opposite.hpack.SetLimit(std::nullopt);
  s.hpack.Lose();
}

std::optional<size_t> Decoder::Resync(Direction dir, Bytes bytes) {
  Side& s = side(dir);
  if (s.state == State::kPoisoned) return std::nullopt;
  if (s.state != State::kLost) return 0;
  const FrameSearch search = FindFrames(bytes, dir, MaxFrameSize(s));
  if (search.chain == Chain::kBroken) return std::nullopt;
  s.position += search.offset;
  s.state = State::kCandidate;
  return search.offset;
}

bool Decoder::ResyncAtCall(Direction dir, size_t skipped, Bytes call, uint64_t unseen) {
  Side& s = side(dir);
  if (s.state != State::kLost && s.state != State::kCandidate) return false;
  if (!AreWholeFrames(call, unseen, dir, MaxFrameSize(s))) return false;
  s.position += skipped;
  s.state = State::kHeader;
  s.gathered_count = 0;
  return true;
}

bool Decoder::Synced(Direction dir) const {
  const State state = side(dir).state;
  return state != State::kLost && state != State::kCandidate && state != State::kPoisoned;
}

std::optional<uint64_t> Decoder::OpenStart(Direction dir) const {
  const Side& s = side(dir);
  if (!Synced(dir) || s.state == State::kPreface) return std::nullopt;
  if (s.in_block) return s.block_start;
  if (s.state == State::kPayload || s.gathered_count > 0) return s.frame_start;
  return std::nullopt;
}

uint64_t Decoder::DataLeft(Direction dir) const {
  const Side& s = side(dir);
  return s.state == State::kPayload && s.frame.type == FrameType::kData ? s.left : 0;
}

}  // namespace wirespan::decoders::http2
