// sql::Sanitize: literals of every dialect, names, comments, passwords, lists, summaries, limits.
#include <gtest/gtest.h>

#include "decoders/sql/sanitize.h"
#include "tests/unit/decoders/memory.h"
#include "tests/unit/decoders/properties.h"

namespace wirespan::testing {
namespace {

using decoders::sql::Dialect;
using decoders::sql::Sanitize;
using decoders::sql::Sanitized;

Sanitized Of(std::string_view sql, Dialect dialect = Dialect::kPostgresql) {
  Sanitized out;
  Sanitize(sql, dialect, out);
  return out;
}
std::string Text(std::string_view sql, Dialect dialect = Dialect::kPostgresql) { return Of(sql, dialect).text; }
std::string Summary(std::string_view sql, Dialect dialect = Dialect::kPostgresql) { return Of(sql, dialect).summary; }

TEST(SqlText, LiteralsAreMasked) {
  const std::pair<std::string_view, std::string_view> kCases[] = {
      {"SELECT 'a', 'it''s', E'it\\'s', N'x', B'01', X'ff', U&'\\0061'", "SELECT ?, ?, ?, ?, ?, ?, ?"},
      {"SELECT 1, -1.5e-9, .5, 0xff, 1_000, 12345678901234567890", "SELECT ?, ?, ?, ?, ?, ?"},
      {"SELECT $$a 'quoted' b$$, $tag$ $$ $tag$", "SELECT ?, ?"},
      {"SELECT true, FALSE WHERE a IS TRUE AND b IS NOT FALSE", "SELECT ?, ? WHERE a IS TRUE AND b IS NOT FALSE"},
      {"SELECT a-1, a -1, (1)-1, a[1]", "SELECT a-?, a ?, (?)-?, a[?]"},
      {"SELECT DATE '2020-01-01', INTERVAL '1 day'", "SELECT DATE ?, INTERVAL ?"},
      {"SELECT 'unterminated", "SELECT ?"},
      {"SELECT $tag$unterminated", "SELECT ?"},
      {"UPDATE t SET a = 'C:\\' WHERE b = 'secret'", "UPDATE t SET a = ? WHERE b = ?"},
  };
  for (const auto& [sql, text] : kCases) EXPECT_EQ(Text(sql), text) << sql;
  EXPECT_EQ(Text("SELECT 'it\\'s', \"x\\\"y\" # 'c'\n, 2", Dialect::kMysql), "SELECT ?, ? # 'c' , ?");
}

TEST(SqlText, ParametersAndNamesStay) {
  for (const std::string_view sql :
       {"SELECT a1, \"b 2\", t_3.c4 FROM \"T 5\" WHERE x = $1 AND y = ? AND z = :name AND w = %s AND v = @v",
        "SELECT a::text FROM t", "SELECT * FROM t /* user 42 */ WHERE a = $12 -- and 'b'"}) {
    EXPECT_EQ(Text(sql), sql);
  }
  EXPECT_EQ(Text("SELECT [a 1] FROM [t]", Dialect::kMssql), "SELECT [a 1] FROM [t]");
  EXPECT_EQ(Text("SELECT `a 1` FROM `t``2`", Dialect::kMysql), "SELECT `a 1` FROM `t``2`");
  EXPECT_EQ(Text("SELECT ARRAY[1, 2], '{1}'::int[]"), "SELECT ARRAY[?, ?], ?::int[]");
}

TEST(SqlText, DoubleQuotesAreNamesWhereTheDialectSaysSo) {
  for (const Dialect dialect :
       {Dialect::kPostgresql, Dialect::kMssql, Dialect::kSqlite, Dialect::kOracle, Dialect::kCassandra, Dialect::kClickhouse}) {
    EXPECT_EQ(Text("SELECT \"a\"", dialect), "SELECT \"a\"");
  }
  for (const Dialect dialect : {Dialect::kGeneric, Dialect::kMysql}) {
    EXPECT_EQ(Text("SELECT \"a\", \"s\".\"t\"", dialect), "SELECT ?, \"s\".\"t\"");
  }
}

TEST(SqlText, ListsOfLiteralsAreOne) {
  EXPECT_EQ(Text("a IN (1, 2,3) AND b in('x','y') AND c IN (?, ?)"), "a IN (?) AND b in(?) AND c IN (?)");
  EXPECT_EQ(Text("a IN ($1, $2) AND b IN (x, 1) AND c IN (SELECT 1) AND d IN ()"),
            "a IN ($1, $2) AND b IN (x, ?) AND c IN (SELECT ?) AND d IN ()");
}

TEST(SqlText, PasswordsAreMaskedWhereTheyAreNoColumns) {
  EXPECT_EQ(Text("ALTER USER bob PASSWORD Secret1"), "ALTER USER bob PASSWORD ?");
  EXPECT_EQ(Text("CREATE ROLE bob WITH PASSWORD \"Secret1\" LOGIN"), "CREATE ROLE bob WITH PASSWORD ? LOGIN");
  EXPECT_EQ(Text("ALTER USER bob IDENTIFIED BY Secret1", Dialect::kOracle), "ALTER USER bob IDENTIFIED BY ?");
  EXPECT_EQ(Text("CREATE TABLE t (password VARCHAR(9))"), "CREATE TABLE t (password VARCHAR(?))");
  EXPECT_EQ(Text("SELECT password FROM t"), "SELECT password FROM t");
  EXPECT_EQ(Text("ALTER ROLE bob PASSWORD NULL"), "ALTER ROLE bob PASSWORD NULL");
}

TEST(SqlText, WhiteSpaceIsOneSpace) { EXPECT_EQ(Text(" SELECT\n\t a\r\n FROM t "), " SELECT a FROM t "); }

TEST(SqlSummary, OperationsAndTargets) {
  const std::pair<std::string_view, std::string_view> kCases[] = {
      {"SELECT 1", "SELECT"},
      {"select * from a join b using (id), c", "select a b c"},
      {"SELECT * FROM (a JOIN b ON a.x = b.x) WHERE EXISTS (SELECT 1 FROM c)", "SELECT a b SELECT c"},
      {"(SELECT * FROM a) UNION ALL (SELECT * FROM b)", "SELECT a SELECT b"},
      {"SELECT extract(year FROM ts), trim(both 'x' FROM y) FROM a", "SELECT a"},
      {"INSERT INTO a (x) VALUES (1) ON CONFLICT DO UPDATE SET x = 2", "INSERT a"},
      {"UPDATE a SET x = (SELECT y FROM b) FROM c", "UPDATE a SELECT b"},
      {"DELETE FROM ONLY a USING b WHERE a.x = b.x", "DELETE a"},
      {"MERGE INTO a USING (SELECT * FROM b) s ON a.x = s.x WHEN MATCHED THEN DELETE", "MERGE a SELECT b"},
      {"WITH RECURSIVE x (n) AS (SELECT 1 UNION SELECT n FROM x), y AS MATERIALIZED (SELECT * FROM a) SELECT * FROM x, y, b",
       "SELECT SELECT SELECT a SELECT b"},
      {"CREATE TABLE IF NOT EXISTS s.a AS SELECT * FROM b", "CREATE TABLE s.a SELECT b"},
      {"CREATE UNIQUE INDEX CONCURRENTLY i ON a (x)", "CREATE INDEX i"},
      {"CREATE OR REPLACE FUNCTION f() RETURNS int AS $$ SELECT * FROM a $$", "CREATE FUNCTION f"},
      {"DROP TABLE IF EXISTS a, b", "DROP TABLE a"},
      {"TRUNCATE a", "TRUNCATE a"},
      {"COPY a (x, y) FROM STDIN", "COPY a"},
      {"COPY (SELECT * FROM a) TO STDOUT", "COPY SELECT a"},
      {"BEGIN; UPDATE a SET x = 1; COMMIT", "BEGIN; UPDATE a; COMMIT"},
      {"BEGIN ISOLATION LEVEL SERIALIZABLE", "BEGIN"},
      {"SET search_path TO a", "SET"},
      {"EXPLAIN (ANALYZE, BUFFERS) SELECT * FROM a", "EXPLAIN SELECT a"},
      {"DECLARE c CURSOR FOR SELECT * FROM a", "DECLARE SELECT a"},
      {"{call f(1)}", "call f"},
      {"hello world", ""},
      {"", ""},
      {"-- SELECT * FROM a", ""},
      {"SELECT * FROM generate_series(1, (SELECT max(x) FROM a)) g, b", "SELECT generate_series SELECT a b"},
  };
  for (const auto& [sql, summary] : kCases) EXPECT_EQ(Summary(sql), summary) << sql;
}

TEST(SqlSummary, HasNoValues) {
  EXPECT_EQ(Summary("SELECT * FROM 12345 WHERE a = 'secret'"), "SELECT");
  EXPECT_EQ(Summary("INSERT INTO 'secret' VALUES (1)"), "INSERT");
  EXPECT_EQ(Summary("SELECT f('secret') FROM a"), "SELECT a");
}

TEST(SqlSummary, IsNeverCutInsideAWord) {
  std::string sql = "SELECT * FROM ";
  for (int i = 0; i < 60; ++i) sql += (i > 0 ? ", table_number_" : "table_number_") + std::to_string(i);
  const std::string summary = Summary(sql);
  EXPECT_LE(summary.size(), decoders::sql::kMaxSummaryBytes);
  EXPECT_GT(summary.size(), decoders::sql::kMaxSummaryBytes - 20);
  EXPECT_TRUE(summary.ends_with("table_number_14") || summary.ends_with("table_number_15")) << summary;
}

TEST(SqlLimits, LongTextsAreCutAndSayso) {
  const Sanitized cut = Of("SELECT " + std::string(decoders::sql::kMaxTextBytes, 'a'));
  EXPECT_TRUE(cut.truncated);
  EXPECT_EQ(cut.text.size(), decoders::sql::kMaxTextBytes);
  const Sanitized unread = Of("SELECT '" + std::string(decoders::sql::kMaxInputBytes, 'a') + "' FROM secret");
  EXPECT_TRUE(unread.truncated);
  EXPECT_EQ(unread.text, "SELECT ?");
  EXPECT_FALSE(Of("SELECT 1").truncated);
}

TEST(SqlLimits, DepthIsBounded) {
  const std::string deep(1000, '(');
  EXPECT_EQ(Summary("SELECT " + deep + "SELECT 1 FROM a" + std::string(1000, ')') + " FROM b"), "SELECT b");
}

TEST(SqlLimits, NothingBeyondTheInputIsRead) {
  GuardedBytes guarded;
  Sanitized out;
  const std::string_view sql =
      "WITH a AS (SELECT E'x\\'', $t$ y $t$ FROM \"b\".\"c\") INSERT INTO `d` SELECT -1.5e3, 'z''' FROM a /* e */ WHERE f IN (1, "
      "2) -- g";
  for (const Dialect dialect : {Dialect::kGeneric, Dialect::kPostgresql, Dialect::kMysql, Dialect::kMssql}) {
    for (size_t size = 0; size <= sql.size(); ++size) {
      Sanitize(guarded.Put(sql.substr(0, size)), dialect, out);
      EXPECT_LE(out.summary.size(), decoders::sql::kMaxSummaryBytes);
    }
  }
}

TEST(SqlLimits, AWarmSanitizerAllocatesNothing) {
  Sanitized out;
  const std::string_view sql =
      "SELECT a.b, count(*) FROM orders a JOIN items i ON a.id = i.id WHERE a.name = 'x' AND b IN (1, 2, 3)";
  Sanitize(sql, Dialect::kPostgresql, out);
  const size_t before = AllocationCount();
  for (int i = 0; i < 1000; ++i) Sanitize(sql, Dialect::kPostgresql, out);
  EXPECT_EQ(AllocationCount() - before, 0U);
}

// What is masked once stays masked: nothing of a literal can be read out of the text.
TEST(SqlProperties, ASecretInALiteralNeverComesThrough) {
  constexpr std::string_view kSecret = "hunter2";
  for (uint32_t seed = 0; seed < 3000; ++seed) {
    Chance chance(seed);
    std::string sql = "SELECT ";
    for (size_t n = chance.Below(8) + 1; n > 0; --n) {
      constexpr std::array<std::string_view, 9> kParts = {"a ",  "= ", "IN (1, 2) ", "-- c\n",   "/* c */ ",
                                                          "$1 ", "(",  ")",          ", 'x''y' "};
      sql += kParts[chance.Below(kParts.size())];
      switch (chance.Below(4)) {
        case 0:
          sql += "'" + std::string(kSecret) + "' ";
          break;
        case 1:
          sql += "E'\\'" + std::string(kSecret) + "' ";
          break;
        case 2:
          sql += "$q$'" + std::string(kSecret) + "$q$ ";
          break;
        default:
          sql += "'''" + std::string(kSecret) + "' ";
          break;
      }
    }
    const Sanitized out = Of(sql);
    ASSERT_EQ(out.text.find(kSecret), std::string::npos) << sql << "\n" << out.text;
    ASSERT_EQ(out.summary.find(kSecret), std::string::npos) << sql << "\n" << out.summary;
  }
}

}  // namespace
}  // namespace wirespan::testing
