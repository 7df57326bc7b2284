// The `sql` door: what db.query.text and db.query.summary are of SQL texts (docs/commands.md). One thread; no state.
#pragma once

#include <iosfwd>
#include <string_view>

namespace wirespan::cli {

// `input`: JSON lines {"sql"}; `output`: {"text","summary","truncated"} for each, or {"error","line"}. Returns the exit code: 0;
// 1 where a line was malformed or the output could not be written; 2 for an unknown dialect (said on `errors`).
int RunSql(std::string_view dialect, std::istream& input, std::ostream& output, std::ostream& errors);

}  // namespace wirespan::cli
