// SQL text without its values, and a summary of what it does, by the rules of the database semantic conventions 1.44
// (docs/db/database-spans.md, "Sanitization of db.query.text", "Generating a summary of the query"). Pure; total on all inputs;
// one pass; any thread. No parser: it must make something useful of every dialect and of text that was cut.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace wirespan::decoders::sql {

inline constexpr size_t kMaxInputBytes = size_t{32} * 1024;  // what follows is not looked at
inline constexpr size_t kMaxTextBytes = size_t{8} * 1024;
inline constexpr size_t kMaxSummaryBytes = 255;  // never cut inside a word

enum class Dialect : uint8_t { kGeneric, kPostgresql, kMysql, kMssql, kSqlite, kOracle, kCassandra, kClickhouse };
// nullopt: no dialect has that name.
std::optional<Dialect> DialectByName(std::string_view name);
inline constexpr std::string_view kDialectNames = "postgresql, mysql, mssql, sqlite, oracle, cassandra, clickhouse, generic";

struct Sanitized {
  std::string text;     // literals are '?', runs of white space one space, lists of literals after IN one '?'
  std::string summary;  // operations and what they work on, in the order and the spelling of the text; empty: none is known
  bool truncated = false;
};

// `out` is overwritten; its buffers are used again. Comments stay; parameters ($1, ?, :name, %s) stay.
void Sanitize(std::string_view sql, Dialect dialect, Sanitized& out);

}  // namespace wirespan::decoders::sql
