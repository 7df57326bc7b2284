// Text in terminal columns: widths, cutting, durations. What comes from the traced world cannot move the cursor, change colours
// or reverse a line. Pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace wirespan::exporters::console {

// Columns that `text` takes in a terminal: 0 for combining marks, 2 for wide East Asian characters and emoji.
int DisplayWidth(std::string_view text);

// `text` without anything but printable characters: control, bidirectional and format characters become '?'; with `unicode` false
// so does all that is not ASCII.
std::string Printable(std::string_view text, bool unicode);

// At most `columns` columns of printable `text`, ended by an ellipsis where it was cut.
std::string Clip(std::string_view text, int columns, bool unicode);

// Padded with spaces to `columns`, at the right (text to the left) or at the left.
std::string PadRight(std::string text, int columns);
std::string PadLeft(std::string text, int columns);

// "870 ns", "12.4 µs", "3.21 ms", "1.20 s", "2m03s", "5h10m", "40 d": never more than 8 columns.
std::string FormatDuration(uint64_t ns, bool unicode);

// "14:03:22.118", in UTC.
std::string FormatTimeOfDay(uint64_t unix_ns);

}  // namespace wirespan::exporters::console
