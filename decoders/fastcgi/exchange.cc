// fastcgi::Decoder, what records mean: where requests and responses begin and end, and which belong together.
#include <algorithm>
#include <charconv>

#include "decoders/fastcgi/decoder.h"

namespace wirespan::decoders::fastcgi {
namespace {

constexpr std::string_view kInterleavedRequests = "interleaved_requests";
constexpr std::string_view kInterleavedResponses = "interleaved_responses";
constexpr std::string_view kTooManyRequests = "too_many_requests";

uint32_t Number(const uint8_t* bytes) {
  return uint32_t{bytes[0]} << 24U | uint32_t{bytes[1]} << 16U | uint32_t{bytes[2]} << 8U | bytes[3];
}

}  // namespace

std::string_view Decoder::Doubt(const Side& s, const RecordHeader& header) {
  if (IsManagement(header.type)) return {};
  if (s.is_request()) return DoubtOfRequest(s, header);
  const bool is_other = s.open != nullptr ? s.open->request_id != header.request_id
                                          : aligned_ && unanswered_count_ > 0 && unanswered_[0] != header.request_id;
  if (is_other) Leave(kInterleavedResponses);
  return {};
}

std::string_view Decoder::DoubtOfRequest(const Side& s, const RecordHeader& header) {
  const bool is_open = s.open != nullptr && s.open->request_id == header.request_id;
  if (s.open != nullptr && !is_open) {
    Leave(kInterleavedRequests);
    return {};
  }
  switch (header.type) {
    case RecordType::kBeginRequest:
      if (is_open) return "begin_inside_request";
      if (unanswered_count_ == kMaxUnanswered) Leave(kTooManyRequests);
      return {};
    case RecordType::kParams:
      if (is_open) return s.head_done ? "parameters_after_their_end" : "";
      return header.request_id == last_request_id_ ? "" : "parameters_of_no_request";
    case RecordType::kStdin:
    case RecordType::kData:
      return is_open && !s.head_done ? "body_before_parameters" : "";
    default:
      return {};
  }
}

DecoderSide::Use Decoder::EnterRequestRecord(Side& s, const RecordHeader& header, Messages& out) {
  const bool is_end_of_stream = header.content_length == 0;
  if (header.type == RecordType::kBeginRequest) {
    BeginRequest(s, header.request_id, out);
    return Use::kBegin;
  }
  if (s.open == nullptr || IsManagement(header.type)) {
    if (header.type == RecordType::kStdin && is_end_of_stream) s.after_request = false;
    return Use::kSkip;
  }
  switch (header.type) {
    case RecordType::kAbortRequest:
      s.open->aborted = true;
      CompleteRequest(s, s.position, out);
      return Use::kSkip;
    case RecordType::kParams:
      if (!is_end_of_stream) return Use::kParameters;
      EndParameters(s, out);
      return Use::kSkip;
    case RecordType::kStdin:
      if (!is_end_of_stream) return Use::kBody;
      CompleteRequest(s, s.position, out);
      s.after_request = false;
      return Use::kSkip;
    default:
      return Use::kSkip;
  }
}

DecoderSide::Use Decoder::EnterResponseRecord(Side& s, const RecordHeader& header, Messages& out) {
  if (IsManagement(header.type)) return Use::kSkip;
  if (s.open == nullptr) BeginAnswer(s, header.request_id, out);
  if (header.type == RecordType::kEndRequest) return Use::kEnd;
  return header.type == RecordType::kStdout && header.content_length > 0 ? Use::kBody : Use::kSkip;
}

void Decoder::BeginRequest(Side& s, uint16_t request_id, Messages& out) {
  Side& response = replies();
  if (response.place == Place::kAdrift) EndAdrift(response, Incomplete::kNo, out);
  if (!aligned_ && unanswered_count_ == 0 && response.open == nullptr) aligned_ = true;
  unanswered_[unanswered_count_++] = request_id;
  last_request_id_ = request_id;
  s.after_request = false;
  BeginMessage(s, request_id, s.position - kHeaderBytes);
  s.open->exchange = aligned_ ? ++last_exchange_ : 0;
  parameters_.Begin();
}

// The first record of a response.
void Decoder::BeginAnswer(Side& s, uint16_t request_id, Messages& out) {
  uint64_t exchange = 0;
  if (unanswered_count_ > 0) {
    if (aligned_) exchange = last_exchange_ - unanswered_count_ + 1;
    std::copy(unanswered_.begin() + 1, unanswered_.end(), unanswered_.begin());
    --unanswered_count_;
  }
  if (requests().place == Place::kAdrift) EndAdrift(requests(), Incomplete::kNo, out);
  BeginMessage(s, request_id, s.position - kHeaderBytes);
  s.open->exchange = exchange;
  head_.Begin();
}

void Decoder::EndParameters(Side& s, Messages& out) {
  Message& message = *s.open;
  s.head_done = true;
  if (s.head_cut) return;  // whether a body follows may stand in what was not seen
  message.head_end = s.position;
  if (!parameters_.between_pairs()) message.incomplete = Incomplete::kAmbiguous;
  const std::string_view length = message.Get(Parameter::kContentLength);
  const auto [end, error] = std::from_chars(length.data(), length.data() + length.size(), message.content_length);
  message.has_content_length = !length.empty() && error == std::errc{} && end == length.data() + length.size();
  if (!message.has_content_length) message.content_length = 0;
  if (message.content_length == 0) CompleteRequest(s, s.position, out);
}

void Decoder::CompleteRequest(Side& s, uint64_t end, Messages& out) {
  Message& message = *s.open;
  if (message.complete() && s.head_cut) message.incomplete = Incomplete::kGap;
  if (message.complete() && !s.head_done) message.incomplete = Incomplete::kClosed;
  message.end = end;
  s.after_request = true;
  s.use = Use::kSkip;
  Append(s, out);
}

void Decoder::EndResponseHead(Side& s, bool is_whole) {
  s.head_done = is_whole;
  s.open->status_code = head_.Status(is_whole);
  s.open->truncated = s.open->truncated || head_.truncated();
}

void Decoder::EndAnswer(Side& s, const uint8_t* body, Messages& out) {
  Message& message = *s.open;
  if (!s.head_done && !s.head_cut) EndResponseHead(s, false);
  message.ended = body != nullptr;
  if (body != nullptr) {
    message.application_status = Number(body);
    message.protocol_status = static_cast<ProtocolStatus>(body[4]);
  }
  message.end = s.position;
  if (s.head_cut) {
    message.head_end = 0;
    message.incomplete = Incomplete::kGap;
  } else if (message.head_end == 0) {
    message.head_end = s.position;  // there is none, or it is all that there is
  }
  // What the server left unread of the request is no part of the exchange any more (5.5).
  Side& request = requests();
  if (request.open != nullptr && request.open->exchange != 0 && request.open->exchange == message.exchange) {
    request.open->body_length_unknown = true;
    CompleteRequest(request, request.position, out);
  }
  Append(s, out);
}

}  // namespace wirespan::decoders::fastcgi
