#include "tests/unit/decoders/postgresql_wire.h"

namespace wirespan::testing {

std::string Rendering<decoders::postgresql::Message>::Of(const decoders::postgresql::Message& message) {
  std::string line = "message ";
  line.append(Name(message.direction)).append(" ").append(std::to_string(message.start)).append("-");
  line.append(std::to_string(message.end)).append(" ").append(Name(message.incomplete)).append(" ");
  if (message.is_request) {
    line.append(decoders::postgresql::Name(message.kind));
    if (!message.text.empty()) line.append(" [").append(Escape(message.text)).append("]");
    if (!message.statement.empty()) line.append(" statement=").append(Escape(message.statement));
    if (message.unknown_statement) line.append(" unknown");
    if (!message.database.empty()) line.append(" db=").append(Escape(message.database));
  } else {
    line.append(message.one_way ? std::string(1, message.type) : "reply");
    if (message.has_sqlstate) line.append(" ").append(Escape(message.code()));
    if (!message.tag.empty()) line.append(" [").append(Escape(message.tag)).append("]");
    if (message.rows != 0) line.append(" rows=").append(std::to_string(message.rows));
    if (message.skipped) line.append(" skipped");
  }
  line.append(message.one_way ? " one-way" : " #" + std::to_string(message.exchange));
  if (message.head_end == 0) line.append(" head?");
  if (message.truncated) line.append(" truncated");
  return line;
}

std::string PgInt16(unsigned value) { return {static_cast<char>(value >> 8U & 0xffU), static_cast<char>(value & 0xffU)}; }
std::string PgInt32(unsigned value) { return PgInt16(value >> 16U) + PgInt16(value & 0xffffU); }
std::string PgString(std::string_view text) { return std::string(text) + '\0'; }

std::string PgFrame(char type, std::string_view content) {
  std::string frame = type == '\0' ? "" : std::string(1, type);
  return frame + PgInt32(static_cast<unsigned>(content.size()) + 4) + std::string(content);
}

std::string PgStartup(const std::vector<std::pair<std::string, std::string>>& parameters) {
  std::string content = PgInt32(196608);
  for (const auto& [name, value] : parameters) content += PgString(name) + PgString(value);
  return PgFrame('\0', content + '\0');
}
std::string PgSslRequest() { return PgFrame('\0', PgInt32(80877103)); }
std::string PgQuery(std::string_view sql) { return PgFrame('Q', PgString(sql)); }
std::string PgParse(std::string_view name, std::string_view sql) {
  return PgFrame('P', PgString(name) + PgString(sql) + PgInt16(0));
}
std::string PgBind(std::string_view portal, std::string_view statement, const std::vector<std::string>& values) {
  std::string content = PgString(portal) + PgString(statement) + PgInt16(0) + PgInt16(static_cast<unsigned>(values.size()));
  for (const std::string& value : values) content += PgInt32(static_cast<unsigned>(value.size())) + value;
  return PgFrame('B', content + PgInt16(0));
}
std::string PgDescribe(char what, std::string_view name) { return PgFrame('D', std::string(1, what) + PgString(name)); }
std::string PgExecute(std::string_view portal, unsigned rows) { return PgFrame('E', PgString(portal) + PgInt32(rows)); }
std::string PgSync() { return PgFrame('S'); }

std::string PgRowDescription(const std::vector<std::string>& columns) {
  std::string content = PgInt16(static_cast<unsigned>(columns.size()));
  for (const std::string& column : columns) content += PgString(column) + std::string(18, '\0');
  return PgFrame('T', content);
}
std::string PgRow(const std::vector<std::string>& values) {
  std::string content = PgInt16(static_cast<unsigned>(values.size()));
  for (const std::string& value : values) content += PgInt32(static_cast<unsigned>(value.size())) + value;
  return PgFrame('D', content);
}
std::string PgComplete(std::string_view tag) { return PgFrame('C', PgString(tag)); }
std::string PgError(std::string_view code, char type) {
  const std::string severity = type == 'E' ? "ERROR" : "NOTICE";
  return PgFrame(type, PgString("S" + severity) + PgString("V" + severity) + PgString("C" + std::string(code)) +
                           PgString("Mit holds \"secret\"") + PgString("DC00000 in a detail") + '\0');
}
std::string PgReady(char status) { return PgFrame('Z', std::string(1, status)); }

}  // namespace wirespan::testing
