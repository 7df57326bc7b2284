#include "exporters/json.h"

#include <charconv>
#include <cmath>
#include <limits>

#include "exporters/utf8.h"

namespace wirespan::exporters::json {
namespace {

constexpr char kHexDigits[] = "0123456789abcdef";

template <typename T>
void AppendNumber(T value, std::string& out) {
  char buffer[32];
  const auto [end, error] = std::to_chars(buffer, buffer + sizeof buffer, value);
  if (error == std::errc()) out.append(buffer, end);
}

void AppendControl(uint8_t c, std::string& out) {
  switch (c) {
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      out += "\\u00";
      out += kHexDigits[c >> 4];
      out += kHexDigits[c & 0xf];
  }
}

void AppendValidString(std::string_view text, std::string& out) {
  size_t plain = 0;  // start of what needs no escape
  for (size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<uint8_t>(text[i]);
    if (c >= 0x20 && c != '"' && c != '\\' && c != 0x7f) continue;
    out.append(text, plain, i - plain);
    plain = i + 1;
    if (c == '"' || c == '\\') {
      out += '\\';
      out += text[i];
    } else {
      AppendControl(c, out);
    }
  }
  out.append(text, plain);
}

bool HasKeyBefore(const AttributeList& attributes, const AttributeView& current) {
  AttributeList::Reader reader(attributes);
  for (AttributeView view; reader.Next(view) && view.key.data() != current.key.data();) {
    if (view.key == current.key) return true;
  }
  return false;
}

}  // namespace

void AppendString(std::string_view text, std::string& out) {
  out += '"';
  if (IsValidUtf8(text)) {
    AppendValidString(text, out);
  } else {
    std::string clean;
    AppendUtf8(text, std::numeric_limits<size_t>::max(), clean);
    AppendValidString(clean, out);
  }
  out += '"';
}

void AppendInt(int64_t value, std::string& out) { AppendNumber(value, out); }
void AppendUint(uint64_t value, std::string& out) { AppendNumber(value, out); }

void AppendDouble(double value, std::string& out) {
  if (std::isnan(value)) {
    out += "\"NaN\"";
  } else if (std::isinf(value)) {
    out += value > 0 ? "\"Infinity\"" : "\"-Infinity\"";
  } else {
    AppendNumber(value, out);
  }
}

void AppendHex(const uint8_t* bytes, size_t size, std::string& out) {
  out += '"';
  for (size_t i = 0; i < size; ++i) {
    out += kHexDigits[bytes[i] >> 4];
    out += kHexDigits[bytes[i] & 0xf];
  }
  out += '"';
}

void AppendAttributeObject(const AttributeList& attributes, std::string& out) {
  out += '{';
  bool first = true;
  AttributeList::Reader reader(attributes);
  for (AttributeView view; reader.Next(view);) {
    if (HasKeyBefore(attributes, view)) continue;
    if (!first) out += ',';
    first = false;
    AppendString(view.key, out);
    out += ':';
    switch (view.type) {
      case AttributeView::Type::kString:
        AppendString(view.string_value, out);
        break;
      case AttributeView::Type::kBool:
        out += view.bool_value ? "true" : "false";
        break;
      case AttributeView::Type::kInt:
        AppendInt(view.int_value, out);
        break;
      case AttributeView::Type::kDouble:
        AppendDouble(view.double_value, out);
        break;
    }
  }
  out += '}';
}

}  // namespace wirespan::exporters::json
