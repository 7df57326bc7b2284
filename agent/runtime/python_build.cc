#include "agent/runtime/python_build.h"

#include <elf.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace wirespan::runtime {
namespace {

enum Symbol : size_t { kRuntime, kContextType, kVersion, kNewRef, kGetInterpreter, kCopyCurrent };
constexpr std::array<std::string_view, 6> kSymbols = {
    "_PyRuntime", "PyContext_Type", "Py_Version", "Py_NewRef", "PyThreadState_GetInterpreter", "PyContext_CopyCurrent"};

// From the headers of each version, compiled (3.9.18, 3.10.13, 3.11.7, 3.12.1, 3.13.0) or added up (3.14: as in 3.13). What the
// kernel half reads proves itself: a thread state names its thread, a context has the type PyContext_Type.
struct Offsets {
  uint32_t minor, interpreter, threads, thread_id, context;
};
constexpr uint32_t kNext = 8;
constexpr uint32_t kType = 8;
constexpr uint32_t kSelfDescribed = 0;  // interpreter, threads: read from _Py_DebugOffsets
constexpr std::array<Offsets, 6> kOffsets = {{{9, 40, 8, 176, 240},
                                              {10, 40, 8, 176, 240},
                                              {11, 48, 16, 152, 224},
                                              {12, 48, 72, 136, 208},
                                              {13, kSelfDescribed, kSelfDescribed, 152, 208},
                                              {14, kSelfDescribed, kSelfDescribed, 152, 208}}};

std::optional<uint32_t> Minor(const ElfImage& image, const std::vector<uint64_t>& symbols) {
  if (symbols[kVersion] == 0) {  // it came with 3.11
    if (symbols[kNewRef] != 0) return 10;
    return symbols[kGetInterpreter] != 0 ? std::optional<uint32_t>(9) : std::nullopt;
  }
  uint64_t version = 0;
  if (!image.ReadAddress(symbols[kVersion], std::as_writable_bytes(std::span(&version, 1)))) return std::nullopt;
  constexpr uint64_t kFinal = 0xf;
  if (version >> 24U != 3 || ((version >> 4U) & 0xfU) != kFinal) return std::nullopt;
  return static_cast<uint32_t>((version >> 16U) & 0xffU);
}

// Fills in what _Py_DebugOffsets at the start of _PyRuntime says (pycore_debug_offsets.h: cookie, version, free_threaded,
// runtime_state{size, finalizing, interpreters_head}, interpreter_state{size, id, next, threads_head, ...}).
bool FollowDebugOffsets(const ElfImage& image, uint64_t runtime, uint32_t minor, Offsets& offsets) {
  std::array<uint64_t, 10> words{};
  if (!image.ReadAddress(runtime, std::as_writable_bytes(std::span(words)))) return false;
  const auto& [cookie, version, free_threaded, runtime_size, finalizing, head, interpreter_size, id, next, threads] = words;
  if (std::memcmp(&cookie, "xdebugpy", sizeof cookie) != 0) return false;
  if (version >> 16U != (3U << 8U | minor) || free_threaded != 0) return false;
  constexpr uint64_t kMaxStructure = uint64_t{16} << 20U;
  if (runtime_size > kMaxStructure || interpreter_size > kMaxStructure) return false;
  if (head > runtime_size || threads > interpreter_size) return false;
  offsets.interpreter = static_cast<uint32_t>(head) + 8;  // struct pyinterpreters: head, main
  offsets.threads = static_cast<uint32_t>(threads);
  return true;
}

// Where contexts are copied and freed. Both or none: without the second, an address that is used again would be taken for what
// was there before. The second is a function of no name, but the type of contexts has it (PyTypeObject.tp_dealloc).
std::vector<kernel::RuntimeProbe> ContextProbes(const ElfImage& image, uint64_t copy, uint64_t type, const std::string& file) {
  constexpr uint64_t kDeallocate = 48;
  const std::optional<uint64_t> free = copy == 0 ? std::nullopt : image.Pointer(type + kDeallocate);
  const std::optional<uint64_t> copy_at = image.OffsetOf(copy);
  const std::optional<uint64_t> free_at = free ? image.OffsetOf(*free) : std::nullopt;
  if (!copy_at || !free_at) return {};
  using Kind = kernel::RuntimeProbe::Kind;
  return {{Kind::kContextFreed, file, *free_at, false}, {Kind::kContextCopied, file, *copy_at, true}};
}

}  // namespace

std::optional<kernel::RuntimeLayout> PythonLayout(const ElfImage& image, uint64_t bias, const std::string& file) {
  if (!image.is_x86_64()) return std::nullopt;  // elsewhere the thread pointer is not read
  const std::vector<uint64_t> symbols = image.Symbols(SHT_DYNSYM, kSymbols);
  if (symbols[kRuntime] == 0 || symbols[kContextType] == 0) return std::nullopt;
  const std::optional<uint32_t> minor = Minor(image, symbols);
  const auto* row = std::find_if(kOffsets.begin(), kOffsets.end(), [&](const Offsets& o) { return minor && o.minor == *minor; });
  if (row == kOffsets.end()) return std::nullopt;
  Offsets offsets = *row;
  if (offsets.threads == kSelfDescribed && !FollowDebugOffsets(image, symbols[kRuntime], *minor, offsets)) return std::nullopt;
  kernel::RuntimeLayout layout;
  layout.kind = kernel::RuntimeLayout::Kind::kPython;
  layout.threads_offset = offsets.threads;
  layout.next_offset = kNext;
  layout.thread_id_offset = offsets.thread_id;
  layout.context_offset = offsets.context;
  layout.type_offset = kType;
  layout.interpreter_address = bias + symbols[kRuntime] + offsets.interpreter;
  layout.context_type = bias + symbols[kContextType];
  layout.probes = ContextProbes(image, symbols[kCopyCurrent], symbols[kContextType], file);
  return layout;
}

}  // namespace wirespan::runtime
