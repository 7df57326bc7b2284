// What the database semantic conventions 1.44 (docs/db/database-spans.md) say of any exchange with a database, whatever its
// protocol. Pure; the caller's thread; nothing is kept.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "decoders/description.h"

namespace wirespan::decoders {

inline constexpr size_t kMaxSummaryBytes = 255;

// An exchange as its messages tell it. Views live for the call; empty: absent or not known. Nothing in it is a secret any more.
struct DbExchange {
  std::string_view system;             // db.system.name
  std::string_view name_space;         // db.namespace
  bool namespace_names = true;         // it may stand in the name of the span
  std::string_view operation;          // db.operation.name
  std::string_view summary;            // db.query.summary
  std::string_view text;               // db.query.text, sanitised
  std::string_view procedure;          // db.stored_procedure.name
  std::optional<uint32_t> batch_size;  // db.operation.batch.size; 1 is not said
  std::string_view status_code;        // db.response.status_code
  bool failed = false;                 // `status_code` is an error
  std::string_view failure;            // what failed without a status
  Incomplete request = Incomplete::kNo;
  Incomplete response = Incomplete::kNo;
  bool truncated = false;  // a stored part of the messages was cut
};

// Sets `out.name`, `out.status`, `out.error_type` and gives the attributes to `sink`, each name at most once.
void Describe(const DbExchange& exchange, const ExchangeContext& context, AttributeSink& sink, Description& out);

}  // namespace wirespan::decoders
