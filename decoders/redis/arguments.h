// The arguments of one command as they come, put into a message: the name, and the text with its values masked. Resumable at
// every byte; allocates only in the message. Used by the decoder, its thread.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "decoders/redis/command.h"
#include "decoders/redis/message.h"

namespace wirespan::decoders::redis {

inline constexpr size_t kMaxShownBytes = 128;  // of one argument

class Arguments {
 public:
  // For the next command.
  void Begin() { *this = Arguments(); }
  void BeginArgument(Message& message);
  void Text(std::string_view bytes, Message& message);
  void EndArgument(Message& message);
  // So many bytes of the argument were not seen.
  void Lose(Message& message);

  uint64_t count() const { return count_; }  // that ended
  Effect effect() const { return command_.effect; }
  bool name_is_known() const { return IsCommand(command_.name); }
  // The first argument as a number; false: it is none.
  bool FirstNumber(uint32_t& number) const;
  // The first two arguments, in upper case, are those.
  bool Are(std::string_view first, std::string_view second) const { return kept_[1].Is(first) && kept_[2].Is(second); }
  // The name in upper case; valid until Begin.
  std::string_view name() const { return kept_[0].view(); }

 private:
  // The beginning of an argument, in upper case.
  struct Kept {
    std::array<char, kMaxNameBytes> bytes{};
    uint8_t size = 0;
    bool whole = true;
    std::string_view view() const { return {bytes.data(), size}; }
    bool Is(std::string_view text) const { return whole && view() == text; }
  };

  bool Shows() const;
  void Append(std::string_view text, Message& message);

  // Of the arguments before the fourth; of an entry's options the last place is used again and again.
  std::array<Kept, 4> kept_{};
  Command command_{};
  uint64_t count_ = 0;
  uint64_t keys_ = 0;   // kScript: as announced
  uint64_t pairs_ = 0;  // kEntry: the first argument of the pairs; 0: not known yet
  size_t shown_bytes_ = 0;
  bool shows_ = false;
  bool expects_number_ = false;  // kEntry: the argument after an option's name
};

}  // namespace wirespan::decoders::redis
