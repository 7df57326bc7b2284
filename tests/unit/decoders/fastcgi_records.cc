#include "tests/unit/decoders/fastcgi_records.h"

namespace wirespan::testing {
namespace {

std::string Number(unsigned value, int bytes) {
  std::string text;
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8)
    text += static_cast<char>(value >> static_cast<unsigned>(shift) & 0xffU);
  return text;
}

std::string Length(size_t size, bool long_form) {
  if (!long_form && size < 128) return Number(static_cast<unsigned>(size), 1);
  return Number(static_cast<unsigned>(size) | 0x80000000U, 4);
}

}  // namespace

std::string Rendering<decoders::fastcgi::Message>::Of(const decoders::fastcgi::Message& message) {
  std::string line = "message ";
  line.append(Name(message.direction)).append(" ").append(std::to_string(message.start)).append("-");
  line.append(std::to_string(message.end)).append(" ").append(Name(message.incomplete));
  if (message.is_request) {
    line.append(" role=").append(std::to_string(static_cast<int>(message.role)));
  } else {
    line.append(" status=").append(std::to_string(message.status_code));
    line.append(message.ended ? " end=" : " no-end");
    if (message.ended) {
      line.append(std::to_string(message.application_status)).append(",");
      line.append(std::to_string(static_cast<int>(message.protocol_status)));
    }
  }
  line.append(" id=").append(std::to_string(message.request_id)).append(" #").append(std::to_string(message.exchange));
  if (message.head_end != 0) line.append(" head-end=").append(std::to_string(message.head_end));
  line.append(" body=").append(message.body_length_unknown ? "?" : std::to_string(message.body_length));
  if (message.keep_connection) line.append(" keep");
  if (message.aborted) line.append(" aborted");
  if (message.truncated) line.append(" truncated");
  for (const auto& field : message.fields) {
    line.append("\n  ").append(Escape(message.Name(field))).append(": ").append(Escape(message.Value(field)));
    if (field.contradicted) line.append(" (contradicted)");
  }
  return line;
}

std::string RecordOf(int type, int id, std::string_view content, int padding) {
  std::string record = {1, static_cast<char>(type)};
  record += Number(static_cast<unsigned>(id), 2) + Number(static_cast<unsigned>(content.size()), 2);
  record += static_cast<char>(padding);
  record += '\0';
  return record.append(content).append(static_cast<size_t>(padding), '\xee');
}

std::string BeginRequest(int id, int role, int flags) {
  return RecordOf(1, id, Number(static_cast<unsigned>(role), 2) + static_cast<char>(flags) + std::string(5, '\0'));
}

std::string Pair(std::string_view name, std::string_view value, bool long_form) {
  return Length(name.size(), long_form).append(Length(value.size(), long_form)).append(name).append(value);
}

std::string PairsOf(const Pairs& pairs) {
  std::string content;
  for (const auto& [name, value] : pairs) content += Pair(name, value);
  return content;
}

std::string Params(int id, const Pairs& pairs) {
  const std::string content = PairsOf(pairs);
  return RecordOf(4, id, content, static_cast<int>((8 - content.size() % 8) % 8)) + RecordOf(4, id, "");
}

std::string Stdin(int id, std::string_view content) { return RecordOf(5, id, content); }
std::string Stdout(int id, std::string_view content) {
  return RecordOf(6, id, content, static_cast<int>((8 - content.size() % 8) % 8));
}

std::string EndRequest(int id, unsigned application_status, int protocol_status) {
  // PHP leaves in the reserved bytes whatever was there.
  return RecordOf(3, id, Number(application_status, 4) + static_cast<char>(protocol_status) + "bcd");
}

std::string Request(int id, const Pairs& pairs, std::string_view body, int flags) {
  return BeginRequest(id, 1, flags) + Params(id, pairs) + (body.empty() ? "" : Stdin(id, body)) + Stdin(id, "");
}

std::string Response(int id, std::string_view content) { return Stdout(id, content) + EndRequest(id); }

}  // namespace wirespan::testing
