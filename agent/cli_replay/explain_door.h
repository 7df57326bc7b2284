// The command `wirespan explain-link`: why one span of a recording has the parent it has, or none. One thread.
#pragma once

#include <iosfwd>
#include <string>

namespace wirespan::cli {

struct ExplainOptions {
  std::string path;     // a .wscap recording
  std::string span_id;  // 16 hex digits, as `replay` and the live capture print it
};

// Writes what the linker considered for that span, in its order, then the verdict, to `out`; exchanges and calls are named by
// their span ids. Exit code: 0; 1 where the recording cannot be read or has no such span; 2 for a malformed span id.
int RunExplainLink(const ExplainOptions& options, std::ostream& out, std::ostream& err);

}  // namespace wirespan::cli
