// What the prepared statements and portals of one connection stand for. Bounded: beyond kMaxStatements, or their bytes, the
// oldest are forgotten, and what executes them is unknown. Owned by the decoder, its thread; slots are used again.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "decoders/postgresql/message.h"

namespace wirespan::decoders::postgresql {

inline constexpr size_t kMaxStatements = 512;
inline constexpr size_t kMaxStatementText = 2048;                 // of one; longer texts are cut
inline constexpr size_t kMaxStatementBytes = size_t{128} * 1024;  // of all texts and summaries together
inline constexpr size_t kMaxPortals = 16;                         // named ones

struct Statement {
  std::string name;
  std::string text;
  std::string summary;
  bool truncated = false;
  bool is_used = false;
  size_t bytes() const { return text.size() + summary.size() + name.size(); }
};

class Statements {
 public:
  // A Parse: the statement of that name is this from now on. An empty name is the unnamed statement's.
  void Prepare(std::string_view name, const sql::Sanitized& sql);
  // A Bind: the portal executes that statement, as it is now.
  void Bind(std::string_view portal, std::string_view statement);
  void CloseStatement(std::string_view name);
  void ClosePortal(std::string_view name);
  // The statement of that name; null: not known.
  const Statement* Find(std::string_view name) const;
  // What the portal executes, and its statement's name in `name`; null: not known.
  const Statement* OfPortal(std::string_view portal, std::string_view& name) const;
  bool empty() const { return count_ == 0; }
  // The names mean nothing that is known any more.
  void Forget();

 private:
  struct Portal {
    std::string name;
    std::string statement;
    bool is_used = false;
  };

  Statement& SlotFor(std::string_view name);
  void Release(Statement& statement);
  const Portal* FindPortal(std::string_view name) const;

  Statement unnamed_;
  Portal unnamed_portal_;
  std::vector<Statement> statements_;
  std::array<Portal, kMaxPortals> portals_{};
  size_t next_portal_ = 0;
  size_t oldest_ = 0;  // where the next is forgotten
  size_t count_ = 0;   // named ones that are known
  size_t bytes_ = 0;
};

}  // namespace wirespan::decoders::postgresql
