// ListenAddress: where to listen, as an operator says it. Plain value.
#pragma once

#include <cstdint>
#include <string>

namespace wirespan::status {

struct ListenAddress {
  std::string host;   // a name or an address, IPv6 without brackets
  uint16_t port = 0;  // 0: any free one
  bool operator==(const ListenAddress&) const = default;
};

}  // namespace wirespan::status
