#include "agent/span/repeated_attributes.h"

#include <cstring>

namespace wirespan::span {

bool RepeatedAttributes::IsSame(const Kept& kept, std::span<const std::string_view> inputs) {
  size_t size = 0;
  for (const std::string_view input : inputs) size += sizeof(uint16_t) + input.size();
  if (size != kept.inputs.size()) return false;
  std::string_view rest = kept.inputs;
  for (const std::string_view input : inputs) {
    uint16_t length = 0;
    if (rest.size() < sizeof length) return false;
    std::memcpy(&length, rest.data(), sizeof length);
    if (rest.substr(sizeof length, length) != input) return false;
    rest.remove_prefix(sizeof length + length);
  }
  return true;
}

bool RepeatedAttributes::Repeat(std::span<const std::string_view> inputs, exporters::AttributeList& list,
                                MeasuredValues& measured) {
  for (const Kept& kept : kept_) {
    if (!kept.holds || !IsSame(kept, inputs)) continue;
    const auto base = static_cast<uint32_t>(list.wire().size());
    list.Append(kept.attributes);
    for (size_t i = 0; i < kept.value_count; ++i) {
      measured.At(kept.values[i].what) = {base + kept.values[i].place.begin, kept.values[i].place.size};
    }
    if (kept.server_port != 0) measured.server_port = kept.server_port;
    return true;
  }
  Kept& kept = kept_[next_];
  kept.holds = false;
  kept.inputs.clear();
  for (const std::string_view input : inputs) {
    keeps_ = input.size() <= kMaxInputBytes - kept.inputs.size();
    if (!keeps_) return false;
    const auto size = static_cast<uint16_t>(input.size());
    kept.inputs.append(reinterpret_cast<const char*>(&size), sizeof size).append(input);
  }
  begin_ = list.mark();
  return false;
}

void RepeatedAttributes::Remember(const exporters::AttributeList& list, const MeasuredValues& measured) {
  // What was cut is counted each time it is cut.
  if (!keeps_ || list.dropped_bytes() != begin_.dropped_bytes) return;
  Kept& kept = kept_[next_];
  kept.attributes.Clear();
  kept.attributes.AppendFrom(list, begin_);
  kept.value_count = 0;
  for (size_t i = 0; i < measured.places.size(); ++i) {
    const MeasuredValues::Place place = measured.places[i];
    if (place.begin < begin_.bytes || place.size == 0) continue;
    kept.values[kept.value_count++] = {static_cast<Measured>(i), {place.begin - begin_.bytes, place.size}};
  }
  kept.server_port = measured.server_port;
  kept.holds = true;
  keeps_ = false;
  next_ = (next_ + 1) % kKept;
}

void RepeatedAttributes::Clear() {
  for (Kept& kept : kept_) {
    kept.inputs.clear();
    kept.attributes.Clear();
    kept.holds = false;
  }
  next_ = 0;
  keeps_ = false;
}

}  // namespace wirespan::span
