#include "agent/runtime/python_build.h"

#include <gtest/gtest.h>

#include "tests/unit/runtime/elf_maker.h"

namespace wirespan::runtime {
namespace {

constexpr uint64_t kBias = 0x7f0000000000;
constexpr uint64_t kCookie = 0x7970677562656478;  // "xdebugpy"

struct Build {
  uint64_t version = 0;  // Py_Version; 0: the symbol is not there
  bool new_ref = false, get_interpreter = false;
  std::vector<uint64_t> runtime = {0};  // what _PyRuntime begins with
};

std::optional<kernel::RuntimeLayout> LayoutOf(const Build& build) {
  ElfMaker maker(ET_DYN);
  const uint64_t runtime = maker.AddSection(".data", ElfMaker::Words(build.runtime));
  const uint64_t version = maker.AddSection(".rodata", ElfMaker::Words({build.version}));
  std::vector<std::pair<std::string, uint64_t>> symbols = {{"_PyRuntime", runtime}, {"PyContext_Type", 0x5000}};
  if (build.version != 0) symbols.emplace_back("Py_Version", version);
  if (build.new_ref) symbols.emplace_back("Py_NewRef", 0x6000);
  if (build.get_interpreter) symbols.emplace_back("PyThreadState_GetInterpreter", 0x7000);
  maker.AddSymbols(SHT_DYNSYM, symbols);
  const std::string file = maker.Make();
  std::optional<kernel::RuntimeLayout> layout = PythonLayout(*ElfImage::Open(FileBytes(BytesOf(file))), kBias, "exe");
  if (layout) layout->interpreter_address -= kBias + runtime;
  return layout;
}

TEST(PythonBuild, VersionsByWhatTheyExport) {
  const auto layout = [](const Build& build) {
    const auto found = LayoutOf(build);
    return found ? *found : kernel::RuntimeLayout{};
  };
  const kernel::RuntimeLayout v39 = layout({.get_interpreter = true});
  EXPECT_EQ(v39.kind, kernel::RuntimeLayout::Kind::kPython);
  EXPECT_EQ(v39.interpreter_address, 40U);
  EXPECT_EQ(v39.threads_offset, 8U);
  EXPECT_EQ(v39.thread_id_offset, 176U);
  EXPECT_EQ(v39.context_offset, 240U);
  EXPECT_EQ(v39.context_type, kBias + 0x5000);
  EXPECT_EQ(layout({.new_ref = true, .get_interpreter = true}), v39);  // 3.10
  const kernel::RuntimeLayout v311 = layout({.version = 0x030b07f0, .new_ref = true, .get_interpreter = true});
  EXPECT_EQ(v311.interpreter_address, 48U);
  EXPECT_EQ(v311.threads_offset, 16U);
  EXPECT_EQ(v311.thread_id_offset, 152U);
  EXPECT_EQ(v311.context_offset, 224U);
  const kernel::RuntimeLayout v312 = layout({.version = 0x030c01f0});
  EXPECT_EQ(v312.threads_offset, 72U);
  EXPECT_EQ(v312.thread_id_offset, 136U);
  EXPECT_EQ(v312.context_offset, 208U);
}

std::vector<uint64_t> DebugOffsets(uint64_t version, uint64_t free_threaded = 0) {
  return {kCookie, version, free_threaded, 400'000, 600, 632, 200'000, 100, 0, 7344};
}

TEST(PythonBuild, NewerVersionsDescribeThemselves) {
  for (const uint64_t version : {0x030d00f0U, 0x030e01f0U}) {
    const auto layout = LayoutOf({.version = version, .runtime = DebugOffsets(version)});
    ASSERT_TRUE(layout) << std::hex << version;
    EXPECT_EQ(layout->interpreter_address, 640U);
    EXPECT_EQ(layout->threads_offset, 7344U);
    EXPECT_EQ(layout->thread_id_offset, 152U);
    EXPECT_EQ(layout->context_offset, 208U);
  }
}

TEST(PythonBuild, WhatIsNotKnownHasNoLayout) {
  EXPECT_FALSE(LayoutOf({}));                                                               // 3.8 and older
  EXPECT_FALSE(LayoutOf({.version = 0x030f00f0}));                                          // not released yet
  EXPECT_FALSE(LayoutOf({.version = 0x030c00a1}));                                          // an alpha
  EXPECT_FALSE(LayoutOf({.version = 0x040000f0}));                                          // another Python
  EXPECT_FALSE(LayoutOf({.version = 0x030d00f0}));                                          // without its own description
  EXPECT_FALSE(LayoutOf({.version = 0x030d00f0, .runtime = DebugOffsets(0x030d00f0, 1)}));  // without the global lock
  EXPECT_FALSE(LayoutOf({.version = 0x030d00f0, .runtime = DebugOffsets(0x030e00f0)}));     // of another version
  std::vector<uint64_t> wild = DebugOffsets(0x030d00f0);
  wild[9] = uint64_t{1} << 40U;
  EXPECT_FALSE(LayoutOf({.version = 0x030d00f0, .runtime = wild}));
}

TEST(PythonBuild, OtherProgramsAreNoInterpreters) {
  ElfMaker maker(ET_DYN);
  maker.AddSymbols(SHT_DYNSYM, {{"main", 0x1000}, {"_PyRuntime_Initialize", 0x2000}});
  const std::string file = maker.Make();
  EXPECT_FALSE(PythonLayout(*ElfImage::Open(FileBytes(BytesOf(file))), 0, "exe"));
}

// What PyContext_Type says of itself: where its deallocator is. Of a library that is loaded anywhere, a relocation says it.
struct Interpreter {
  uint16_t type = ET_DYN;
  bool copies = true;     // PyContext_CopyCurrent is exported
  bool relocated = true;  // the word is made at loading
  uint64_t addend = 0;    // added to the deallocator's address
  uint32_t kind = R_X86_64_RELATIVE;
};

std::vector<kernel::RuntimeProbe> ProbesOf(const Interpreter& interpreter) {
  ElfMaker maker(interpreter.type);
  const uint64_t base = interpreter.type == ET_EXEC ? ElfMaker::kBase : 0;
  const uint64_t text = maker.AddSection(".text", std::string(256, '\x90'));
  const uint64_t free = text + 128;
  const uint64_t version = maker.AddSection(".rodata", ElfMaker::Words({0x030c01f0}));
  std::vector<uint64_t> type(8);
  if (!interpreter.relocated) type[6] = free + interpreter.addend;
  const uint64_t type_at = maker.AddSection(".data", ElfMaker::Words(type));
  const uint64_t runtime = maker.AddSection(".bss", ElfMaker::Words({0}));
  if (interpreter.relocated) {
    maker.AddSection(".rela.dyn",
                     ElfMaker::Words({type_at, R_X86_64_RELATIVE, 1, type_at + 48, interpreter.kind, free + interpreter.addend}),
                     SHT_RELA);
  }
  std::vector<std::pair<std::string, uint64_t>> symbols = {
      {"_PyRuntime", runtime}, {"PyContext_Type", type_at}, {"Py_Version", version}};
  if (interpreter.copies) symbols.emplace_back("PyContext_CopyCurrent", text + 16);
  maker.AddSymbols(SHT_DYNSYM, symbols);
  const std::string file = maker.Make();
  const auto layout = PythonLayout(*ElfImage::Open(FileBytes(BytesOf(file))), kBias, "root/lib/libpython3.12.so");
  if (!layout) return {{}, {}, {}};
  std::vector<kernel::RuntimeProbe> probes = layout->probes;
  for (kernel::RuntimeProbe& probe : probes) probe.offset -= text - base;
  return probes;
}

TEST(PythonBuild, CopiesAndEndsOfContextsHavePlaces) {
  using Kind = kernel::RuntimeProbe::Kind;
  const std::vector<kernel::RuntimeProbe> expected = {{Kind::kContextFreed, "root/lib/libpython3.12.so", 128, false},
                                                      {Kind::kContextCopied, "root/lib/libpython3.12.so", 16, true}};
  EXPECT_EQ(ProbesOf({}), expected);
  EXPECT_EQ(ProbesOf({.relocated = false}), expected);
  EXPECT_EQ(ProbesOf({.type = ET_EXEC, .relocated = false}), expected);
}

TEST(PythonBuild, WithoutEitherPlaceThereIsNone) {
  EXPECT_TRUE(ProbesOf({.copies = false}).empty());
  EXPECT_TRUE(ProbesOf({.addend = 1'000'000}).empty()) << "beyond the file";
  EXPECT_TRUE(ProbesOf({.kind = R_X86_64_64}).empty()) << "a symbol's, which is not looked up";
}

}  // namespace
}  // namespace wirespan::runtime
