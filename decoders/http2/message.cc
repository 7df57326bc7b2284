#include "decoders/http2/message.h"

#include <utility>

namespace wirespan::decoders::http2 {

std::string_view Name(MessageKind kind) {
  switch (kind) {
    case MessageKind::kRequestHead:
      return "request_head";
    case MessageKind::kResponseHead:
      return "response_head";
    case MessageKind::kInterim:
      return "interim";
    case MessageKind::kTrailers:
      return "trailers";
    case MessageKind::kUnknownBlock:
      return "unknown_block";
    case MessageKind::kEnd:
      return "end";
    case MessageKind::kReset:
      return "reset";
    case MessageKind::kPushPromise:
      return "push_promise";
    case MessageKind::kGoAway:
      return "goaway";
  }
  return "";
}

std::string_view Message::Trailer(std::string_view name) const {
  const Field* field = trailers.Find(name);
  return field != nullptr ? trailers.Value(*field) : fields.Get(name);
}

void Message::Absorb(Message& later) {
  end = later.end;
  end_stream = end_stream || later.end_stream;
  if (later.is_reset) {
    is_reset = true;
    error_code = later.error_code;
  }
  body_length = later.body_length;
  body_length_unknown = body_length_unknown || later.body_length_unknown;
  if (later.is_grpc) {
    is_grpc = true;
    grpc = later.grpc;
  }
  // What is said of the block outweighs what is said of the end.
  if (complete()) incomplete = later.incomplete;
  if (!later.fields.fields.empty()) std::swap(trailers, later.fields);
}

void Message::Clear() {
  FieldList field_buffers = std::move(fields);
  FieldList trailer_buffers = std::move(trailers);
  *this = Message{};
  fields = std::move(field_buffers), fields.Clear();
  trailers = std::move(trailer_buffers), trailers.Clear();
}

}  // namespace wirespan::decoders::http2
