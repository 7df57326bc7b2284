#include "decoders/sql/tokens.h"

#include <algorithm>

namespace wirespan::decoders::sql {
namespace {

constexpr bool IsDigit(char c) { return c >= '0' && c <= '9'; }
constexpr bool IsSpace(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
constexpr bool IsNameStart(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || static_cast<uint8_t>(c) >= 0x80;
}
constexpr bool IsNamePart(char c) { return IsNameStart(c) || IsDigit(c) || c == '$' || c == '#'; }
constexpr bool IsSignOfNumber(char c) { return c == '+' || c == '-'; }

bool DoubleQuotesAreNames(Dialect dialect) { return dialect != Dialect::kGeneric && dialect != Dialect::kMysql; }
bool BackslashEscapes(Dialect dialect) { return dialect == Dialect::kMysql || dialect == Dialect::kClickhouse; }
bool HasBrackets(Dialect dialect) {
  return dialect == Dialect::kGeneric || dialect == Dialect::kMssql || dialect == Dialect::kSqlite;
}

// What may stand right before a string and is part of the literal: E'', N'', B'', X'', R'', U&''.
size_t PrefixSize(std::string_view text) {
  if (text.size() > 2 && (text[0] == 'u' || text[0] == 'U') && text[1] == '&' && text[2] == '\'') return 2;
  constexpr std::string_view kPrefixes = "eEnNbBxXrR";
  return text.size() > 1 && text[1] == '\'' && kPrefixes.find(text[0]) != std::string_view::npos ? 1 : 0;
}

}  // namespace

bool EqualsUpper(std::string_view text, std::string_view upper) {
  return std::equal(text.begin(), text.end(), upper.begin(), upper.end(),
                    [](char c, char u) { return (c >= 'a' && c <= 'z' ? static_cast<char>(c - ('a' - 'A')) : c) == u; });
}

Token Tokens::Take(Kind kind, size_t size) {
  const Token token{kind, rest_.substr(0, size)};
  rest_.remove_prefix(token.text.size());
  last_ = kind;
  last_char_ = token.text.empty() ? '\0' : token.text.back();
  return token;
}

Token Tokens::Next() {
  if (rest_.empty()) return {};
  const char c = rest_.front();
  if (IsSpace(c)) {
    const auto end = std::find_if_not(rest_.begin(), rest_.end(), IsSpace);
    return Take(Kind::kSpace, static_cast<size_t>(end - rest_.begin()));
  }
  if (const size_t size = CommentSize(); size > 0) return Take(Kind::kComment, size);
  if (c == '\'') return Take(Kind::kString, StringSize(c, BackslashEscapes(dialect_), 1));
  if (const size_t prefix = PrefixSize(rest_); prefix > 0) {
    const bool with_backslash = BackslashEscapes(dialect_) || c == 'e' || c == 'E';
    return Take(Kind::kString, StringSize('\'', with_backslash, prefix + 1));
  }
  if (const size_t size = DollarSize(); size > 0) return Take(Kind::kString, size);
  if (const size_t size = NumberSize(); size > 0) return Take(Kind::kNumber, size);
  if (IsNameStart(c) || c == '`' || c == '"' || IsOpenBracketOfName()) return Name();
  if (c == '$' && rest_.size() > 1 && IsDigit(rest_[1])) {  // a parameter, whole: its number is no literal
    size_t size = 2;
    while (size < rest_.size() && IsDigit(rest_[size])) ++size;
    return Take(Kind::kSign, size);
  }
  if ((c == ':' || c == '@' || c == '%') && rest_.size() > 1 && IsNamePart(rest_[1])) {
    size_t size = 1;
    while (size < rest_.size() && IsNamePart(rest_[size])) ++size;
    return Take(Kind::kSign, size);
  }
  return Take(Kind::kSign, 1);
}

// To the end of the line, or of the comment; 0: none begins here. Comments nest in PostgreSQL and SQL Server.
size_t Tokens::CommentSize() const {
  const bool is_line = rest_.starts_with("--") || (dialect_ == Dialect::kMysql && rest_.front() == '#');
  if (is_line) return std::min(rest_.find('\n'), rest_.size());
  if (!rest_.starts_with("/*")) return 0;
  const bool nests = dialect_ == Dialect::kPostgresql || dialect_ == Dialect::kMssql;
  size_t depth = 1;
  for (size_t at = 2; at + 1 < rest_.size(); ++at) {
    const std::string_view two = rest_.substr(at, 2);
    if (nests && two == "/*") {
      ++depth, ++at;
    } else if (two == "*/") {
      ++at;
      if (--depth == 0) return at + 1;
    }
  }
  return rest_.size();
}

// With both quotes; `from` is behind the first. A doubled quote is one inside; without an end, all that is left.
size_t Tokens::StringSize(char quote, bool with_backslash, size_t from) const {
  for (size_t at = from; at < rest_.size(); ++at) {
    if (with_backslash && rest_[at] == '\\') {
      ++at;
    } else if (rest_[at] == quote) {
      if (at + 1 >= rest_.size() || rest_[at + 1] != quote) return at + 1;
      ++at;
    }
  }
  return rest_.size();
}

// $$...$$ or $tag$...$tag$; 0: none begins here.
size_t Tokens::DollarSize() const {
  if (rest_.front() != '$') return 0;
  size_t end = 1;
  while (end < rest_.size() && rest_[end] != '$' && IsNamePart(rest_[end])) ++end;
  const bool is_tag = end < rest_.size() && rest_[end] == '$' && (end == 1 || !IsDigit(rest_[1]));
  if (!is_tag) return 0;
  const std::string_view tag = rest_.substr(0, end + 1);
  const size_t close = rest_.find(tag, tag.size());
  return close == std::string_view::npos ? rest_.size() : close + tag.size();
}

// Signs before it belong to it where no operand stands before them. What hangs together with it by letters, dots and signs (1e-9,
// 0xff, 123-45-6789) may be one value.
size_t Tokens::NumberSize() const {
  size_t at = 0;
  const bool behind_operand = last_ == Kind::kWord || last_ == Kind::kQuoted || last_ == Kind::kString ||
                              last_ == Kind::kNumber || last_char_ == ')' || last_char_ == ']';
  if (!behind_operand) {
    while (at < rest_.size() && IsSignOfNumber(rest_[at])) ++at;
  }
  const size_t first = at < rest_.size() && rest_[at] == '.' ? at + 1 : at;
  if (first >= rest_.size() || !IsDigit(rest_[first])) return 0;
  for (at = first; at < rest_.size(); ++at) {
    const char c = rest_[at];
    const bool joins = IsSignOfNumber(c) && at + 1 < rest_.size() && IsDigit(rest_[at + 1]);
    if (!IsDigit(c) && !IsNameStart(c) && c != '.' && !joins) break;
  }
  return at;
}

bool Tokens::IsOpenBracketOfName() const {
  if (!HasBrackets(dialect_) || rest_.front() != '[') return false;
  // Behind a name or an expression it is a subscript.
  const bool is_subscript = last_ == Kind::kWord || last_ == Kind::kQuoted || last_char_ == ')' || last_char_ == ']';
  return !is_subscript && rest_.find(']') != std::string_view::npos;
}

// One part of a name; 0: none.
size_t Tokens::PartSize(std::string_view text, bool& quoted) const {
  if (text.empty()) return 0;
  const char c = text.front();
  if (c == '`' || c == '"' || (c == '[' && HasBrackets(dialect_))) {
    quoted = true;
    const char close = c == '[' ? ']' : c;
    for (size_t at = 1; at < text.size(); ++at) {
      if (text[at] != close) continue;
      if (at + 1 >= text.size() || text[at + 1] != close) return at + 1;
      ++at;
    }
    return text.size();
  }
  if (!IsNameStart(c)) return 0;
  size_t size = 1;
  while (size < text.size() && IsNamePart(text[size])) ++size;
  return size;
}

Token Tokens::Name() {
  bool quoted = false;
  const bool is_double = rest_.front() == '"' && !DoubleQuotesAreNames(dialect_);
  size_t size = is_double && BackslashEscapes(dialect_) ? StringSize('"', true, 1) : PartSize(rest_, quoted);
  quoted |= is_double;
  size_t parts = 1;
  while (size + 1 < rest_.size() && (rest_[size] == '.' || rest_[size] == '@')) {
    if (is_double && parts == 1 && rest_[size] == '@') break;
    const size_t part = PartSize(rest_.substr(size + 1), quoted);
    if (part == 0) break;
    size += 1 + part;
    ++parts;
  }
  Token token = Take(quoted ? Kind::kQuoted : Kind::kWord, size);
  // In double quotes alone it may be a literal: it is shown as one.
  if (!is_double || parts > 1) return token;
  token.kind = last_ = Kind::kString;
  token.is_ambiguous = true;
  return token;
}

}  // namespace wirespan::decoders::sql
