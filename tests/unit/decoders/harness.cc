#include "tests/unit/decoders/harness.h"

namespace wirespan::testing {
namespace {

using decoders::http1::FieldRef;
using decoders::http1::Message;

void AppendFields(std::string_view text, const std::vector<FieldRef>& fields, std::string_view indent, std::string& out) {
  for (const FieldRef& field : fields) {
    out.append("\n").append(indent);
    out.append(Escape(text.substr(field.name, field.name_length))).append(": ");
    out.append(Escape(text.substr(field.value, field.value_length)));
  }
}

}  // namespace

std::string_view Name(Direction dir) { return dir == kC2s ? "c2s" : "s2c"; }

std::string_view Name(decoders::Incomplete incomplete) {
  switch (incomplete) {
    case decoders::Incomplete::kNo:
      return "complete";
    case decoders::Incomplete::kGap:
      return "gap";
    case decoders::Incomplete::kClosed:
      return "closed";
    case decoders::Incomplete::kAmbiguous:
      return "ambiguous";
  }
  return "?";
}

std::string Escape(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const char c : bytes) {
    const auto byte = static_cast<uint8_t>(c);
    if (c == '\r') {
      text += "\\r";
    } else if (c == '\n') {
      text += "\\n";
    } else if (c == '\t') {
      text += "\\t";
    } else if (c == '\\' || byte < 0x20 || byte > 0x7e) {
      text += "\\x";
      text += kDigits[byte >> 4U];
      text += kDigits[byte & 15U];
    } else {
      text += c;
    }
  }
  return text;
}

std::string Rendering<Message>::Of(const Message& message) {
  std::string line = "message ";
  line.append(Name(message.direction)).append(" ").append(std::to_string(message.start)).append("-");
  line.append(std::to_string(message.end)).append(" ").append(Name(message.incomplete));
  if (message.is_request) {
    line.append(" ").append(message.method()).append(" ").append(Escape(message.target()));
  } else {
    line.append(" ").append(std::to_string(message.status)).append(" ").append(Escape(message.reason()));
  }
  line.append(" 1.").append(std::to_string(message.minor_version));
  line.append(" #").append(std::to_string(message.exchange));
  if (message.head_end != 0)
    line.append(" body=").append(message.body_length_unknown ? "?" : std::to_string(message.body_length));
  if (message.chunked) line.append(" chunked");
  if (message.close_delimited) line.append(" to-close");
  if (message.upgrade) line.append(" upgrade");
  if (message.truncated) line.append(" truncated");
  AppendFields(message.head, message.fields, "  ", line);
  AppendFields(message.trailer, message.trailers, "  +", line);
  return line;
}

}  // namespace wirespan::testing
