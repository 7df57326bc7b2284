// ConsoleExporter: waterfalls of whole traces in a terminal. A trace is printed once its root has ended and nothing was added for
// the grace time, or at Finish. One thread calls Export and OnTick. Memory is bounded: past the bound the oldest trace is
// printed early; no span is dropped for it.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "exporters/file/output_file.h"
#include "exporters/span_exporter.h"

namespace wirespan::exporters {

struct ConsoleOptions {
  int width = 100;  // columns; clamped to 60..240
  bool color = false;
  bool unicode = true;                            // false: ASCII only
  std::chrono::milliseconds grace{400};           // after the last span of a trace whose root is there
  std::chrono::milliseconds orphan_grace{5'000};  // after the last span of one whose root is not
  size_t max_spans = 20'000;                      // held back over all traces
  size_t max_trace_spans = 200;                   // shown of one trace; the rest are one line that counts them
  bool show_utc_time = true;
};

// Options for what `file` is: colour, width and characters of a terminal (NO_COLOR, COLUMNS, LC_ALL, LC_CTYPE and LANG through
// `environment`), plain Unicode text otherwise.
ConsoleOptions ConsoleOptionsFor(const OutputFile& file, const std::function<const char*(const char*)>& environment);

std::unique_ptr<SpanExporter> NewConsoleExporter(OutputFile file, ConsoleOptions options);

}  // namespace wirespan::exporters
