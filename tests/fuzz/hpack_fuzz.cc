// HPACK on hostile input, held against nghttp2 (tests/unit/decoders/hpack_oracle.h). The first byte says which: blocks as they
// are, or choices for a deflater whose blocks are only partly seen.
#include <cstdio>
#include <cstdlib>

#include "tests/unit/decoders/hpack_oracle.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace wirespan::testing;
  if (size == 0) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::string wrong = data[0] % 2 == 0 ? h2::CompareInflaters(input) : h2::CheckUnknownTables(input);
  if (wrong.empty()) return 0;
  std::fprintf(stderr, "violated: %s\n", wrong.c_str());
  std::abort();
}
