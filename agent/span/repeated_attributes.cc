#include "agent/span/repeated_attributes.h"

#include <cstring>

namespace wirespan::span {

bool RepeatedAttributes::IsSame(std::span<const std::string_view> inputs) const {
  std::string_view rest = inputs_;
  for (const std::string_view input : inputs) {
    uint16_t size = 0;
    if (rest.size() < sizeof size) return false;
    std::memcpy(&size, rest.data(), sizeof size);
    if (rest.substr(sizeof size, size) != input) return false;
    rest.remove_prefix(sizeof size + size);
  }
  return rest.empty();
}

bool RepeatedAttributes::Repeat(std::span<const std::string_view> inputs, exporters::AttributeList& list,
                                MeasuredValues& measured) {
  if (holds_ && IsSame(inputs)) {
    const auto base = static_cast<uint32_t>(list.wire().size());
    list.Append(attributes_);
    for (size_t i = 0; i < value_count_; ++i)
      measured.At(values_[i].what) = {base + values_[i].place.begin, values_[i].place.size};
    if (server_port_ != 0) measured.server_port = server_port_;
    return true;
  }
  holds_ = false;
  inputs_.clear();
  for (const std::string_view input : inputs) {
    keeps_ = input.size() <= kMaxInputBytes - inputs_.size();
    if (!keeps_) return false;
    const auto size = static_cast<uint16_t>(input.size());
    inputs_.append(reinterpret_cast<const char*>(&size), sizeof size).append(input);
  }
  begin_ = list.mark();
  return false;
}

void RepeatedAttributes::Remember(const exporters::AttributeList& list, const MeasuredValues& measured) {
  // What was cut is counted each time it is cut.
  if (!keeps_ || list.dropped_bytes() != begin_.dropped_bytes) return;
  attributes_.Clear();
  attributes_.AppendFrom(list, begin_);
  value_count_ = 0;
  for (size_t i = 0; i < measured.places.size(); ++i) {
    const MeasuredValues::Place place = measured.places[i];
    if (place.begin < begin_.bytes || place.size == 0) continue;
    values_[value_count_++] = {static_cast<Measured>(i), {place.begin - begin_.bytes, place.size}};
  }
  server_port_ = measured.server_port;
  keeps_ = false;
  holds_ = true;
}

void RepeatedAttributes::Clear() {
  inputs_.clear();
  attributes_.Clear();
  keeps_ = holds_ = false;
}

}  // namespace wirespan::span
