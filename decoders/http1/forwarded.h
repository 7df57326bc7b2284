// What proxies say of the original request: Forwarded (RFC 7239), else X-Forwarded-For, -Host, -Proto. Anyone can send these:
// each value is checked for its form and never trusted for more. Pure; views are into the message.
#pragma once

#include <optional>
#include <string_view>

#include "decoders/http1/message.h"
#include "decoders/http1/target.h"

namespace wirespan::decoders::http1 {

struct Forwarded {
  std::string_view client;  // a numeric address, without port and brackets; empty: not said, or hidden
  std::optional<Authority> host;
  std::string_view scheme;  // "http", "https" or empty
};

// The first (the farthest) hop's word.
Forwarded ReadForwarded(const Message& request);

}  // namespace wirespan::decoders::http1
