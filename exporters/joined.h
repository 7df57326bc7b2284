// Joined: text put together from parts, with one allocation where it does not fit in place. Any thread.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

namespace wirespan::exporters {

// Not `"text" + std::string`: gcc 12 at -O3 takes that for a copy that overlaps itself (-Wrestrict).
inline std::string Joined(std::initializer_list<std::string_view> parts) {
  size_t size = 0;
  for (const std::string_view part : parts) size += part.size();
  std::string out;
  out.reserve(size);
  for (const std::string_view part : parts) out += part;
  return out;
}

}  // namespace wirespan::exporters
