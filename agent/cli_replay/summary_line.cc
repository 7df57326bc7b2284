#include "agent/cli_replay/summary_line.h"

#include <string_view>

#include "exporters/json.h"

namespace wirespan::cli {
namespace {

void AppendNumber(std::string_view before, uint64_t value, std::string& out) {
  out += before;
  exporters::json::AppendUint(value, out);
}

}  // namespace

void AddLosses(const Losses& losses, const trace::TraceAssembler& assembler, DroppedByName& dropped) {
  for (size_t i = 0; i < kLossCount; ++i) {
    const Loss loss = static_cast<Loss>(i);
    if (loss != Loss::kUnknownConnection && losses[loss] > 0) dropped[std::string(LossName(loss))] += losses[loss];
  }
  for (size_t i = 0; i < assembler.counters().dropped.size(); ++i) {
    const uint64_t count = assembler.counters().dropped[i];
    if (count > 0) dropped[std::string(trace::Name(static_cast<trace::SpanDrop>(i)))] += count;
  }
}

std::string SummaryLine(uint64_t packets, const Losses& losses, size_t spans, const DroppedByName& dropped,
                        uint64_t unknown_connections) {
  std::string out = R"({"type":"summary")";
  AppendNumber(",\"packets\":", packets, out);
  AppendNumber(",\"chunks\":", losses.chunks, out);
  AppendNumber(",\"exchanges\":", losses.requests_seen, out);
  AppendNumber(",\"spans\":", spans, out);
  out += ",\"dropped\":{";
  for (const auto& [reason, count] : dropped) {
    if (out.back() != '{') out += ',';
    exporters::json::AppendString(reason, out);
    AppendNumber(":", count, out);
  }
  AppendNumber("},\"unknown_connections\":", unknown_connections, out);
  return out += "}\n";
}

}  // namespace wirespan::cli
