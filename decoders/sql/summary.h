// The summary of a query from its tokens: operations, and the tables and the like that they work on. Names of common table
// expressions, aliases, columns and literals are left out. Pure; bounded; one per query.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "decoders/sql/tokens.h"

namespace wirespan::decoders::sql {

class Summary {
 public:
  // `text` is cleared; it outlives the use.
  explicit Summary(std::string& text) : text_(text) { text_.clear(); }
  // Every token but space and comments, in order.
  void Take(const Token& token);
  // The statement may carry a password in the clear: ALTER USER, CONNECT and the like.
  bool may_name_password() const { return may_name_password_; }

 private:
  static constexpr size_t kMaxFrames = 64;  // parentheses in each other; deeper ones are passed over
  static constexpr size_t kMaxTables = 32;  // common table expressions whose names are remembered

  enum class Mode : uint8_t {
    kStart,       // an operation may begin
    kExpression,  // nothing is looked for but a query in parentheses
    kSelect,
    kOneTarget,    // the first name is the target, the rest is an expression; a SELECT may follow
    kInsert,       // as kOneTarget, behind INTO
    kObject,       // CREATE, ALTER, DROP: what kind of thing
    kTables,       // WITH: names and their queries
    kTransaction,  // BEGIN, COMMIT: TRANSACTION may follow
    kNothing,      // until the statement ends
  };
  struct Frame {
    Mode mode = Mode::kStart;
    bool expects = false;   // a target is next
    bool in_list = false;   // kSelect: between FROM and what ends the list of tables
    bool in_query = false;  // kStart in parentheses: only a query begins there
  };

  Frame& top() { return frames_[depth_]; }
  void TakeWord(std::string_view word);
  void TakeName(std::string_view name, bool may_be_keyword);
  void TakeSign(char sign);
  void Begin(std::string_view word);
  bool BeginOther(std::string_view word);
  void InSelect(std::string_view word);
  void InObject(std::string_view word);
  void InTables(std::string_view word);
  void Open();
  void EndStatement();
  void Append(std::string_view word);
  void Target(std::string_view name);
  bool IsTable(std::string_view name) const;

  std::string& text_;
  std::array<Frame, kMaxFrames> frames_{};
  size_t depth_ = 0;
  size_t passed_over_ = 0;  // parentheses beyond kMaxFrames
  std::array<std::string_view, kMaxTables> tables_{};
  size_t table_count_ = 0;
  bool statement_is_empty_ = true;  // nothing of it is in the summary
  bool first_word_ = true;
  bool may_name_password_ = false;
  bool is_full_ = false;
};

}  // namespace wirespan::decoders::sql
