// What proxies say of the original request: Forwarded (RFC 7239), else X-Forwarded-For, -Host, -Proto. Anyone can send these:
// each value is checked for its form and never trusted for more. Pure; views are into what was given.
#pragma once

#include <optional>
#include <string_view>

#include "decoders/http_target.h"

namespace wirespan::decoders {

struct Forwarded {
  std::string_view client;  // a numeric address, without port and brackets; empty: not said, or hidden
  std::optional<Authority> host;
  std::string_view scheme;  // "http", "https" or empty
};

// The values of those four fields; empty where absent.
struct ForwardedFields {
  std::string_view forwarded;
  std::string_view x_forwarded_for;
  std::string_view x_forwarded_host;
  std::string_view x_forwarded_proto;

  bool any() const {
    return !forwarded.empty() || !x_forwarded_for.empty() || !x_forwarded_host.empty() || !x_forwarded_proto.empty();
  }
};
// The first (the farthest) hop's word.
Forwarded ReadForwarded(const ForwardedFields& fields);

}  // namespace wirespan::decoders
