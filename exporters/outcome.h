// ValueOr<T>: a value or one line that says why there is none. The exporters' own form of a result: this library knows nothing of
// the agent. Used while options are read, never per span.
#pragma once

#include <string>
#include <utility>
#include <variant>

namespace wirespan::exporters {

// Why something could not be made: what was tried, on what, and what to do. One line.
struct Failure {
  std::string message;
};

template <typename T>
class [[nodiscard]] ValueOr {
 public:
  ValueOr(T value) : state_(std::in_place_index<0>, std::move(value)) {}            // NOLINT: implicit by design
  ValueOr(Failure failure) : state_(std::in_place_index<1>, std::move(failure)) {}  // NOLINT: implicit by design

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }
  T& operator*() & { return std::get<0>(state_); }
  const T& operator*() const& { return std::get<0>(state_); }
  T&& operator*() && { return std::get<0>(std::move(state_)); }
  T* operator->() { return &std::get<0>(state_); }
  const T* operator->() const { return &std::get<0>(state_); }
  const std::string& error() const { return std::get<1>(state_).message; }

 private:
  std::variant<T, Failure> state_;
};

}  // namespace wirespan::exporters
