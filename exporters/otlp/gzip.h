// Gzip (RFC 1952) by ISA-L: as small as zlib's fastest level in a seventh of its time. One thread at a time; keeps its memory.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace wirespan::exporters::otlp {

class GzipEncoder {
 public:
  GzipEncoder();
  // `bytes` as one gzip member in `out` (replaced). False: too large for one call (4 GiB), or ISA-L refused.
  bool Encode(std::string_view bytes, std::string& out);

 private:
  std::vector<unsigned char> level_buffer_;
};

}  // namespace wirespan::exporters::otlp
