// The `wirespan decode` door: chunks of one connection as JSON lines in, messages and exchanges as JSON lines out. No kernel, no
// network, one thread. The lines are specified in docs/commands.md.
#pragma once

#include <iosfwd>
#include <string>

namespace wirespan::cli {

struct DecodeOptions {
  std::string protocol;      // a name of decoders/registry.h
  bool server_side = false;  // --role server: spans as the accepting end tells them
  std::string direction;     // --dir: c2s, s2c, auto or empty: the direction of lines that name none ("auto" and empty: as "?")
};

// Reads to the end of `input`. Returns the exit code: 0; 1 where an input line was malformed or writing failed; 2 where the
// protocol or the direction is not known (one line on `errors`, nothing on `output`).
int RunDecode(const DecodeOptions& options, std::istream& input, std::ostream& output, std::ostream& errors);

}  // namespace wirespan::cli
