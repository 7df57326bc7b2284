// What is known of Redis's commands: which arguments name things and may be shown, which are values and are masked, and what a
// command does to the connection. Pure; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace wirespan::decoders::redis {

// What a command means for the connection.
enum class Effect : uint8_t {
  kNone,
  kSelect,       // the database of what follows
  kSubscribe,    // answered once for each channel
  kUnsubscribe,  // the same; without channels, once for each that is subscribed
  kMulti,
  kExec,
  kDiscard,
  kReset,  // of the connection's state
  kReply,  // CLIENT REPLY: answers may not come any more
  kLeave,  // what the server sends from here on answers nothing: MONITOR, replication
};

// Which arguments are shown.
enum class Shown : uint8_t {
  kFirst,  // so many, the rest masked
  kAll,
  kNamesOfPairs,  // so many, then of each pair the first
  kEntry,         // key, options and id of an entry of a stream, then of each pair the first
  kScript,        // a script is masked; the number of keys and so many keys as it says are shown
};

struct Command {
  std::string_view name;  // upper case
  Shown shown = Shown::kFirst;
  uint8_t count = 0;
  Effect effect = Effect::kNone;
  bool names_procedure = false;  // the first argument is the digest or name of a script
};

// `name` in upper case. A command that is not known has no name and shows no argument.
Command CommandOf(std::string_view name);
bool IsCommand(std::string_view name);

}  // namespace wirespan::decoders::redis
