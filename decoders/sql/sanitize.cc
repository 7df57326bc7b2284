#include "decoders/sql/sanitize.h"

#include <array>
#include <utility>

#include "decoders/sql/summary.h"
#include "decoders/sql/tokens.h"

namespace wirespan::decoders::sql {
namespace {

constexpr std::array<std::pair<std::string_view, Dialect>, 8> kDialects = {{
    {"postgresql", Dialect::kPostgresql},
    {"mysql", Dialect::kMysql},
    {"mssql", Dialect::kMssql},
    {"sqlite", Dialect::kSqlite},
    {"oracle", Dialect::kOracle},
    {"cassandra", Dialect::kCassandra},
    {"clickhouse", Dialect::kClickhouse},
    {"generic", Dialect::kGeneric},
}};

// Writes the text without its values.
class Writer {
 public:
  explicit Writer(Sanitized& out) : out_(out) {
    out_.text.clear();
    out_.truncated = false;
  }

  // `may_name_password`: a word behind PASSWORD may be one.
  void Take(const Token& token, bool may_name_password) {
    if (token.kind == Kind::kSpace) return Append(" ");
    if (token.kind == Kind::kComment) return Append(token.text);
    const bool is_value =
        token.kind == Kind::kString || token.kind == Kind::kNumber || IsBoolean(token) || IsPassword(token, may_name_password);
    const bool was_in = std::exchange(behind_in_, token.kind == Kind::kWord && EqualsUpper(token.text, "IN"));
    FollowWords(token);
    if (token.text == "(" && was_in) {
      list_begin_ = out_.text.size() + 1;
      list_has_values_ = false;
    } else if (token.text == ")" && list_begin_ != 0) {
      if (list_has_values_ && !out_.truncated) out_.text.resize(list_begin_), out_.text.push_back('?');
      list_begin_ = 0;
    } else if (is_value || token.text == "?") {
      list_has_values_ = true;
    } else if (token.text != ",") {
      list_begin_ = 0;  // something else than values
    }
    Append(is_value ? "?" : token.text);
  }

 private:
  bool IsBoolean(const Token& token) const {
    const bool is_boolean = token.kind == Kind::kWord && (EqualsUpper(token.text, "TRUE") || EqualsUpper(token.text, "FALSE"));
    return is_boolean && !behind_is_;  // IS TRUE is an operator
  }

  bool IsPassword(const Token& token, bool may_name_password) const {
    const bool is_name = token.kind == Kind::kWord || token.kind == Kind::kQuoted;
    if (!is_name || !(behind_password_ ? may_name_password : behind_identified_by_)) return false;
    for (const std::string_view word : {"FOR", "NULL", "EXPIRE", "TO", "REUSE", "HISTORY", "REQUIRE", "PASSWORD"}) {
      if (EqualsUpper(token.text, word)) return false;
    }
    return true;
  }

  void FollowWords(const Token& token) {
    const auto is = [&](std::string_view word) { return token.kind == Kind::kWord && EqualsUpper(token.text, word); };
    if (token.text == "=") return;  // PASSWORD = x
    behind_is_ = is("IS") || (behind_is_ && is("NOT"));
    behind_identified_by_ = behind_identified_ && is("BY");
    behind_identified_ = is("IDENTIFIED");
    behind_password_ = is("PASSWORD");
  }

  void Append(std::string_view text) {
    const size_t room = kMaxTextBytes - out_.text.size();
    out_.truncated |= text.size() > room;
    out_.text.append(text.substr(0, room));
  }

  Sanitized& out_;
  size_t list_begin_ = 0;  // behind the '(' of IN (, where only values followed; 0: elsewhere
  bool list_has_values_ = false;
  bool behind_in_ = false;
  bool behind_is_ = false;
  bool behind_password_ = false;
  bool behind_identified_ = false;
  bool behind_identified_by_ = false;
};

}  // namespace

std::optional<Dialect> DialectByName(std::string_view name) {
  for (const auto& [known, dialect] : kDialects) {
    if (known == name) return dialect;
  }
  return std::nullopt;
}

void Sanitize(std::string_view sql, Dialect dialect, Sanitized& out) {
  Writer writer(out);
  Summary summary(out.summary);
  Tokens tokens(sql.substr(0, kMaxInputBytes), dialect);
  for (Token token = tokens.Next(); token.kind != Kind::kEnd; token = tokens.Next()) {
    if (token.kind != Kind::kSpace && token.kind != Kind::kComment) summary.Take(token);
    writer.Take(token, summary.may_name_password());
  }
  out.truncated |= sql.size() > kMaxInputBytes;
}

}  // namespace wirespan::decoders::sql
