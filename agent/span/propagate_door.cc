#include "agent/span/propagate_door.h"

#include <cstdint>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "agent/span/baggage.h"
#include "agent/span/carriers.h"

namespace wirespan::span {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kMaxLineBytes = size_t{1024} * 1024;

enum class LineRead : uint8_t { kLine, kTooLong, kEnd };

// One line without its end. The rest of a line that is too long is passed over.
LineRead ReadLine(std::istream& in, std::string& line) {
  line.clear();
  std::streambuf& buffer = *in.rdbuf();
  constexpr int kEnd = std::char_traits<char>::eof();
  int c = buffer.sbumpc();
  if (c == kEnd) return LineRead::kEnd;
  bool too_long = false;
  for (; c != kEnd && c != '\n'; c = buffer.sbumpc()) {
    if (line.size() == kMaxLineBytes) {
      too_long = true;
    } else {
      line.push_back(static_cast<char>(c));
    }
  }
  return too_long ? LineRead::kTooLong : LineRead::kLine;
}

// JSON text to the bytes of a header: U+0000..U+00FF one to one; nothing where another character is in it. `text` is valid UTF-8.
std::optional<std::string> ToBytes(const std::string& text) {
  std::string bytes;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c < 0x80) {
      bytes.push_back(text[i]);
    } else if ((c == 0xc2 || c == 0xc3) && i + 1 < text.size()) {
      bytes.push_back(static_cast<char>(((c & 0x03U) << 6U) | (static_cast<unsigned char>(text[++i]) & 0x3fU)));
    } else {
      return std::nullopt;
    }
  }
  return bytes;
}

// What one line is read with.
struct Readers {
  CarrierReader context;
  BaggageReader baggage;
};

// What the headers of one line are asked for; by nothing: any carrier.
struct Format {
  std::optional<trace::Carrier> carrier;
  bool only_baggage = false;
};

std::optional<Format> FormatByName(std::string_view name) {
  if (name == "any") return Format{};
  if (name == "baggage") return Format{.carrier = {}, .only_baggage = true};
  for (size_t i = 0; i < trace::kCarrierCount; ++i) {
    const auto carrier = static_cast<trace::Carrier>(i);
    if (Name(carrier) == name) return Format{.carrier = carrier};
  }
  return std::nullopt;
}

std::string KnownFormats() {
  std::string names;
  for (size_t i = 0; i < trace::kCarrierCount; ++i) names += std::string(Name(static_cast<trace::Carrier>(i))) + ", ";
  return names + "baggage, any";
}

Json Entries(const BaggageReader& baggage) {
  Json entries = Json::array();
  for (const BaggageEntry& entry : baggage.entries()) {
    Json properties = Json::array();
    for (const auto& [key, value] : entry.properties) {
      properties.push_back(value ? Json::array({key, *value}) : Json::array({key, nullptr}));
    }
    entries.push_back(Json::array({entry.key, entry.value, std::move(properties)}));
  }
  return entries;
}

Json BaggageAnswer(const BaggageReader& baggage) {
  if (baggage.entries().empty()) {
    return Json{{"accepted", false}, {"reason", baggage.any_field() && baggage.left_out() > 0 ? "bad_baggage" : "no_baggage"}};
  }
  Json answer{{"accepted", true}, {"entries", Entries(baggage)}};
  if (baggage.left_out() > 0) answer["left_out"] = baggage.left_out();
  return answer;
}

Json ContextAnswer(const Format& format, Readers& readers) {
  trace::IncomingContext context;
  const ContextReject reject =
      format.carrier ? readers.context.FinishBy(*format.carrier, context) : readers.context.Finish(context);
  if (reject != ContextReject::kNone) return Json{{"accepted", false}, {"reason", std::string(Name(reject))}};
  Json answer{{"accepted", true},
              {"trace_id", exporters::ToHex(context.trace_id)},
              {"parent_span_id", exporters::ToHex(context.parent_span_id)},
              {"flags", context.flags},
              {"tracestate", context.trace_state}};
  if (context.sampling == trace::Sampling::kDefer) answer["sampled"] = "defer";
  if (context.sampling == trace::Sampling::kDebug) answer["debug"] = true;
  if (!format.carrier) answer["carrier"] = std::string(Name(context.carrier));
  if (context.carrier == trace::Carrier::kJaeger && !readers.baggage.entries().empty())
    answer["entries"] = Entries(readers.baggage);
  return answer;
}

// The answer to one line; an object with "error" where it is malformed.
Json Answer(const std::string& line, const Format& format, Readers& readers) {
  const auto malformed = [](const char* why) { return Json{{"error", why}}; };
  const Json input = Json::parse(line, nullptr, false);
  if (input.is_discarded()) return malformed("not JSON");
  if (!input.is_object()) return malformed("not a JSON object");
  const auto headers = input.find("headers");
  if (headers == input.end() || !headers->is_array()) return malformed("no array \"headers\"");
  readers.context.Reset();
  readers.baggage.Reset();
  for (const Json& header : *headers) {
    if (!header.is_array() || header.size() != 2 || !header[0].is_string() || !header[1].is_string()) {
      return malformed("a header is not [name, value]");
    }
    const std::optional<std::string> name = ToBytes(header[0].get_ref<const std::string&>());
    const std::optional<std::string> value = ToBytes(header[1].get_ref<const std::string&>());
    if (!name || !value) return malformed("a header has a character over U+00FF");
    readers.context.Add(*name, *value);
    readers.baggage.Add(*name, *value);
  }
  return format.only_baggage ? BaggageAnswer(readers.baggage) : ContextAnswer(format, readers);
}

bool IsBlank(const std::string& line) { return line.find_first_not_of(" \t\r") == std::string::npos; }

}  // namespace

int RunPropagate(std::string_view format, std::istream& in, std::ostream& out, std::ostream& errors) {
  const std::optional<Format> wanted = FormatByName(format);
  if (!wanted) {
    errors << "unknown format: " << format << "; known: " << KnownFormats() << '\n';
    return 2;
  }
  int exit_code = 0;
  Readers readers;
  std::string line;
  for (uint64_t number = 1;; ++number) {
    const LineRead read = ReadLine(in, line);
    if (read == LineRead::kEnd) break;
    if (read == LineRead::kLine && IsBlank(line)) continue;
    Json answer = read == LineRead::kTooLong ? Json{{"error", "line longer than 1 MiB"}} : Answer(line, *wanted, readers);
    if (answer.contains("error")) {
      answer["line"] = number;
      exit_code = 1;
    }
    out << answer.dump() << '\n';
  }
  out.flush();
  if (!out) {
    errors << "propagate: the output could not be written\n";
    return 1;
  }
  return exit_code;
}

int RunPropagate(std::string_view format, std::istream& in, std::ostream& out) {
  return RunPropagate(format, in, out, std::cerr);
}

}  // namespace wirespan::span
