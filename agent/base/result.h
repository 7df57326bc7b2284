// Result<T>: a value or an Error that says what was tried, on what, why it failed and what to do. Names follow std::expected,
// which replaces it once every supported compiler has it. Used off the data path only; nothing here throws.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace wirespan {

// A failure as a person reads it: "open BPF object: map 'targets': Operation not permitted; run as root". One line.
class Error {
 public:
  explicit Error(std::string message) : message_(std::move(message)) {}
  // `what` was tried and failed with `error_number` (an errno value, positive); `hint` says what to do, may be empty.
  static Error FromErrno(std::string_view what, int error_number, std::string_view hint = {});

  const std::string& message() const { return message_; }
  // This error seen from one step further out: "context: message".
  Error In(std::string_view context) const { return Error(std::string(context) + ": " + message_); }

 private:
  std::string message_;
};

template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT: implicit as std::expected
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT: implicit as std::unexpected

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }
  T& operator*() & { return std::get<0>(state_); }
  const T& operator*() const& { return std::get<0>(state_); }
  T&& operator*() && { return std::get<0>(std::move(state_)); }
  T* operator->() { return &std::get<0>(state_); }
  const T* operator->() const { return &std::get<0>(state_); }
  const Error& error() const { return std::get<1>(state_); }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::in_place, std::move(error)) {}  // NOLINT: implicit as std::unexpected

  bool ok() const { return !error_.has_value(); }
  explicit operator bool() const { return ok(); }
  const Error& error() const { return *error_; }

 private:
  std::optional<Error> error_;
};

}  // namespace wirespan
