// One Redis message: a command, or a reply to one, or what the server says unasked. Of a command its name and its arguments with
// their values masked are stored; of a reply its type and, of an error, its first word. Values are never stored.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "decoders/decoder.h"
#include "decoders/message_list.h"
#include "decoders/message_pool.h"
#include "decoders/redis/resp.h"

namespace wirespan::decoders::redis {

inline constexpr size_t kMaxNameBytes = 32;    // of a command's name, of an error's first word; longer ones are cut
inline constexpr size_t kMaxTextBytes = 1024;  // of a command with its masked arguments

// Messages of Redis carry no header fields: there is nowhere for trace context to travel.
struct FieldRef {};

struct Message {
  Direction direction = Direction::kClientToServer;
  bool is_request = true;
  bool one_way = false;         // belongs to no exchange: pub/sub messages, pushes, all confirmations but the last
  bool truncated = false;       // the stored text was cut, or part of the command was not seen
  bool has_start_line = false;  // requests: the name is whole
  bool is_transaction = false;  // EXEC: `batch_size` and `batch_name` are of what it executes
  bool has_database = false;    // requests: SELECT said it on this connection
  Incomplete incomplete = Incomplete::kNo;
  Type type = Type::kNone;  // replies
  uint32_t database = 0;    // has_database
  uint32_t batch_size = 0;  // is_transaction: queued commands
  // Which exchange of the connection it belongs to: requests count from 1, a reply has its request's number; 0: not known.
  uint64_t exchange = 0;
  uint64_t start = 0;      // position of the first byte
  uint64_t head_end = 0;   // requests: position after the last byte; replies: after the first line; 0 where that was not seen
  uint64_t end = 0;        // position after the last byte
  uint64_t arguments = 0;  // requests: with the name; as announced
  uint64_t elements = 0;   // replies that are aggregates
  std::string name;        // requests: the command as sent; replies that are errors: the first word, without '-'
  std::string text;        // requests: the name and the arguments in the syntax of redis-cli, values as '?'
  std::string batch_name;  // is_transaction: the one command that was queued; empty: several
  std::string procedure;   // requests that call a script or function by its digest or name
  std::vector<FieldRef> fields;  // always empty

  bool complete() const { return incomplete == Incomplete::kNo; }
  bool is_error() const { return type == Type::kError || type == Type::kBulkError; }
  static std::string_view Name(const FieldRef& /*field*/) { return {}; }
  static std::string_view Value(const FieldRef& /*field*/) { return {}; }
  static bool MayHave(std::string_view /*name*/) { return false; }
  // Back to the empty message; keeps the buffers, which take BufferBytes().
  void Clear();
  size_t BufferBytes() const { return name.capacity() + text.capacity() + batch_name.capacity() + procedure.capacity(); }
};

using MessagePool = decoders::MessagePool<Message>;
using Messages = MessageList<Message>;

}  // namespace wirespan::decoders::redis
