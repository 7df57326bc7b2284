// SHA-1 (RFC 3174), for name-based UUIDs only: nothing's safety rests on it. Pure; any thread.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace wirespan::process {

std::array<uint8_t, 20> Sha1(std::string_view bytes);

}  // namespace wirespan::process
