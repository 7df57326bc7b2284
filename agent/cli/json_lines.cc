#include "agent/cli/json_lines.h"

namespace wirespan::cli {
namespace {

constexpr int kEnd = std::char_traits<char>::eof();

}  // namespace

bool ReadLine(std::istream& input, std::string& line, bool& too_long) {
  line.clear();
  too_long = false;
  std::streambuf& buffer = *input.rdbuf();
  int c = buffer.sbumpc();
  if (c == kEnd) return false;
  for (; c != kEnd && c != '\n'; c = buffer.sbumpc()) {
    too_long = too_long || line.size() == kMaxLineBytes;
    if (!too_long) line.push_back(static_cast<char>(c));
  }
  return true;
}

bool IsBlank(const std::string& line) { return line.find_first_not_of(" \t\r") == std::string::npos; }

}  // namespace wirespan::cli
