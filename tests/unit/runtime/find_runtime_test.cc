#include "agent/runtime/find_runtime.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/unit/process/fake_proc.h"
#include "tests/unit/runtime/elf_maker.h"

namespace wirespan::runtime {
namespace {

using process::FakeProc;

constexpr uint32_t kTgid = 7;
constexpr uint64_t kBias = 0x7f0000000000;

bool Anything(std::string_view /*path*/) { return true; }

std::string Interpreter(uint16_t type) {
  ElfMaker maker(type);
  const uint64_t runtime = maker.AddSection(".data", ElfMaker::Words({0}));
  const uint64_t version = maker.AddSection(".rodata", ElfMaker::Words({0x030b07f0}));
  maker.AddSymbols(SHT_DYNSYM, {{"_PyRuntime", runtime}, {"PyContext_Type", runtime + 8}, {"Py_Version", version}});
  return maker.Make();
}

class FindRuntimeTest : public testing::Test {
 protected:
  void Program(const std::string& content) {
    proc_.Write("program", content);
    proc_.Link("7/exe", (proc_.root() / "program").string());
  }
  uint64_t InodeOf(const std::string& path) const {
    struct stat status {};
    EXPECT_EQ(::stat((proc_.root() / path).c_str(), &status), 0);
    return status.st_ino;
  }
  static std::string Line(const std::string& start, uint64_t inode, const std::string& path) {
    return start + "-ffffffffffff r--p 00000000 00:01 " + std::to_string(inode) + "        " + path + "\n";
  }
  FoundRuntime Find() { return FindRuntime(proc_.proc(), kTgid); }

  FakeProc proc_;
};

TEST(Mappings, LinesOfFilesAreTakenAndOthersPassedOver) {
  const std::vector<Mapping> found = ParseMappings(
      "00400000-00452000 r-xp 00001000 08:02 173521      /usr/bin/my program\n"
      "7f00-7f01 rw-p 00000000 00:00 0 \n"
      "7f02-7f03 rw-p 00000000 00:00 0 [heap]\n"
      "nonsense\n"
      "zz-7f03 rw-p 00000000 00:00 5 /a\n"
      "7f04-7f05 rw-p 00000000 00:00 12345678901234567890123 /a\n"
      "7f06-7f07 r--p 00000000 fd:00 9 /b (deleted)",
      Anything);
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].start, 0x400000U);
  EXPECT_EQ(found[0].offset, 0x1000U);
  EXPECT_EQ(found[0].inode, 173521U);
  EXPECT_EQ(found[0].path, "/usr/bin/my program");
  EXPECT_EQ(found[1].path, "/b (deleted)");
  std::string many;
  for (int i = 0; i < 1000; ++i) many += "1000-2000 r--p 00000000 00:01 5 /x\n";
  EXPECT_EQ(ParseMappings(many, Anything).size(), 64U);
}

TEST_F(FindRuntimeTest, GoProgram) {
  Program(GoProgram("go1.24.1"));
  const FoundRuntime found = Find();
  ASSERT_TRUE(found.layout);
  EXPECT_EQ(found.layout->kind, kernel::RuntimeLayout::Kind::kGo);
  EXPECT_TRUE(found.is_final);
}

// Its goroutines have no names, but that they are goroutines is worth knowing.
TEST_F(FindRuntimeTest, GoOfAnUnknownVersionHasNoOffsets) {
  Program(GoProgram("go1.99.1"));
  EXPECT_EQ(Find().layout, kernel::RuntimeLayout{});
  EXPECT_TRUE(Find().is_final);
}

TEST_F(FindRuntimeTest, ScriptsAndMissingProcesses) {
  EXPECT_FALSE(Find().layout);
  EXPECT_FALSE(Find().is_final);
  Program("#!/bin/sh\n");
  EXPECT_FALSE(Find().layout);
  EXPECT_TRUE(Find().is_final);
}

TEST_F(FindRuntimeTest, InterpreterInTheProgram) {
  Program(Interpreter(ET_EXEC));
  proc_.Write("7/maps", Line("400000", InodeOf("program"), "/usr/bin/python3.11"));
  const FoundRuntime found = Find();
  ASSERT_TRUE(found.layout);
  EXPECT_TRUE(found.is_final);
  EXPECT_EQ(found.layout->context_offset, 224U);
  EXPECT_LT(found.layout->interpreter_address, 0x500000U);
}

TEST_F(FindRuntimeTest, ProgramMappedElsewhereThanItSaysIsNotBelieved) {
  Program(Interpreter(ET_EXEC));
  proc_.Write("7/maps", Line("500000", InodeOf("program"), "/usr/bin/python3.11"));
  EXPECT_FALSE(Find().layout);
}

// The library comes some time after the program began; libpython3.so beside it only forwards.
TEST_F(FindRuntimeTest, InterpreterInALibrary) {
  Program(ElfMaker(ET_DYN).Make());
  EXPECT_FALSE(Find().layout);
  EXPECT_FALSE(Find().is_final);
  proc_.Write("7/root/lib/libpython3.so", ElfMaker(ET_DYN).Make());
  proc_.Write("7/root/lib/libpython3.11.so.1.0", Interpreter(ET_DYN));
  const std::string forwarder = Line("7e0000000000", InodeOf("7/root/lib/libpython3.so"), "/lib/libpython3.so");
  const std::string library = Line("7f0000000000", InodeOf("7/root/lib/libpython3.11.so.1.0"), "/lib/libpython3.11.so.1.0");
  proc_.Write("7/maps", forwarder);
  EXPECT_FALSE(Find().is_final);
  proc_.Write("7/maps", forwarder + library);
  const FoundRuntime found = Find();
  ASSERT_TRUE(found.layout);
  EXPECT_GT(found.layout->interpreter_address, kBias);
  EXPECT_LT(found.layout->interpreter_address, kBias + 0x10000);
  EXPECT_GT(found.layout->context_type, kBias);
}

// The file at that path is another than the one that is mapped (replaced by an upgrade).
TEST_F(FindRuntimeTest, ReplacedLibraryIsNotRead) {
  Program(ElfMaker(ET_DYN).Make());
  proc_.Write("7/root/lib/libpython3.11.so.1.0", Interpreter(ET_DYN));
  proc_.Write("7/maps", Line("7f0000000000", InodeOf("7/root/lib/libpython3.11.so.1.0") + 1, "/lib/libpython3.11.so.1.0"));
  EXPECT_FALSE(Find().layout);
}

TEST_F(FindRuntimeTest, WhatIsNoFileIsNotOpened) {
  Program(ElfMaker(ET_DYN).Make());
  std::filesystem::create_directories(proc_.root() / "7/root/lib");
  ASSERT_EQ(::mkfifo((proc_.root() / "7/root/lib/libpython3.11.so").c_str(), 0600), 0);
  proc_.Write("7/maps", Line("7f0000000000", InodeOf("7/root/lib/libpython3.11.so"), "/lib/libpython3.11.so"));
  EXPECT_FALSE(Find().layout);
}

}  // namespace
}  // namespace wirespan::runtime
