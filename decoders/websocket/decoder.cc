#include "decoders/websocket/decoder.h"

#include <algorithm>

namespace wirespan::decoders::websocket {

static_assert(decoders::Decoder<websocket::Decoder>);

namespace {

void Note(Message& message, std::string_view fault) {
  if (message.fault.empty()) message.fault = fault;
}

// 5.1: what a client sends is masked, what a server sends is not.
std::string_view MaskFault(Direction dir, bool masked) {
  if (masked == (dir == Direction::kClientToServer)) return {};
  return masked ? "masked_server" : "unmasked_client";
}

}  // namespace

bool IsCloseCode(uint16_t code) {
  if (code < 1000 || code > 4999) return false;
  if (code >= 3000) return true;
  return code <= 1014 && code != 1004 && code != kNoStatus && code != 1006;
}

ParseStep Decoder::Decode(Direction dir, std::span<const std::byte> bytes, Messages& out) {
  Side& s = side(dir);
  size_t used = 0;
  while (used < bytes.size() && s.state != State::kLost) {
    const std::span<const std::byte> rest = bytes.subspan(used);
    used += s.state == State::kHeader ? InHeader(s, rest, out) : InPayload(s, rest, out);
  }
  if (used > 0) return {ParseStatus::kAdvanced, used, {}};
  if (s.state == State::kLost) return {ParseStatus::kInvalid, 0, s.reason};
  return {};
}

size_t Decoder::InHeader(Side& s, std::span<const std::byte> bytes, Messages& out) {
  size_t used = 0;
  while (used < bytes.size() && !s.scan.is_done()) {
    if (s.scan.size() == 0) s.frame_start = s.position;
    const std::string_view objection = s.scan.Take(static_cast<uint8_t>(bytes[used]));
    if (!objection.empty()) {
      Lose(s, objection, Incomplete::kAmbiguous, out);
      return used;
    }
    ++used;
    ++s.position;
  }
  if (s.scan.is_done()) BeginFrame(s, out);
  return used;
}

void Decoder::BeginFrame(Side& s, Messages& out) {
  const FrameHeader& header = s.scan.header();
  s.remaining = header.length;
  s.state = State::kPayload;
  s.control_size = 0;
  s.control_cut = false;
  if (!header.is_control()) {
    const bool goes_on = header.opcode == Opcode::kContinuation;
    if (s.has_open && !goes_on) {  // 5.4: the fragments of messages are not mixed
      Note(s.open, "message_within_message");
      EndOpen(s, Incomplete::kAmbiguous, out);
    }
    if (!s.has_open) {
      s.open.Clear();
      s.has_open = true;
      s.open.direction = s.direction;
      s.open.opcode = header.opcode;
      s.open.compressed = header.compressed;
      s.open.masked = header.masked;
      s.open.start = s.frame_start;
      if (goes_on && s.in_middle) s.open.incomplete = Incomplete::kGap;
      if (goes_on && !s.in_middle) Note(s.open, "continuation_without_start");
      if (s.closed) Note(s.open, "after_close");
    }
    s.in_middle = false;
    if (s.open.frames < UINT32_MAX) ++s.open.frames;
    s.open.length = AddBounded(s.open.length, header.length);
    Note(s.open, MaskFault(s.direction, header.masked));
  }
  if (s.remaining == 0) EndFrame(s, out);
}

size_t Decoder::InPayload(Side& s, std::span<const std::byte> bytes, Messages& out) {
  const size_t used = static_cast<size_t>(std::min<uint64_t>(bytes.size(), s.remaining));
  const FrameHeader& header = s.scan.header();
  if (header.opcode == Opcode::kClose) {
    for (size_t i = 0; i < used && s.control_size < s.control.size(); ++i) {
      const uint8_t mask = header.masked ? header.mask[s.control_size % 4] : uint8_t{0};
      s.control[s.control_size++] = static_cast<char>(static_cast<uint8_t>(bytes[i]) ^ mask);
    }
  }
  s.remaining -= used;
  s.position += used;
  if (s.remaining == 0) EndFrame(s, out);
  return used;
}

void Decoder::EndFrame(Side& s, Messages& out) {
  s.state = State::kHeader;
  if (s.scan.header().is_control()) {
    EndControl(s, out);
  } else {
    s.open.end = s.position;
    if (s.scan.header().is_final) EndOpen(s, s.open.incomplete, out);
  }
  s.scan.Clear();
}

void Decoder::EndControl(Side& s, Messages& out) {
  const FrameHeader& header = s.scan.header();
  Message& message = out.emplace_back();
  message.direction = s.direction;
  message.opcode = header.opcode;
  message.masked = header.masked;
  message.frames = 1;
  message.length = header.length;
  message.start = s.frame_start;
  message.end = s.position;
  if (s.closed) Note(message, "after_close");
  Note(message, MaskFault(s.direction, header.masked));
  if (header.opcode != Opcode::kClose) return;
  s.closed = true;
  if (s.control_cut) return;
  ReadClose(s, message);
}

// 5.5.1: two bytes of a code, then a reason; or nothing.
void Decoder::ReadClose(const Side& s, Message& message) {
  if (s.control_size == 0) {
    message.close_code = kNoStatus;
    return;
  }
  if (s.control_size == 1) {
    Note(message, "bad_close");
    return;
  }
  const auto byte = [&s](size_t i) { return static_cast<uint16_t>(static_cast<uint8_t>(s.control[i])); };
  message.close_code = static_cast<uint16_t>(byte(0) << 8U | byte(1));
  if (!IsCloseCode(message.close_code)) Note(message, "bad_close");
  message.reason.assign(s.control.data() + 2, s.control_size - size_t{2});
}

void Decoder::EndOpen(Side& s, Incomplete why, Messages& out) {
  s.has_open = false;
  s.open.incomplete = why;
  s.open.end = std::max(s.open.end, s.open.start);
  out.push_back(s.open);
}

void Decoder::Lose(Side& s, std::string_view reason, Incomplete why, Messages& out) {
  if (s.has_open) EndOpen(s, why, out);
  s.scan.Clear();
  s.remaining = 0;
  s.reason = reason;
  s.state = State::kLost;
}

bool Decoder::OnGap(Direction dir, size_t size, Messages& out) {
  if (size == 0) return true;
  Side& s = side(dir);
  uint64_t left = size;
  if (s.state == State::kPayload) {
    const uint64_t inside = std::min<uint64_t>(left, s.remaining);
    left -= inside;
    s.remaining -= inside;
    Pass(s, inside);
    s.control_cut = true;
    if (s.remaining == 0) EndFrame(s, out);
  }
  if (left == 0) return true;
  if (s.state != State::kLost) {
    s.open.end = s.position;
    Lose(s, "gap", Incomplete::kGap, out);
  }
  Pass(s, left);
  return false;
}

// Positions end at kMaxPosition, but what was decoded behind that does not lie before its own beginning.
void Decoder::Pass(Side& s, uint64_t size) { s.position = std::max(s.position, AddBounded(s.position, size)); }

void Decoder::OnClose(Direction dir, Messages& out) {
  Side& s = side(dir);
  s.open.end = s.position;
  Lose(s, "closed", Incomplete::kClosed, out);
}

void Decoder::StartAt(Direction dir) {
  Side& s = side(dir);
  if (s.state != State::kLost) return;
  s.state = State::kHeader;
  s.in_middle = true;
}

std::optional<uint64_t> Decoder::OpenStart(Direction dir) const {
  const Side& s = side(dir);
  if (s.state == State::kLost || (s.state == State::kHeader && s.scan.size() == 0)) return std::nullopt;
  return s.frame_start;
}

std::optional<uint64_t> Decoder::OpenMessageStart(Direction dir) const {
  return side(dir).has_open ? std::optional<uint64_t>(side(dir).open.start) : OpenStart(dir);
}

}  // namespace wirespan::decoders::websocket
