#include "agent/cli/decode_json.h"

namespace wirespan::cli {
namespace {

namespace fastcgi = decoders::fastcgi;
namespace http1 = decoders::http1;
namespace http2 = decoders::http2;
namespace postgresql = decoders::postgresql;
namespace redis = decoders::redis;
namespace websocket = decoders::websocket;

bool IsContinuation(char c) { return (static_cast<uint8_t>(c) & 0xc0U) == 0x80U; }

// The length of the well-formed UTF-8 sequence at `at`; 0: none (RFC 3629).
size_t SequenceLength(std::string_view text, size_t at) {
  const auto first = static_cast<uint8_t>(text[at]);
  if (first < 0x80) return 1;
  const size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() - at < length) return 0;
  const auto second = static_cast<uint8_t>(text[at + 1]);
  if ((first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f)) return 0;
  if ((first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f)) return 0;
  for (size_t i = 1; i < length; ++i) {
    if (!IsContinuation(text[at + i])) return 0;
  }
  return length;
}

Json Pairs(std::string_view text, const std::vector<http1::FieldRef>& fields) {
  Json pairs = Json::array();
  for (const http1::FieldRef& field : fields) {
    pairs.push_back(
        {BytesToText(text.substr(field.name, field.name_length)), BytesToText(text.substr(field.value, field.value_length))});
  }
  return pairs;
}

// What came from an entry of the dynamic table that was not seen is null.
Json Pairs(const http2::FieldList& list) {
  const auto text = [](std::string_view bytes, bool is_known) { return is_known ? Json(BytesToText(bytes)) : Json(nullptr); };
  Json pairs = Json::array();
  for (const http2::Field& field : list) {
    pairs.push_back(Json::array({text(list.Name(field), field.name_known), text(list.Value(field), field.value_known)}));
  }
  return pairs;
}

}  // namespace

std::string BytesToText(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size());
  for (const char c : bytes) {
    const auto byte = static_cast<uint8_t>(c);
    if (byte < 0x80) {
      text.push_back(c);
    } else {
      text.push_back(static_cast<char>(0xc0U | (byte >> 6U)));
      text.push_back(static_cast<char>(0x80U | (byte & 0x3fU)));
    }
  }
  return text;
}

std::string ToText(std::string_view bytes) {
  for (size_t at = 0; at < bytes.size();) {
    const size_t length = SequenceLength(bytes, at);
    if (length == 0) return BytesToText(bytes);
    at += length;
  }
  return std::string(bytes);
}

Json FieldsOf(const http1::Message& message) {
  Json fields = Json::object();
  const http1::FieldRef& first = message.method_or_version;
  if (!message.method().empty()) fields["method"] = BytesToText(message.method());
  if (!message.target().empty()) fields["target"] = BytesToText(message.target());
  const bool has_version = message.is_request ? message.head_end != 0 || !message.fields.empty() : first.name_length != 0;
  if (has_version) fields["version"] = std::string("1.") + static_cast<char>('0' + message.minor_version);
  if (message.status != 0) {
    fields["status"] = message.status;
    fields["reason"] = BytesToText(message.reason());
  }
  fields["headers"] = Pairs(message.head, message.fields);
  if (!message.trailers.empty()) fields["trailers"] = Pairs(message.trailer, message.trailers);
  if (message.head_end != 0 && !message.body_length_unknown) fields["body_length"] = message.body_length;
  fields["truncated"] = message.truncated;
  return fields;
}

bool IsRequest(const http1::Message& message) { return message.is_request; }
bool IsFinal(const http1::Message& message) { return message.status >= 200 || message.status == 101; }

Json FieldsOf(const fastcgi::Message& message) {
  Json fields = Json::object();
  fields["request_id"] = message.request_id;
  if (message.is_request) {
    fields["role"] = static_cast<uint16_t>(message.role);
    fields["keep_connection"] = message.keep_connection;
    Json parameters = Json::array();
    for (const fastcgi::FieldRef& field : message.fields) {
      parameters.push_back({std::string(fastcgi::WireName(field.parameter)), BytesToText(message.Value(field))});
    }
    fields["parameters"] = std::move(parameters);
    fields["aborted"] = message.aborted;
  } else {
    if (message.status_code != 0) fields["status"] = message.status_code;
    if (message.ended) {
      fields["application_status"] = message.application_status;
      fields["protocol_status"] = static_cast<uint8_t>(message.protocol_status);
    }
  }
  if (message.head_end != 0 && !message.body_length_unknown) fields["body_length"] = message.body_length;
  fields["truncated"] = message.truncated;
  return fields;
}

bool IsRequest(const fastcgi::Message& message) { return message.is_request; }
bool IsFinal(const fastcgi::Message& message) { return !message.is_request; }

Json FieldsOf(const http2::Message& message) {
  using http2::MessageKind;
  Json fields = Json::object();
  fields["kind"] = std::string(http2::Name(message.kind));
  fields["stream_id"] = message.stream_id;
  if (message.kind == MessageKind::kPushPromise) fields["promised_id"] = message.promised_id;
  if (message.kind == MessageKind::kGoAway) fields["last_stream_id"] = message.last_stream_id;
  if (message.kind == MessageKind::kReset || message.kind == MessageKind::kGoAway) fields["error_code"] = message.error_code;
  if (message.status != 0) fields["status"] = message.status;
  const bool has_block =
      message.kind != MessageKind::kEnd && message.kind != MessageKind::kReset && message.kind != MessageKind::kGoAway;
  if (has_block) fields["headers"] = Pairs(message.fields);
  if (message.end_stream) {
    fields["end_stream"] = true;
    if (!message.body_length_unknown) fields["body_length"] = message.body_length;
    if (message.is_grpc && message.grpc.exact) fields["grpc_messages"] = message.grpc.messages;
  }
  fields["truncated"] = message.fields.truncated;
  return fields;
}

bool IsRequest(const http2::Message& message) {
  return message.kind == http2::MessageKind::kRequestHead || message.kind == http2::MessageKind::kPushPromise;
}
bool IsFinal(const http2::Message& message) { return message.kind == http2::MessageKind::kResponseHead; }

Json FieldsOf(const redis::Message& message) {
  Json fields = Json::object();
  if (message.is_request) {
    fields["command"] = ToText(message.name);
    fields["arguments"] = message.arguments;
    fields["text"] = ToText(message.text);
    if (message.has_database) fields["database"] = message.database;
  } else {
    fields["type"] = std::string(1, static_cast<char>(message.type));
    if (message.is_error()) fields["error"] = ToText(message.name);
    if (redis::IsAggregate(message.type)) fields["elements"] = message.elements;
    fields["one_way"] = message.one_way;
  }
  fields["truncated"] = message.truncated;
  return fields;
}

bool IsRequest(const redis::Message& message) { return message.is_request; }
bool IsFinal(const redis::Message& message) { return !message.is_request && !message.one_way; }

Json FieldsOf(const postgresql::Message& message) {
  Json fields = Json::object();
  if (message.is_request) {
    fields["kind"] = std::string(postgresql::Name(message.kind));
    if (!message.text.empty()) fields["query"] = ToText(message.text);
    if (!message.statement.empty()) fields["statement"] = ToText(message.statement);
    if (!message.database.empty()) fields["database"] = ToText(message.database);
    if (message.unknown_statement) fields["unknown_statement"] = true;
  } else {
    if (message.type != '\0') fields["type"] = std::string(1, message.type);
    if (message.has_sqlstate) fields["sqlstate"] = ToText(message.code());
    if (!message.tag.empty()) fields["command_tag"] = ToText(message.tag);
    if (!message.one_way) fields["rows"] = message.rows;
    if (message.skipped) fields["skipped"] = true;
  }
  fields["one_way"] = message.one_way;
  fields["truncated"] = message.truncated;
  return fields;
}

bool IsRequest(const postgresql::Message& message) { return message.is_request && !message.one_way; }
bool IsFinal(const postgresql::Message& message) { return !message.is_request && !message.one_way; }

Json FieldsOf(const websocket::Message& message) {
  Json fields = Json::object();
  fields["opcode"] = std::string(websocket::Name(message.opcode));
  fields["frames"] = message.frames;
  fields["length"] = message.length;
  fields["masked"] = message.masked;
  fields["compressed"] = message.compressed;
  if (message.close_code != 0) fields["close_code"] = message.close_code;
  if (!message.reason.empty()) fields["reason"] = ToText(message.reason);
  if (!message.fault.empty()) fields["fault"] = std::string(message.fault);
  return fields;
}

}  // namespace wirespan::cli
