#include "decoders/redis/arguments.h"

#include <algorithm>
#include <charconv>

namespace wirespan::decoders::redis {
namespace {

constexpr char ToUpper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - ('a' - 'A')) : c; }

template <typename Number>
bool ReadNumber(std::string_view text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size();
}

}  // namespace

// Whether the argument that begins now may be seen.
bool Arguments::Shows() const {
  const uint64_t at = count_ - 1;  // behind the name
  switch (command_.shown) {
    case Shown::kAll:
      return true;
    case Shown::kFirst:
      return at < command_.count;
    case Shown::kNamesOfPairs:
      return at < command_.count || (at - command_.count) % 2 == 0;
    case Shown::kEntry:
      return pairs_ == 0 || (count_ - pairs_) % 2 == 0;
    case Shown::kScript:
      return at == 1 || (at == 0 ? command_.names_procedure : at - 2 < keys_);
  }
  return false;
}

void Arguments::Append(std::string_view text, Message& message) {
  const size_t room = kMaxTextBytes - std::min(kMaxTextBytes, message.text.size());
  message.text.append(text.substr(0, room));
  message.truncated |= text.size() > room;
}

void Arguments::BeginArgument(Message& message) {
  kept_[std::min<uint64_t>(count_, kept_.size() - 1)] = {};
  shown_bytes_ = 0;
  shows_ = count_ == 0 || Shows();
  if (count_ > 0) Append(shows_ ? " " : " ?", message);
}

void Arguments::Text(std::string_view bytes, Message& message) {
  Kept& kept = kept_[std::min<uint64_t>(count_, kept_.size() - 1)];
  const size_t room = kept.bytes.size() - kept.size;
  kept.whole &= bytes.size() <= room;
  for (const char c : bytes.substr(0, room)) kept.bytes[kept.size++] = ToUpper(c);
  if (!shows_) return;
  const std::string_view shown = bytes.substr(0, kMaxShownBytes - shown_bytes_);
  message.truncated |= shown.size() < bytes.size();
  shown_bytes_ += shown.size();
  Append(shown, message);
  if (count_ == 0) message.name.append(shown.substr(0, kMaxNameBytes - std::min(kMaxNameBytes, message.name.size())));
  if (count_ == 1 && command_.names_procedure) message.procedure.append(shown);
}

void Arguments::EndArgument(Message& message) {
  const Kept& kept = kept_[std::min<uint64_t>(count_, kept_.size() - 1)];
  if (count_ == 0) {
    command_ = kept.whole ? CommandOf(kept.view()) : Command{};
    message.has_start_line = kept.whole;
  } else if (command_.shown == Shown::kScript && count_ == 2) {
    if (!kept.whole || !ReadNumber(kept.view(), keys_)) keys_ = 0;
  } else if (command_.shown == Shown::kEntry && count_ > 1 && pairs_ == 0) {
    const std::string_view word = kept.view();
    const bool has_number = word == "MAXLEN" || word == "MINID" || word == "LIMIT" || word == "=" || word == "~";
    const bool is_option = word == "NOMKSTREAM" || word == "KEEPREF" || word == "DELREF" || word == "ACKED";
    if (!has_number && !is_option && !expects_number_) pairs_ = count_ + 1;
    expects_number_ = has_number;
  }
  ++count_;
}

void Arguments::Lose(Message& message) {
  kept_[std::min<uint64_t>(count_, kept_.size() - 1)].whole = false;
  if (shows_) message.truncated = true;
}

bool Arguments::FirstNumber(uint32_t& number) const {
  return kept_[1].whole && kept_[1].size > 0 && ReadNumber(kept_[1].view(), number);
}

}  // namespace wirespan::decoders::redis
