// The command `wirespan replay`: a recording through the same path as a live capture, without a kernel. One thread,
// deterministic: the same file gives the same bytes.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

namespace wirespan::cli {

struct ReplayOptions {
  std::string path;
  std::string format = "json";          // json, tree or otlp-json
  std::vector<std::string> port_hints;  // "8080=http1": connections with that port at either end are not guessed at
};

// Writes the spans, ordered by their end, then the summary line, to `out`; one line per problem to `err`. Exit code: 0, also
// where the recording ends within a record (said on `err`, the rest is used); 1 where it cannot be read, is damaged, or `out`
// refused the output; 2 for options or input that are not supported.
int RunReplay(const ReplayOptions& options, std::ostream& out, std::ostream& err);

}  // namespace wirespan::cli
