// RepeatedAttributes: the part of a connection's spans that follows from a few inputs alone (a host name, a user agent), kept as
// bytes with the inputs it was made of: a keep-alive connection nearly always says the same again, or, where a proxy sends what
// many clients ask, what it said a few requests ago. Bounded; one shard thread.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "decoders/semantic_conventions.h"
#include "exporters/attributes.h"

namespace wirespan::span {

// The values of an exchange that metrics are kept by: where they lie among the span's attributes.
struct MeasuredValues {
  struct Place {
    uint32_t begin = 0;  // 0: not given, for a value has its key before it
    uint32_t size = 0;
  };
  std::array<Place, kMeasuredCount> places{};
  int64_t server_port = 0;
  int64_t status_code = 0;

  Place& At(Measured what) { return places[static_cast<size_t>(what)]; }
  bool Has(Measured what) const { return places[static_cast<size_t>(what)].begin != 0; }
  std::string_view Of(Measured what, std::string_view wire) const {
    const Place place = places[static_cast<size_t>(what)];
    return wire.substr(place.begin, place.size);
  }
};

class RepeatedAttributes {
 public:
  static constexpr size_t kMaxInputBytes = 1024;  // longer ones are not kept
  static constexpr size_t kKept = 4;              // sets of inputs; the one that was kept first goes first

  // True: inputs that were kept; what they gave is appended. False: what is appended from now to Remember is to be kept.
  bool Repeat(std::span<const std::string_view> inputs, exporters::AttributeList& list, MeasuredValues& measured);
  void Remember(const exporters::AttributeList& list, const MeasuredValues& measured);
  void Clear();

 private:
  struct Value {
    Measured what = Measured::kNo;
    MeasuredValues::Place place;  // counted from the first of `attributes`
  };
  struct Kept {
    std::string inputs;  // each after its length in two bytes
    exporters::AttributeList attributes;
    std::array<Value, kMeasuredCount> values{};
    size_t value_count = 0;
    int64_t server_port = 0;
    bool holds = false;
  };
  static bool IsSame(const Kept& kept, std::span<const std::string_view> inputs);

  std::array<Kept, kKept> kept_;
  size_t next_ = 0;                       // the one that is kept next
  exporters::AttributeList::Mark begin_;  // while something is to be kept
  bool keeps_ = false;
};

}  // namespace wirespan::span
