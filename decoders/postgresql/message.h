// One PostgreSQL message, in the sense of an exchange: a request is a Query, a function call, the execution of a prepared
// statement with what prepared it, or a preparation alone; a reply is what answers it. What belongs to no exchange (the beginning
// of a connection, notices, notifications, cancel requests) is a message of its own (`one_way`). Of SQL the text without its
// values is stored; parameters, rows, COPY data, passwords and the texts of errors never.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "decoders/decoder.h"
#include "decoders/message_list.h"
#include "decoders/message_pool.h"
#include "decoders/sql/sanitize.h"

namespace wirespan::decoders::postgresql {

inline constexpr size_t kMaxNameBytes = 63;        // NAMEDATALEN - 1: of a statement, a portal, a database
inline constexpr size_t kMaxTagBytes = 64;         // of a command tag
inline constexpr size_t kMaxRawBytes = 16 * 1024;  // of an SQL text as sent; what follows is not looked at

// Trace context does not travel in frames.
struct FieldRef {};

enum class RequestKind : uint8_t {
  kNone,
  kQuery,     // of the simple protocol: any number of statements
  kExecute,   // of the extended protocol, with the Parse and Bind before it
  kPrepare,   // Parse that nothing executes in the same turn
  kFunction,  // FunctionCall
  kStartup,   // one_way, as the following
  kSsl,
  kGss,
  kCancel,
};
std::string_view Name(RequestKind kind);

struct Message {
  Direction direction = Direction::kClientToServer;
  bool is_request = true;
  bool one_way = false;            // belongs to no exchange
  bool truncated = false;          // a stored part was cut, or not seen
  bool has_start_line = false;     // requests: a frame that makes it one is whole; replies: only the end may be seen
  bool unknown_statement = false;  // requests: what is executed was prepared where it was not seen, or too long ago
  bool skipped = false;            // replies: the server passed the request over, for one before it failed
  Incomplete incomplete = Incomplete::kNo;
  RequestKind kind = RequestKind::kNone;
  char type = '\0';  // replies that are one_way: the frame's
  // Which exchange of the connection it belongs to: requests count from 1, a reply has its request's number; 0: not known.
  uint64_t exchange = 0;
  uint64_t start = 0;     // position of the first byte of the first frame
  uint64_t head_end = 0;  // requests: position behind them; replies: behind the first frame; 0 where part of it was not seen
  uint64_t end = 0;       // position behind the last frame
  uint64_t rows = 0;      // replies: data rows that were counted
  std::string text;       // requests: SQL without its values
  std::string summary;    // requests: of it
  std::string statement;  // requests: the name of the prepared statement; empty: it has none
  std::string database;   // requests: as the connection's beginning said
  std::string tag;        // replies: of the last command that completed
  std::array<char, 5> sqlstate{};  // replies: of the first error; of a notice
  bool has_sqlstate = false;
  std::vector<FieldRef> fields;  // always empty

  bool complete() const { return incomplete == Incomplete::kNo; }
  std::string_view code() const { return has_sqlstate ? std::string_view(sqlstate.data(), sqlstate.size()) : std::string_view{}; }
  static std::string_view Name(const FieldRef& /*field*/) { return {}; }
  static std::string_view Value(const FieldRef& /*field*/) { return {}; }
  static bool MayHave(std::string_view /*name*/) { return false; }
  // Back to the empty message; keeps the buffers, which take BufferBytes().
  void Clear();
  size_t BufferBytes() const {
    return text.capacity() + summary.capacity() + statement.capacity() + database.capacity() + tag.capacity();
  }
};

using MessagePool = decoders::MessagePool<Message>;
using Messages = MessageList<Message>;

}  // namespace wirespan::decoders::postgresql
