// The words, literals and signs of an SQL text. Pure; views are into the text.
#pragma once

#include <cstdint>
#include <string_view>

#include "decoders/sql/sanitize.h"

namespace wirespan::decoders::sql {

enum class Kind : uint8_t {
  kEnd,
  kSpace,
  kComment,
  kWord,    // a keyword or a name, of several parts ("a.b", "users@remote")
  kQuoted,  // a name in quotes of any kind, or of several parts of which one is
  kString,  // a literal in quotes
  kNumber,
  kSign,  // one character of anything else, or a parameter
};

struct Token {
  Kind kind = Kind::kEnd;
  std::string_view text;
  bool is_ambiguous = false;  // kString: in double quotes, which may be a name
};

class Tokens {
 public:
  Tokens(std::string_view sql, Dialect dialect) : rest_(sql), dialect_(dialect) {}
  Token Next();

 private:
  Token Take(Kind kind, size_t size);
  size_t CommentSize() const;
  size_t StringSize(char quote, bool with_backslash, size_t from) const;
  size_t DollarSize() const;
  size_t NumberSize() const;
  size_t PartSize(std::string_view text, bool& quoted) const;
  Token Name();
  bool IsOpenBracketOfName() const;

  std::string_view rest_;
  Dialect dialect_;
  Kind last_ = Kind::kSpace;
  char last_char_ = '\0';
};

// Upper-case ASCII comparison; `upper` is upper case.
bool EqualsUpper(std::string_view text, std::string_view upper);

}  // namespace wirespan::decoders::sql
