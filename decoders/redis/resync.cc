#include "decoders/redis/resync.h"

#include <algorithm>

#include "decoders/redis/resp.h"

namespace wirespan::decoders::redis {
namespace {

constexpr size_t kMaxDigits = 10;  // of a length, of an integer
constexpr size_t kMaxWord = 16;    // of an error

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Digits and a line end, which are taken off.
StartMatch MatchNumber(std::string_view& bytes) {
  size_t digits = 0;
  while (digits < bytes.size() && IsDigit(bytes[digits])) ++digits;
  if (digits > kMaxDigits) return StartMatch::kNo;
  bytes.remove_prefix(digits);
  if (bytes.empty()) return StartMatch::kMore;
  if (digits == 0 || bytes.front() != '\r') return StartMatch::kNo;
  if (bytes.size() == 1) return StartMatch::kMore;
  if (bytes[1] != '\n') return StartMatch::kNo;
  bytes.remove_prefix(2);
  return StartMatch::kYes;
}

StartMatch MatchPrefix(std::string_view bytes, std::string_view wanted) {
  const size_t size = std::min(bytes.size(), wanted.size());
  if (bytes.substr(0, size) != wanted.substr(0, size)) return StartMatch::kNo;
  return size == wanted.size() ? StartMatch::kYes : StartMatch::kMore;
}

StartMatch MatchCommand(std::string_view bytes) {
  const StartMatch count = MatchNumber(bytes);
  if (count != StartMatch::kYes) return count;
  if (bytes.empty()) return StartMatch::kMore;
  if (bytes.front() != '$') return StartMatch::kNo;
  bytes.remove_prefix(1);
  const StartMatch length = MatchNumber(bytes);
  if (length != StartMatch::kYes) return length;
  if (bytes.empty()) return StartMatch::kMore;
  const char c = bytes.front();
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ? StartMatch::kYes : StartMatch::kNo;
}

// One of capitals, and a space or the line's end behind it.
StartMatch MatchError(std::string_view bytes) {
  size_t letters = 0;
  while (letters < bytes.size() && bytes[letters] >= 'A' && bytes[letters] <= 'Z') ++letters;
  if (letters > kMaxWord) return StartMatch::kNo;
  if (letters == bytes.size()) return StartMatch::kMore;
  return letters > 2 && bytes[letters] == ' ' ? StartMatch::kYes : StartMatch::kNo;
}

StartMatch MatchReply(Type type, std::string_view bytes) {
  if (type == Type::kSimple) return MatchPrefix(bytes, "OK\r\n");
  if (type == Type::kError) return MatchError(bytes);
  const StartMatch number = MatchNumber(bytes);
  if (number != StartMatch::kYes || type == Type::kInteger) return number;
  if (bytes.empty()) return StartMatch::kMore;
  return IsType(bytes.front()) ? StartMatch::kYes : StartMatch::kNo;
}

}  // namespace

StartMatch MatchStart(std::string_view bytes, Direction dir) {
  if (bytes.empty()) return StartMatch::kMore;
  const auto type = static_cast<Type>(bytes.front());
  if (dir == Direction::kClientToServer) return type == Type::kArray ? MatchCommand(bytes.substr(1)) : StartMatch::kNo;
  const bool is_known = type == Type::kArray || type == Type::kMap || type == Type::kSimple || type == Type::kError ||
                        type == Type::kInteger || type == Type::kPush;
  return is_known ? MatchReply(type, bytes.substr(1)) : StartMatch::kNo;
}

}  // namespace wirespan::decoders::redis
