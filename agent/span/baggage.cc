#include "agent/span/baggage.h"

#include <algorithm>

#include "decoders/http_characters.h"
#include "exporters/utf8.h"

namespace wirespan::span {
namespace {

using decoders::TrimBlanks;

constexpr std::string_view kJaegerPrefix = "uberctx-";

// baggage-octet, and '%' (2.2.2).
bool IsValue(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return c > 0x20 && c < 0x7f && c != '"' && c != ',' && c != ';' && c != '\\'; });
}

std::string Decoded(std::string_view text) {
  std::string bytes;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool escaped = text[i] == '%' && i + 2 < text.size() && decoders::Is(decoders::kHexChar, text[i + 1]) &&
                         decoders::Is(decoders::kHexChar, text[i + 2]);
    if (escaped) {
      bytes.push_back(static_cast<char>(decoders::HexValue(text[i + 1]) * 16 + decoders::HexValue(text[i + 2])));
      i += 2;
    } else {
      bytes.push_back(text[i]);
    }
  }
  std::string out;
  exporters::AppendUtf8(bytes, 3 * bytes.size() + 1, out);
  return out;
}

// "key", "key=value"; false: malformed.
bool ReadProperty(std::string_view text, BaggageEntry& entry) {
  const size_t equals = text.find('=');
  const std::string_view key = TrimBlanks(text.substr(0, equals));
  if (!decoders::IsToken(key)) return false;
  std::optional<std::string> value;
  if (equals != std::string_view::npos) {
    const std::string_view sent = TrimBlanks(text.substr(equals + 1));
    if (!IsValue(sent)) return false;
    value = Decoded(sent);
  }
  entry.properties.emplace_back(key, std::move(value));
  return true;
}

// "key=value;property;property=value"; nullopt: malformed.
std::optional<BaggageEntry> ReadMember(std::string_view text) {
  size_t end = text.find(';');
  const std::string_view pair = text.substr(0, end);
  const size_t equals = pair.find('=');
  if (equals == std::string_view::npos) return std::nullopt;
  const std::string_view key = TrimBlanks(pair.substr(0, equals));
  const std::string_view value = TrimBlanks(pair.substr(equals + 1));
  if (!decoders::IsToken(key) || !IsValue(value)) return std::nullopt;
  BaggageEntry entry{.key = std::string(key), .value = Decoded(value), .properties = {}};
  while (end != std::string_view::npos) {
    text.remove_prefix(end + 1);
    end = text.find(';');
    if (!ReadProperty(text.substr(0, end), entry)) return std::nullopt;
  }
  return entry;
}

}  // namespace

void BaggageReader::Reset() {
  entries_.clear();
  bytes_ = left_out_ = 0;
  any_field_ = false;
}

void BaggageReader::Take(BaggageEntry entry) {
  if (entries_.size() == kMaxBaggageEntries) {
    ++left_out_;
  } else {
    entries_.push_back(std::move(entry));
  }
}

void BaggageReader::AddMember(std::string_view member) {
  bytes_ += member.size() + 1;  // its comma
  std::optional<BaggageEntry> entry;
  if (bytes_ <= kMaxBaggageBytes + 1) entry = ReadMember(member);
  if (entry) {
    Take(std::move(*entry));
  } else {
    ++left_out_;
  }
}

void BaggageReader::Add(std::string_view name, std::string_view value) {
  if (decoders::EqualsIgnoringCase(name, "baggage")) {
    any_field_ = true;
    for (size_t comma = 0; comma != std::string_view::npos; value.remove_prefix(std::min(value.size(), comma + 1))) {
      comma = value.find(',');
      const std::string_view member = TrimBlanks(value.substr(0, comma));
      if (!member.empty()) AddMember(member);
      if (comma == std::string_view::npos) return;
    }
  }
  if (!decoders::EqualsIgnoringCase(name.substr(0, kJaegerPrefix.size()), kJaegerPrefix)) return;
  any_field_ = true;
  const std::string_view key = name.substr(kJaegerPrefix.size());
  bytes_ += name.size() + value.size();
  if (!decoders::IsToken(key) || bytes_ > kMaxBaggageBytes) {
    ++left_out_;
  } else {
    Take({.key = std::string(key), .value = Decoded(TrimBlanks(value)), .properties = {}});
  }
}

}  // namespace wirespan::span
