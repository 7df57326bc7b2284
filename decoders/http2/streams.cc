// http2::Decoder: header blocks, ends and resets to messages.
#include <algorithm>
#include <memory>
#include <utility>

#include "decoders/http2/decoder.h"
#include "decoders/http2/pseudo.h"

namespace wirespan::decoders::http2 {

Decoder::Message Decoder::NewMessage(const Side& s, MessageKind kind, uint32_t stream_id) {
  Message message;
  if (pool_ != nullptr) {
    std::unique_ptr<Message> spare = pool_->Take();
    message = std::move(*spare);
    pool_->GiveShell(std::move(spare));
  }
  message.kind = kind;
  message.direction = DirectionOf(s);
  message.is_request = !s.is_server;
  message.stream_id = stream_id;
  message.start = s.frame_start;
  message.end = s.frame_end();
  return message;
}

void Decoder::TakeBlock(Side& s, std::span<const std::byte> bytes, std::vector<Message>& out) {
  if (!s.in_block || s.block_cut) return;
  const bool is_whole = s.left == 0 && s.padding == 0 && s.block.empty() && s.frame.Has(kEndHeaders);
  if (is_whole && bytes.size() <= kMaxBlockBytes) return EndBlock(s, bytes, s.frame_end(), Incomplete::kNo, out);
  const size_t kept = std::min(bytes.size(), kMaxBlockBytes - s.block.size());
  s.block.append(reinterpret_cast<const char*>(bytes.data()), kept);
  s.block_cut = kept < bytes.size();
}

// The block in progress will not go on.
void Decoder::CutBlock(Side& s, Incomplete why, std::vector<Message>& out) {
  if (!s.in_block) return;
  s.block_cut = true;
  EndBlock(s, std::as_bytes(std::span(s.block)), s.position, why, out);
}

void Decoder::EndBlock(Side& s, std::span<const std::byte> block, uint64_t end, Incomplete why, std::vector<Message>& out) {
  s.in_block = false;
  Message message = NewMessage(s, MessageKind::kUnknownBlock, s.block_stream);
  message.start = s.block_start;
  message.end = end;
  message.end_stream = s.block_ends_stream;
  message.incomplete = why;
  const std::string_view error = s.hpack.Decode(block, s.block_cut, message.fields);
  if (s.block_cut) {
    message.fields.truncated = true;
  } else {
    message.head_end = end;
  }
  if (!error.empty()) message.incomplete = Incomplete::kAmbiguous;
  if (s.block_is_promise) {
    message.kind = MessageKind::kPushPromise;
    message.is_request = true;
    message.promised_id = s.promised_id;
    message.end_stream = false;
    if (HasBadPseudo(message)) message.incomplete = Incomplete::kAmbiguous;
  } else {
    Classify(s, message);
    NoteBlock(s, message);
  }
  s.block.clear();
  if (s.block.capacity() > kMaxIdleBlockBytes) s.block.shrink_to_fit();
  out.push_back(std::move(message));
  if (!error.empty()) Forget(s, other(s), error);
}

// Head, interim, trailers, or not known which. A stream's first block is its head, and only the last may be trailers (RFC
// 9113 8.1); pseudo-header fields are in heads only (8.3), and in all of them.
void Decoder::Classify(Side& s, Message& message) {
  const HalfStream* half = s.streams.Find(message.stream_id);
  const bool had_head = half != nullptr && half->has_final_head;
  const bool all_seen = s.losses == 0 || (half != nullptr && half->losses == s.losses);
  const bool is_new = !s.is_server && s.highest_id != 0 && message.stream_id > s.highest_id;
  const bool is_old = !s.is_server && s.highest_id != 0 && !is_new;
  const MessageKind head = s.is_server ? MessageKind::kResponseHead : MessageKind::kRequestHead;
  const BlockLook look = LookOf(message.fields);
  const bool wants_head = half != nullptr && had_head && half->status_unknown;
  if (look == BlockLook::kHead) {
    message.kind = head;
    // A second final head, or a request on a stream that is no new one, is malformed.
    if ((had_head && !wants_head) || is_old) message.incomplete = Incomplete::kAmbiguous;
  } else if (look == BlockLook::kTrailers || (had_head && !wants_head) || (is_old && message.end_stream)) {
    message.kind = MessageKind::kTrailers;
  } else if (is_new || !message.end_stream || (all_seen && !had_head)) {
    message.kind = head;
  }
  if (!s.is_server) s.highest_id = std::max(s.highest_id, message.stream_id);
  if (message.kind == MessageKind::kResponseHead) ReadStatus(message);
  if (HasBadPseudo(message)) message.incomplete = Incomplete::kAmbiguous;
}

void Decoder::NoteBlock(Side& s, Message& message) {
  if (message.end_stream) return EndHalf(s, message);
  const bool is_head = message.kind == MessageKind::kRequestHead || message.kind == MessageKind::kResponseHead;
  if (!is_head && message.kind != MessageKind::kInterim) return;
  HalfStream* half = s.streams.Find(message.stream_id);
  if (half == nullptr) {
    half = &s.streams.Add(message.stream_id);
    half->losses = s.losses;
  }
  half->last_end = message.end;
  if (!is_head) return;
  half->has_final_head = true;
  half->status_unknown = message.kind == MessageKind::kResponseHead && message.status == 0;
  if (half->body_length != 0) return;
  half->grpc_by_body = message.fields.has_unknown && message.fields.Find("content-type") == nullptr;
  half->grpc = GrpcWalker(half->grpc_by_body ? GrpcKind::kGrpc : GrpcKindOf(message.Header("content-type")));
}

void Decoder::TakeData(Side& s, std::span<const std::byte> bytes) {
  HalfStream* half = s.streams.Find(s.frame.stream_id);
  if (half == nullptr) return;
  half->body_length += bytes.size();
  half->last_end = s.position;
  if (half->losses != s.losses) half->grpc.Lose();
  if (half->grpc.kind() != GrpcKind::kNone) half->grpc.Feed(bytes);
}

void Decoder::EndData(Side& s, std::vector<Message>& out) {
  if (HalfStream* half = s.streams.Find(s.frame.stream_id); half != nullptr) half->last_end = s.frame_end();
  if (!s.frame.EndsStream()) return;
  Message message = NewMessage(s, MessageKind::kEnd, s.frame.stream_id);
  message.end_stream = true;
  EndHalf(s, message);
  out.push_back(std::move(message));
}

void Decoder::EndHalf(Side& s, Message& message) {
  HalfStream* half = s.streams.Find(message.stream_id);
  if (half == nullptr) {
    const bool is_head = message.kind == MessageKind::kRequestHead || message.kind == MessageKind::kResponseHead;
    message.body_length_unknown = !is_head;
    return;
  }
  const bool lost = half->losses != s.losses;
  message.body_length = half->body_length;
  message.body_length_unknown = lost || !half->body_exact;
  if (lost) half->grpc.Lose();
  const GrpcCounts counts = half->grpc.Counts(true);
  message.is_grpc = half->grpc.kind() != GrpcKind::kNone && (!half->grpc_by_body || (counts.exact && counts.messages > 0));
  if (message.is_grpc) message.grpc = counts;
  s.streams.Remove(message.stream_id);
}

// The stream was open in that direction, and will not end there.
void Decoder::CloseHalf(Side& s, uint32_t id, std::vector<Message>& out) {
  const HalfStream* half = s.streams.Find(id);
  if (half == nullptr) return;
  Message message = NewMessage(s, MessageKind::kEnd, id);
  message.start = message.end = half->last_end;
  message.incomplete = Incomplete::kClosed;
  EndHalf(s, message);
  out.push_back(std::move(message));
}

void Decoder::EndReset(Side& s, std::vector<Message>& out) {
  CloseHalf(other(s), s.frame.stream_id, out);
  Message message = NewMessage(s, MessageKind::kReset, s.frame.stream_id);
  message.is_reset = true;
  if (s.gathered_count < 4) {
    message.incomplete = Incomplete::kGap;
  } else {
    message.error_code = ReadUint32(s.gathered);
  }
  EndHalf(s, message);
  out.push_back(std::move(message));
}

void Decoder::EndGoAway(Side& s, std::vector<Message>& out) {
  Message message = NewMessage(s, MessageKind::kGoAway, 0);
  if (s.gathered_count < 8) {
    message.incomplete = Incomplete::kGap;
  } else {
    message.last_stream_id = ReadUint32(s.gathered) & kMaxStreamId;
    message.error_code = ReadUint32(std::span<const std::byte>(s.gathered).subspan(4));
  }
  out.push_back(std::move(message));
}

}  // namespace wirespan::decoders::http2
