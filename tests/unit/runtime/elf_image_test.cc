#include "agent/runtime/elf_image.h"

#include <gtest/gtest.h>

#include <array>
#include <random>

#include "agent/runtime/go_build.h"
#include "agent/runtime/python_build.h"
#include "tests/unit/runtime/elf_maker.h"

namespace wirespan::runtime {
namespace {

std::optional<ElfImage> Open(const std::string& file) { return ElfImage::Open(FileBytes(BytesOf(file))); }

TEST(ElfImage, SectionsSymbolsAndBytesByAddress) {
  ElfMaker maker;
  const uint64_t address = maker.AddSection(".data", ElfMaker::Words({11, 22, 33}));
  maker.AddSymbols(SHT_DYNSYM, {{"first", address}, {"second_longer", address + 8}, {"second", address + 16}});
  const std::string file = maker.Make();
  const std::optional<ElfImage> image = Open(file);
  ASSERT_TRUE(image);
  EXPECT_TRUE(image->is_x86_64());
  EXPECT_TRUE(image->is_fixed());
  ASSERT_NE(image->Section(".data"), nullptr);
  EXPECT_EQ(image->Section(".data")->address, address);
  EXPECT_EQ(image->Section(".dat"), nullptr);
  constexpr std::array<std::string_view, 3> kNames = {"second", "first", "third"};
  EXPECT_EQ(image->Symbols(SHT_DYNSYM, kNames), (std::vector<uint64_t>{address + 16, address, 0}));
  EXPECT_EQ(image->Symbols(SHT_SYMTAB, kNames), (std::vector<uint64_t>{0, 0, 0}));
  uint64_t word = 0;
  ASSERT_TRUE(image->ReadAddress(address + 8, std::as_writable_bytes(std::span(&word, 1))));
  EXPECT_EQ(word, 22U);
  EXPECT_FALSE(image->ReadAddress(address - 0x100000, std::as_writable_bytes(std::span(&word, 1))));
  EXPECT_FALSE(image->ReadAddress(~uint64_t{0} - 4, std::as_writable_bytes(std::span(&word, 1))));
}

TEST(ElfImage, UndefinedSymbolsAreNotFound) {
  ElfMaker maker;
  maker.AddSymbols(SHT_DYNSYM, {{"imported", 0x1234}}, SHN_UNDEF);
  const std::string file = maker.Make();
  constexpr std::array<std::string_view, 1> kNames = {"imported"};
  EXPECT_EQ(Open(file)->Symbols(SHT_DYNSYM, kNames)[0], 0U);
}

TEST(ElfImage, OtherFilesAreRefused) {
  EXPECT_FALSE(Open(""));
  EXPECT_FALSE(Open("#!/bin/sh\n"));
  std::string file = ElfMaker().Make();
  file[EI_CLASS] = ELFCLASS32;
  EXPECT_FALSE(Open(file));
  file = ElfMaker(ET_REL).Make();
  EXPECT_FALSE(Open(file));
}

// Everything that is made of a file, for files that are cut or damaged anywhere: it ends, and reads nothing outside (asan).
void ReadAll(const std::string& file) {
  const std::string copy(file);  // of exactly its own size
  const std::optional<ElfImage> image = Open(copy);
  if (!image) return;
  (void)GoVersionText(*image);
  (void)GoLayout(*image);
  (void)PythonLayout(*image, 0, "exe");
  std::array<std::byte, 64> out{};
  (void)image->ReadAddress(ElfMaker::kBase, out);
}

std::string Everything() {
  ElfMaker maker;
  maker.AddSection(".go.buildinfo", GoBuildInfo("go1.22.1"));
  const uint64_t version = maker.AddSection(".rodata", ElfMaker::Words({0x030b07f0}));
  maker.AddSymbols(SHT_DYNSYM, {{"_PyRuntime", version}, {"PyContext_Type", version}, {"Py_Version", version}});
  maker.AddSymbols(SHT_SYMTAB, {{"runtime.tlsg", 8}});
  maker.SetTls(64, 16);
  return maker.Make();
}

TEST(ElfImage, CutAnywhere) {
  const std::string file = Everything();
  ASSERT_TRUE(GoLayout(*Open(file)));
  ASSERT_TRUE(PythonLayout(*Open(file), 0, "exe"));
  for (size_t size = 0; size < file.size(); ++size) ReadAll(file.substr(0, size));
}

TEST(ElfImage, DamagedAnywhere) {
  const std::string file = Everything();
  std::mt19937 random(5);
  for (size_t at = 0; at < file.size(); ++at) {
    std::string damaged = file;
    damaged[at] = static_cast<char>(random());
    ReadAll(damaged);
    for (size_t i = 0; i < 8 && at + i < file.size(); ++i) damaged[at + i] = '\xff';
    ReadAll(damaged);
  }
}

// Sizes and counts that a file merely claims are not allocated or walked.
TEST(ElfImage, HugeClaimsAreBounded) {
  std::string file = Everything();
  Elf64_Ehdr header{};
  std::memcpy(&header, file.data(), sizeof header);
  for (uint16_t i = 0; i < header.e_shnum; ++i) {
    Elf64_Shdr section{};
    const size_t at = header.e_shoff + i * sizeof section;
    std::memcpy(&section, file.data() + at, sizeof section);
    section.sh_size = uint64_t{1} << 50U;
    std::string damaged = file;
    std::memcpy(damaged.data() + at, &section, sizeof section);
    ReadAll(damaged);
  }
}

}  // namespace
}  // namespace wirespan::runtime
