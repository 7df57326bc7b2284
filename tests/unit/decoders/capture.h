// TCP conversations of a packet capture (classic pcap, Ethernet or raw IPv4), for cases of other projects: each direction in
// order, retransmissions left out. No more than those need.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "tests/unit/decoders/harness.h"

namespace wirespan::testing {

// The bytes of one connection as they came. The server is the end with that port.
std::vector<Script> ReadCapture(const std::filesystem::path& path, uint16_t server_port);

}  // namespace wirespan::testing
