#include "agent/cli_replay/replay_door.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <fstream>
#include <map>
#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "agent/cli_replay/capture_replayer.h"
#include "agent/cli_replay/replayer.h"
#include "agent/pcap/capture_file.h"
#include "agent/recording/reader.h"
#include "exporters/console/waterfall.h"
#include "exporters/file/span_files.h"
#include "exporters/otlp/encoder.h"

namespace wirespan::cli {
namespace {

// nullopt: not PORT=PROTOCOL, or no protocol of that name.
std::optional<PortHint> ParsePortHint(std::string_view text) {
  const size_t equals = text.find('=');
  if (equals == std::string_view::npos) return std::nullopt;
  PortHint hint;
  const std::string_view port = text.substr(0, equals);
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), hint.port);
  if (error != std::errc{} || end != port.data() + port.size() || hint.port == 0) return std::nullopt;
  const std::optional<decoders::ProtocolId> protocol = decoders::ProtocolByName(text.substr(equals + 1));
  if (!protocol) return std::nullopt;
  hint.protocol = *protocol;
  return hint;
}

std::string KnownProtocols() {
  std::string names;
  decoders::ForEachProtocol([&names](auto entry) {
    if (!names.empty()) names += ", ";
    names += entry.kName;
  });
  return names;
}

bool IsCapture(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::array<char, 4> magic{};
  return file.read(magic.data(), magic.size()) && pcap::IsCapture({magic.data(), magic.size()});
}

void WriteLines(const std::vector<exporters::Span>& spans, std::ostream& out) {
  std::string line;
  for (const exporters::Span& span : spans) {
    line.clear();
    exporters::AppendSpanLine(span, line);
    out << line;
  }
}

// Traces by the first start of their spans.
void WriteTree(std::vector<exporters::Span> spans, std::ostream& out) {
  std::map<exporters::TraceId, std::vector<exporters::Span>> traces;
  for (exporters::Span& span : spans) traces[span.trace_id].push_back(std::move(span));
  std::vector<std::pair<uint64_t, const std::vector<exporters::Span>*>> order;
  for (const auto& [id, members] : traces) {
    const auto first = std::min_element(members.begin(), members.end(),
                                        [](const auto& a, const auto& b) { return a.start_unix_ns < b.start_unix_ns; });
    order.emplace_back(first->start_unix_ns, &members);
  }
  std::stable_sort(order.begin(), order.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::string text;
  for (const auto& [start, members] : order) {
    text.clear();
    exporters::console::AppendWaterfall(*members, false, exporters::ConsoleOptions{}, text);
    out << text;
  }
}

void WriteOtlp(std::vector<exporters::Span> spans, std::ostream& out) {
  exporters::SpanBatch batch;
  for (exporters::Span& span : spans) batch.Add() = std::move(span);
  const auto encoder = exporters::otlp::NewJsonTraceEncoder(exporters::otlp::Scope{});
  encoder->Begin(batch);
  std::string body;
  if (encoder->Next(SIZE_MAX, body).items == 0) body = R"({"resourceSpans":[]})";
  out << body << '\n';
}

int Usage(std::ostream& err, const std::string& message) {
  err << "wirespan replay: " << message << '\n';
  return 2;
}

// Exit code 0, or 1 where `out` refused it.
int Write(const std::string& format, std::vector<exporters::Span> spans, const std::string& summary, std::ostream& out,
          std::ostream& err) {
  if (format == "json") {
    WriteLines(spans, out);
  } else if (format == "tree") {
    WriteTree(std::move(spans), out);
  } else if (format == "otlp-json") {
    WriteOtlp(std::move(spans), out);
  }
  out << summary << std::flush;
  if (out) return 0;
  err << "wirespan replay: the output could not be written\n";
  return 1;
}

int ReplayRecording(const ReplayOptions& options, std::vector<PortHint> hints, std::ostream& out, std::ostream& err) {
  auto opened = recording::RecordingReader::Open(options.path);
  if (!opened) {
    err << "wirespan replay: " << opened.error().message() << '\n';
    return 1;
  }
  recording::RecordingReader& reader = **opened;
  Replayer replay(reader.header(), std::move(hints));
  using Next = Replayer::End;
  const Next next = replay.ReadAll(reader);
  if (next != Next::kEnd) err << "wirespan replay: " << reader.problem() << '\n';
  if (next == Next::kEnd && !replay.was_closed())
    err << "wirespan replay: the recording was not ended in order: the kernel's losses are not in it\n";
  std::vector<exporters::Span> spans = replay.TakeSpans();
  const std::string summary = replay.Summary(reader.losses(), spans.size());
  return std::max(Write(options.format, std::move(spans), summary, out, err), next == Next::kDamaged ? 1 : 0);
}

int ReplayCapture(const ReplayOptions& options, const std::vector<PortHint>& hints, std::ostream& out, std::ostream& err) {
  auto opened = pcap::CaptureFile::Open(options.path);
  if (!opened) {
    err << "wirespan replay: " << opened.error().message() << '\n';
    return 1;
  }
  CaptureReplayer replay(hints);
  using Next = CaptureReplayer::End;
  const Next next = replay.ReadAll(**opened);
  if (next != Next::kEnd) err << "wirespan replay: " << (*opened)->problem() << '\n';
  std::vector<exporters::Span> spans = replay.TakeSpans();
  const std::string summary = replay.Summary(spans.size());
  return std::max(Write(options.format, std::move(spans), summary, out, err), next == Next::kDamaged ? 1 : 0);
}

}  // namespace

int RunReplay(const ReplayOptions& options, std::ostream& out, std::ostream& err) {
  if (options.format != "json" && options.format != "tree" && options.format != "otlp-json") {
    return Usage(err, "unknown format '" + options.format + "'; known: json, tree, otlp-json");
  }
  std::vector<PortHint> hints;
  for (const std::string& text : options.port_hints) {
    const std::optional<PortHint> hint = ParsePortHint(text);
    if (!hint) return Usage(err, "--port '" + text + "' is not PORT=PROTOCOL; known protocols: " + KnownProtocols());
    hints.push_back(*hint);
  }
  if (IsCapture(options.path)) return ReplayCapture(options, hints, out, err);
  return ReplayRecording(options, std::move(hints), out, err);
}

}  // namespace wirespan::cli
