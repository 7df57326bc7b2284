// What a process is called by how it was started: for an interpreter what it runs, else the executable. Pure functions over
// hostile text; any thread.
#pragma once

#include <string>
#include <string_view>

namespace wirespan::process {

// One line of valid UTF-8 without control characters and surrounding white space, at most kMaxServiceNameBytes long.
std::string Printable(std::string_view text);

// RuntimeOf, RuntimeWords and NameFromCommand stand in identity.h.

}  // namespace wirespan::process
