// Any bytes as an executable: all that is looked for in one, for Go and for CPython; and as the text of /proc/<pid>/maps.
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string_view>

#include "agent/runtime/find_runtime.h"
#include "agent/runtime/go_build.h"
#include "agent/runtime/python_build.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  namespace runtime = wirespan::runtime;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto mappings = runtime::ParseMappings(text, [](std::string_view path) { return !path.empty(); });
  if (mappings.size() > 64) std::abort();
  const auto image = runtime::ElfImage::Open(runtime::FileBytes(std::as_bytes(std::span(data, size))));
  if (!image) return 0;
  if (const auto version = runtime::GoVersionText(*image); version && version->size() > 128) std::abort();
  (void)runtime::GoLayout(*image);
  (void)runtime::PythonLayout(*image, 0x7f0000000000, "exe");
  for (const auto& mapping : mappings) (void)runtime::BiasOf(*image, mapping);
  return 0;
}
