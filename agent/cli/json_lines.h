// Lines of JSON on an input, for the offline commands: bounded, and one that is too long is skipped without being kept.
#pragma once

#include <cstddef>
#include <istream>
#include <string>

namespace wirespan::cli {

inline constexpr size_t kMaxLineBytes = size_t{64} * 1024 * 1024;

// The next line without its end; `too_long`: of it only the beginning. False at the end of the input.
bool ReadLine(std::istream& input, std::string& line, bool& too_long);
bool IsBlank(const std::string& line);

}  // namespace wirespan::cli
