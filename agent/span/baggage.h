// W3C baggage (https://www.w3.org/TR/baggage/), and Jaeger's uberctx-*: what a request carries for those below it. It is read for
// `wirespan propagate` only: values may be secrets, so no span says them. Total on all inputs; pure; any thread.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace wirespan::span {

inline constexpr size_t kMaxBaggageEntries = 64;  // what everybody must pass on (3.3.2); further ones are left out
inline constexpr size_t kMaxBaggageBytes =
    size_t{8192};  // of all fields together; the member beyond is left out, and what follows

struct BaggageEntry {
  std::string key;
  std::string value;  // percent-decoded; UTF-8, with U+FFFD for what is none
  std::vector<std::pair<std::string, std::optional<std::string>>> properties;
};

class BaggageReader {
 public:
  void Reset();
  // A field as it was sent: `baggage`, or `uberctx-KEY`; others are ignored.
  void Add(std::string_view name, std::string_view value);

  const std::vector<BaggageEntry>& entries() const { return entries_; }  // in the order they were sent
  bool any_field() const { return any_field_; }
  size_t left_out() const { return left_out_; }  // members that are malformed or beyond a limit

 private:
  void AddMember(std::string_view member);
  void Take(BaggageEntry entry);

  std::vector<BaggageEntry> entries_;
  size_t bytes_ = 0;
  size_t left_out_ = 0;
  bool any_field_ = false;
};

}  // namespace wirespan::span
