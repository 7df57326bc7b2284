// The command `wirespan propagate`: reads header lists as JSON lines, writes what trace context they carry (doors: the exact
// form).
#pragma once

#include <iosfwd>
#include <string_view>

namespace wirespan::span {

// Exit code: 0; 1 where a line was malformed (it was answered with an error object) or the output could not be written; 2 for a
// format that is not supported (one line on `errors`). One thread.
int RunPropagate(std::string_view format, std::istream& in, std::ostream& out, std::ostream& errors);
int RunPropagate(std::string_view format, std::istream& in, std::ostream& out);  // errors to std::cerr

}  // namespace wirespan::span
