#include "decoders/postgresql/statements.h"

#include <algorithm>

namespace wirespan::decoders::postgresql {

void Statements::Release(Statement& statement) {
  if (!statement.is_used) return;
  bytes_ -= statement.bytes();
  --count_;
  statement.is_used = false;
}

// The slot of that name, a free one, a new one, or the oldest.
Statement& Statements::SlotFor(std::string_view name) {
  Statement* free = nullptr;
  for (Statement& statement : statements_) {
    if (statement.is_used && statement.name == name) return statement;
    if (!statement.is_used) free = &statement;
  }
  if (free != nullptr) return *free;
  if (statements_.size() < kMaxStatements) return statements_.emplace_back();
  return statements_[oldest_++ % statements_.size()];
}

void Statements::Prepare(std::string_view name, const sql::Sanitized& sql) {
  Statement& statement = name.empty() ? unnamed_ : SlotFor(name);
  if (!name.empty()) Release(statement);
  statement.name.assign(name);
  statement.text.assign(sql.text, 0, kMaxStatementText);
  statement.summary.assign(sql.summary);
  statement.truncated = sql.truncated || sql.text.size() > kMaxStatementText;
  statement.is_used = true;
  if (name.empty()) return;
  bytes_ += statement.bytes();
  ++count_;
  while (bytes_ > kMaxStatementBytes && count_ > 1) {
    Statement& oldest = statements_[oldest_++ % statements_.size()];
    if (&oldest != &statement) Release(oldest);
  }
}

void Statements::Bind(std::string_view portal, std::string_view statement) {
  Portal* slot = &unnamed_portal_;
  if (!portal.empty()) {
    const auto same = [&](const Portal& p) { return p.is_used && p.name == portal; };
    const auto found = std::find_if(portals_.begin(), portals_.end(), same);
    slot = found != portals_.end() ? &*found : &portals_[next_portal_++ % kMaxPortals];
  }
  slot->name.assign(portal);
  slot->statement.assign(statement);
  slot->is_used = true;
}

void Statements::CloseStatement(std::string_view name) {
  for (Statement& statement : statements_) {
    if (statement.is_used && statement.name == name) return Release(statement);
  }
}

void Statements::ClosePortal(std::string_view name) {
  for (Portal& portal : portals_) {
    if (portal.is_used && portal.name == name) portal.is_used = false;
  }
}

const Statement* Statements::Find(std::string_view name) const {
  if (name.empty()) return unnamed_.is_used ? &unnamed_ : nullptr;
  for (const Statement& statement : statements_) {
    if (statement.is_used && statement.name == name) return &statement;
  }
  return nullptr;
}

const Statements::Portal* Statements::FindPortal(std::string_view name) const {
  if (name.empty()) return unnamed_portal_.is_used ? &unnamed_portal_ : nullptr;
  const auto same = [&](const Portal& p) { return p.is_used && p.name == name; };
  const auto found = std::find_if(portals_.begin(), portals_.end(), same);
  return found != portals_.end() ? &*found : nullptr;
}

const Statement* Statements::OfPortal(std::string_view portal, std::string_view& name) const {
  const Portal* found = FindPortal(portal);
  if (found == nullptr) return nullptr;
  name = found->statement;
  return Find(name);
}

void Statements::Forget() {
  for (Statement& statement : statements_) Release(statement);
  for (Portal& portal : portals_) portal.is_used = false;
  unnamed_.is_used = unnamed_portal_.is_used = false;
}

}  // namespace wirespan::decoders::postgresql
