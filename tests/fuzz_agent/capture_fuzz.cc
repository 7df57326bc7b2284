// Any bytes as a capture file: through the reader, the packets, the flows and a shard to spans, and the counts agree.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <sstream>
#include <string>

#include "agent/cli_replay/capture_replayer.h"
#include "agent/pcap/capture_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using wirespan::pcap::CaptureFile;
  auto in = std::make_unique<std::istringstream>(std::string(reinterpret_cast<const char*>(data), size));
  auto file = CaptureFile::Read(std::move(in), "fuzz");
  if (!file) return 0;
  wirespan::cli::CaptureReplayer replay({});
  const CaptureFile::Next end = replay.ReadAll(**file);
  if (end == CaptureFile::Next::kPacket || ((end == CaptureFile::Next::kEnd) != (*file)->problem().empty())) std::abort();
  const auto spans = replay.TakeSpans();
  const std::string summary = replay.Summary(spans.size());
  if (summary.find("\"spans\":" + std::to_string(spans.size()) + ",") == std::string::npos) std::abort();
  return 0;
}
