#include "agent/runtime/go_probes.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "agent/runtime/go_functions.h"

namespace wirespan::runtime {
namespace {

using kernel::RuntimeProbe;

constexpr size_t kMaxCode = size_t{64} * 1024;
constexpr std::array<std::string_view, 3> kNames = {"runtime.newproc.func1", "runtime.runqput",
                                                    "net/http.(*persistConn).roundTrip"};

std::vector<std::byte> CodeOf(const ElfImage& image, uint64_t text, const GoFunction& function) {
  std::vector<std::byte> code(std::min<size_t>(function.size, kMaxCode));
  if (!image.ReadAddress(text + function.offset, code)) code.clear();
  return code;
}

bool StartsWith(std::span<const std::byte> code, std::initializer_list<uint8_t> bytes) {
  return code.size() >= bytes.size() && std::equal(bytes.begin(), bytes.end(), code.begin(),
                                                   [](uint8_t wanted, std::byte there) { return std::byte{wanted} == there; });
}

// With the text at `text`; empty where the code there is another.
std::vector<RuntimeProbe> ProbesAt(const ElfImage& image, uint64_t text, std::span<const std::optional<GoFunction>> functions) {
  std::vector<RuntimeProbe> probes;
  const auto add = [&](RuntimeProbe::Kind kind, const GoFunction& function, std::optional<uint64_t> place) {
    const std::optional<uint64_t> offset = place ? image.OffsetOf(text + function.offset + *place) : std::nullopt;
    if (offset) probes.push_back({kind, "exe", *offset});
  };
  if (functions[0] && functions[1]) {
    const std::optional<uint64_t> call =
        OnlyCallOf(CodeOf(image, text, *functions[0]), text + functions[0]->offset, text + functions[1]->offset);
    add(RuntimeProbe::Kind::kGoroutineStart, *functions[0], call);
  }
  if (functions[2]) add(RuntimeProbe::Kind::kGoRoundTrip, *functions[2], BehindStackCheck(CodeOf(image, text, *functions[2])));
  return probes;
}

}  // namespace

std::optional<uint64_t> OnlyCallOf(std::span<const std::byte> code, uint64_t address, uint64_t callee) {
  constexpr size_t kCall = 5;
  std::optional<uint64_t> found;
  for (size_t at = 0; at + kCall <= code.size(); ++at) {
    if (code[at] != std::byte{0xe8}) continue;
    int32_t distance = 0;
    std::memcpy(&distance, code.data() + at + 1, sizeof distance);
    if (address + at + kCall + static_cast<uint64_t>(static_cast<int64_t>(distance)) != callee) continue;
    if (found) return std::nullopt;
    found = at;
  }
  return found;
}

// cmd/internal/obj/x86/obj6.go, stacksplit: CMP RSP, 16(R14), or of a larger frame LEA R12, -n(RSP); CMP R12, 16(R14); then JBE.
std::optional<uint64_t> BehindStackCheck(std::span<const std::byte> code) {
  size_t at = 0;
  if (StartsWith(code, {0x49, 0x3b, 0x66, 0x10})) {
    at = 4;
  } else {
    if (StartsWith(code, {0x4c, 0x8d, 0x64, 0x24})) {
      at = 5;
    } else if (StartsWith(code, {0x4c, 0x8d, 0xa4, 0x24})) {
      at = 8;
    } else {
      return std::nullopt;
    }
    if (code.size() < at || !StartsWith(code.subspan(at), {0x4d, 0x3b, 0x66, 0x10})) return std::nullopt;
    at += 4;
  }
  if (StartsWith(code.subspan(at), {0x76})) {
    at += 2;
  } else if (StartsWith(code.subspan(at), {0x0f, 0x86})) {
    at += 6;
  } else {
    return std::nullopt;
  }
  if (at >= code.size()) return std::nullopt;
  return at;
}

std::vector<RuntimeProbe> GoProbes(const ElfImage& image) {
  if (!image.is_x86_64()) return {};
  const std::optional<GoFunctions> table = GoFunctions::Open(image);
  if (!table) return {};
  const std::vector<std::optional<GoFunction>> functions = table->Find(kNames);
  std::vector<RuntimeProbe> best;
  for (const uint64_t text : table->TextStarts()) {
    std::vector<RuntimeProbe> probes = ProbesAt(image, text, functions);
    if (probes.size() > best.size()) best = std::move(probes);
  }
  return best;
}

}  // namespace wirespan::runtime
