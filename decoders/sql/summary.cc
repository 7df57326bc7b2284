#include "decoders/sql/summary.h"

#include <algorithm>
#include <initializer_list>
#include <utility>

namespace wirespan::decoders::sql {
namespace {

bool IsAny(std::string_view word, std::initializer_list<std::string_view> upper) {
  return std::any_of(upper.begin(), upper.end(), [word](std::string_view u) { return EqualsUpper(word, u); });
}

// What may stand between an operation and its target.
bool IsNoise(std::string_view word) {
  return IsAny(word, {"ONLY", "LATERAL", "LOW_PRIORITY", "IGNORE", "QUICK", "DELAYED", "HIGH_PRIORITY", "CONCURRENTLY"});
}
bool EndsTables(std::string_view word) {
  return IsAny(word, {"WHERE", "GROUP", "ORDER", "HAVING", "LIMIT", "OFFSET", "FETCH", "FOR", "WINDOW", "RETURNING", "SET",
                      "START", "CONNECT", "INTO", "QUALIFY", "OPTION", "PREWHERE", "SETTINGS", "FORMAT"});
}
bool CombinesQueries(std::string_view word) { return IsAny(word, {"UNION", "INTERSECT", "EXCEPT", "MINUS"}); }
// Things that CREATE, ALTER and DROP name.
bool IsObject(std::string_view word) {
  return IsAny(word, {"TABLE", "INDEX", "VIEW", "PROCEDURE", "FUNCTION", "USER", "ROLE", "DATABASE", "SCHEMA", "SEQUENCE",
                      "TRIGGER", "TYPE", "EXTENSION", "DOMAIN"});
}
bool IsOfObject(std::string_view word) {
  return IsAny(word, {"OR", "REPLACE", "TEMP", "TEMPORARY", "UNIQUE", "GLOBAL", "LOCAL", "UNLOGGED", "MATERIALIZED", "FULLTEXT",
                      "SPATIAL", "CLUSTERED", "NONCLUSTERED", "FOREIGN", "EXTERNAL", "RECURSIVE"});
}

}  // namespace

void Summary::Take(const Token& token) {
  if (token.kind == Kind::kSign) return TakeSign(token.text.front());
  if (passed_over_ > 0) return;
  switch (token.kind) {
    case Kind::kWord:
      if (std::exchange(first_word_, false)) {
        may_name_password_ =
            !IsAny(token.text, {"SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "WITH", "REPLACE", "DROP", "EXPLAIN"});
      }
      return TakeWord(token.text);
    case Kind::kQuoted:
      return TakeName(token.text, false);
    case Kind::kString:
      // Some clients quote tables so; elsewhere it is a value.
      if (top().expects && (token.is_ambiguous || top().mode == Mode::kSelect)) return TakeName(token.text, false);
      top().expects = false;
      return;
    default:
      top().expects = false;
      return;
  }
}

void Summary::TakeName(std::string_view name, bool /*may_be_keyword*/) {
  Frame& frame = top();
  if (frame.mode == Mode::kTables) return InTables(name);
  if (frame.expects) return Target(name);
  if (frame.mode == Mode::kStart) frame.mode = frame.in_query ? Mode::kExpression : Mode::kNothing;
}

void Summary::TakeWord(std::string_view word) {
  Frame& frame = top();
  switch (frame.mode) {
    case Mode::kStart:
      return Begin(word);
    case Mode::kSelect:
      return InSelect(word);
    case Mode::kObject:
      return InObject(word);
    case Mode::kTables:
      return InTables(word);
    case Mode::kInsert:
      if (!frame.expects) {
        if (EqualsUpper(word, "INTO")) frame.mode = Mode::kOneTarget, frame.expects = true;
        return;
      }
      break;
    case Mode::kTransaction:
      if (IsAny(word, {"TRANSACTION", "WORK", "TRAN"})) Append(word);
      frame.mode = Mode::kNothing;
      return;
    case Mode::kOneTarget:
    case Mode::kExpression:
    case Mode::kNothing:
      break;
  }
  if (frame.mode != Mode::kOneTarget) return;
  if (frame.expects) {
    const bool leads = IsNoise(word) || IsAny(word, {"FROM", "INTO", "NEXT", "VALUE", "FOR", "IF", "NOT", "EXISTS"});
    if (!leads) Target(word);
  } else if (IsAny(word, {"SELECT", "WITH"})) {
    Begin(word);
  }
}

// A statement, or a query in parentheses, begins.
void Summary::Begin(std::string_view word) {
  Frame& frame = top();
  if (EqualsUpper(word, "SELECT")) {
    Append(word);
    frame.mode = Mode::kSelect;
    frame.expects = frame.in_list = false;
  } else if (EqualsUpper(word, "WITH")) {
    frame.mode = Mode::kTables;
    frame.expects = true;
  } else if (CombinesQueries(word)) {
    return;  // of queries in parentheses
  } else if (frame.in_query) {
    if (frame.expects && !EqualsUpper(word, "VALUES")) {  // a table, or a join, in parentheses
      frame.mode = Mode::kSelect;
      frame.in_list = true;
      return InSelect(word);
    }
    if (!IsAny(word, {"ALL", "DISTINCT"})) frame.mode = Mode::kExpression;
  } else if (!BeginOther(word)) {
    frame.mode = Mode::kNothing;
  }
}

bool Summary::BeginOther(std::string_view word) {
  Frame& frame = top();
  const auto begin = [&](Mode mode, bool expects) {
    Append(word);
    frame.mode = mode;
    frame.expects = expects;
    return true;
  };
  if (IsAny(word, {"INSERT"})) return begin(Mode::kInsert, false);
  if (IsAny(word, {"UPDATE", "DELETE", "MERGE", "REPLACE", "CALL", "EXEC", "EXECUTE", "USE", "COPY"})) {
    return begin(Mode::kOneTarget, true);
  }
  if (IsAny(word, {"CREATE", "ALTER", "DROP", "TRUNCATE", "LOCK"})) {
    const bool needs_no_object = IsAny(word, {"TRUNCATE", "LOCK"});
    return begin(Mode::kObject, needs_no_object);
  }
  if (IsAny(word, {"BEGIN", "COMMIT", "ROLLBACK", "START"})) return begin(Mode::kTransaction, false);
  if (IsAny(word, {"GRANT",    "REVOKE",  "SHOW",       "SET",     "RESET",      "VACUUM",    "ANALYZE", "REINDEX",
                   "CLUSTER",  "COMMENT", "FETCH",      "MOVE",    "CLOSE",      "SAVEPOINT", "RELEASE", "LISTEN",
                   "UNLISTEN", "NOTIFY",  "DEALLOCATE", "DISCARD", "CHECKPOINT", "END",       "ABORT",   "DO"})) {
    return begin(Mode::kNothing, false);
  }
  if (IsAny(word, {"DECLARE", "PREPARE"})) return begin(Mode::kOneTarget, false);
  if (EqualsUpper(word, "EXPLAIN")) {
    Append(word);
    return true;
  }
  if (IsAny(word, {"ANALYSE", "VERBOSE", "ALL", "DISTINCT"})) return true;
  if (EqualsUpper(word, "VALUES")) {
    if (statement_is_empty_) return begin(Mode::kNothing, false);
    return false;
  }
  if (!EqualsUpper(word, "FROM")) return false;
  // A query of JPA, which leaves out what every query says.
  Append(word == "from" ? "select" : "SELECT");
  frame.mode = Mode::kSelect;
  frame.expects = frame.in_list = true;
  return true;
}

void Summary::InSelect(std::string_view word) {
  Frame& frame = top();
  if (frame.expects) {
    if (!IsNoise(word)) Target(word);
  } else if (EqualsUpper(word, "FROM")) {
    frame.expects = frame.in_list = true;
  } else if (frame.in_list && IsAny(word, {"JOIN", "STRAIGHT_JOIN", "APPLY"})) {
    frame.expects = true;
  } else if (CombinesQueries(word)) {
    frame = {Mode::kStart, false, false, frame.in_query};
  } else if (frame.in_list && EndsTables(word)) {
    frame.in_list = false;
  }
}

void Summary::InObject(std::string_view word) {
  Frame& frame = top();
  const bool is_plural = EqualsUpper(word, "TABLES");
  if (IsOfObject(word)) return;
  if (IsObject(word) || is_plural) {
    // USER and the like may have a password behind their name, tables and what belongs to them have columns of that name.
    if (IsAny(word, {"TABLE", "INDEX", "VIEW", "TYPE", "DOMAIN"})) may_name_password_ = false;
    Append(word);
    frame.mode = Mode::kOneTarget;
    frame.expects = true;
  } else if (frame.expects) {  // TRUNCATE and LOCK may leave the kind out
    Target(word);
    frame.mode = Mode::kOneTarget;
  } else {
    Append(word);
    frame.mode = Mode::kNothing;
  }
}

// Between the name of a common table expression and its query anything may stand; behind the query either a comma and the next
// name, or the statement.
void Summary::InTables(std::string_view word) {
  Frame& frame = top();
  if (frame.expects) {
    if (EqualsUpper(word, "RECURSIVE")) return;
    if (table_count_ < kMaxTables) tables_[table_count_++] = word;
    frame.expects = false;
    frame.in_list = true;  // its query is still to come
  } else if (!frame.in_list) {
    if (IsAny(word, {"NOT", "MATERIALIZED"})) return;
    frame.mode = Mode::kStart;
    Begin(word);
  } else if (EqualsUpper(word, "AS")) {
    frame.in_list = false;
  }
}

void Summary::TakeSign(char sign) {
  switch (sign) {
    case '(':
      return Open();
    case ')':
      if (passed_over_ > 0) {
        --passed_over_;
      } else if (depth_ > 0) {
        --depth_;
      }
      return;
    case ';':
      return EndStatement();
    case '{':  // an escape of ODBC: {call x}
      return;
    default:
      break;
  }
  if (passed_over_ > 0) return;
  Frame& frame = top();
  if (sign == ',' && frame.mode == Mode::kTables) {
    frame.expects = true;
  } else if (sign == ',' && frame.mode == Mode::kSelect && frame.in_list) {
    frame.expects = true;
  } else {
    frame.expects = false;
    if (frame.mode == Mode::kStart && frame.in_query) frame.mode = Mode::kExpression;
  }
}

void Summary::Open() {
  if (depth_ + 1 >= kMaxFrames || passed_over_ > 0) {
    ++passed_over_;
    return;
  }
  Frame& outer = top();
  // What stands in parentheses behind FROM may be a query, or tables; elsewhere a query or an expression.
  const bool of_tables = outer.mode == Mode::kSelect && outer.expects;
  const bool is_nothing = outer.mode == Mode::kNothing;
  const bool of_names = outer.mode == Mode::kTables && outer.in_list;  // columns of a common table expression
  outer.expects = outer.mode == Mode::kTables && outer.expects;
  ++depth_;
  top() = {is_nothing || of_names ? Mode::kNothing : Mode::kStart, of_tables, false, true};
}

void Summary::EndStatement() {
  depth_ = passed_over_ = 0;
  table_count_ = 0;
  top() = {};
  statement_is_empty_ = first_word_ = true;
  may_name_password_ = false;
}

void Summary::Append(std::string_view word) {
  const std::string_view separator = text_.empty() ? "" : statement_is_empty_ ? "; " : " ";
  statement_is_empty_ = false;
  if (is_full_ || separator.size() + word.size() > kMaxSummaryBytes - text_.size()) {
    is_full_ = true;
    return;
  }
  text_.append(separator).append(word);
}

void Summary::Target(std::string_view name) {
  top().expects = false;
  if (!IsTable(name)) Append(name);
}

bool Summary::IsTable(std::string_view name) const {
  const auto same = [name](std::string_view table) {
    return std::equal(table.begin(), table.end(), name.begin(), name.end(), [](char a, char b) {
      const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; };
      return lower(a) == lower(b);
    });
  };
  return std::any_of(tables_.begin(), tables_.begin() + static_cast<std::ptrdiff_t>(table_count_), same);
}

}  // namespace wirespan::decoders::sql
