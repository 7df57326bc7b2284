// Any text as the input of `wirespan propagate`, and as raw header fields: one answer to each line, and an accepted context holds
// to the rules of the specification.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <sstream>
#include <string>
#include <string_view>

#include "agent/span/carriers.h"
#include "agent/span/propagate_door.h"

namespace {

void Require(bool condition) {
  if (!condition) std::abort();
}

// Lines "name:value" as they could come from a request.
void ReadFields(std::string_view text) {
  wirespan::span::CarrierReader reader;
  reader.Reset();
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\x01'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    const size_t colon = std::min(line.find(':'), line.size());
    reader.Add(line.substr(0, colon), line.substr(std::min(colon + 1, line.size())));
  }
  wirespan::trace::IncomingContext context;
  const auto reject = reader.Finish(context);
  const bool accepted = reject == wirespan::span::ContextReject::kNone;
  Require(accepted != wirespan::exporters::IsZero(context.trace_id));
  Require(accepted != wirespan::exporters::IsZero(context.parent_span_id));
  Require(accepted || context.trace_state.empty());
  Require(static_cast<size_t>(std::count(context.trace_state.begin(), context.trace_state.end(), ',')) <
          wirespan::span::kMaxTraceStateMembers);
  Require(std::all_of(context.trace_state.begin(), context.trace_state.end(), [](char c) { return c >= 0x20 && c <= 0x7e; }));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  ReadFields(text);
  std::istringstream in(text);
  std::ostringstream out;
  std::ostringstream errors;
  // The size chooses the format, so that the corpus is plain text.
  constexpr std::array<std::string_view, 8> kFormats = {"w3c", "b3", "datadog", "jaeger", "xray", "ottrace", "baggage", "any"};
  const int exit_code = wirespan::span::RunPropagate(kFormats[text.size() % kFormats.size()], in, out, errors);
  Require(exit_code == 0 || exit_code == 1);
  size_t lines = 0;
  std::istringstream again(text);
  for (std::string line; std::getline(again, line);) lines += line.find_first_not_of(" \t\r") == std::string::npos ? 0U : 1U;
  const std::string answers = out.str();
  Require(static_cast<size_t>(std::count(answers.begin(), answers.end(), '\n')) == lines);
  Require((answers.find("{\"error\"") != std::string::npos) == (exit_code == 1));
  return 0;
}
