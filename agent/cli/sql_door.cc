#include "agent/cli/sql_door.h"

#include <istream>
#include <ostream>

#include "agent/cli/decode_json.h"
#include "agent/cli/json_lines.h"
#include "decoders/sql/sanitize.h"

namespace wirespan::cli {
namespace {

// Why the line is malformed; empty: it is not.
std::string_view ReadSql(const std::string& line, bool too_long, Json& object) {
  if (too_long) return "longer than 64 MiB";
  object = Json::parse(line, nullptr, false);
  if (object.is_discarded()) return "not JSON";
  if (!object.is_object()) return "not a JSON object";
  const auto sql = object.find("sql");
  return sql == object.end() || !sql->is_string() ? "no string \"sql\"" : "";
}

}  // namespace

int RunSql(std::string_view dialect, std::istream& input, std::ostream& output, std::ostream& errors) {
  const std::optional<decoders::sql::Dialect> known = decoders::sql::DialectByName(dialect);
  if (!known) {
    errors << "wirespan sql: unknown dialect '" << dialect << "'; known: " << decoders::sql::kDialectNames << '\n';
    return 2;
  }
  bool all_well = true;
  bool too_long = false;
  std::string line;
  decoders::sql::Sanitized sanitized;
  for (uint64_t number = 1; ReadLine(input, line, too_long) && output; ++number) {
    if (!too_long && IsBlank(line)) continue;
    Json object;
    const std::string_view why = ReadSql(line, too_long, object);
    Json answer;
    if (why.empty()) {
      decoders::sql::Sanitize(object["sql"].get_ref<const std::string&>(), *known, sanitized);
      answer = {{"text", ToText(sanitized.text)}, {"summary", ToText(sanitized.summary)}, {"truncated", sanitized.truncated}};
    } else {
      answer = {{"error", why}, {"line", number}};
      all_well = false;
    }
    output << answer.dump() << '\n';
  }
  output.flush();
  if (!output) errors << "wirespan sql: the output could not be written\n";
  return all_well && output ? 0 : 1;
}

}  // namespace wirespan::cli
